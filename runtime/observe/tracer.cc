#include "runtime/observe/tracer.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <new>

#include "runtime/base/ip_address.h"
#include "runtime/cache/use.h"
#include "runtime/http/asked_origin.h"
#include "runtime/observe/error_names.h"
#include "runtime/observe/recent.h"
#include "runtime/observe/shown_head.h"
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

// Of `10.0.0.1:80`, `[::1]:80`, `shop.internal`; brackets are no part of an address.
struct HostPort {
  std::string_view host;
  u32 port = 0;  // 0: none is told
};
HostPort read_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  HostPort read{text};
  if (colon != text.npos && text.find(']', colon) == text.npos) {
    const auto parsed =
        std::from_chars(text.data() + colon + 1, text.data() + text.size(), read.port);
    if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) {
      read.host = text.substr(0, colon);
    } else {
      read.port = 0;
    }
  }
  if (read.host.starts_with('[') && read.host.ends_with(']')) {
    read.host = read.host.substr(1, read.host.size() - 2);
  }
  return read;
}

constexpr std::string_view kUnixAddress = "unix:";

void write_address(SpanText& span, std::string_view address_key, std::string_view port_key,
                   const HostPort& place) {
  span.text(address_key, place.host);
  if (place.port != 0) span.number(port_key, place.port);
}

