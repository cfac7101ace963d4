// A gateway in memory and one HTTP/2 client that has said hello.
#pragma once
#include <catch2/catch.hpp>
#include <chrono>

#include "runtime/server/http2_session.h"
#include "runtime/server/testing/http2_client.h"
#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

namespace gw::server::testing {

struct Http2Fixture {
  explicit Http2Fixture(const std::vector<std::pair<u16, u32>>& settings = {},
                        RunFunction run_function = &stub_run)
      : gateway(run_function), client(gateway.connect_peer()) {
    client.greet(settings);
    gateway.loop.run();
  }

  MemoryGateway gateway;
  Http2Client client;

  /// What the origin has got, over all its connections.
  const WireMessage& seen(size_t index = 0) const {
    size_t count = 0;
    for (const auto& connection : gateway.origin) {
      for (const WireMessage& message : connection->reader.messages) {
        if (count++ == index) return message;
      }
    }
    static const WireMessage kNothing;
    return kNothing;
  }
  void run() {
    gateway.loop.run();
    CHECK(client.problem.empty());
  }
  void advance(u32 ms) {
    gateway.loop.advance(std::chrono::milliseconds(ms));
    CHECK(client.problem.empty());
  }
  const SessionCounters& counters() { return gateway.host().counters; }
  u64 abuses(Http2Abuse abuse) { return counters().http2_abuse[static_cast<size_t>(abuse)]; }
  /// The origin keeps requests to itself.
  void leave_unanswered() { gateway.answer = nullptr; }
  /// Answers one that was left.
  void answer(size_t connection, std::string_view text) {
    gateway.origin.at(connection)->peer.send(text);
  }
};

inline HeaderFields get_fields(const HeaderFields& more = {}, std::string path = "/users/7") {
  HeaderFields fields{{":method", "GET"},
                      {":scheme", "http"},
                      {":path", std::move(path)},
                      {":authority", "a.example"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

}  // namespace gw::server::testing
