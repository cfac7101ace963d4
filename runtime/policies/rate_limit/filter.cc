// All limits of a phase are decided together. Who is refused by one must not be charged by
// another, or a client that comes too often would use up what it shares with the rest. So all are
// asked first, and charged when none refuses. Between the two another thread may take the last
// unit: then what was charged is given back, as far as the counters have not moved on since.
#include "runtime/policies/rate_limit/filter.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <string>

#include "runtime/base/units.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/expression.h"
#include "runtime/http/structured_field.h"

namespace gw::policies {
namespace {

namespace structured = http::structured;
using limits::CounterKey;
using limits::CounterStore;
using limits::ExchangeLimits;
using limits::LimitOutcome;
using limits::LimitUse;
using LimitVerdict = limits::Verdict;

constexpr u64 kSecondNs = 1'000'000'000;
constexpr u64 kHourMs = 3'600'000;
constexpr u64 kUnknownRetrySeconds = 1;  // of a place among those at a time, or for want of room

u64 ceil_divide(u64 value, u64 by) { return value / by + (value % by != 0 ? 1 : 0); }

// The measure that holds for this exchange.
struct Measure {
  u64 limit = 0;
  u64 burst = 0;
};

Measure measure_of(const Exchange& exchange, const LimitRecord& record) {
  const BoundTable& table = *exchange.table;
  if (!exchange.limit_overrides.empty()) {
    const std::string_view name = table.text(record.name);
    for (const limits::LimitOverride& override : exchange.limit_overrides) {
      if (override.kind == record.kind && override.name == name) {
        return {override.limit, override.burst};
      }
    }
  }
  return {table.number(record.limit), table.number(record.burst)};
}

limits::RateParameters rate_of(const Measure& measure, u32 cost) {
  const Rate rate = unpack_rate(measure.limit);
  const u64 burst = measure.burst == 0 ? rate.count : measure.burst;
  const u64 interval = ceil_divide(rate.seconds * kSecondNs, rate.count);
  const u64 longest = kMaxBurstNs / interval;
  return {.interval_ns = interval, .burst_ns = std::min(burst, longest) * interval, .cost = cost};
}

// The address as far as it counts: everything below the prefix belongs to one household.
std::string_view address_key(const Exchange& exchange, u32 prefix_bits, u8 (&out)[16]) {
  static constexpr u8 kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::memcpy(out, exchange.client.bytes, sizeof out);
  const bool is_v4 = std::memcmp(out, kMapped, sizeof kMapped) == 0;
  if (!is_v4) {
    for (u32 bit = prefix_bits; bit < 128; bit = (bit / 8 + 1) * 8) {
      const u32 kept = bit % 8;
      out[bit / 8] = static_cast<u8>(out[bit / 8] & (kept == 0 ? 0 : 0xff00u >> kept));
    }
  }
  return {reinterpret_cast<const char*>(out), sizeof out};
}

// One alternative of a key as bytes. False: it is absent.
bool append_key(Exchange& exchange, table::Extent expression, u32 prefix_bits, std::string& out) {
  const table::TableView& view = exchange.table->view();
  for (u32 i = 0; i < expression.count; ++i) {
    const table::Extent part{expression.offset + i, 1};
    if (view.expressions()[part.offset].source == table::ExpressionSource::ClientIp) {
      u8 address[16];
      out += address_key(exchange, prefix_bits, address);
      continue;
    }
    std::string_view value;
    if (!engine::evaluate(exchange, part, value)) return false;
    // With its length: `a` and `bc` must not be `ab` and `c`.
    const u64 bytes = value.size();
    out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    out += value;
  }
  return true;
}

CounterKey key_of(Exchange& exchange, const LimitRecord& record, u64 parameters,
                  const CounterStore& counters) {
  // Kept per thread, so that a warm worker allocates nothing; nobody waits while it is in use.
  thread_local std::string text;
  bool present = record.keys.count == 0;
  text.clear();
  char number = 0;
  for (const table::Extent expression :
       exchange.table->view().policy_list<table::Extent>(record.keys)) {
    // A tenant and a consumer of one name are two.
    text.assign(1, number++);
    present = append_key(exchange, expression, record.ipv6_prefix, text);
    if (present) break;
  }
  CounterKey key = counters.key_of({record.id_low, record.id_high}, parameters, text, present);
  key.overflow = static_cast<limits::Overflow>(record.overflow);
  return key;
}

/// One limit while it is decided.
struct Pending {
  const LimitRecord* record = nullptr;
  CounterKey key;
  limits::RateParameters rate;
  limits::QuotaParameters quota;
  u64 at_a_time = 0;
  LimitOutcome outcome;
  u64 retry_seconds = 0;
  limits::RateDecision charged_rate;
  limits::QuotaDecision charged_quota;
  limits::Permit permit;

