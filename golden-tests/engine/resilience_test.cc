// The whole gateway over loopback, with origins that are killed and come back.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
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
using upstream::HealthChange;

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

int connect_to(u16 port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const timeval limit{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return socket;
}

// An HTTP server whose process can be killed: then its port refuses, and its connections are reset.
class MortalOrigin {
 public:
  explicit MortalOrigin(std::string name) : name_(std::move(name)) { listen_on("127.0.0.1:0"); }
  ~MortalOrigin() { kill(); }

  u16 port() const { return port_; }
  u32 requests() const { return requests_; }
  u32 most_connections() const { return most_connections_; }
  /// Requests are read and never answered.
  void stall(bool stalls) { stalls_ = stalls; }

  void kill() {
    if (!accepting_.joinable()) return;
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) {
        const linger hard{1, 0};
        ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        ::shutdown(socket, SHUT_RD);
      }
    }
    for (std::thread& thread : serving_) thread.join();
    for (const int socket : sockets_) ::close(socket);
    sockets_.clear();
    serving_.clear();
  }
  void restart() { listen_on("127.0.0.1:" + std::to_string(port_)); }

 private:
  void listen_on(const std::string& address) {
    auto listener = server::open_listener(address);
    REQUIRE(listener);
    listener_ = *listener;
    port_ = server::bound_port(listener_);
    stopping_ = false;
    accepting_ = std::thread([this] { accept_all(); });
  }
  void accept_all() {
    while (!stopping_) {
      fd_set set;
      FD_ZERO(&set);
      FD_SET(listener_, &set);
      timeval limit{0, 20'000};
      if (::select(listener_ + 1, &set, nullptr, nullptr, &limit) <= 0) continue;
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      serving_.emplace_back([this, socket] { serve(socket); });
    }
  }
  void serve(int socket) {
    const u32 open = ++connections_;
    u32 most = most_connections_;
    while (most < open && !most_connections_.compare_exchange_weak(most, open)) {
    }
    std::string seen;
    char piece[4096];
    for (;;) {
      const ssize_t read = ::recv(socket, piece, sizeof piece, 0);
      if (read <= 0 || stopping_) break;
      seen.append(piece, static_cast<size_t>(read));
      bool sent = true;
      for (size_t end; sent && (end = seen.find("\r\n\r\n")) != seen.npos;) {
        seen.erase(0, end + 4);
        ++requests_;
        if (stalls_) continue;
        sent =
            send_all(socket, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name_.size()) +
                                 "\r\n\r\n" + name_);
      }
      if (!sent) break;
    }
    --connections_;
  }

  const std::string name_;
  int listener_ = -1;
  u16 port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> stalls_{false};
  std::atomic<u32> requests_{0};
  std::atomic<u32> connections_{0};
  std::atomic<u32> most_connections_{0};
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

