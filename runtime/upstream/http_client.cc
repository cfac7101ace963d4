// A request is a coroutine from the connection to the end of the answer; the look-up before it is
// two questions that are counted down. Whoever waits is told from the loop, when nothing of the
// request runs any more, so that he may send the next one from there.
#include "runtime/upstream/http_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/http/http1_body.h"
#include "runtime/http/http1_head.h"
#include "runtime/upstream/ask_head.h"
#include "runtime/upstream/start_tls.h"
#include "runtime/upstream/stream_deadline.h"

namespace gw::upstream {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSweep{50};
constexpr size_t kMaxTlsClients = 64;
constexpr std::string_view kTooLate = "no answer in time";
static_assert(kMaxShortHeadBytes <= http::kReadBufferBytes);  // what came with a head fits an input

bool is_line_safe(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<u8>(c) >= ' ' && c != 0x7f; });
}

std::string request_text(const net::HttpCall& call, const net::FetchUrl& url) {
  std::string text = fmt::format(
      "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: gwctl\r\nAccept: application/json\r\n"
      "Connection: close\r\n",
      call.post ? "POST" : "GET", url.target, url.authority);
  for (const auto& [name, value] : call.fields) text += fmt::format("{}: {}\r\n", name, value);
  if (call.post) text += fmt::format("Content-Length: {}\r\n", call.post->size());
  text += "\r\n";
  if (call.post) text += *call.post;
  return text;
}

std::string joined(const http::FieldList& fields, http::FieldId id) {
  std::string out;
  for (const http::Field& field : fields) {
    if (field.removed || field.id != id) continue;
    if (!out.empty()) out += ", ";
    out += field.value;
  }
  return out;
}

}  // namespace

class HttpClient::Request final : private http::Http1BodyHost {
 public:
  Request(HttpClient& owner, net::HttpCall call, Done done)
      : owner_(owner),
        call_(std::move(call)),
        done_(std::move(done)),
        due_(owner.loop_.now() + milliseconds(call_.timeout_ms)),
        begin_(&Request::on_begin, this) {
    owner_.loop_.defer(begin_);
  }
  ~Request() { *alive_ = false; }

  bool finished() const { return finished_; }
  bool at_rest() const {
    return task_.done() &&
           (stream_ == nullptr || (!stream_->reading.pending && !stream_->writing.pending));
  }
  // Calls back, once. Nothing of this is used afterwards by what runs, so it may be destroyed.
  Done take_done() { return std::exchange(done_, {}); }
  net::HttpReply take_reply() { return std::move(reply_); }

  void stop() {
    done_ = {};
    finished_ = true;
    stopped_ = true;
    if (stream_ != nullptr) stream_->cancel();
  }

 private:
  static void on_begin(void* context) { static_cast<Request*>(context)->begin(); }

  void begin() {
    if (stopped_) return;
    const auto url = net::parse_fetch_url(call_.url);
    if (!url) {
      finish("not a URL of http or https");
      return;
    }
    for (const auto& [name, value] : call_.fields) {
      if (is_line_safe(name) && is_line_safe(value)) continue;
      finish("a field of the request would break its line");
      return;
    }
    url_ = *url;
    if (const auto ip = parse_ip(url_.host)) {
      add_address(*ip);
      connect();
      return;
    }
    for (const IpAddress& ip : owner_.dns_.known_locally(url_.host)) add_address(ip);
    if (!target_.addresses.empty()) {
      connect();
      return;
    }
    expected_ = 2;
    ask(net::DnsType::A);
    ask(net::DnsType::Aaaa);
  }

  void ask(net::DnsType type) {
    owner_.dns_.ask(url_.host, type, [this, alive = alive_](const net::DnsReply& reply) {
      if (*alive) take_addresses(reply);
    });
  }

  void take_addresses(const net::DnsReply& reply) {
    if (reply.status == net::DnsStatus::Answered) {
      for (const IpAddress& ip : reply.answer.addresses) add_address(ip);
    } else {
      dns_problem_ = net::dns_status_text(reply.status);
    }
    if (--expected_ != 0 || stopped_) return;
    if (target_.addresses.empty()) {
      finish(dns_problem_);
    } else if (owner_.loop_.now() >= due_) {
      finish(kTooLate);
    } else {
      connect();
    }
  }

  void add_address(const IpAddress& ip) {
    if (ip.v6 && !has_route(ip)) return;  // most machines have none, and would wait for it in vain
    target_.addresses.push_back(socket_address(ip, url_.port));
  }

  void connect() {
    target_.address = url_.authority;
    request_ = request_text(call_, url_);
    task_ = run();
    task_.start();
  }

  Task<void> run() {
    std::string_view problem = co_await exchange();
    if (stream_ != nullptr) stream_->close(false);
    if (!problem.empty() && owner_.loop_.now() >= due_) problem = kTooLate;
    finish(problem);
  }