  LimitKind kind() const { return static_cast<LimitKind>(record->kind); }
};

class Decision {
 public:
  Decision(Exchange& exchange, const RateLimitRecord& record, const Env& env)
      : exchange_(exchange),
        counters_(*env.counters),
        observer_(env.observer),
        now_ns_(
            static_cast<u64>(std::chrono::nanoseconds(env.clock.now().time_since_epoch()).count())),
        unix_ms_(env.clock.unix_ms()) {
    const auto all = exchange.table->view().policy_list<LimitRecord>(record.limits);
    pending_ = exchange.arena.allocate_array<Pending>(all.size());
    for (const LimitRecord& limit : all) {
      const Measure measure = measure_of(exchange, limit);
      if (measure.limit == kNoLimit) continue;
      if (engine::holds(exchange, limit.when)) prepare(limit, measure);
    }
  }

  // False: one refuses, and nothing is charged.
  bool admit() {
    if (count_ > 1 && !all_would_admit()) return false;
    for (u32 i = 0; i < count_; ++i) {
      charge(pending_[i]);
      if (refuses(pending_[i])) {
        undo(i);
        return false;
      }
    }
    return true;
  }

  void record_outcomes() {
    ExchangeLimits& seen = seen_limits();
    const u32 first = seen.count;
    for (u32 i = 0; i < count_; ++i) {
      Pending& pending = pending_[i];
      LimitOutcome& outcome = pending.outcome;
      const bool unmet = outcome.verdict != LimitVerdict::Admitted;
      outcome.use =
          unmet ? LimitUse::Over : limits::limit_use(outcome.remaining, capacity_of(pending));
      if (unmet && outcome.shadow) {
        counters_.count_shadowed();
        if (seen.would_refuse.empty()) seen.would_refuse = exchange_.arena.copy(outcome.name);
      } else if (unmet && seen.refused_by.empty()) {
        seen.refused_by = exchange_.arena.copy(outcome.name);
      }
      if (pending.permit.slot != nullptr) seen.permits[seen.permit_count++] = pending.permit;
      seen.outcomes[seen.count++] = outcome;
    }
    observer_.limits_asked(seen.outcomes + first, count_);
  }

  // When all that refuse now would admit.
  u64 retry_seconds() const {
    u64 seconds = 1;
    for (u32 i = 0; i < count_; ++i) {
      if (refuses(pending_[i])) seconds = std::max(seconds, pending_[i].retry_seconds);
    }
    return seconds;
  }

