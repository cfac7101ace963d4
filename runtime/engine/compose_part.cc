#include "runtime/engine/compose_part.h"

#include <algorithm>
#include <chrono>

#include "runtime/base/method.h"
#include "runtime/base/units.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/fetch_options.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/template.h"
#include "runtime/observe/tracer.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

using policies::CallRecord;
using policies::HeaderSetRecord;
using std::chrono::milliseconds;

constexpr size_t kMostRequestBytes = size_t{1} << 20;

// What of the parent's surroundings is true of its parts as well.
void inherit(const Exchange& parent, Exchange& call) {
  call.table = parent.table;
  call.live = parent.live;
  call.parent = &parent;
  call.depth = parent.depth + 1;
  call.cancels_alone = true;
  call.peer = parent.peer;
  call.client = parent.client;
  call.client_text = parent.client_text;
  call.peer_text = parent.peer_text;
  call.local = parent.local;
  call.tls = parent.tls;
  call.client_certificate = parent.client_certificate;
  call.forwarding = parent.forwarding;
  call.request_id = parent.request_id;
  call.identity = parent.identity;
  call.client_class = parent.client_class;
}

}  // namespace

Task<Result<void>> CollectingResponder::inform(const http::ResponseHead& head) {
  static_cast<void>(head);
  co_return Result<void>{};
}

// Copied: what was fetched may be given back before anybody looks.
void CollectingResponder::head(const http::ResponseHead& head) {
  status_ = head.status;
  for (const http::Field& field : head.fields) {
    if (field.removed) continue;
    fields_.add(field.id, exchange_.arena.copy(field.name), exchange_.arena.copy(field.value));
  }
}

bool CollectingResponder::take(Bytes bytes) {
  too_long_ = too_long_ || bytes.size() > max_bytes_ - std::min<u64>(max_bytes_, body_.size());
  if (!too_long_) body_ += as_text(bytes);
  return !too_long_;
}

Task<Result<void>> CollectingResponder::data(Bytes bytes) {
  if (!take(bytes)) co_return fail(Errc::BodyTooLarge, "part of a composition is too long");
  co_return Result<void>{};
}

Task<Result<void>> CollectingResponder::end(Bytes last, const http::FieldList* trailers) {
  static_cast<void>(trailers);
  if (!take(last)) co_return fail(Errc::BodyTooLarge, "part of a composition is too long");
  complete_ = true;
  co_return Result<void>{};
}

CallPart::CallPart(Exchange& parent, Env& env, const CallRecord& record, u32 budget)
    : env_(env), record_(record), responder_(call_, record.max_size) {
  inherit(parent, call_);
  call_.part_budget = budget;
  call_.started = env.clock.now();
  call_.deadline = parent.deadline;
  const u64 timeout = parent.table->number(record.timeout);
  if (timeout != 0) {
    call_.deadline = std::min(call_.deadline, call_.started + milliseconds(timeout));
  }
  applies_ = make_request(parent);
  link(parent);
}

void CallPart::cancel() noexcept {
  call_.client_gone = true;
  call_.cancel_all();
}

bool CallPart::make_path(Exchange& parent, http::RequestHead& request) {
  std::string_view path;
  if (!evaluate(parent, record_.path, path)) return false;
  const size_t mark = path.find('?');
  request.path = call_.arena.copy(path.substr(0, mark));
  std::string query(mark == path.npos ? std::string_view{} : path.substr(mark + 1));
  const table::TableView& view = parent.table->view();
  std::string_view value;
  for (const auto& pair : view.policy_list<HeaderSetRecord>(record_.query)) {
    if (!evaluate(parent, pair.value, value)) continue;
    if (!query.empty()) query += '&';
    append_query_encoded(view.text(pair.name), query);
    query += '=';
    append_query_encoded(value, query);
  }
  request.query = call_.arena.copy(query);
  request.has_query = !query.empty();
  return request.path.starts_with('/');
}

void CallPart::add_fields(Exchange& parent, http::RequestHead& request) {
  const table::TableView& view = parent.table->view();
  request.fields.add(http::FieldId::Host, request.authority);
  std::string_view value;
  for (const auto& field : view.policy_list<HeaderSetRecord>(record_.headers)) {
    if (!evaluate(parent, field.value, value) || !is_field_value(value)) continue;
    request.fields.set(view.text(field.name), call_.arena.copy(value));
  }
  // As with `request.headers` of an operation: who answers for several hosts is asked by name.
  const http::Field* host = request.fields.find(http::FieldId::Host);
  if (record_.route == 0 && host != nullptr) request.authority = request.host = host->value;
}