// Waits for changes of health, without sleeping.
class HealthWatch {
 public:
  void listen_to(Publication& publication) {
    for (auto& config : publication.upstreams) {
      config.state = std::make_shared<upstream::UpstreamState>();
      config.state->on_change = [this](const HealthChange& change) {
        const std::lock_guard lock(mutex_);
        seen_.push_back({change.kind, std::string(change.target)});
        changed_.notify_all();
      };
    }
  }
  /// Of the target at `port`; 0: of the upstream as a whole.
  bool sees(HealthChange::Kind kind, u16 port) {
    const std::string target = port == 0 ? "" : "127.0.0.1:" + std::to_string(port);
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (const auto& [seen_kind, seen_target] : seen_) {
        if (seen_kind == kind && seen_target == target) return true;
      }
      return false;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<HealthChange::Kind, std::string>> seen_;
};

std::shared_ptr<const BoundTable> table_of(const std::vector<const MortalOrigin*>& origins,
                                           const std::string& upstream_fields) {
  std::string targets;
  for (const MortalOrigin* origin : origins) {
    targets += (targets.empty() ? "'" : ", '") +
               ("http://127.0.0.1:" + std::to_string(origin->port())) + "'";
  }
  const std::string text =
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n  upstreams:\n    origin:\n      targets: [" +
      targets + "]\n" + upstream_fields +
      "  defaults: {upstream: origin, timeout: 10s}\n"
      "paths:\n  /{rest+}:\n    x-gw: {anyMethod: {}}\n";
  return compiled_table(text);
}

struct Running {
  Running(const std::vector<const MortalOrigin*>& origins, const std::string& upstream_fields,
          u32 workers = 2)
      : gateway(options(workers)) {
    std::vector<std::string> problems;
    Publication publication =
        server::make_publication(table_of(origins, upstream_fields), problems);
    REQUIRE(problems.empty());
    health.listen_to(publication);
    state = publication.upstreams[0].state;
    REQUIRE(gateway.start(std::move(publication)));
  }
  static GatewayOptions options(u32 workers) {
    GatewayOptions made;
    made.listen = {"127.0.0.1:0"};
    made.workers = workers;
    made.run = &run;
    return made;
  }
  u16 port() const { return gateway.listeners().port(0); }

  HealthWatch health;  // outlives the gateway
  std::shared_ptr<upstream::UpstreamState> state;
  Gateway gateway;
};

// A keep-alive client that asks one after the other.
class Client {
 public:
  explicit Client(u16 port) : socket_(connect_to(port)) {}
  ~Client() { ::close(socket_); }

  /// Status and body of the answer to a GET; 0: the connection broke.
  std::pair<int, std::string> get() {
    if (!send_all(socket_, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n")) return {0, ""};
    for (;;) {
      const size_t end = input_.find("\r\n\r\n");
      if (end != input_.npos) {
        const size_t field = input_.find("ontent-length: ");
        const size_t other = input_.find("ontent-Length: ");
        const size_t at = std::min(field, other);
        if (at > end) return {0, ""};
        const size_t bytes = std::stoul(input_.substr(at + 15));
        if (input_.size() >= end + 4 + bytes) {
          const int status = std::stoi(input_.substr(9, 3));
          const std::string body = input_.substr(end + 4, bytes);
          head = input_.substr(0, end + 2);
          input_.erase(0, end + 4 + bytes);
          return {status, body};
        }
      }
      char piece[4096];
      const ssize_t read = ::recv(socket_, piece, sizeof piece, 0);
      if (read <= 0) return {0, ""};
      input_.append(piece, static_cast<size_t>(read));
    }
  }
  std::string head;  // of the last answer

 private:
  int socket_;
  std::string input_;
};

}  // namespace

TEST_CASE("resilience: checks take a dead target out, and bring it back", "[resilience]") {
  MortalOrigin first("first");
  MortalOrigin second("second");
  Running running({&first, &second},
                  "      health: {path: /healthz, interval: 100ms, unhealthy: 2, healthy: 2}\n"
                  "      balance: roundRobin\n");
  first.kill();
  REQUIRE(running.health.sees(HealthChange::Kind::Unhealthy, first.port()));
  Client client(running.port());
  for (int i = 0; i < 20; ++i) CHECK(client.get() == std::pair{200, std::string("second")});
  second.kill();
  REQUIRE(running.health.sees(HealthChange::Kind::Unhealthy, second.port()));
  CHECK(client.get().first == 503);  // at once: nobody is asked in vain
  first.restart();
  REQUIRE(running.health.sees(HealthChange::Kind::Healthy, first.port()));
  for (int i = 0; i < 20; ++i) CHECK(client.get() == std::pair{200, std::string("first")});
}

TEST_CASE("resilience: requests that fail take a target out for all workers", "[resilience]") {
  MortalOrigin first("first");
  MortalOrigin second("second");
  Running running({&first, &second},
                  "      outlier: {consecutive: 2, eject: 60s}\n      balance: roundRobin\n", 2);
  first.kill();
  // Whichever worker a connection meets: they count together.
  std::vector<std::unique_ptr<Client>> clients;
  int failed = 0;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<Client>(running.port()));
    failed += clients.back()->get().first == 200 ? 0 : 1;
  }
  CHECK(failed <= 3);  // two count; a third may have been under way
  REQUIRE(running.health.sees(HealthChange::Kind::Ejected, first.port()));
  for (auto& client : clients) CHECK(client->get() == std::pair{200, std::string("second")});
}

TEST_CASE("resilience: an upstream that stalls holds no more than its limits", "[resilience]") {
  MortalOrigin origin("late");
  const bool of_requests = GENERATE(true, false);
  CAPTURE(of_requests);
  const std::string limits = of_requests ? "connections: 0, requests: 4" : "connections: 4";
  Running running({&origin}, "      limits: {" + limits + ", pending: 4}\n" +
                                 "      timeout: {connect: 300ms, try: 60s, total: 60s}\n"
                                 "      retry: off\n");
  origin.stall(true);
  constexpr size_t kClients = 20;
  constexpr size_t kLimit = 4;
  std::vector<std::unique_ptr<Client>> connections;
  for (size_t i = 0; i < kClients; ++i) {
    connections.push_back(std::make_unique<Client>(running.port()));
  }
  std::vector<int> statuses(kClients);
  std::vector<std::thread> clients;
  const auto start = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      clients.emplace_back([&, i] { statuses[i] = connections[i]->get().first; });
    }
  };
  start(0, kLimit);
  while (origin.requests() < kLimit) std::this_thread::yield();
  // Four of these wait, for as long as connecting may take; the others are answered at once.
  start(kLimit, kClients);
  for (size_t i = kLimit; i < kClients; ++i) clients[i].join();
  for (size_t i = kLimit; i < kClients; ++i) {
    CHECK(statuses[i] == 503);
    CHECK(connections[i]->head.find("retry-after: 1\r\n") != std::string::npos);
  }
  CHECK(origin.most_connections() <= kLimit);
  CHECK(origin.requests() == kLimit);
  origin.kill();
  for (size_t i = 0; i < kLimit; ++i) clients[i].join();
  for (size_t i = 0; i < kLimit; ++i) CHECK(statuses[i] == 502);
  // It serves as before when the upstream does.
  origin.stall(false);
  origin.restart();
  for (auto& client : connections) CHECK(client->get() == std::pair{200, std::string("late")});
  connections.clear();
  running.gateway.drain(5000);
  running.gateway.wait();
  CHECK(running.state->requests.taken() == 0);
  CHECK(running.state->connections.taken() == 0);
  CHECK(running.state->pending == 0);
}