 private:
  void prepare(const LimitRecord& record, const Measure& measure) {
    Pending& pending = *new (&pending_[count_++]) Pending();
    pending.record = &record;
    LimitOutcome& outcome = pending.outcome;
    outcome.name = exchange_.table->text(record.name);
    outcome.kind = record.kind;
    outcome.shadow = record.mode == static_cast<u32>(LimitMode::Shadow);
    outcome.told = record.headers == 0 && !outcome.shadow;
    u64 parameters = 0;
    switch (pending.kind()) {
      case LimitKind::Rate: {
        pending.rate = rate_of(measure, record.cost);
        // Arrival times of another rate would mean something else.
        parameters = pending.rate.interval_ns * 0x9e3779b97f4a7c15 + pending.rate.burst_ns;
        outcome.quota = unpack_rate(measure.limit).count;
        outcome.window_seconds = unpack_rate(measure.limit).seconds;
        break;
      }
      case LimitKind::Quota: {
        const auto period = static_cast<limits::Period>(record.period);
        const u64 end = limits::period_end_hours(unix_ms_, period);
        pending.quota = {.limit = measure.limit, .cost = record.cost, .end_hours = end};
        parameters = end;
        outcome.quota = measure.limit;
        static constexpr u64 kWindows[] = {3'600, 86'400, 7 * 86'400, 0};
        outcome.window_seconds = kWindows[record.period];
        break;
      }
      case LimitKind::Concurrency:
        pending.at_a_time = measure.limit;
        outcome.quota = measure.limit;
        break;
    }
    pending.key = key_of(exchange_, record, parameters, counters_);
  }

  // What `remaining` is compared with.
  static u64 capacity_of(const Pending& pending) {
    if (pending.kind() != LimitKind::Rate) return pending.outcome.quota;
    return pending.rate.burst_ns / pending.rate.interval_ns;
  }

  bool refuses(const Pending& pending) const {
    return pending.outcome.verdict != LimitVerdict::Admitted && !pending.outcome.shadow;
  }

  void take_in(Pending& pending, const limits::RateDecision& decision) {
    pending.outcome.verdict = decision.verdict;
    pending.outcome.remaining = decision.remaining;
    pending.retry_seconds = decision.verdict == LimitVerdict::NoRoom
                                ? kUnknownRetrySeconds
                                : ceil_divide(decision.retry_after_ns, kSecondNs);
    pending.outcome.reset_seconds = decision.verdict == LimitVerdict::Admitted
                                        ? ceil_divide(decision.reset_ns, kSecondNs)
                                        : pending.retry_seconds;
  }
  void take_in(Pending& pending, const limits::QuotaDecision& decision) {
    pending.outcome.verdict = decision.verdict;
    pending.outcome.remaining = decision.remaining;
    const u64 end_ms = pending.quota.end_hours * kHourMs;
    const u64 now_ms = static_cast<u64>(std::max<i64>(unix_ms_, 0));
    pending.outcome.reset_seconds = end_ms > now_ms ? ceil_divide(end_ms - now_ms, 1'000) : 1;
    pending.retry_seconds = decision.verdict == LimitVerdict::NoRoom
                                ? kUnknownRetrySeconds
                                : pending.outcome.reset_seconds;
  }

  bool all_would_admit() {
    bool all = true;
    for (u32 i = 0; i < count_; ++i) {
      Pending& pending = pending_[i];
      if (pending.kind() == LimitKind::Rate) {
        take_in(pending, counters_.peek(pending.key, pending.rate, now_ns_));
      } else if (pending.kind() == LimitKind::Quota) {
        take_in(pending, counters_.peek_quota(pending.key, pending.quota, unix_ms_));
      } else {
        // A permit is given back without a trace: asking is taking.
        take_permit(pending);
      }
      all = all && !refuses(pending);
    }
    if (!all) release_all();
    return all;
  }

  void take_permit(Pending& pending) {
    const limits::PermitDecision decision = counters_.acquire(pending.key, pending.at_a_time);
    pending.outcome.verdict = decision.verdict;
    pending.outcome.remaining = decision.remaining;
    pending.retry_seconds = kUnknownRetrySeconds;
    if (decision.verdict == LimitVerdict::Admitted) pending.permit = decision.permit;
  }

  void charge(Pending& pending) {
    switch (pending.kind()) {
      case LimitKind::Rate:
        pending.charged_rate = counters_.take(pending.key, pending.rate, now_ns_);
        take_in(pending, pending.charged_rate);
        return;
      case LimitKind::Quota:
        pending.charged_quota = counters_.use(pending.key, pending.quota, unix_ms_);
        take_in(pending, pending.charged_quota);
        return;
      case LimitKind::Concurrency:
        if (count_ == 1) take_permit(pending);  // else it was taken when all were asked
        return;
    }
  }

  // The first `count` were charged, in vain.
  void undo(u32 count) {
    for (u32 i = 0; i < count; ++i) {
      const Pending& pending = pending_[i];
      if (pending.kind() == LimitKind::Rate) {
        counters_.give_back(pending.key, pending.rate, pending.charged_rate);
      } else if (pending.kind() == LimitKind::Quota) {
        counters_.give_back(pending.key, pending.charged_quota);
      }
    }
    release_all();
  }

  void release_all() {
    for (u32 i = 0; i < count_; ++i) {
      if (pending_[i].permit.slot != nullptr) counters_.release(pending_[i].permit);
      pending_[i].permit = {};
    }
  }

  ExchangeLimits& seen_limits() {
    if (exchange_.limits == nullptr) {
      exchange_.limits = new (exchange_.arena.allocate_array<ExchangeLimits>(1)) ExchangeLimits();
    }
    ExchangeLimits& seen = *exchange_.limits;
    // A plan has two such steps at most.
    LimitOutcome* outcomes = exchange_.arena.allocate_array<LimitOutcome>(seen.count + count_);
    std::copy_n(seen.outcomes, seen.count, outcomes);
    seen.outcomes = outcomes;
    limits::Permit* permits =
        exchange_.arena.allocate_array<limits::Permit>(seen.permit_count + count_);
    std::copy_n(seen.permits, seen.permit_count, permits);
    seen.permits = permits;
    return seen;
  }

  Exchange& exchange_;
  CounterStore& counters_;
  ExchangeObserver& observer_;
  const u64 now_ns_;
  const i64 unix_ms_;
  Pending* pending_ = nullptr;
  u32 count_ = 0;
};

}  // namespace

Verdict check_limits(Exchange& exchange, const RateLimitRecord& record, const Env& env) {
  if (exchange.depth != 0) return Verdict::Continue;  // parts were counted with the whole
  if (env.counters == nullptr) {                      // nobody counts: closed, not open
    engine::answer_problem(exchange, 503);
    return Verdict::Reply;
  }
  Decision decision(exchange, record, env);
  const bool admitted = decision.admit();
  decision.record_outcomes();
  if (admitted) return Verdict::Continue;
  engine::answer_problem(exchange, 429);
  char text[20];
  const char* end = std::to_chars(text, std::end(text), decision.retry_seconds()).ptr;
  exchange.response.fields.add(
      http::FieldId::RetryAfter,
      exchange.arena.copy(std::string_view(text, static_cast<size_t>(end - text))));
  return Verdict::Reply;
}

namespace {

// Appends `"name";q=100;w=60` and the like. A member that has no text (a name in a table that no
// compiler of ours has written) is left out.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_.clear(); }
  void begin(std::string_view name) {
    const size_t before = out_.size();
    if (before != 0) out_ += ", ";
    skips_ = !structured::write_bare_item(structured::BareItem::string(name), out_);
    if (skips_) out_.resize(before);
  }
  void parameter(std::string_view key, const structured::BareItem& value) {
    if (!skips_) skips_ = !structured::write_parameter(key, value, out_);
  }
  // Numbers beyond those of Structured Fields are as good as their largest.
  void parameter(std::string_view key, u64 value) {
    constexpr u64 kLargest = structured::kMaxInteger;
    const i64 told = static_cast<i64>(std::min(value, kLargest));
    parameter(key, structured::BareItem::integer(told));
  }

