// A plain HTTP/1.1 client, one connection per request: tests are few, and nothing of one request
// may reach the next.
#include "cli/testing/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "cli/testing/live_connection.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"
#include "runtime/http/http1_chunked.h"
#include "runtime/table/table_file.h"

namespace gw::cli::tests {
namespace {

constexpr size_t kMaxAnswerBytes = size_t{64} << 20;
constexpr u64 kMaxCaBytes = u64{16} << 20;

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

enum class BodyState { Partial, Whole, Broken };

// Takes what there is of the body; `ended`: nothing more comes.
BodyState take_body(const std::string& rest, const Framing& framing, bool ended, std::string& out) {
  if (framing.chunked) {
    http::ChunkedDecoder decoder;
    http::ChunkedDecoder::Step step;
    std::string body(rest.size(), 0);
    if (!decoder.decode(rest.data(), rest.size(), body.data(), body.size(), step)) {
      return BodyState::Broken;
    }
    out = body.substr(0, step.produced);
    if (step.end) return BodyState::Whole;
    return ended ? BodyState::Broken : BodyState::Partial;
  }
  if (!framing.has_length) {
    out = rest;
    return ended ? BodyState::Whole : BodyState::Partial;
  }
  out = rest.substr(0, framing.length);
  if (rest.size() >= framing.length) return BodyState::Whole;
  return ended ? BodyState::Broken : BodyState::Partial;
}

// Whether `host` is one of those that the document names: an exact one, or one below a wildcard.
bool names_host(const Gateway& gateway, std::string_view host) {
  const std::string lower = lower_case(host);
  return std::ranges::any_of(gateway.hosts, [&](std::string_view named) {
    if (!named.starts_with("*.")) return named == lower;
    return lower.size() >= named.size() && lower.ends_with(named.substr(1));
  });
}

class LiveBackend final : public Backend {
 public:
  LiveBackend(const HttpUrl& url, const Gateway& gateway, std::unique_ptr<net::TlsClient> tls)
      : gateway_(gateway), address_(url.host), port_(url.port), tls_(std::move(tls)) {
    if (gateway.hosts.empty() || names_host(gateway, address_)) {
      name_ = address_;
      host_ = authority_of(url);
    } else {
      name_ = host_ = gateway.host;
    }
  }

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
      if (request.https && tls_ == nullptr) return "it comes over TLS";
      if (request.at_ms || step.wait_ms > kLongestWaitMs) return "it has a clock of its own";
      if (!step.upstream.empty()) return "its upstreams answer by a script";
    }
    return {};
  }

  Outcome send(const Step& step) override {
    Outcome outcome;
    LiveConnection connection;
    if (!connection.open(address_, port_, tls_.get(), name_for(step.request))) {
      outcome.problem = connection.problem();
      return outcome;
    }
    connection.write(request_text(step.request));
    read_answer(connection, step.request.method == "HEAD", outcome);
    return outcome;
  }

 private:
  static constexpr u64 kLongestWaitMs = 1'000;

  static std::string authority_of(const HttpUrl& url) {
    const bool is_v6 = url.host.find(':') != url.host.npos;
    std::string out = is_v6 ? fmt::format("[{}]", url.host) : std::string(url.host);
    if (url.port != (url.scheme == "https" ? 443 : 80)) out += fmt::format(":{}", url.port);
    return out;
  }

  // What the certificate must be for. A host that the document does not name is asked for below
  // that of all other requests: what the gateway makes of it is what is tested.
  std::string name_for(const TestRequest& request) const {
    std::string_view host = request.host;
    for (const engine::OfflineField& field : request.headers) {
      if (http::equal_fold(field.name, "host")) host = field.value;
    }
    if (const auto parsed = parse_host_port(host)) host = parsed->host;
    return names_host(gateway_, host) ? lower_case(host) : name_;
  }

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

  static void read_answer(LiveConnection& connection, bool head_only, Outcome& outcome) {
    std::string text;
    bool ended = false;
    for (;;) {
      const size_t end = text.find("\r\n\r\n");
      if (end == text.npos) {
        if (ended) break;
        ended = !read_more(connection, text);
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
      const BodyState state = take_body(text.substr(end + 4), framing, ended, outcome.body);
      const bool too_long = text.size() > kMaxAnswerBytes;
      const bool is_cut = ended && !framing.has_length && !framing.chunked &&
                          // The end of the body is that of the connection.
                          (too_long || !connection.problem().empty());
      if (state == BodyState::Whole && !is_cut) return;
      if (state != BodyState::Partial) {
        fail_with("the answer breaks off", connection, outcome);
        return;
      }
      ended = !read_more(connection, text);
    }
    fail_with(text.empty() ? "no answer came" : "what came is no answer of HTTP/1", connection,
              outcome);
  }

  static bool read_more(LiveConnection& connection, std::string& text) {
    return text.size() <= kMaxAnswerBytes && connection.read_more(text);
  }

  static void fail_with(std::string_view what, const LiveConnection& connection, Outcome& outcome) {
    outcome.status = 0;
    outcome.problem = what;
    if (!connection.problem().empty()) outcome.problem += ": " + connection.problem();
  }

  const Gateway& gateway_;
  const std::string address_;
  const u16 port_;
  const std::unique_ptr<net::TlsClient> tls_;  // null: in plain text
  std::string name_;  // of requests that name no host of the document: SNI, and Host
  std::string host_;
};

std::unique_ptr<net::TlsClient> make_tls(const LiveOptions& options, std::string& problem) {
  net::TlsClientOptions tls;
  if (!options.ca.empty()) {
    const auto pem = table::read_file(options.ca, kMaxCaBytes);
    if (!pem) {
      problem = fmt::format("--ca {}: {}", options.ca, std::strerror(pem.error().sys));
      return nullptr;
    }
    if (pem->empty()) {  // an empty text would stand for the system's roots
      problem = fmt::format("--ca {}: it is empty", options.ca);
      return nullptr;
    }
    tls.ca = *pem;
  }
  std::string why;
  auto made = net::TlsClient::make(tls, why);
  if (!made) {
    problem = options.ca.empty() ? why : fmt::format("--ca {}: {}", options.ca, why);
    return nullptr;
  }
  return std::move(*made);
}

}  // namespace

std::unique_ptr<Backend> make_live_backend(const LiveOptions& options, const Gateway& gateway,
                                           std::string& problem) {
  std::string_view why;
  const auto url = parse_http_url(options.url, why);
  const bool is_https = url && url->scheme == "https";
  if (url && !is_https && url->scheme != "http") why = "only http and https are spoken here";
  if (url && !url->prefix().empty()) why = "paths are those of the tests; name none";
  if (url && !is_https && !options.ca.empty()) why = "--ca is for https";
  if (!why.empty()) {
    problem = fmt::format("--live {}: {}", options.url, why);
    return nullptr;
  }
  std::unique_ptr<net::TlsClient> tls;
  if (is_https) {
    tls = make_tls(options, problem);
    if (tls == nullptr) return nullptr;
  }
  // Where nobody listens no test says anything; one reason is better than one for each.
  LiveConnection trial;
  if (!trial.open(std::string(url->host), url->port, nullptr, {})) {
    problem = fmt::format("--live {}: {}", options.url, trial.problem());
    return nullptr;
  }
  return std::make_unique<LiveBackend>(*url, gateway, std::move(tls));
}

}  // namespace gw::cli::tests
