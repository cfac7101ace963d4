#include "runtime/admin/history.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace gw::admin {
namespace {

using observe::LatencyTotals;
using observe::StatusTotals;

u64 sum_of(const StatusTotals& counts) {
  return std::accumulate(counts.begin(), counts.end(), u64{0});
}

// Counters of a name that was forgotten begin anew.
u64 since(u64 now, u64 before) { return now - std::min(now, before); }

u32 narrow(u64 value) {
  return static_cast<u32>(std::min<u64>(value, std::numeric_limits<u32>::max()));
}

u64 value_of(const observe::OperationCounters& counts, cache::Outcome outcome) {
  return counts.cache[static_cast<size_t>(outcome)].value();
}

u64 failed_tries(const observe::UpstreamCounters& counts) {
  u64 failed = counts.answers[static_cast<size_t>(observe::StatusClass::ServerError)].value();
  for (size_t i = 0; i < observe::kTryOutcomes; ++i) {
    const auto outcome = static_cast<observe::TryOutcome>(i);
    if (outcome == observe::TryOutcome::Answered || outcome == observe::TryOutcome::Cancelled) {
      continue;
    }
    failed += counts.tries[i].value();
  }
  return failed;
}

}  // namespace

// Counters at one moment, or what has come between two.
struct History::Reading {
  StatusTotals requests{};
  LatencyTotals duration;
  u64 in_flight = 0;
  u64 tries = 0;
  u64 failed_tries = 0;
  u64 cache_hits = 0;
  u64 cache_misses = 0;
  u64 refused = 0;

  void add(const observe::OperationCounters& counts) {
    for (size_t i = 0; i < requests.size(); ++i) requests[i] += counts.requests[i].value();
    duration.add(counts.duration);
    in_flight += counts.in_flight.value();
    cache_hits += value_of(counts, cache::Outcome::Hit) + value_of(counts, cache::Outcome::Stale) +
                  value_of(counts, cache::Outcome::Revalidated);
    cache_misses += value_of(counts, cache::Outcome::Miss);
  }

  void add(const observe::WorkerCounters& worker) {
    for (const auto& upstream : worker.upstreams.all()) {
      for (const observe::Count& count : upstream->counts.tries) tries += count.value();
      failed_tries += admin::failed_tries(upstream->counts);
    }
    for (const auto& limit : worker.limits.all()) refused += limit->counts.refused.value();
  }

  // `in_flight` is not a count: it stays.
  Reading minus(const Reading& before) const {
    Reading result = *this;
    for (size_t i = 0; i < requests.size(); ++i) {
      result.requests[i] = since(requests[i], before.requests[i]);
    }
    result.duration = duration.since(before.duration);
    result.tries = since(tries, before.tries);
    result.failed_tries = since(failed_tries, before.failed_tries);
    result.cache_hits = since(cache_hits, before.cache_hits);
    result.cache_misses = since(cache_misses, before.cache_misses);
    result.refused = since(refused, before.refused);
    return result;
  }

  Sample sample(i64 unix_ms) const {
    Sample sample;
    sample.unix_ms = unix_ms;
    std::ranges::transform(requests, sample.requests.begin(), narrow);
    sample.p50_us = narrow(duration.quantile_us(0.50));
    sample.p95_us = narrow(duration.quantile_us(0.95));
    sample.p99_us = narrow(duration.quantile_us(0.99));
    sample.in_flight = narrow(in_flight);
    return sample;
  }
};

// An operation with a history of its own.
struct History::Followed : OperationHistory {
  using OperationHistory::OperationHistory;
  Reading now;
  Reading before;
  u64 score = 0;  // requests; what is one sample older counts half
  bool is_new = true;
};

// An operation that could get one.
struct History::Newcomer {
  std::string_view name;
  u64 requests = 0;
};

// What all workers have, held for the time of one sample: names lie in it.
struct History::AllSeries {
  using Series = observe::Series<observe::OperationCounters>;
  std::vector<std::shared_ptr<const Series>> operations;
};

bool Sample::is_empty() const {
  return in_flight == 0 && std::ranges::all_of(requests, [](u32 count) { return count == 0; });
}

void SampleRing::add(const Sample& sample) {
  samples_[next_] = sample;
  next_ = (next_ + 1) % kSamplesKept;
  size_ = std::min(size_ + 1, kSamplesKept);
}