 private:
  std::string& out_;
  bool skips_ = false;
};

}  // namespace

void write_limit_fields(Exchange& exchange) {
  if (exchange.limits == nullptr) return;
  const std::span<const LimitOutcome> outcomes(exchange.limits->outcomes, exchange.limits->count);
  if (std::ranges::none_of(outcomes, &LimitOutcome::told)) return;
  thread_local std::string policy;
  thread_local std::string state;
  Members policies(policy);
  Members states(state);
  for (const LimitOutcome& outcome : outcomes) {
    if (!outcome.told) continue;
    policies.begin(outcome.name);
    policies.parameter("q", outcome.quota);
    if (outcome.window_seconds != 0) policies.parameter("w", outcome.window_seconds);
    if (outcome.kind == static_cast<u32>(LimitKind::Concurrency)) {
      policies.parameter("qu", structured::BareItem::string("concurrent-requests"));
    }
    states.begin(outcome.name);
    states.parameter("r", outcome.remaining);
    if (outcome.reset_seconds != 0) states.parameter("t", outcome.reset_seconds);
  }
  if (policy.empty()) return;
  http::FieldList& fields = exchange.response.fields;
  fields.set("ratelimit-policy", exchange.arena.copy(policy));
  fields.set("ratelimit", exchange.arena.copy(state));
}

void release_permits(Exchange& exchange, CounterStore& counters) {
  if (exchange.limits == nullptr) return;
  for (u32 i = 0; i < exchange.limits->permit_count; ++i) {
    counters.release(exchange.limits->permits[i]);
  }
  exchange.limits->permit_count = 0;
}

}  // namespace gw::policies
