// The cache over real loopback connections: two workers, one origin that counts what it is asked.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdio>
#include <latch>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/engine/offline.h"
#include "runtime/server/gateway.h"
#include "runtime/server/publication.h"

namespace gw {
namespace {

using server::Gateway;
using server::GatewayOptions;
using server::Publication;

constexpr u32 kClients = 32;
constexpr u32 kTargets = 12;
constexpr size_t kBodyBytes = 300'000;

int open_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

void bound_waits(int socket) {
  const timeval limit{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// A body of its own for each target, so that no mix-up passes.
std::string body_of(const std::string& target) {
  std::string body;
  while (body.size() < kBodyBytes) body += target + " ";
  body.resize(kBodyBytes);
  return body;
}

std::string in_chunks(std::string_view body) {
  std::string out;
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, 10'000);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    out.append(size).append(piece).append("\r\n");
    body.remove_prefix(piece.size());
  }
  return out + "0\r\n\r\n";
}

// Answers GETs on any number of connections.
class CountingOrigin {
 public:
  CountingOrigin() {
    listener_ = open_socket();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    socklen_t bytes = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &bytes);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~CountingOrigin() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
  }

  std::map<std::string, u32> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  u16 port = 0;
  std::latch* everybody = nullptr;  // waited for before the first answer
  bool tells_length = true;

 private:
  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] { serve(socket); });
    }
  }

  void serve(int socket) {
    std::string input;
    for (;;) {
      size_t end = input.find("\r\n\r\n");
      while (end == input.npos) {
        char piece[4096];
        const ssize_t read = ::recv(socket, piece, sizeof piece, 0);
        if (read <= 0) return;
        input.append(piece, static_cast<size_t>(read));
        end = input.find("\r\n\r\n");
      }
      const std::string target = input.substr(4, input.find(' ', 4) - 4);
      input.erase(0, end + 4);
      {
        const std::lock_guard lock(mutex_);
        ++asked_[target];
      }
      if (everybody != nullptr) everybody->wait();
      const std::string body = body_of(target);
      const std::string framing = tells_length ? "Content-Length: " + std::to_string(body.size())
                                               : "Transfer-Encoding: chunked";
      const std::string head = "HTTP/1.1 200 OK\r\n" + framing +
                               "\r\nContent-Type: text/plain\r\nCache-Control: max-age=60\r\n\r\n";
      if (!send_all(socket, head + (tells_length ? body : in_chunks(body)))) return;
    }
  }

  int listener_ = -1;
  std::thread acceptor_;
  std::vector<std::thread> threads_;  // with the next, of the acceptor until it has ended
  std::vector<int> sockets_;
  std::mutex mutex_;
  std::map<std::string, u32> asked_;
};

Publication publication_of(u16 origin, const std::string& cache = "{}") {
  const std::string text =
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n"
      "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:" +
      std::to_string(origin) +
      "'}]}}\n"
      "  defaults: {upstream: origin, timeout: 20s, cache: " +
      cache +
      ", compress: {}}\n"
      "paths:\n  /{id}: {get: {operationId: get, parameters: [{name: id, in: path, required: true, "
      "schema: {type: string}}], responses: {'200': {description: ok}}}}\n";
  std::vector<std::string> problems;
  Publication publication = server::make_publication(compiled_table(text), problems);
  REQUIRE(problems.empty());
  return publication;
}

// The body of an answer; empty for one that breaks off.
std::string get(int socket, const std::string& target, const std::function<void()>& sent) {
  if (!send_all(socket, "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")) return {};
  sent();
  std::string input;
  size_t end = input.npos;
  while (end == input.npos || input.size() < end + 4 + kBodyBytes) {
    char piece[65536];
    const ssize_t read = ::recv(socket, piece, sizeof piece, 0);
    if (read <= 0) return {};
    input.append(piece, static_cast<size_t>(read));
    end = input.find("\r\n\r\n");
  }
  return input.substr(end + 4);
}

// Reads on until `input` has `bytes`. False: the connection has ended.
bool read_until(int socket, std::string& input, size_t bytes) {
  while (input.size() < bytes) {
    char piece[65536];
    const ssize_t read = ::recv(socket, piece, sizeof piece, 0);
    if (read <= 0) return false;
    input.append(piece, static_cast<size_t>(read));
  }
  return true;
}

// Up to and with `mark`; empty: the connection has ended.
std::string read_line(int socket, std::string& input, std::string_view mark) {
  size_t end = input.find(mark);
  for (; end == input.npos; end = input.find(mark)) {
    if (!read_until(socket, input, input.size() + 1)) return {};
  }
  std::string line = input.substr(0, end + mark.size());
  input.erase(0, line.size());
  return line;
}

// Reads a body in chunks to its end. False: it breaks off.
bool read_chunks(int socket, std::string& input, std::string& body) {
  for (;;) {
    const std::string line = read_line(socket, input, "\r\n");
    if (line.empty()) return false;
    const size_t bytes = std::stoul(line, nullptr, 16);
    if (!read_until(socket, input, bytes + 2)) return false;
    body += input.substr(0, bytes);
    input.erase(0, bytes + 2);
    if (bytes == 0) return true;
  }
}