const Sample& SampleRing::operator[](size_t index) const {
  return samples_[(next_ + kSamplesKept - size_ + index) % kSamplesKept];
}

History::History() : before_(std::make_unique<Reading>()) {}
History::~History() = default;

std::vector<const OperationHistory*> History::operations() const {
  std::vector<const OperationHistory*> all;
  all.reserve(followed_.size());
  for (const auto& [name, followed] : followed_) all.push_back(followed.get());
  return all;
}

History::Reading History::read_all(const AllSeries& all) {
  Reading whole;
  for (const auto& series : all.operations) {
    whole.add(series->counts);
    u64 count = 0;
    for (const observe::Count& of_class : series->counts.requests) count += of_class.value();
    const u64 came = count - std::exchange(series->sampled, count);
    const auto found = followed_.find(series->name);
    if (found != followed_.end()) {
      found->second->now.add(series->counts);
    } else if (came != 0) {
      others_[series->name] += came;
    }
  }
  return whole;
}

// Whoever leaves has had less than half of what the newcomer has: two that are about as busy do not
// take turns.
bool History::make_room(u64 requests) {
  if (followed_.size() < kOperationsSampled) return true;
  const auto least = std::ranges::min_element(followed_, {}, [](const auto& one) {
    return one.second->is_new ? ~u64{0} : one.second->score;
  });
  if (least->second->is_new || least->second->score >= requests) return false;
  followed_.erase(least);
  return true;
}

// The busiest of the others get a history, if they are busier than who has one.
void History::admit(const AllSeries& all) {
  std::vector<Newcomer> newcomers;
  newcomers.reserve(others_.size());
  for (const auto& [name, requests] : others_) newcomers.push_back({name, requests});
  const size_t count = std::min(newcomers.size(), kOperationsSampled);
  std::ranges::partial_sort(newcomers, newcomers.begin() + static_cast<ptrdiff_t>(count),
                            std::ranges::greater(), &Newcomer::requests);
  newcomers.resize(count);
  std::vector<Followed*> admitted;
  for (const Newcomer& newcomer : newcomers) {
    if (!make_room(newcomer.requests)) break;
    auto followed = std::make_unique<Followed>(newcomer.name);
    admitted.push_back(followed.get());
    const std::string_view name = followed->name;
    followed_.emplace(name, std::move(followed));
  }
  if (admitted.empty()) return;
  for (const auto& series : all.operations) {
    const auto found = followed_.find(series->name);
    if (found != followed_.end() && found->second->is_new) found->second->now.add(series->counts);
  }
  // What came before is not known, unless there was nothing.
  for (Followed* followed : admitted) {
    const bool complete = sum_of(followed->now.requests) == others_[followed->name];
    if (!complete) followed->before = followed->now;
  }
}

Sample History::step(Followed& followed, Reading& rest) const {
  const Reading come = followed.now.minus(followed.before);
  followed.score = followed.score / 2 + sum_of(come.requests);
  followed.before = std::exchange(followed.now, Reading());
  followed.is_new = false;
  rest = rest.minus(come);
  rest.in_flight = since(rest.in_flight, come.in_flight);
  return come.sample(now_ms_);
}

void History::sample(i64 unix_ms, std::span<const observe::WorkerCounters* const> workers) {
  now_ms_ = unix_ms;
  AllSeries all;
  for (const observe::WorkerCounters* worker : workers) {
    auto of_worker = worker->operations.all();
    std::ranges::move(of_worker, std::back_inserter(all.operations));
  }
  Reading now = read_all(all);
  for (const observe::WorkerCounters* worker : workers) now.add(*worker);
  admit(all);
  others_ = {};  // gives its memory back as well
  Reading come = now.minus(*before_);
  *before_ = now;
  Sample sample = come.sample(unix_ms);
  sample.tries = narrow(come.tries);
  sample.failed_tries = narrow(come.failed_tries);
  sample.cache_hits = narrow(come.cache_hits);
  sample.cache_misses = narrow(come.cache_misses);
  sample.refused = narrow(come.refused);
  whole_.add(sample);
  for (const auto& [name, followed] : followed_) followed->samples.add(step(*followed, come));
  rest_.add(come.sample(unix_ms));
}

}  // namespace gw::admin
