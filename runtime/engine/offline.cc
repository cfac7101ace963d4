#include "runtime/engine/offline.h"

#include <algorithm>

#include "runtime/base/letter_case.h"
#include "runtime/base/uri_path.h"
#include "runtime/encoding/decoded_body.h"
#include "runtime/identity/password_hash.h"

namespace gw::engine {
namespace {

std::vector<OfflineField> copy_fields(const http::FieldList& fields) {
  std::vector<OfflineField> out;
  for (const http::Field& field : fields) {
    if (!field.removed) out.push_back({std::string(field.name), std::string(field.value)});
  }
  return out;
}

}  // namespace

Task<void> FakeClock::sleep_until(TimePoint when) { co_await Awaiter{*this, when}; }

void FakeClock::advance(std::chrono::milliseconds by) {
  const TimePoint end = now_ + by;
  for (;;) {
    const auto next = std::ranges::min_element(sleepers_, {}, &Sleeper::due);
    if (next == sleepers_.end() || next->due > end) break;
    const Sleeper sleeper = *next;
    sleepers_.erase(next);
    now_ = std::max(now_, sleeper.due);
    sleeper.handle.resume();
  }
  now_ = end;
}

Task<Result<void>> MemoryResponder::inform(const http::ResponseHead& head) {
  informed.push_back(head.status);
  co_return Result<void>{};
}

void MemoryResponder::head(const http::ResponseHead& head) {
  status = head.status;
  fields = copy_fields(head.fields);
}

Task<Result<void>> MemoryResponder::data(Bytes bytes) {
  body += as_text(bytes);
  co_return Result<void>{};
}

Task<Result<void>> MemoryResponder::end(Bytes last, const http::FieldList*) {
  body += as_text(last);
  ended = true;
  co_return Result<void>{};
}

std::string MemoryResponder::plain_body() const {
  constexpr u64 kMostBytes = u64{1} << 26;
  Arena arena;
  http::FieldList list(arena);
  for (const OfflineField& each : fields) list.add(std::string_view(each.name), each.value);
  const encoding::Coding coding = encoding::coding_of(list).coding;
  if (coding == encoding::Coding::Identity) return body;
  const encoding::DecodeLimits limits{.bytes = kMostBytes, .ratio = kMostBytes};
  const Result<Bytes> decoded = encoding::decode_whole(coding, as_bytes(body), limits, arena);
  return decoded ? std::string(as_text(*decoded)) : body;
}

const std::string* MemoryResponder::field(std::string_view name) const {
  for (const OfflineField& field : fields) {
    if (http::equal_fold(field.name, name)) return &field.value;
  }
  return nullptr;
}

Task<Result<void>> ScriptedFetcher::fetch(Exchange& exchange, const http::RequestHead& request,
                                          http::BodySource* body, const FetchOptions& options,
                                          Responder*, Fetched& out) {
  Sent& sent_request = sent.emplace_back();
  sent_request.options = options;
  sent_request.upstream = options.upstream;
  sent_request.method = request.method_text;
  sent_request.target = request.path;
  if (request.has_query) sent_request.target.append("?").append(request.query);
  sent_request.fields = copy_fields(request.fields);
  const size_t index = sent.size() - 1;
  if (body != nullptr) {
    Result<Bytes> whole = co_await http::read_whole(*body, size_t{1} << 24, exchange.arena);
    if (!whole) co_return fail(whole.error());
    sent[index].body = as_text(*whole);
  }
  ScriptedAnswer answer;
  if (next_ < script.size()) answer = script[next_++];
  if (answer.drop_on_reuse) {
    const Error stale{.code = Errc::UpstreamClosed,
                      .origin = Origin::Upstream,
                      .retry = Retry::Reused,
                      .what = "scripted"};
    if (!options.replay_safe || body != nullptr) co_return fail(stale);
    Sent again = sent[index];
    sent.push_back(std::move(again));
    answer = next_ < script.size() ? script[next_++] : ScriptedAnswer{};
  }
  if (answer.after.count() > 0) {
    const TimePoint due = clock_.now() + answer.after;
    TimePoint limit = options.deadline;
    if (options.try_timeout_ms != 0) {
      limit = std::min(limit, clock_.now() + std::chrono::milliseconds(options.try_timeout_ms));
    }
    co_await clock_.sleep_until(std::min(due, limit));
    if (due > limit) {
      const Error late{
          .code = Errc::UpstreamTimeout, .origin = Origin::Upstream, .what = "scripted"};
      co_return fail(late);
    }
  }
  if (answer.failure != Errc::None) {
    const Error failure{.code = answer.failure, .origin = Origin::Upstream, .what = "scripted"};
    co_return fail(failure);
  }
  out.head.status = answer.status;
  out.target_token = answer.target_token;
  for (const OfflineField& field : answer.fields) {
    out.head.fields.add(exchange.arena.copy(field.name), exchange.arena.copy(field.value));
  }
  out.head.framing = http::Framing::Length;
  out.head.content_length = answer.body.size();
  const std::string_view text = exchange.arena.copy(answer.body);
  bodies_.push_back(std::make_unique<http::MemoryBody>(as_bytes(text)));
  out.body = bodies_.back().get();
  co_return Result<void>{};
}

void ScriptedFetcher::release(Fetched& out) noexcept {
  ++released;
  out.body = nullptr;
}

Task<PasswordChecker::Verdict> OfflinePasswords::check(std::string_view hash,
                                                       std::string_view password) {
  co_return identity::is_password(hash, password) ? Verdict::Right : Verdict::Wrong;
}

bool make_request(Exchange& exchange, std::string_view method, std::string_view target,
                  const std::vector<OfflineField>& fields, std::string& problem) {
  http::RequestHead& request = exchange.request;
  Arena& arena = exchange.arena;
  request.method_text = arena.copy(method);
  request.method = http::parse_method(method);
  request.scheme = "http";
  request.target = arena.copy(target);
  const size_t mark = request.target.find('?');
  const std::string_view raw = request.target.substr(0, mark);
  request.has_query = mark != std::string_view::npos;
  request.query = request.has_query ? request.target.substr(mark + 1) : std::string_view{};
  if (raw == "*") {
    request.path = raw;
  } else {
    char* out = static_cast<char*>(arena.allocate(raw.size() + 1, 1));
    const PathProblem found = normalise_path(raw, PathOptions{}, out, request.path);
    if (found != PathProblem::None) {
      problem = "the path has " + std::string(path_problem_text(found));
      return false;
    }
  }
  for (const OfflineField& field : fields) {
    request.fields.add(arena.copy(field.name), arena.copy(field.value));
  }
  std::string host(request.fields.value(http::FieldId::Host));
  request.authority = arena.copy(host);
  host = lower_case(host);
  const size_t bracket = host.find(']');
  const size_t colon = host.rfind(':');
  if (colon != host.npos && (bracket == host.npos || colon > bracket)) host.erase(colon);
  if (host.ends_with('.')) host.pop_back();
  request.host = arena.copy(host);
  return true;
}

}  // namespace gw::engine
