// The real thing over loopback: sockets, threads, signals left out.
#include "runtime/server/gateway.h"
#include "runtime/base/testing/count_allocations.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <new>
#include <string>
#include <thread>

#include "runtime/net/testing/dns_server.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;

namespace {

int connect_to(u16 port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const timeval limit{10, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return socket;
}

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Reads until `end` has come, or the peer closes. Into a caller's string, so that a warm one does
// not allocate.
void read_until(int socket, std::string_view end, std::string& out) {
  out.clear();
  char piece[4096];
  while (out.find(end) == std::string::npos) {
    const ssize_t read = ::recv(socket, piece, sizeof piece, 0);
    if (read <= 0) return;
    out.append(piece, static_cast<size_t>(read));
  }
}

std::string read_to_end(int socket) {
  std::string out;
  read_until(socket, "no such text ever", out);
  return out;
}

// An upstream on a thread of its own: answers each request on each connection with a fixed text,
// or sends `stream_bytes` bytes of body.
struct OriginOptions {
  u64 stream_bytes = 0;     // sent behind each answer
  u64 upload_bytes = 0;     // read behind each request, before the answer
  bool ends_first = false;  // the first connection ends with its first answer, in one segment
};

class TestOrigin {
 public:
  explicit TestOrigin(std::string answer, OriginOptions options = {})
      : answer_(std::move(answer)), options_(options) {
    auto listener = open_listener("127.0.0.1:0");
    REQUIRE(listener);
    heads_.reserve(256 * 1024);  // recording must not allocate while a test counts
    listener_ = *listener;
    port_ = bound_port(listener_);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~TestOrigin() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    for (std::thread& thread : servers_) thread.join();
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
  }
  u16 port() const { return port_; }
  u32 connections() const { return connections_; }
  /// Heads of all requests so far. Call it when no request is under way.
  std::string heads() const {
    const std::lock_guard lock(heads_mutex_);
    return heads_;
  }

 private:
  void accept_all() {
    // The listener is non-blocking; a receive timeout of the poll kind is enough here.
    while (!stopping_) {
      fd_set set;
      FD_ZERO(&set);
      FD_SET(listener_, &set);
      timeval limit{0, 20000};
      if (::select(listener_ + 1, &set, nullptr, nullptr, &limit) <= 0) continue;
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      ++connections_;
      sockets_.push_back(socket);
      servers_.emplace_back([this, socket] { serve(socket); });
    }
  }
  void serve(int socket) {
    const bool ends = options_.ends_first && connections_ == 1;
    std::string buffer(options_.upload_bytes > 0 ? 256 * 1024 : 4096, 0);
    char* piece = buffer.data();
    std::string seen;
    while (true) {
      const ssize_t read = ::recv(socket, piece, buffer.size(), 0);
      if (read <= 0) return;
      seen.append(piece, static_cast<size_t>(read));
      while (true) {
        const size_t end = seen.find("\r\n\r\n");
        if (end == std::string::npos) break;
        {
          const std::lock_guard lock(heads_mutex_);
          heads_.append(seen, 0, end + 4);
        }
        seen.erase(0, end + 4);
        if (options_.upload_bytes > 0 && !read_body(socket, buffer, seen)) return;
        if (ends) {
          ::send(socket, answer_.data(), answer_.size(), MSG_NOSIGNAL | MSG_MORE);
          ::shutdown(socket, SHUT_WR);
          continue;
        }
        if (!send_all(socket, answer_)) return;
        if (options_.stream_bytes > 0 && !send_body(socket)) return;
      }
    }
  }
  bool read_body(int socket, std::string& buffer, std::string& seen) {
    u64 left = options_.upload_bytes - seen.size();
    seen.clear();
    while (left > 0) {
      const ssize_t read = ::recv(socket, buffer.data(), std::min<u64>(left, buffer.size()), 0);
      if (read <= 0) return false;
      left -= static_cast<u64>(read);
    }
    return true;
  }
  bool send_body(int socket) {
    const std::string block(64 * 1024, 'x');
    for (u64 sent = 0; sent < options_.stream_bytes; sent += block.size()) {
      if (!send_all(socket, block)) return false;
    }
    return true;
  }

  std::string answer_;
  OriginOptions options_;
  int listener_ = -1;
  u16 port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<u32> connections_{0};
  mutable std::mutex heads_mutex_;
  std::string heads_;
  std::vector<int> sockets_;
  std::vector<std::thread> servers_;
  std::thread thread_;
};

struct Running {
  explicit Running(Publication publication, u32 workers = 1) : gateway(options(workers)) {
    REQUIRE(gateway.start(std::move(publication)));
  }
  explicit Running(u16 upstream_port, u32 workers = 1) : gateway(options(workers)) {
    Publication publication;
    publication.upstreams.push_back(config(upstream_port));
    REQUIRE(gateway.start(std::move(publication)));
  }
  static GatewayOptions options(u32 workers) {
    GatewayOptions made;
    made.listen = {"127.0.0.1:0"};
    made.workers = workers;
    made.run = &server::testing::stub_run;
    made.session.half_close_ms = 60'000;  // how busy the machine is must not decide
    return made;
  }
  static upstream::UpstreamConfig config(u16 port) {
    upstream::UpstreamConfig made;
    made.name = "origin";
    made.key = "origin:" + std::to_string(port);
    made.targets.emplace_back();
    made.targets.back().address = "127.0.0.1:" + std::to_string(port);
    REQUIRE(upstream::read_addresses(made));
    return made;
  }
  u16 port() const { return gateway.listeners().port(0); }
  Gateway gateway;
};

const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const std::string kRequest = "GET /users/7 HTTP/1.1\r\nHost: a.example\r\nUser-Agent: test\r\n\r\n";

}  // namespace

TEST_CASE("gateway: serves requests on one connection over one to the upstream", "[gateway]") {
  TestOrigin origin(kAnswer);
  Running running(origin.port());
  const int client = connect_to(running.port());
  std::string answer;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(send_all(client, kRequest));
    read_until(client, "hello", answer);
    REQUIRE(answer.substr(0, 15) == "HTTP/1.1 200 OK");
  }
  CHECK(origin.connections() == 1);
  ::close(client);
}

