// Told of every exchange: counts it, and passes it on to the log.
#pragma once
#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/observe/access_log.h"
#include "runtime/observe/counters.h"
#include "runtime/observe/tracer.h"

namespace gw::observe {

/// What an observer tells, besides counting; each may be null.
struct Sinks {
  AccessLog* log = nullptr;
  Tracer* tracer = nullptr;
  ExchangeObserver* other = nullptr;  // for tests
};

/// The observer of one table on one worker. One thread. Outlives its exchanges.
class Observer final : public ExchangeObserver {
 public:
  /// `operations`: how many routes the table has. `names` may be null: nothing has a name then.
  Observer(const Clock& clock, const RouteNames* names, WorkerCounters& counters, size_t operations,
           const Sinks& sinks);

  void routed(Exchange& exchange) override;
  void finished(const Exchange& exchange) override;
  void answering(Exchange& exchange) override;
  void limits_asked(const limits::LimitOutcome* outcomes, u32 count) override;
  void part_finished(const Exchange& part) override;
  void detach(Exchange& exchange) override;

 private:
  OperationCounters& operation_of(const Exchange& exchange);
  ClassCounters& class_of(std::string_view name);
  LimitCounters& limit_of(std::string_view name);
  LimitCounters& limit_in_table(std::string_view name);
  void count_decision(const Exchange& exchange, OperationCounters& operation);
  void count_limits(const Exchange& exchange);
  void remember(const Exchange& exchange, u64 spent_us);

  const Clock& clock_;
  const RouteNames* names_;
  WorkerCounters& counters_;
  TableSeries<OperationCounters> operations_;
  SeriesUse<OperationCounters> no_operation_;
  // Few, by name: what the table calls so.
  std::vector<std::pair<std::string, SeriesUse<ClassCounters>>> classes_;
  std::map<std::string, SeriesUse<LimitCounters>, std::less<>> limits_;
  // Those of them that were asked last, by where the table has their name.
  struct KnownLimit {
    const char* name = nullptr;
    LimitCounters* counters = nullptr;
  };
  std::array<KnownLimit, 16> known_limits_;
  const Sinks sinks_;
};

}  // namespace gw::observe