TEST_CASE("resilience: a circuit breaker spares an upstream that fails, and lets it come back",
          "[resilience]") {
  MortalOrigin origin("one");
  Running running({&origin},
                  "      breaker: {failures: 50%, requests: 5, open: 200ms, probes: 1}\n"
                  "      retry: off\n      unavailable: {status: 503, body: {title: soon}}\n");
  Client client(running.port());
  CHECK(client.get().first == 200);
  origin.kill();
  for (int i = 0; i < 20; ++i) CHECK(client.get().first == 503);
  REQUIRE(running.health.sees(HealthChange::Kind::BreakerOpened, 0));
  // A probe fails without that field, and opens the breaker anew.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    CHECK(client.get() == std::pair{503, std::string(R"({"title":"soon"})")});
  } while (client.head.find("retry-after: 1\r\n") == std::string::npos &&
           std::chrono::steady_clock::now() < limit);
  CHECK(client.head.find("retry-after: 1\r\n") != std::string::npos);
  origin.restart();
  while (client.get().first != 200 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  REQUIRE(running.health.sees(HealthChange::Kind::BreakerClosed, 0));
  for (int i = 0; i < 20; ++i) CHECK(client.get().first == 200);
}

TEST_CASE("resilience: an origin dies and comes back under load, and no request fails",
          "[resilience]") {
  MortalOrigin origins[3] = {MortalOrigin("a"), MortalOrigin("b"), MortalOrigin("c")};
  Running running({&origins[0], &origins[1], &origins[2]},
                  "      balance: roundRobin\n      outlier: {consecutive: 3, eject: 200ms}\n"
                  "      retry: {times: 3, backoff: 5ms}\n");
  constexpr int kClients = 24;
  constexpr int kRequests = 200;
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  std::vector<std::unique_ptr<Client>> connections;
  for (int i = 0; i < kClients; ++i) {
    connections.push_back(std::make_unique<Client>(running.port()));
  }
  for (auto& connection : connections) {
    clients.emplace_back([&answered, &failed, client = connection.get()] {
      for (int i = 0; i < kRequests; ++i) {
        failed += client->get().first == 200 ? 0 : 1;
        ++answered;
      }
    });
  }
  // Twice killed and started again while the load runs on.
  for (const int at : {600, 2'400}) {
    while (answered < at) std::this_thread::yield();
    origins[1].kill();
    while (answered < at + 400) std::this_thread::yield();
    origins[1].restart();
  }
  for (std::thread& thread : clients) thread.join();
  CHECK(failed == 0);
  CHECK(answered == kClients * kRequests);
  // It serves again, at the latest when its ejection has ended.
  const u32 before = origins[1].requests();
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (origins[1].requests() == before && std::chrono::steady_clock::now() < limit) {
    CHECK(connections[0]->get().first == 200);
  }
  CHECK(origins[1].requests() > before);
  // What is counted while a request runs is given back with its end, shortly after its answer.
  connections.clear();
  running.gateway.drain(5000);
  running.gateway.wait();
  CHECK(running.state->requests.taken() == 0);
  CHECK(running.state->connections.taken() == 0);
}

}  // namespace gw