TEST_CASE("gateway: tells the upstream who asked, and believes no stranger", "[gateway]") {
  TestOrigin origin(kAnswer);
  Running running(origin.port());
  const int client = connect_to(running.port());
  REQUIRE(send_all(client,
                   "GET / HTTP/1.1\r\nHost: a.example:81\r\nX-Forwarded-For: 192.0.2.1\r\n"
                   "X-Forwarded-Proto: https\r\nForwarded: for=192.0.2.1\r\nVia: 1.0 before\r\n"
                   "X-Request-Id: r-7\r\n\r\n"));
  std::string answer;
  read_until(client, "hello", answer);
  ::close(client);
  const std::string heads = origin.heads();
  CAPTURE(heads);
  CHECK(heads.find("192.0.2.1") == std::string::npos);
  const std::string port = std::to_string(running.port());
  for (const std::string& line :
       {std::string("x-forwarded-for: 127.0.0.1"), std::string("x-forwarded-proto: http"),
        std::string("x-forwarded-host: a.example:81"), "x-forwarded-port: " + port,
        std::string("forwarded: for=127.0.0.1;host=\"a.example:81\";proto=http"),
        std::string("Via: 1.0 before, 1.1 gwctl"), std::string("x-request-id: r-7")}) {
    CAPTURE(line);
    CHECK(heads.find("\r\n" + line + "\r\n") != std::string::npos);
  }
}