  // What went wrong; empty: the reply is whole.
  Task<std::string_view> exchange() {
    auto connected = co_await owner_.connector_.connect(target_, due_);
    if (!connected) co_return connected.error().what;
    stream_ = std::move(*connected);
    if (stopped_) co_return kTooLate;
    if (url_.tls) {
      net::TlsClient* tls = owner_.tls_of(call_.tls);
      if (tls == nullptr) co_return std::string_view("TLS settings cannot be used");
      const auto secured = co_await start_tls(stream_, *tls, url_.host, owner_.loop_, due_);
      if (!secured) co_return secured.error().what;
      if (stopped_) co_return kTooLate;
    }
    const StreamDeadline deadline(owner_.loop_, *stream_, due_);
    std::string received;
    const auto head_bytes = co_await ask_head(*stream_, request_, received);
    if (!head_bytes) co_return head_bytes.error().what;
    http::ResponseHead head(arena_);
    http::ResponseWire wire;
    const std::string_view text = std::string_view(received).substr(0, *head_bytes);
    const auto method = call_.post ? http::Method::Post : http::Method::Get;
    const auto parsed = http::parse_response_head(text, method, head, wire);
    if (!parsed || head.status < 200) co_return std::string_view("the answer is not HTTP");
    const std::string_view rest = std::string_view(received).substr(*head_bytes);
    const std::string_view problem = co_await read_body(rest, wire);
    if (!problem.empty()) co_return problem;
    reply_.status = head.status;
    reply_.content_type = head.fields.value(http::FieldId::ContentType);
    reply_.cache_control = joined(head.fields, http::FieldId::CacheControl);
    reply_.age = head.fields.value(http::FieldId::Age);
    reply_.retry_after = head.fields.value(http::FieldId::RetryAfter);
    co_return std::string_view();
  }

  Task<std::string_view> read_body(std::string_view rest, const http::ResponseWire& wire) {
    http::Http1Input input(*stream_, owner_.loop_.buffers);
    if (!rest.empty()) input.append(rest);
    http::Http1Body body(*stream_, input, *this, Origin::Upstream);
    body.begin(wire.framing, wire.content_length, arena_);
    const auto whole = co_await read_whole(body, call_.max_body_bytes, arena_);
    // A read that was cancelled has ended by now, so its buffer may go.
    if (!whole && whole.error().code == Errc::BodyTooLarge) {
      co_return std::string_view("the answer is too large");
    }
    if (!whole) co_return whole.error().what;
    reply_.body = as_text(*whole);
    co_return std::string_view();
  }

  Result<void> before_body_read() override {
    // cancel() of the stream reaches pending reads only.
    if (stopped_ || owner_.loop_.now() >= due_) return fail(Errc::UpstreamTimeout, kTooLate);
    stream_->look_again();
    return {};
  }
  Error body_read_error(int error_number) override {
    return Error{.code = Errc::PeerClosed,
                 .origin = Origin::Upstream,
                 .sys = error_number,
                 .what = "the answer broke off"};
  }
  void body_bytes_read(u64) override {}

  void finish(std::string_view problem) {
    if (!problem.empty()) reply_ = net::HttpReply{.problem = problem};
    finished_ = true;
    owner_.loop_.defer(owner_.finished_);
  }

  HttpClient& owner_;
  const net::HttpCall call_;
  Done done_;
  const net::TimePoint due_;
  net::FetchUrl url_;
  TargetConfig target_;
  std::string request_;
  u32 expected_ = 0;  // replies of name servers
  std::string_view dns_problem_ = "the name has no address that there is a route to";
  Arena arena_;
  std::unique_ptr<net::ByteStream> stream_;
  Task<void> task_;
  net::HttpReply reply_;
  bool finished_ = false;
  bool stopped_ = false;
  net::Deferred begin_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // replies may come after the end
};

HttpClient::HttpClient(net::EventLoop& loop, net::DnsClient& dns, Connector& connector)
    : loop_(loop),
      dns_(dns),
      connector_(connector),
      finished_(&HttpClient::on_sweep, this),
      sweep_timer_(&HttpClient::on_sweep, this) {}

HttpClient::~HttpClient() { GW_CHECK(requests_.empty()); }

void HttpClient::send(net::HttpCall call, Done done) {
  if (requests_.size() >= kMaxUnderWay) {
    loop_.post([done = std::move(done)] {
      net::HttpReply reply;
      reply.problem = "too many requests at a time";
      done(std::move(reply));
    });
    return;
  }
  requests_.push_back(std::make_unique<Request>(*this, std::move(call), std::move(done)));
}

// Null: the settings cannot be used.
net::TlsClient* HttpClient::tls_of(const std::shared_ptr<const net::TlsClientOptions>& options) {
  const auto known = tls_.find(options);
  if (known != tls_.end()) return known->second.get();
  if (tls_.size() >= kMaxTlsClients) return nullptr;
  net::TlsClientOptions used;
  if (options != nullptr) used = *options;
  used.http2 = false;  // which is not spoken here
  std::string problem;
  auto made = net::TlsClient::make(used, problem);
  if (!made) return nullptr;
  return (tls_[options] = *std::move(made)).get();
}

void HttpClient::on_sweep(void* context) { static_cast<HttpClient*>(context)->sweep(); }

void HttpClient::sweep() {
  std::vector<std::pair<Done, net::HttpReply>> told;
  for (const auto& request : requests_) {
    if (!request->finished() || !request->at_rest()) continue;
    if (Done done = request->take_done()) told.emplace_back(std::move(done), request->take_reply());
  }
  std::erase_if(requests_, [](const auto& one) { return one->finished() && one->at_rest(); });
  // Requests hold the settings of the client that they use.
  std::erase_if(tls_, [](const auto& one) { return one.first.use_count() == 1; });
  const auto lingers = [](const auto& one) { return one->finished(); };
  if (std::ranges::any_of(requests_, lingers)) loop_.set_timer(sweep_timer_, loop_.now() + kSweep);
  for (auto& [done, reply] : told) done(std::move(reply));
}

bool HttpClient::stop() {
  for (const auto& request : requests_) request->stop();
  std::erase_if(requests_, [](const auto& one) { return one->at_rest(); });
  return requests_.empty();
}

}  // namespace gw::upstream
