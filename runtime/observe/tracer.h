// Begins the traces of exchanges, and makes spans of those that are recorded.
#pragma once
#include <string>

#include "runtime/observe/redaction.h"
#include "runtime/observe/route_names.h"
#include "runtime/observe/span_queue.h"
#include "runtime/observe/trace.h"

namespace gw::observe {

struct TracingOptions {
  u32 sample_bp = 100;        // of traces that begin here, in hundredths of a percent
  bool trust_callers = true;  // a caller's trace is gone on with, and its decision is ours
  Redaction redaction = {};   // of queries
};

/// Of one table on one worker; one thread. All outlive it.
class Tracer {
 public:
  Tracer(const TracingOptions& options, const Clock& clock, Random& random, const RouteNames* names,
         SpanQueue& queue);

  /// Gives exchange.trace to a request whose head is known, or to a part of a composition, whose
  /// parent has one. About 50 ns where nothing is recorded.
  void begin(Exchange& exchange);
  /// Gives exchange.trace to a question beside its parent's request, whose tries are spans of the
  /// parent; none where the parent has none.
  void begin_beside(Exchange& question);
  /// Gives copy.trace to a copy of a request, which may outlive it, for another upstream; its tries
  /// are spans of the request's. None where that has none.
  void begin_copy(const Exchange& original, u32 upstream, Exchange& copy);
  /// Makes spans of the tries of such a question or copy. `purpose`: what it was for, as
  /// `authorizer`.
  void finished_beside(const Exchange& question, std::string_view purpose);
  /// Makes spans of an exchange that is over, where it is recorded: itself, its policies, its
  /// tries.
  void finished(const Exchange& exchange);

 private:
  Trace& make_trace(Exchange& exchange, const Trace* above);
  bool is_sampled(const TraceId& id) const;
  const TracingOptions options_;
  const Clock& clock_;
  Random& random_;
  const RouteNames* names_;
  SpanQueue& queue_;
  std::string spans_;
};

}  // namespace gw::observe