TEST_CASE("gateway: pipelined requests are answered in order", "[gateway]") {
  TestOrigin origin(kAnswer);
  Running running(origin.port());
  const int client = connect_to(running.port());
  const std::string last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  REQUIRE(send_all(client, kRequest + kRequest + kRequest + last));
  const std::string all = read_to_end(client);
  size_t count = 0;
  for (size_t at = all.find("hello"); at != std::string::npos; at = all.find("hello", at + 1)) {
    ++count;
  }
  CHECK(count == 4);
  ::close(client);
}

TEST_CASE("gateway: an end of stream that comes with the request is noticed", "[gateway]") {
  TestOrigin origin(kAnswer);
  Running running(origin.port());
  const int client = connect_to(running.port());
  REQUIRE(send_all(client, kRequest));
  ::shutdown(client, SHUT_WR);
  const std::string all = read_to_end(client);
  CHECK(all.find("hello") != std::string::npos);
  ::close(client);
}

// Guards against a POST on a connection that the target closed together with its last answer: the
// reactor tells of both in one event, and the read that waits for more does not see the end.
TEST_CASE("gateway: a POST does not take a connection that has ended", "[gateway]") {
  TestOrigin origin(kAnswer, OriginOptions{.ends_first = true});
  Running running(origin.port());
  const int client = connect_to(running.port());
  std::string answer;
  REQUIRE(send_all(client, kRequest));
  read_until(client, "hello", answer);
  REQUIRE(answer.substr(0, 15) == "HTTP/1.1 200 OK");
  REQUIRE(send_all(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
  read_until(client, "hello", answer);
  CHECK(answer.substr(0, 15) == "HTTP/1.1 200 OK");
  CHECK(origin.connections() == 2);
  ::close(client);
}

TEST_CASE("gateway: an unreachable upstream is 502", "[gateway]") {
  auto listener = open_listener("127.0.0.1:0");
  REQUIRE(listener);
  const u16 port = bound_port(*listener);
  ::close(*listener);
  Running running(port);
  const int client = connect_to(running.port());
  REQUIRE(send_all(client, kRequest));
  std::string answer;
  read_until(client, "}\n", answer);
  CHECK(answer.substr(0, 12) == "HTTP/1.1 502");
  CHECK(answer.find("urn:gwctl:problem:upstream-unreachable") != std::string::npos);
  ::close(client);
}

TEST_CASE("gateway: a plain request allocates nothing once warm", "[gateway]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  TestOrigin origin(kAnswer);
  Running running(origin.port());
  const int client = connect_to(running.port());
  std::string answer;
  answer.reserve(8192);
  std::string seen;
  for (int i = 0; i < 50; ++i) {
    REQUIRE(send_all(client, kRequest));
    read_until(client, "hello", answer);
  }
  const u64 before = g_allocations.load();
  bool good = true;
  for (int i = 0; i < 200; ++i) {
    good &= send_all(client, kRequest);
    read_until(client, "hello", answer);
  }
  const u64 after = g_allocations.load();
  CHECK(good);
  // The answers are the test's and the origin's own; both reuse their strings.
  CHECK(after - before == 0);
  ::close(client);
#endif
}

// nghttp2 allocates by malloc, which is not counted: this is about our own part.
TEST_CASE("gateway: a plain request over HTTP/2 allocates nothing of ours once warm", "[gateway]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  TestOrigin origin(kAnswer);
  Running running(origin.port());
  const int client = connect_to(running.port());
  std::string sent = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  sent.append("\0\0\0\4\0\0\0\0\0", 9).append("\0\0\0\4\1\0\0\0\0", 9);
  REQUIRE(send_all(client, sent));
  std::string answer;
  answer.reserve(8192);
  // HEADERS with END_STREAM and END_HEADERS: GET, http, `/`, and `a` for the authority.
  std::string request("\0\0\6\1\5\0\0\0\0\x82\x86\x84\x41\1a", 15);
  const auto ask = [&](u32 id) {
    request[7] = static_cast<char>(id >> 8);
    request[8] = static_cast<char>(id);
    return send_all(client, request);
  };
  u32 id = 1;
  for (; id < 200; id += 2) {
    REQUIRE(ask(id));
    read_until(client, "hello", answer);
  }
  REQUIRE(answer.find("hello") != std::string::npos);
  const u64 before = g_allocations.load();
  bool good = true;
  for (; id < 600; id += 2) {
    good &= ask(id);
    read_until(client, "hello", answer);
  }
  const u64 after = g_allocations.load();
  CHECK(good);
  CHECK(after - before == 0);
  ::close(client);
#endif
}

TEST_CASE("gateway: drains: finishes what runs, then ends", "[gateway]") {
  TestOrigin origin(kAnswer);
  Running running(origin.port(), 2);
  std::vector<int> clients;
  std::string answer;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(connect_to(running.port()));
    REQUIRE(send_all(clients.back(), kRequest));
    read_until(clients.back(), "hello", answer);
    REQUIRE_FALSE(answer.empty());
  }
  running.gateway.drain(5000);
  running.gateway.wait();
  for (const int client : clients) {
    CHECK(read_to_end(client).empty());
    ::close(client);
  }
}

namespace {

using net::DnsType;
using net::testing::DnsQuestion;
using net::testing::DnsServer;

constexpr const char* kService = "_http._tcp.origin.test";

// A service on 127.0.0.1:`port` with a TTL of 0.
DnsServer::Script service_at(u16 port) {
  return [port](const DnsQuestion& question) {
    std::vector<net::testing::DnsRecord> records;
    if (question.type == DnsType::Srv) {
      records = {net::testing::srv_record(kService, {1, 1, port, "a.test"}, 0)};
    } else if (question.type == DnsType::A) {
      records = {net::testing::address_record("a.test", "127.0.0.1")};
    }
    return net::testing::dns_answer(question.name, question.type, records);
  };
}

Publication by_dns(const DnsServer& server) {
  Publication publication;
  publication.resolvers = {server.address()};
  upstream::UpstreamConfig& upstream = publication.upstreams.emplace_back();
  upstream.name = upstream.key = "origin";
  upstream.dns.name = kService;
  upstream.dns.srv = true;
  upstream.dns.min_refresh_ms = 100;
  return publication;
}

// Asks until an answer has `text`; false: not within 20 s, or there was another one than `before`.
bool asks_until(int client, std::string_view text, std::string_view before) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < until) {
    char piece[4096];
    if (!send_all(client, kRequest)) return false;
    const ssize_t read = ::recv(client, piece, sizeof piece, 0);
    if (read <= 0) return false;
    const std::string_view answer(piece, static_cast<size_t>(read));
    if (answer.ends_with(text)) return true;
    if (answer.find(before) == answer.npos) return false;
  }
  return false;
}

}  // namespace

