#include "cli/testing/scripted_upstreams.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "cli/testing/matcher.h"
#include "runtime/base/units.h"
#include "runtime/http/http1_chunked.h"
#include "runtime/upstream/connector.h"
#include "runtime/upstream/state.h"

namespace gw::cli::tests {
namespace {

using net::MemoryPeer;
using std::chrono::milliseconds;

// Reads one request; false: not all of it is there yet.
bool parse_request(std::string_view text, SentRequest& out) {
  const size_t head_end = text.find("\r\n\r\n");
  if (head_end == text.npos) return false;
  std::string_view head = text.substr(0, head_end + 2);
  const std::string_view rest = text.substr(head_end + 4);
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  head.remove_prefix(line.size() + 2);
  u64 length = 0;
  bool chunked = false;
  while (!head.empty()) {
    const std::string_view field = head.substr(0, head.find("\r\n"));
    head.remove_prefix(field.size() + 2);
    const size_t colon = field.find(':');
    std::string_view value = field.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    const std::string_view name = field.substr(0, colon);
    if (http::equal_fold(name, "content-length")) length = parse_count(value).value_or(0);
    if (http::equal_fold(name, "transfer-encoding")) chunked = true;
    out.fields.push_back({std::string(name), std::string(value)});
  }
  if (!chunked) {
    out.body = rest.substr(0, length);
    return rest.size() >= length;
  }
  http::ChunkedDecoder decoder;
  std::string body(rest.size(), 0);
  http::ChunkedDecoder::Step step;
  if (!decoder.decode(rest.data(), rest.size(), body.data(), body.size(), step)) return true;
  out.body = body.substr(0, step.produced);
  return step.end;
}

// What authorizers and issuers are asked hangs below its exchange, too, and is no try of it.
bool is_part(const Exchange& exchange) { return exchange.depth != 0 && exchange.cancels_alone; }

bool has_body(const Reply& reply, std::string_view method) {
  return method != "HEAD" && reply.status >= 200 && reply.status != 204 && reply.status != 304;
}

std::string wire_of(const Reply& reply, std::string_view method) {
  std::string out = fmt::format("HTTP/1.1 {} Scripted\r\n", reply.status);
  bool framed = !has_body(reply, method);
  for (const engine::OfflineField& field : reply.headers) {
    framed = framed || http::equal_fold(field.name, "content-length");
    out += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  if (!framed) out += fmt::format("content-length: {}\r\n", reply.body.size());
  out += "connection: close\r\n\r\n";
  if (has_body(reply, method)) out += reply.body;
  return out;
}

}  // namespace

// One connection, for one request: so each try takes one reply, whatever became of the last one.
struct ScriptedUpstreams::Talk {
  Talk(ScriptedUpstreams& all, std::string name, std::optional<Reply> next)
      : owner(all),
        upstream(std::move(name)),
        chosen(next.has_value()),
        reply(std::move(next).value_or(Reply{})) {}

  void read() {
    if (answered) return;
    SentRequest request;
    if (!parse_request(peer.received(), request)) return;
    answered = true;
    request.upstream = upstream;
    choose(request.target);
    method = request.method;
    owner.sent_.push_back(std::move(request));
    if (reply.delay_ms == 0) return answer();
    owner.loop_.set_timer(timer, owner.loop_.now() + milliseconds(reply.delay_ms));
  }

  void choose(const std::string& target) {
    if (chosen) return;
    chosen = true;
    if (const Reply* next = owner.next_reply(upstream, &target)) reply = *next;
  }

  void answer() {
    if (reply.failure == Reply::Failure::Timeout) return;
    if (reply.failure == Reply::Failure::Reset) return peer.reset();
    peer.send_and_close(wire_of(reply, method));
  }

  ScriptedUpstreams& owner;
  std::string upstream;
  bool chosen;  // else when its request has been read
  Reply reply;
  MemoryPeer peer;
  std::string method;
  bool answered = false;
  net::Timer timer{[](void* talk) { static_cast<Talk*>(talk)->answer(); }, this};
};

class ScriptedUpstreams::Target final : public upstream::Connector {
 public:
  Target(ScriptedUpstreams& owner, std::string upstream)
      : owner_(owner), upstream_(std::move(upstream)) {}