// Where a target is, and `peer`, whom the connection led to; without one that is known where the
// target has no name.
void write_target(SpanText& span, std::string_view address, std::string_view peer) {
  const bool is_socket = address.starts_with(kUnixAddress);
  const HostPort place =
      is_socket ? HostPort{address.substr(kUnixAddress.size())} : read_host_port(address);
  write_address(span, "server.address", "server.port", place);
  const HostPort who = peer.empty() ? place : read_host_port(peer);
  if (!is_socket && !parse_ip(who.host)) return;
  write_address(span, "network.peer.address", "network.peer.port", who);
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

void append_query(const Redaction& redaction, std::string_view query, std::string& out) {
  redaction.each_piece_of_query(query, [&out](std::string_view piece) { out += piece; });
}

// What tries have in common.
struct TryFacts {
  std::string_view upstream;
  u32 secret_captures = 0;
  std::string_view purpose = {};  // of a question beside the request; empty: it is the request
};

// Without secret parts of the path; where those are in a path that is made anew is not known.
std::string full_url(const Exchange& exchange, u32 index, u32 secret_captures,
                     const Redaction& redaction) {
  const TryTrace& traced = exchange.trace->tries[index];
  const http::RequestHead& request = exchange.upstream_request;
  std::string url = fmt::format("{}://{}{}", traced.tls ? "https" : "http",
                                exchange.tries[index].target, traced.path_prefix);
  if (secret_captures == 0) {
    url += request.path;
  } else {
    url += request.path == exchange.request.path ? shown_path(exchange, secret_captures) : "/*";
  }
  if (request.has_query && redaction.shows_queries()) {
    url += '?';
    append_query(redaction, request.query, url);
  }
  return url;
}

void write_tries(const Exchange& exchange, const WallTime& wall, const TryFacts& facts,
                 const Redaction& redaction, std::string& out) {
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
    span.text("url.full", full_url(exchange, i, facts.secret_captures, redaction));
    write_target(span, record.target, traced.peer);
    span.text("network.protocol.version", traced.http_version);
    if (record.status != 0) span.number("http.response.status_code", record.status);
    if (i != 0) span.number("http.request.resend_count", i);
    span.text("error.type", record.status >= 400 ? std::to_string(record.status)
                                                 : std::string(error_name(record.error)));
    span.text("gw.upstream", facts.upstream);
    span.text("gw.purpose", facts.purpose);
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

// How it went, by the rules for servers: what clients have done wrong is no failure, and who leaves
// a stream ends it as streams end.
void write_outcome(SpanText& span, const Exchange& exchange) {
  const bool broken_off = exchange.client_gone && !exchange.streams;
  const bool failed = has_failed(exchange) || broken_off || exchange.response.status == 0;
  std::string_view error = error_name(exchange.error.code);
  if (error.empty() && broken_off) error = error_name(Errc::PeerClosed);
  span.text("error.type", !error.empty() ? std::string(error)
                          : failed       ? std::to_string(exchange.response.status)
                                         : std::string());
  span.end(failed);
}

// While the proxies that are trusted are at hand: they may go with the table.
void note_what_was_asked(Exchange& exchange, Trace& trace) {
  http::AskedOrigin asked{exchange.request.scheme, exchange.request.authority};
  if (exchange.forwarding != nullptr) asked = http::asked_origin(exchange, *exchange.forwarding);
  trace.scheme = asked.scheme;
  trace.authority = asked.authority;
}

// Room for what is recorded of tries; what is not recorded shall cost nothing.
void give_tries(Arena& arena, Trace& trace) {
  if (!trace.sampled) return;
  trace.tries = arena.allocate_array<TryTrace>(kMaxTries);
  std::uninitialized_value_construct_n(trace.tries, kMaxTries);
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

// Of the same trace as the one `above`; empty where there is none.
Trace& Tracer::make_trace(Exchange& exchange, const Trace* above) {
  Trace& trace = *new (exchange.arena.allocate(sizeof(Trace), alignof(Trace))) Trace;
  exchange.trace = &trace;
  trace.random = &random_;
  if (above == nullptr) return trace;
  trace.trace_id = above->trace_id;
  trace.parent = above->span;
  trace.flags = above->flags;
  trace.sampled = above->sampled;
  trace.state = above->state;
  give_tries(exchange.arena, trace);
  return trace;
}

void Tracer::begin_beside(Exchange& question) {
  if (question.parent->trace == nullptr) return;
  Trace& trace = make_trace(question, question.parent->trace);
  trace.span = trace.parent;
}

void Tracer::begin_copy(const Exchange& original, u32 upstream, Exchange& copy) {
  if (original.trace == nullptr) return;
  Trace& trace = make_trace(copy, original.trace);
  trace.span = trace.parent;
  trace.state = copy.arena.copy(trace.state);
  if (!trace.sampled || names_ == nullptr) return;
  // The table may go before the copy does.
  copy.table = original.table;
  copy.upstream = upstream;
  copy.names.upstream = copy.arena.copy(names_->upstream(copy));
  copy.names.secret_captures = names_of(original, names_).secret_captures;
  copy.table = nullptr;
  copy.detached = true;
}

void Tracer::finished_beside(const Exchange& question, std::string_view purpose) {
  if (question.trace == nullptr || !question.trace->sampled) return;
  const u32 count = try_spans_of(question);
  if (count == 0) return;
  const ExchangeNames names = names_of(question, names_);
  write_tries(question, WallTime(clock_), {names.upstream, names.secret_captures, purpose},
              options_.redaction, spans_);
  queue_.add(spans_, count);
}

void Tracer::begin(Exchange& exchange) {
  const bool is_part = exchange.depth != 0 && exchange.parent != nullptr;
  if (is_part && exchange.parent->trace == nullptr) return;
  Trace& trace = make_trace(exchange, is_part ? exchange.parent->trace : nullptr);
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
    give_tries(exchange.arena, trace);
  }
  if (!trace.sampled) return;
  trace.begin = std::chrono::steady_clock::now();
  note_what_was_asked(exchange, trace);
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
  span.text("url.scheme", trace.scheme);
  span.text("url.path", shown_path(exchange, names.secret_captures));
  if (request.has_query && options_.redaction.shows_queries()) {
    std::string query;
    append_query(options_.redaction, request.query, query);
    span.text("url.query", query);
  }
  span.text("http.route", names.path_template);
  if (exchange.response.status != 0) {
    span.number("http.response.status_code", exchange.response.status);
  }
  if (!is_part) {
    write_address(span, "server.address", "server.port", read_host_port(trace.authority));
    span.text("client.address", exchange.client_text);
    span.text("network.peer.address", exchange.peer_text);
    if (exchange.peer.port != 0) span.number("network.peer.port", exchange.peer.port);
    span.text("network.protocol.version", version_text(request));
    span.text("user_agent.original", request.fields.value(http::FieldId::UserAgent));
    span.text("gw.request_id", exchange.request_id);
  }
  span.text("gw.operation", names.operation);
  span.text("gw.client_class", exchange.client_class);
  if (exchange.cache_outcome != cache::Outcome::None) {
    span.text("gw.cache", cache::outcome_name(exchange.cache_outcome));
  }
  span.state(trace.state);
  write_outcome(span, exchange);
  write_steps(exchange, wall, random_, spans_);
  write_tries(exchange, wall, {names.upstream, names.secret_captures}, options_.redaction, spans_);
  queue_.add(spans_, 1 + trace.step_count + try_spans_of(exchange));
}

}  // namespace gw::observe