bool CallPart::make_request(Exchange& parent) {
  const table::TableView& view = parent.table->view();
  const bool is_operation = record_.route != 0;
  // A table may name neither; its fields are checked one by one.
  if (is_operation ? record_.route > view.routes().size()
                   : record_.upstream >= view.upstreams().size()) {
    return false;
  }
  http::RequestHead& request = is_operation ? call_.request : call_.upstream_request;
  request.method_text = is_operation ? view.text(view.routes()[record_.route - 1].method)
                                     : policies::kCallMethodWords[record_.method];
  if (request.method_text == "*") request.method_text = "GET";
  request.method = http::parse_method(request.method_text);
  request.scheme = is_operation ? parent.request.scheme : std::string_view("http");
  const std::string_view host = view.text(record_.host);
  request.authority = is_operation ? (host.empty() ? parent.request.authority : host)
                                   : view.text(view.upstreams()[record_.upstream].name);
  request.host = is_operation && host.empty() ? parent.request.host : request.authority;
  if (!make_path(parent, request)) return false;
  add_fields(parent, request);
  if (is_operation) call_.expected_route = record_.route - 1;
  if (record_.body.count == 0) return true;
  std::string body;
  if (!write_template(parent, record_.body, kMostRequestBytes, body)) return false;
  body_ = http::MemoryBody(as_bytes(call_.arena.copy(body)));
  has_body_ = true;
  call_.request_body = &body_;
  request.framing = http::Framing::Length;
  request.content_length = body.size();
  if (!request.fields.has(http::FieldId::ContentType)) {
    request.fields.add(http::FieldId::ContentType, "application/json");
  }
  return true;
}

Task<void> CallPart::run() {
  if (record_.route != 0) {
    co_await run_operation();
  } else {
    co_await ask_upstream();
    call_.response.status = answer_.status;
  }
  env_.observer.part_finished(call_);
}

Task<void> CallPart::run_operation() {
  co_await gw::run(call_, env_, responder_);
  answer_.timed_out = call_.error.code == Errc::UpstreamTimeout;
  if (!responder_.complete()) co_return;
  answer_.status = responder_.status();
  answer_.fields = &responder_.fields();
  answer_.body = responder_.body();
}

Task<void> CallPart::ask_upstream() {
  const BoundTable& table = *call_.table;
  const policies::SettingsRecord& settings = settings_of(*call_.parent);
  if (env_.tracer != nullptr) env_.tracer->begin(call_);
  if (call_.trace != nullptr) observe::forward_trace(call_);
  FetchOptions options;
  options.upstream = call_.upstream = record_.upstream;
  options.deadline = call_.deadline;
  set_timeouts(table, settings, options);
  options.replay_safe = http::is_idempotent(call_.upstream_request.method);
  options.retry_times = record_.retries;
  options.retry_buffer_bytes = kMostRequestBytes;
  // One that composes has no `retry` of its own, and goes by that which operations have by default.
  if (settings.retry.times != 0) set_retry(table, settings, options);
  Fetched fetched(call_.arena);
  http::BodySource* body = has_body_ ? &body_ : nullptr;
  const Result<void> result =
      co_await env_.fetcher.fetch(call_, call_.upstream_request, body, options, nullptr, fetched);
  if (!result) {
    answer_.timed_out = result.error().code == Errc::UpstreamTimeout;
    co_return;
  }
  responder_.head(fetched.head);
  bool whole = true;
  if (fetched.body != nullptr) {
    const Result<Bytes> read =
        co_await http::read_whole(*fetched.body, record_.max_size, call_.arena);
    whole = read.has_value();
    if (whole) answer_.body = as_text(*read);
    answer_.timed_out = !whole && read.error().code == Errc::RequestTimeout;
  }
  env_.fetcher.release(fetched);
  if (!whole) co_return;
  answer_.status = responder_.status();
  answer_.fields = &responder_.fields();
}

}  // namespace gw::engine