  Task<Result<std::unique_ptr<net::ByteStream>>> connect(const upstream::TargetConfig&,
                                                         net::TimePoint due) override {
    // Some are for certain requests, and which one this is for is known when it comes.
    std::optional<Reply> chosen;
    if (!owner_.waits_for_target(upstream_)) {
      const Reply* next = owner_.next_reply(upstream_, nullptr);
      chosen = next == nullptr ? Reply{} : *next;
    }
    const Reply reply = chosen.value_or(Reply{});
    if (reply.failure == Reply::Failure::Connect) {
      const net::TimePoint when = owner_.loop_.now() + milliseconds(reply.delay_ms);
      if (reply.delay_ms != 0) co_await owner_.loop_.sleep_until(std::min(when, due));
      const bool late = reply.delay_ms != 0 && when >= due;
      co_return fail(Error{.code = late ? Errc::UpstreamTimeout : Errc::ConnectFailed,
                           .origin = Origin::Upstream,
                           .retry = Retry::Safe,
                           .sys = late ? ETIMEDOUT : ECONNREFUSED,
                           .what = "scripted"});
    }
    auto talk = std::make_unique<Talk>(owner_, upstream_, std::move(chosen));
    std::unique_ptr<net::ByteStream> stream = net::make_memory_stream(owner_.loop_, talk->peer);
    owner_.listen(*talk);
    owner_.talks_.push_back(std::move(talk));
    co_return stream;
  }

 private:
  ScriptedUpstreams& owner_;
  std::string upstream_;
};

ScriptedUpstreams::ScriptedUpstreams(const std::vector<upstream::UpstreamConfig>& configs,
                                     net::VirtualLoop& loop, Random& random)
    : configs_(configs),
      loop_(loop),
      random_(random),
      targets_(configs.size()),
      fetchers_(configs.size()) {}

ScriptedUpstreams::~ScriptedUpstreams() {
  for (const auto& talk : talks_) talk->peer.on_change(nullptr);
  loop_.run();
  for (const auto& fetcher : fetchers_) {
    if (fetcher != nullptr) fetcher->pools().back()->shut_down();
  }
  loop_.run();
  for (const auto& fetcher : fetchers_) {
    if (fetcher != nullptr) GW_CHECK(fetcher->pools().back()->shut_down());
  }
}

void ScriptedUpstreams::listen(Talk& talk) {
  talk.peer.on_change([&talk] { talk.read(); });
}

void ScriptedUpstreams::set_script(std::vector<Reply> replies) {
  script_ = std::move(replies);
  used_.assign(script_.size(), false);
}

std::vector<SentRequest> ScriptedUpstreams::take_sent() {
  std::erase_if(talks_, [](const std::unique_ptr<Talk>& talk) {
    if (!talk->peer.closed()) return false;
    talk->peer.on_change(nullptr);
    return true;
  });
  return std::exchange(sent_, {});
}

// `target` null: it is not known, and no entry asks for one before a connection fails.
Reply* ScriptedUpstreams::next_reply(const std::string& upstream, const std::string* target) {
  for (size_t i = 0; i < script_.size(); ++i) {
    if (used_[i] || (!script_[i].of.empty() && script_[i].of != upstream)) continue;
    if (target != nullptr) {
      if (script_[i].failure == Reply::Failure::Connect) continue;
      std::vector<Mismatch> differences;
      if (script_[i].path) compare_field(*script_[i].path, {*target}, {}, differences);
      if (!differences.empty()) continue;
    }
    used_[i] = true;
    return &script_[i];
  }
  return nullptr;
}

bool ScriptedUpstreams::waits_for_target(const std::string& upstream) const {
  bool first = true;
  for (size_t i = 0; i < script_.size(); ++i) {
    if (used_[i] || (!script_[i].of.empty() && script_[i].of != upstream)) continue;
    if (script_[i].path) return true;
    if (first && script_[i].failure == Reply::Failure::Connect) return false;
    first = false;
  }
  return false;
}

upstream::PoolFetcher& ScriptedUpstreams::fetcher_of(u32 index) {
  if (fetchers_[index] == nullptr) {
    upstream::UpstreamConfig config = configs_[index];
    upstream::attach_new_state(config);
    targets_[index] = std::make_unique<Target>(*this, config.name);
    auto pool =
        std::make_shared<upstream::Pool>(loop_, random_, *targets_[index], std::move(config));
    // It is found by the index of its upstream.
    fetchers_[index] = std::make_unique<upstream::PoolFetcher>(
        loop_, std::vector<std::shared_ptr<upstream::Pool>>(index + 1, pool));
  }
  return *fetchers_[index];
}

Task<Result<void>> ScriptedUpstreams::fetch(Exchange& exchange, const http::RequestHead& request,
                                            http::BodySource* body, const FetchOptions& options,
                                            Responder* responder, Fetched& out) {
  upstream::PoolFetcher& fetcher = fetcher_of(options.upstream);
  const u32 before = exchange.try_count;
  Result<void> result = co_await fetcher.fetch(exchange, request, body, options, responder, out);
  if (is_part(exchange)) part_tries_ += exchange.try_count - before;
  co_return result;
}

// Any of them: the connection knows its pool.
void ScriptedUpstreams::release(Fetched& out) noexcept {
  for (const auto& fetcher : fetchers_) {
    if (fetcher != nullptr) return fetcher->release(out);
  }
}

}  // namespace gw::cli::tests
