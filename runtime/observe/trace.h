// The trace of one exchange, while it runs.
#pragma once
#include "runtime/http/env.h"
#include "runtime/observe/trace_context.h"
#include "runtime/policies/policy_list.h"

namespace gw::observe {

/// A policy that was asked, of an exchange that is recorded.
struct StepTrace {
  policies::PolicyId policy{};
  bool waited = false;  // for somebody else's answer
  bool denied = false;  // it has answered in the place of the action
  TimePoint begin{};
  TimePoint end{};
};
inline constexpr u32 kMostSteps = 24;  // that are recorded; later ones are not

struct TryTrace {
  SpanId span{};
  TimePoint begin{};
  bool tls = false;
  std::string_view path_prefix = {};   // of the target; lives as long as the table
  std::string_view http_version = {};  // `1.1`; empty: there was no connection
  std::string_view peer = {};          // whom it led to, as `10.0.0.1:80`; empty: that is not known
};

/// In the arena of its exchange. One thread.
struct Trace {
  TraceId trace_id{};
  SpanId span{};         // of the exchange
  SpanId parent{};       // of the caller; zeros: there is none
  u8 flags = 0;          // as they are passed on
  bool sampled = false;  // it is recorded
  std::string_view state;
  std::string_view scheme;     // that the client has asked by, where it is recorded
  std::string_view authority;  // that it has asked
  Random* random = nullptr;
  char* forwarded = nullptr;  // value of `traceparent` in the request that goes upstream
  TimePoint begin{};
  StepTrace* steps = nullptr;  // kMostSteps; null: it is not recorded
  u32 step_count = 0;
  TryTrace* tries = nullptr;  // kMaxTries; null: it is not recorded

  /// A try at a target is a span of its own, which the target is told.
  void begin_try(u32 index, bool tls = false, std::string_view path_prefix = {});
  /// What it goes by and whom it leads to, once there is a connection. `version` lives for ever,
  /// `peer` is in the arena.
  void connected(u32 index, std::string_view version, std::string_view peer) {
    if (tries == nullptr || index >= kMaxTries) return;
    tries[index].http_version = version;
    tries[index].peer = peer;
  }
  /// Does nothing where it is not recorded.
  void note_step(policies::PolicyId policy, TimePoint begun, bool waited, bool denied);
};

SpanId make_span_id(Random& random);

/// Puts `traceparent` and `tracestate` of exchange.trace, which is not null, into the request that
/// goes upstream, in place of what the client has sent.
void forward_trace(Exchange& exchange);

/// The clock of spans: finer than that of the loop. Zero where nothing is recorded.
inline TimePoint span_time(const Exchange& exchange) {
  const bool recorded = exchange.trace != nullptr && exchange.trace->sampled;
  return recorded ? std::chrono::steady_clock::now() : TimePoint{};
}

}  // namespace gw::observe
