// One request through the engine, in memory.
#pragma once
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/offline.h"
#include "runtime/http/forwarding.h"
#include "runtime/limits/local_counters.h"
#include "runtime/table/bound_table.h"

namespace gw {

/// One request on its way through the engine; no socket, a fake clock, a scripted upstream.
struct Trip {
  explicit Trip(std::shared_ptr<const BoundTable> with) : table(std::move(with)) {
    env.counters = &counters;
    exchange.table = table.get();
    std::vector<std::string> problems;
    live = load_live_data(*table, {}, problems);
    use(live);
    exchange.client_text = exchange.peer_text = "192.0.2.7";
    exchange.request_id = "r1";
    http::parse_address("192.0.2.7", exchange.client);
    exchange.peer = exchange.client;
  }

  void start(const char* method, const char* target,
             const std::vector<engine::OfflineField>& fields = {}, const std::string& body = {}) {
    std::string problem;
    REQUIRE(engine::make_request(exchange, method, target, fields, problem));
    if (https) exchange.request.scheme = "https";
    if (!body.empty()) {
      memory = std::make_unique<http::MemoryBody>(as_bytes(exchange.arena.copy(body)));
      exchange.request_body = memory.get();
      exchange.request.framing = http::Framing::Length;
      exchange.request.content_length = body.size();
    }
    task = run(exchange, env, responder);
    task.start();
  }
  /// Other data than the table's own: keys of an issuer, for instance.
  void use(std::shared_ptr<const LiveData> data) {
    live = std::move(data);
    exchange.live = live.get();
    identity.emplace(services, *live);
    env.identity = &*identity;
  }
  /// Ends the exchange, so that another can start; clock, caches and script go on.
  void again() {
    task = {};
    exchange.reset();
    exchange.table = table.get();
    exchange.live = live.get();
    exchange.client_text = exchange.peer_text = "192.0.2.7";
    http::parse_address("192.0.2.7", exchange.client);
    exchange.request_id = "r1";
    responder = engine::MemoryResponder();
  }
  bool done() const { return task.done(); }
  std::string field(std::string_view name) const {
    const std::string* value = responder.field(name);
    return value == nullptr ? "(none)" : *value;
  }
  std::string sent_field(std::string_view name) const {
    for (const engine::OfflineField& field : fetcher.sent.at(0).fields) {
      if (http::equal_fold(field.name, name)) return field.value;
    }
    return "(none)";
  }

  std::shared_ptr<const BoundTable> table;
  limits::LocalCounters counters{{.rate_bytes = 1 << 16,
                                  .quota_bytes = 1 << 16,
                                  .permit_bytes = 1 << 16,
                                  .shared_bytes = 1 << 12}};
  engine::FakeClock clock;
  engine::FixedRandom random;
  engine::ScriptedFetcher fetcher{clock};
  engine::NullObserver observer;
  engine::MemoryResponder responder;
  Exchange exchange;
  bool https = false;  // over TLS
  engine::OfflinePasswords passwords;
  IdentityServices services{1, passwords};
  std::shared_ptr<const LiveData> live;
  std::optional<IdentityEnv> identity;
  std::unique_ptr<http::MemoryBody> memory;
  Env env{clock, random, fetcher, observer};
  Task<void> task;
};

}  // namespace gw
