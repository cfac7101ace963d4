// A plain HTTP/1.1 client, one connection per request: tests are few, and nothing of one request
// may reach the next.
#include "cli/testing/live.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "runtime/base/units.h"
#include "runtime/http/http1_chunked.h"

namespace gw::cli::tests {
namespace {

constexpr int kTimeoutMs = 30'000;
constexpr size_t kMaxAnswerBytes = size_t{64} << 20;

class Socket {
 public:
  Socket() = default;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connect(const std::string& host, u16 port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
      return false;
    }
    for (const addrinfo* one = found; one != nullptr && fd_ < 0; one = one->ai_next) {
      fd_ = ::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, 0);
      if (fd_ >= 0 && ::connect(fd_, one->ai_addr, one->ai_addrlen) != 0) {
        ::close(fd_);
        fd_ = -1;
      }
    }
    ::freeaddrinfo(found);
    return fd_ >= 0;
  }

  // Stops early where the gateway has closed: its answer may be there all the same.
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t bytes = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes <= 0) return;
      text.remove_prefix(static_cast<size_t>(bytes));
    }
  }

  // False at the end, after the time, or when there is too much.
  bool read_more(std::string& into) const {
    pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&poll, 1, kTimeoutMs) <= 0 || into.size() > kMaxAnswerBytes) return false;
    char buffer[16 * 1024];
    const ssize_t bytes = ::recv(fd_, buffer, sizeof buffer, 0);
    if (bytes <= 0) return false;
    into.append(buffer, static_cast<size_t>(bytes));
    return true;
  }

 private:
  int fd_ = -1;
};

struct Framing {
  u64 length = 0;
  bool has_length = false;
  bool chunked = false;
};

// Reads status and fields. False: it is no head of HTTP/1.
bool parse_head(std::string_view head, Outcome& out, Framing& framing) {
  if (!head.starts_with("HTTP/1.") || head.size() < 12) return false;
  out.status = static_cast<u16>(parse_count(head.substr(9, 3)).value_or(0));
  head.remove_prefix(head.find("\r\n") + 2);
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    const size_t colon = line.find(':');
    if (colon == line.npos) return false;
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (http::equal_fold(name, "content-length")) {
      framing.length = parse_count(value).value_or(0);
      framing.has_length = true;
    }
    if (http::equal_fold(name, "transfer-encoding")) framing.chunked = true;
    out.fields.push_back({std::string(name), std::string(value)});
  }
  return out.status != 0;
}

// The body once it is complete; false: more must come.
bool take_body(const std::string& rest, const Framing& framing, bool ended, std::string& out) {
  if (framing.chunked) {
    http::ChunkedDecoder decoder;
    http::ChunkedDecoder::Step step;
    std::string body(rest.size(), 0);
    if (!decoder.decode(rest.data(), rest.size(), body.data(), body.size(), step)) return ended;
    out = body.substr(0, step.produced);
    return step.end || ended;
  }
  out = framing.has_length ? rest.substr(0, framing.length) : rest;
  return ended || (framing.has_length && rest.size() >= framing.length);
}

class LiveBackend final : public Backend {
 public:
  LiveBackend(std::string address, u16 port, std::string host)
      : address_(std::move(address)), port_(port), host_(std::move(host)) {}

  void begin() override {}
  void wait(u64 milliseconds) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  }
  Sight sight() const override { return Sight::Outside; }

  std::string refuses(const Test& test) const override {
    for (const Step& step : test.steps) {
      if (!step.sends) {
        if (step.wait_ms > kLongestWaitMs) return "it waits for longer than a second";
        continue;
      }
      const TestRequest& request = step.request;
      if (request.jwt) return "its token is signed by a key of an offline run";
      if (!request.consumer.empty()) return "its consumer is taken for proved";
      if (request.certificate) return "its client has a certificate that was made up";
      if (request.https) return "it comes over TLS";
      if (request.at_ms || step.wait_ms > kLongestWaitMs) return "it has a clock of its own";
      if (!step.upstream.empty()) return "its upstreams answer by a script";
    }
    return {};
  }

  Outcome send(const Step& step) override {
    Outcome outcome;
    Socket socket;
    if (!socket.connect(address_, port_)) {
      outcome.problem =
          fmt::format("cannot reach {}:{}: {}", address_, port_, std::strerror(errno));
      return outcome;
    }
    socket.write(request_text(step.request));
    read_answer(socket, step.request.method == "HEAD", outcome);
    return outcome;
  }

 private:
  static constexpr u64 kLongestWaitMs = 1'000;

  std::string request_text(const TestRequest& request) const {
    std::string out = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.path);
    bool has_host = false;
    for (const engine::OfflineField& field : request.headers) {
      has_host = has_host || http::equal_fold(field.name, "host");
      out += fmt::format("{}: {}\r\n", field.name, field.value);
    }
    if (!has_host) {
      out += fmt::format("host: {}\r\n", request.host.empty() ? host_ : request.host);
    }
    if (request.has_body) out += fmt::format("content-length: {}\r\n", request.body.size());
    return out + "connection: close\r\n\r\n" + request.body;
  }

  static void read_answer(const Socket& socket, bool head_only, Outcome& outcome) {
    std::string text;
    bool ended = false;
    for (;;) {
      const size_t end = text.find("\r\n\r\n");
      if (end == text.npos) {
        if (ended) break;
        ended = !socket.read_more(text);
        continue;
      }
      Framing framing;
      outcome.fields.clear();
      if (!parse_head(std::string_view(text).substr(0, end + 2), outcome, framing)) break;
      if (outcome.status < 200) {  // 100 Continue and the like
        text.erase(0, end + 4);
        continue;
      }
      const bool bodiless = head_only || outcome.status == 204 || outcome.status == 304;
      if (bodiless) return;
      if (take_body(text.substr(end + 4), framing, ended, outcome.body)) return;
      ended = !socket.read_more(text);
    }
    outcome.status = 0;
    outcome.problem = text.empty() ? "no answer came" : "what came is no answer of HTTP/1";
  }

  const std::string address_;
  const u16 port_;
  const std::string host_;
};

}  // namespace

std::unique_ptr<Backend> make_live_backend(const std::string& url, const std::string& host,
                                           std::string& problem) {
  std::string_view why;
  const auto parsed = parse_http_url(url, why);
  if (!parsed || parsed->scheme != "http") {
    problem = fmt::format("--live {}: {}", url,
                          parsed ? std::string_view("only http is spoken here") : why);
    return nullptr;
  }
  return std::make_unique<LiveBackend>(
      std::string(parsed->host), parsed->port,
      host.empty() ? fmt::format("{}:{}", parsed->host, parsed->port) : host);
}

}  // namespace gw::cli::tests