TEST_CASE("gateway: follows a name to another server, no request fails", "[gateway][dns]") {
  TestOrigin first(kAnswer);
  TestOrigin second("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
  DnsServer names(service_at(first.port()));
  Running running(by_dns(names), 2);
  const int client = connect_to(running.port());
  CHECK(asks_until(client, "hello", "none"));
  names.set_script(service_at(second.port()));
  CHECK(asks_until(client, "second", "hello"));
  // And stays there when nobody knows the name any more.
  names.set_script([](const DnsQuestion& question) {
    return net::testing::dns_answer(question.name, question.type, {}, net::testing::kNoSuchName);
  });
  const size_t asked = names.questions().size();
  while (names.questions().size() < asked + 2) REQUIRE(asks_until(client, "second", "none"));
  CHECK(asks_until(client, "second", "none"));
  ::close(client);
}

TEST_CASE("gateway: starts without a name, and serves once it resolves", "[gateway][dns]") {
  TestOrigin origin(kAnswer);
  DnsServer names([](const DnsQuestion& question) {
    return net::testing::dns_answer(question.name, question.type, {}, net::testing::kServerFailure);
  });
  Running running(by_dns(names), 1);
  const int client = connect_to(running.port());
  REQUIRE(send_all(client, kRequest));
  char piece[4096];
  const ssize_t read = ::recv(client, piece, sizeof piece, 0);
  REQUIRE(read > 12);
  CHECK(std::string_view(piece, 12) == "HTTP/1.1 502");  // the engine says 503; this is a stub
  names.set_script(service_at(origin.port()));
  CHECK(asks_until(client, "hello", "HTTP/1.1 502"));
  ::close(client);
}

TEST_CASE("gateway: a new table serves while the old one is in use", "[gateway]") {
  TestOrigin first(kAnswer);
  TestOrigin second("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
  Running running(first.port(), 2);
  const int client = connect_to(running.port());
  std::string answer;
  REQUIRE(send_all(client, kRequest));
  read_until(client, "hello", answer);
  Publication publication;
  publication.upstreams.push_back(Running::config(second.port()));
  running.gateway.publish(std::move(publication));
  // The message arrives between two requests; which one sees it first is open.
  bool changed = false;
  for (int i = 0; i < 1000 && !changed; ++i) {
    REQUIRE(send_all(client, kRequest));
    answer.clear();
    char piece[4096];
    const ssize_t read = ::recv(client, piece, sizeof piece, 0);
    REQUIRE(read > 0);
    answer.assign(piece, static_cast<size_t>(read));
    changed = answer.find("second") != std::string::npos;
  }
  CHECK(changed);
  ::close(client);
}

namespace {

void stream_through(u64 bytes) {
  TestOrigin origin("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n",
                    OriginOptions{.stream_bytes = bytes});
  Running running(origin.port());
  const int client = connect_to(running.port());
  REQUIRE(send_all(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  u64 total = 0;
  std::string piece(256 * 1024, 0);
  while (true) {
    const ssize_t read = ::recv(client, piece.data(), piece.size(), 0);
    if (read <= 0) break;
    total += static_cast<u64>(read);
  }
  CHECK(total > bytes);
  CHECK(total < bytes + 1024);
  ::close(client);
}

}  // namespace

TEST_CASE("gateway: streams 64 MiB", "[gateway]") { stream_through(u64{64} << 20); }

namespace {

void upload_through(u64 bytes) {
  TestOrigin origin(kAnswer, OriginOptions{.upload_bytes = bytes});
  Running running(origin.port());
  const int client = connect_to(running.port());
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ";
  REQUIRE(send_all(client, head + std::to_string(bytes) + "\r\n\r\n"));
  const std::string piece(256 * 1024, 'x');
  bool sent = true;
  for (u64 left = bytes; left > 0 && sent; left -= std::min<u64>(left, piece.size())) {
    sent = send_all(client, std::string_view(piece).substr(0, std::min<u64>(left, piece.size())));
  }
  CHECK(sent);
  CHECK(read_to_end(client).find("hello") != std::string::npos);
  ::close(client);
}

}  // namespace

TEST_CASE("gateway: takes 64 MiB", "[gateway]") { upload_through(u64{64} << 20); }

namespace {

// A line of /proc/self/status, in bytes.
u64 memory_of(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    u64 kib = 0;
    if (word == name + ":" && status >> kib) return kib * 1024;
  }
  return 0;
}

}  // namespace

TEST_CASE("gateway: 1 GiB each way leaves memory flat", "[.slow][gateway]") {
  stream_through(u64{4} << 20);
  upload_through(u64{4} << 20);
  // From here on the peak is counted anew (proc(5), clear_refs).
  std::ofstream("/proc/self/clear_refs") << "5";
  const u64 before = memory_of("VmRSS");
  stream_through(u64{1} << 30);
  upload_through(u64{1} << 30);
  const u64 peak = memory_of("VmHWM");
  REQUIRE(before > 0);
  CAPTURE(before, peak);
  CHECK(peak < before + (u64{1} << 20));
}