// A body in chunks; empty for one that breaks off.
std::string get_chunked(int socket, const std::string& target) {
  if (!send_all(socket, "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")) return {};
  std::string input;
  std::string body;
  if (read_line(socket, input, "\r\n\r\n").find("chunked") == std::string::npos) return {};
  return read_chunks(socket, input, body) ? body : std::string{};
}

// What a body in a coding stands for; empty for one that breaks off or is in another coding.
std::string get_in(int socket, const std::string& target, const std::string& coding) {
  if (!send_all(socket, "GET " + target + " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + coding +
                            "\r\n\r\n")) {
    return {};
  }
  std::string input;
  const std::string head = read_line(socket, input, "\r\n\r\n");
  if (head.find("Content-Encoding: " + coding + "\r\n") == head.npos &&
      head.find("content-encoding: " + coding + "\r\n") == head.npos) {
    return {};
  }
  engine::MemoryResponder answer;
  answer.fields = {{"content-encoding", coding}};
  const size_t length = head.find("Content-Length: ");
  if (length != head.npos) {
    const size_t bytes = std::stoul(head.substr(length + 16));
    if (!read_until(socket, input, bytes)) return {};
    answer.body = input.substr(0, bytes);
    return answer.plain_body();
  }
  return read_chunks(socket, input, answer.body) ? answer.plain_body() : std::string{};
}

int connect_to(u16 port) {
  const int socket = open_socket();
  bound_waits(socket);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

}  // namespace

TEST_CASE("cache: a herd on two workers comes to one fetch for each resource", "[cache][served]") {
  CountingOrigin origin;
  std::latch everybody(kClients);
  origin.everybody = &everybody;
  GatewayOptions options;
  options.listen = {"127.0.0.1:0"};
  options.workers = 2;
  options.run = &run;
  Gateway gateway(options);
  REQUIRE(gateway.start(publication_of(origin.port)));
  const u16 port = gateway.listeners().port(0);
  std::vector<int> sockets;
  for (u32 i = 0; i < kClients; ++i) sockets.push_back(connect_to(port));
  std::atomic<u32> wrong{0};
  std::vector<std::thread> threads;
  for (u32 i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      for (u32 round = 0; round < kTargets; ++round) {
        const std::string target = "/" + std::to_string(round);
        const std::string body = get(sockets[i], target, [&] {
          if (round == 0) everybody.count_down();
        });
        if (body != body_of(target)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int socket : sockets) ::close(socket);
  CHECK(wrong == 0);
  const auto asked = origin.asked();
  CHECK(asked.size() == kTargets);
  for (const auto& [target, count] : asked) {
    CAPTURE(target);
    CHECK(count == 1);
  }
  // The answers outlive the table.
  gateway.publish(publication_of(origin.port));
  const int socket = connect_to(port);
  CHECK(get(socket, "/3", [] {}) == body_of("/3"));
  ::close(socket);
  CHECK(origin.asked().at("/3") == 1);
  gateway.drain(1'000);
  gateway.wait();
}

TEST_CASE("cache: a herd reads along what turns out longer than is kept", "[cache][served]") {
  CountingOrigin origin;
  origin.tells_length = false;
  GatewayOptions options;
  options.listen = {"127.0.0.1:0"};
  options.workers = 2;
  options.run = &run;
  Gateway gateway(options);
  REQUIRE(gateway.start(publication_of(origin.port, "{maxBody: 64KiB}")));
  const u16 port = gateway.listeners().port(0);
  std::vector<int> sockets;
  for (u32 i = 0; i < kClients; ++i) sockets.push_back(connect_to(port));
  std::atomic<u32> wrong{0};
  std::vector<std::thread> threads;
  for (u32 i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      for (u32 round = 0; round < kTargets; ++round) {
        const std::string target = "/" + std::to_string(round);
        if (get_chunked(sockets[i], target) != body_of(target)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int socket : sockets) ::close(socket);
  CHECK(wrong == 0);
  CHECK(gateway.cache().counts().entries == 0);
  gateway.drain(1'000);
  gateway.wait();
}

TEST_CASE("cache: two workers send what one of them has encoded", "[cache][served]") {
  CountingOrigin origin;
  GatewayOptions options;
  options.listen = {"127.0.0.1:0"};
  options.workers = 2;
  options.run = &run;
  Gateway gateway(options);
  REQUIRE(gateway.start(publication_of(origin.port)));
  const u16 port = gateway.listeners().port(0);
  constexpr u32 kReaders = 16;
  constexpr u32 kRounds = 3;
  static constexpr const char* kCodings[] = {"gzip", "br", "zstd"};
  std::vector<int> sockets;
  for (u32 i = 0; i < kReaders; ++i) sockets.push_back(connect_to(port));
  std::atomic<u32> wrong{0};
  std::vector<std::thread> threads;
  for (u32 i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      for (u32 round = 0; round < kTargets * kRounds; ++round) {
        const std::string target = "/" + std::to_string(round % kTargets);
        if (get_in(sockets[i], target, kCodings[(i + round) % 3]) != body_of(target)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int socket : sockets) ::close(socket);
  CHECK(wrong == 0);
  for (const auto& [target, count] : origin.asked()) {
    CAPTURE(target);
    CHECK(count == 1);
  }
  const cache::StoreCounts counts = gateway.cache().counts();
  CHECK(counts.variants == kTargets * 3);
  CHECK(counts.variants_stored == kTargets * 3);
  gateway.drain(1'000);
  gateway.wait();
}

}  // namespace gw
