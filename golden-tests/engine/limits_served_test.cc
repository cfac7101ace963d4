// Limits over real loopback connections, of two workers, over a change of tables.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/server/gateway.h"
#include "runtime/server/publication.h"

namespace gw {
namespace {

using server::Gateway;
using server::GatewayOptions;
using server::Publication;

constexpr u32 kThreads = 4;
constexpr u32 kConnections = 3;  // of each thread
constexpr u32 kRequests = 60;    // on each connection
constexpr u32 kBurst = 200;

Publication publication_of(const std::string& status) {
  const std::string text =
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n"
      "  defaults: {rateLimit: {x: {key: $client.ip, limit: 1/day, burst: " +
      std::to_string(kBurst) +
      "}}}\n"
      "paths:\n  /a: {x-gw: {respond: {status: " +
      status + "}}}\n";
  std::vector<std::string> problems;
  Publication publication = server::make_publication(compiled_table(text), problems);
  REQUIRE(problems.empty());
  return publication;
}

int connect_to(u16 port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  const timeval limit{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return socket;
}

// Statuses of requests one after the other; 0 for a connection that broke.
std::vector<int> ask(u16 port, u32 requests) {
  std::vector<int> statuses;
  const int socket = connect_to(port);
  std::string input;
  for (u32 i = 0; i < requests; ++i) {
    constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    if (::send(socket, kGet.data(), kGet.size(), MSG_NOSIGNAL) < 0) break;
    int status = 0;
    while (status == 0) {
      const size_t end = input.find("\r\n\r\n");
      const size_t length = input.find("ontent-");
      size_t body = 0;
      if (end != input.npos) {
        const size_t at = std::min(input.find("ontent-Length: "), input.find("ontent-length: "));
        if (length < end && at < end) body = std::stoul(input.substr(at + 15));
        if (input.size() >= end + 4 + body) {
          status = std::stoi(input.substr(9, 3));
          input.erase(0, end + 4 + body);
          break;
        }
      }
      char piece[4096];
      const ssize_t read = ::recv(socket, piece, sizeof piece, 0);
      if (read <= 0) break;
      input.append(piece, static_cast<size_t>(read));
    }
    statuses.push_back(status);
    if (status == 0) break;
  }
  ::close(socket);
  return statuses;
}

}  // namespace

TEST_CASE("limits: two workers admit together what the limit allows, not one more",
          "[limits][served]") {
  GatewayOptions options;
  options.listen = {"127.0.0.1:0"};
  options.workers = 2;
  options.run = &run;
  Gateway gateway(options);
  REQUIRE(gateway.start(publication_of("204")));
  const u16 port = gateway.listeners().port(0);
  std::atomic<u32> admitted{0};
  std::atomic<u32> refused{0};
  std::atomic<u32> broken{0};
  std::vector<std::thread> threads;
  for (u32 i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (u32 connection = 0; connection < kConnections; ++connection) {
        for (const int status : ask(port, kRequests)) {
          ++(status == 204 ? admitted : status == 429 ? refused : broken);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(broken == 0);
  CHECK(admitted == kBurst);
  CHECK(refused == kThreads * kConnections * kRequests - kBurst);

  // The next table answers otherwise, and knows what has been.
  gateway.publish(publication_of("202"));
  CHECK(ask(port, 3) == std::vector<int>{429, 429, 429});
  CHECK(gateway.counters().counts().refused == refused + 3);
  gateway.drain(0);
  gateway.wait();
}

}  // namespace gw
