#include "runtime/observe/tracer.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <new>

#include "runtime/cache/use.h"
#include "runtime/observe/error_names.h"
#include "runtime/observe/shown_path.h"
#include "runtime/observe/span_text.h"

namespace gw::observe {
namespace {

constexpr u64 kWhole = 10'000;  // hundredths of a percent

TraceId make_trace_id(Random& random) {
  TraceId id;
  u64 halves[2] = {};
  while (halves[0] == 0 || halves[1] == 0) {
    halves[0] = random.next();
    halves[1] = random.next();
  }
  std::memcpy(id.data(), halves, sizeof halves);
  return id;
}

// Wall time of what the steady clock has seen.
class WallTime {
 public:
  explicit WallTime(const Clock& clock)
      : unix_ns_(static_cast<u64>(clock.unix_ms()) * 1'000'000),
        now_(std::chrono::steady_clock::now()) {}
  u64 operator()(TimePoint when) const {
    const auto ago = std::chrono::duration_cast<std::chrono::nanoseconds>(now_ - when).count();
    return unix_ns_ - static_cast<u64>(ago < 0 ? 0 : ago);
  }
  u64 now() const { return unix_ns_; }

 private:
  u64 unix_ns_;
  TimePoint now_;
};

// `10.0.0.1:80`, `[::1]:80`, `unix:/path`.
void write_server(SpanText& span, std::string_view address) {
  const size_t colon = address.rfind(':');
  u32 port = 0;
  const bool numbered =
      colon != address.npos && !address.starts_with("unix:") &&
      std::from_chars(address.data() + colon + 1, address.data() + address.size(), port).ec ==
          std::errc();
  span.text("server.address", numbered ? address.substr(0, colon) : address);
  if (numbered) span.number("server.port", port);
}

constexpr std::string_view kOtherMethod = "_OTHER";

// As OpenTelemetry names it: one that is not known is no value of its own.
std::string_view method_of(const http::RequestHead& request) {
  return request.method == http::Method::Other ? kOtherMethod : request.method_text;
}

std::string shown_path(const Exchange& exchange, u32 secret_captures) {
  std::string path;
  each_piece_of_shown_path(exchange, secret_captures,
                           [&path](std::string_view piece) { path += piece; });
  return path;
}

// Without the query, which is nobody's business (as in the log), and without secret parts of the
// path; where those are in a path that is made anew is not known.
std::string full_url(const Exchange& exchange, const TryTrace& traced, std::string_view target,
                     u32 secret_captures) {
  const std::string_view path = exchange.upstream_request.path;
  std::string shown = secret_captures == 0            ? std::string(path)
                      : path == exchange.request.path ? shown_path(exchange, secret_captures)
                                                      : std::string("/*");
  return fmt::format("{}://{}{}{}", traced.tls ? "https" : "http", target, traced.path_prefix,
                     shown);
}

// `purpose`: of a question beside the request; empty: it is the request.
void write_tries(const Exchange& exchange, const WallTime& wall, std::string_view upstream,
                 u32 secret_captures, std::string_view purpose, std::string& out) {
  const Trace& trace = *exchange.trace;
  const std::string_view method = method_of(exchange.upstream_request);
  for (u32 i = 0; i < exchange.try_count; ++i) {
    const TryTrace& traced = trace.tries[i];
    if (traced.begin == TimePoint{}) continue;
    const TryRecord& record = exchange.tries[i];
    const u64 begin = wall(traced.begin);
    SpanText span(out, trace.trace_id, traced.span, &trace.span, SpanKind::Client,
                  method == kOtherMethod ? "HTTP" : method, begin,
                  begin + u64{record.microseconds} * 1000);
    span.text("http.request.method", method);
    if (method == kOtherMethod) {
      span.text("http.request.method_original", exchange.upstream_request.method_text);
    }
    span.text("url.full", full_url(exchange, traced, record.target, secret_captures));
    write_server(span, record.target);
    if (record.status != 0) span.number("http.response.status_code", record.status);
    if (i != 0) span.number("http.request.resend_count", i);
    span.text("error.type", record.status >= 400 ? std::to_string(record.status)
                                                 : std::string(error_name(record.error)));
    span.text("gw.upstream", upstream);
    span.text("gw.purpose", purpose);
    span.end(record.status == 0 || record.status >= 400);
  }
}

void write_steps(const Exchange& exchange, const WallTime& wall, Random& random, std::string& out) {
  const Trace& trace = *exchange.trace;
  for (u32 i = 0; i < trace.step_count; ++i) {
    const StepTrace& step = trace.steps[i];
    const policies::PolicyInfo* policy = policies::find_policy(static_cast<u16>(step.policy));
    if (policy == nullptr) continue;
    SpanText span(out, trace.trace_id, make_span_id(random), &trace.span, SpanKind::Internal,
                  policy->name, wall(step.begin), wall(step.end));
    span.text("gw.policy", policy->name);
    span.flag("gw.waited", step.waited);
    if (step.denied) span.flag("gw.denied", true);
    span.end(false);
  }
}

u32 try_spans_of(const Exchange& exchange) {
  u32 count = 0;
  for (u32 i = 0; i < exchange.try_count; ++i) {
    if (exchange.trace->tries[i].begin != TimePoint{}) ++count;
  }
  return count;
}

}  // namespace

Tracer::Tracer(const TracingOptions& options, const Clock& clock, Random& random,
               const RouteNames* names, SpanQueue& queue)
    : options_(options), clock_(clock), random_(random), names_(names), queue_(queue) {}

// By the last bytes of the id, so that all who take the same share take the same traces.
bool Tracer::is_sampled(const TraceId& id) const {
  u64 bits = 0;
  for (size_t i = 9; i < id.size(); ++i) bits = bits << 8 | id[i];
  return bits < ((u64{1} << 56) / kWhole) * options_.sample_bp || options_.sample_bp >= kWhole;
}

// Empty; of the same trace as that of its parent, where it has one.
Trace& Tracer::make_trace(Exchange& exchange) {
  Trace& trace = *new (exchange.arena.allocate(sizeof(Trace), alignof(Trace))) Trace;
  exchange.trace = &trace;
  trace.random = &random_;
  if (exchange.parent == nullptr) return trace;
  const Trace& above = *exchange.parent->trace;
  trace.trace_id = above.trace_id;
  trace.parent = above.span;
  trace.flags = above.flags;
  trace.sampled = above.sampled;
  trace.state = above.state;
  return trace;
}

void Tracer::begin_beside(Exchange& question) {
  if (question.parent->trace == nullptr) return;
  Trace& trace = make_trace(question);
  trace.span = trace.parent;
}

void Tracer::finished_beside(const Exchange& question, std::string_view purpose) {
  if (question.trace == nullptr || !question.trace->sampled) return;
  const u32 count = try_spans_of(question);
  if (count == 0) return;
  const WallTime wall(clock_);
  const std::string_view upstream = names_ == nullptr ? "" : names_->upstream(question);
  write_tries(question, wall, upstream, 0, purpose, spans_);
  queue_.add(spans_, count);
}

void Tracer::begin(Exchange& exchange) {
  const bool is_part = exchange.depth != 0 && exchange.parent != nullptr;
  if (is_part && exchange.parent->trace == nullptr) return;
  Trace& trace = make_trace(exchange);
  trace.span = make_span_id(random_);
  if (!is_part) {
    TraceContext caller;
    if (options_.trust_callers) {
      caller = read_trace_context(exchange.request.fields, exchange.arena);
    }
    if (caller.present) {
      trace.trace_id = caller.trace_id;
      trace.parent = caller.parent;
      trace.state = caller.state;
      trace.sampled = (caller.flags & kTraceSampled) != 0;
      trace.flags = caller.flags;
    } else {
      trace.trace_id = make_trace_id(random_);
      trace.sampled = is_sampled(trace.trace_id);
      trace.flags = static_cast<u8>(kTraceRandom | (trace.sampled ? kTraceSampled : 0));
    }
  }
  if (!trace.sampled) return;
  trace.begin = std::chrono::steady_clock::now();
  trace.steps = exchange.arena.allocate_array<StepTrace>(kMostSteps);
  std::uninitialized_value_construct_n(trace.steps, kMostSteps);
}

void Tracer::finished(const Exchange& exchange) {
  if (exchange.trace == nullptr || !exchange.trace->sampled) return;
  const Trace& trace = *exchange.trace;
  const WallTime wall(clock_);
  const ExchangeNames names = names_of(exchange, names_);
  const bool is_part = exchange.depth != 0;
  const bool is_child = trace.parent != SpanId{};
  const std::string_view method = method_of(exchange.request);
  // Names of spans are few: a method that nobody knows is not one of them.
  std::string name(is_part ? "part" : method == kOtherMethod ? "HTTP" : method);
  const std::string_view what = is_part ? names.operation : names.path_template;
  if (!what.empty()) name.append(" ").append(what);
  SpanText span(spans_, trace.trace_id, trace.span, is_child ? &trace.parent : nullptr,
                is_part ? SpanKind::Internal : SpanKind::Server, name, wall(trace.begin),
                wall.now());
  const http::RequestHead& request = exchange.request;
  span.text("http.request.method", method);
  if (method == kOtherMethod) span.text("http.request.method_original", request.method_text);
  span.text("url.scheme", request.scheme);
  span.text("url.path", shown_path(exchange, names.secret_captures));
  span.text("http.route", names.path_template);
  if (exchange.response.status != 0) {
    span.number("http.response.status_code", exchange.response.status);
  }
  if (!is_part) {
    write_server(span, request.authority);
    span.text("client.address", exchange.client_text);
    span.text("user_agent.original", request.fields.value(http::FieldId::UserAgent));
    span.text("gw.request_id", exchange.request_id);
  }
  const bool failed = exchange.response.status >= 500 || exchange.response.status == 0;
  const std::string_view error = error_name(exchange.error.code);
  span.text("error.type", !error.empty() ? std::string(error)
                          : failed       ? std::to_string(exchange.response.status)
                                         : std::string());
  span.text("gw.operation", names.operation);
  span.text("gw.client_class", exchange.client_class);
  if (exchange.cache_outcome != cache::Outcome::None) {
    span.text("gw.cache", cache::outcome_name(exchange.cache_outcome));
  }
  span.state(trace.state);
  span.end(failed);
  write_steps(exchange, wall, random_, spans_);
  write_tries(exchange, wall, names.upstream, names.secret_captures, {}, spans_);
  queue_.add(spans_, 1 + trace.step_count + try_spans_of(exchange));
}

}  // namespace gw::observe
