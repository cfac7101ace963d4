#include "runtime/observe/trace.h"

#include <bit>
#include <cstring>

namespace gw::observe {

SpanId make_span_id(Random& random) {
  SpanId id;
  u64 bits = 0;
  while (bits == 0) bits = random.next();
  std::memcpy(id.data(), &bits, sizeof bits);
  return id;
}

void Trace::begin_try(u32 index, bool tls, std::string_view path_prefix) {
  const SpanId id = make_span_id(*random);
  if (forwarded != nullptr) write_hex(id, forwarded + kTraceparentSpanAt);
  if (tries == nullptr || index >= kMaxTries) return;
  tries[index] = {.span = id,
                  .begin = std::chrono::steady_clock::now(),
                  .tls = tls,
                  .path_prefix = path_prefix};
}

void Trace::note_step(policies::PolicyId policy, TimePoint begun, bool waited, bool denied) {
  if (steps == nullptr || step_count == kMostSteps) return;
  steps[step_count++] = {.policy = policy,
                         .waited = waited,
                         .denied = denied,
                         .begin = begun,
                         .end = std::chrono::steady_clock::now()};
}

void forward_trace(Exchange& exchange) {
  Trace& trace = *exchange.trace;
  http::FieldList& fields = exchange.upstream_request.fields;
  trace.forwarded = static_cast<char*>(exchange.arena.allocate(kTraceparentBytes, 1));
  write_traceparent(trace.trace_id, trace.span, trace.flags, trace.forwarded);
  fields.set(http::FieldId::Traceparent, {trace.forwarded, kTraceparentBytes});
  if (trace.state.empty()) {
    fields.remove(http::FieldId::Tracestate);
  } else {
    fields.set(http::FieldId::Tracestate, trace.state);
  }
}

}  // namespace gw::observe
