#include "runtime/observe/observer.h"

#include <algorithm>
#include <chrono>

#include "runtime/limits/exchange_limits.h"

namespace gw::observe {
namespace {

constexpr size_t kMostClasses = 64;   // of a gateway; the compiler allows fewer
constexpr size_t kMostLimits = 4096;  // names of limits

u64 microseconds_since(TimePoint start, const Clock& clock) {
  const auto spent =
      std::chrono::duration_cast<std::chrono::microseconds>(clock.now() - start).count();
  return spent < 0 ? 0 : static_cast<u64>(spent);
}

}  // namespace

Observer::Observer(const Clock& clock, const RouteNames* names, WorkerCounters& counters,
                   size_t operations, const Sinks& sinks)
    : clock_(clock),
      names_(names),
      counters_(counters),
      operations_(counters.operations, operations),
      no_operation_(counters.operations, kNoOperation, operations),
      sinks_(sinks) {}

OperationCounters& Observer::operation_of(const Exchange& exchange) {
  if (names_ == nullptr || exchange.route >= operations_.size() || exchange.table == nullptr) {
    return *no_operation_.counts();
  }
  return operations_.at(exchange.route, [&] { return names_->operation(exchange); });
}

ClassCounters& Observer::class_of(std::string_view name) {
  for (const auto& [known, use] : classes_) {
    if (known == name) return *use.counts();
  }
  if (classes_.size() < kMostClasses) {
    classes_.emplace_back(name, SeriesUse<ClassCounters>(counters_.classes, name, kMostClasses));
  }
  return *classes_.back().second.counts();
}

LimitCounters& Observer::limit_of(std::string_view name) {
  auto found = limits_.find(name);  // a refusal allocates nothing
  if (found == limits_.end()) {
    found =
        limits_.emplace(name, SeriesUse<LimitCounters>(counters_.limits, name, kMostLimits)).first;
  }
  return *found->second.counts();
}

void Observer::routed(Exchange& exchange) {
  exchange.counters = &operation_of(exchange);
  exchange.counters->in_flight.add(1);
}

void Observer::count_decision(const Exchange& exchange, OperationCounters& operation) {
  if (exchange.cache_outcome != cache::Outcome::None) {
    operation.cache[static_cast<size_t>(exchange.cache_outcome)].add(1);
  }
  if (names_ == nullptr || exchange.table == nullptr) return;
  const policies::PolicyId denied_by = names_->denying_policy(exchange);
  if (denied_by == policies::PolicyId::None) return;
  operation.denials[static_cast<size_t>(denied_by)].add(1);
}

void Observer::count_limits(const Exchange& exchange) {
  if (exchange.limits == nullptr) return;
  const limits::ExchangeLimits& said = *exchange.limits;
  if (!said.refused_by.empty()) limit_of(said.refused_by).refused.add(1);
  if (!said.would_refuse.empty()) limit_of(said.would_refuse).would_refuse.add(1);
}

// Names in a table are kept once, so that the address does for most.
LimitCounters& Observer::limit_in_table(std::string_view name) {
  const auto address = reinterpret_cast<uintptr_t>(name.data());
  KnownLimit& known = known_limits_[(address ^ address >> 4) % known_limits_.size()];
  if (known.counters == nullptr || known.name != name.data())
    known = {name.data(), &limit_of(name)};
  return *known.counters;
}

void Observer::limits_asked(const limits::LimitOutcome* outcomes, u32 count) {
  for (u32 i = 0; i < count; ++i) {
    if (outcomes[i].verdict == limits::Verdict::NoRoom) continue;  // nobody knows
    limit_in_table(outcomes[i].name).uses[static_cast<size_t>(outcomes[i].use)].add(1);
  }
}

void Observer::remember(const Exchange& exchange, u64 spent_us) {
  const bool failed = has_failed(exchange);
  const i64 now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                         exchange.started.time_since_epoch() + std::chrono::microseconds(spent_us))
                         .count();
  // What streams is meant to last.
  const bool slow = !exchange.streams && counters_.recent.is_slow(spent_us, now_ms);
  if (!failed && !slow) return;
  RecentRequest request;
  request.unix_ms = clock_.unix_ms();
  request.steady_ms = now_ms;
  request.duration_us = spent_us;
  request.status = exchange.response.status;
  request.error = exchange.error.code;
  request.client_gone = exchange.client_gone;
  const ExchangeNames names = names_of(exchange, names_);
  request.operation = names.operation;
  request.upstream = names.upstream;
  request.request_id = exchange.request_id;
  request.detail = exchange.error.what;
  if (names_ != nullptr && exchange.table != nullptr) {
    request.decided_by = names_->denying_policy(exchange);
  }
  if (exchange.limits != nullptr) request.limit = exchange.limits->refused_by;
  const u32 kept = std::min(exchange.try_count, kMaxTries);
  request.tries = static_cast<u8>(kept);
  for (u32 i = 0; i < kept; ++i) request.tries_us += exchange.tries[i].microseconds;
  if (kept > 0) {
    const TryRecord& last = exchange.tries[kept - 1];
    request.target = last.target;
    request.last_status = last.status;
    request.last_error = last.error;
  }
  if (failed) counters_.recent.note_failing(request);
  if (slow) counters_.recent.note_slow(request);
}

void Observer::finished(const Exchange& exchange) {
  const bool routed = exchange.counters != nullptr;
  OperationCounters& operation = routed ? *exchange.counters : operation_of(exchange);
  if (routed) operation.in_flight.subtract(1);
  const u64 spent_us = microseconds_since(exchange.started, clock_);
  const auto status_class = static_cast<size_t>(status_class_of(exchange.response.status));
  operation.requests[status_class].add(1);
  operation.duration.add(spent_us);
  operation.request_bytes.add(exchange.request_bytes);
  operation.response_bytes.add(exchange.response_bytes);
  if (exchange.client_gone) operation.aborted.add(1);
  if (!exchange.client_class.empty()) {
    ClassCounters& of_class = class_of(exchange.client_class);
    of_class.requests[status_class].add(1);
    of_class.duration.add(spent_us);
  }
  count_decision(exchange, operation);
  count_limits(exchange);
  remember(exchange, spent_us);
  if (sinks_.log != nullptr) sinks_.log->finished(exchange, spent_us);
  if (sinks_.tracer != nullptr) sinks_.tracer->finished(exchange);
  if (sinks_.other != nullptr) sinks_.other->finished(exchange);
}

void Observer::answering(Exchange& exchange) {
  if (sinks_.log != nullptr) sinks_.log->answering(exchange);
  if (sinks_.other != nullptr) sinks_.other->answering(exchange);
}

void Observer::part_finished(const Exchange& part) {
  const auto status_class = static_cast<size_t>(status_class_of(part.response.status));
  operation_of(part).parts[status_class].add(1);
  if (sinks_.tracer != nullptr) sinks_.tracer->finished(part);
  if (sinks_.other != nullptr) sinks_.other->part_finished(part);
}

void Observer::detach(Exchange& exchange) {
  exchange.client_class = exchange.arena.copy(exchange.client_class);
  if (exchange.counters == nullptr) {
    exchange.counters = &operation_of(exchange);
    exchange.counters->in_flight.add(1);
  }
  keep_names(exchange, names_);
  if (sinks_.log != nullptr) sinks_.log->detach(exchange);
  if (sinks_.other != nullptr) sinks_.other->detach(exchange);
}

}  // namespace gw::observe
