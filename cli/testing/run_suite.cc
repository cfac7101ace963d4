#include "cli/testing/run_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <set>

namespace gw::cli::tests {
namespace {

class OfflineBackend final : public Backend {
 public:
  OfflineBackend(const Gateway& gateway, ExchangeWatcher* watcher)
      : gateway_(gateway), watcher_(watcher) {}

  void begin() override {
    stage_.reset();
    stage_.emplace(gateway_, watcher_);
  }
  Outcome send(const Step& step) override { return stage_->send(step); }
  void wait(u64 milliseconds) override { stage_->wait(milliseconds); }
  Sight sight() const override { return Sight::Inside; }
  std::string refuses(const Test&) const override { return {}; }

 private:
  const Gateway& gateway_;
  ExchangeWatcher* watcher_;
  std::optional<Stage> stage_;
};

class SuiteRunner {
 public:
  SuiteRunner(Backend& backend, Snapshots& snapshots, const RunOptions& options,
              SuiteResult& result)
      : backend_(backend), snapshots_(snapshots), options_(options), result_(result) {}

  void run(const Test& test) {
    TestResult& result = result_.tests.emplace_back();
    result.test = &test;
    result.skipped = backend_.refuses(test);
    if (!result.skipped.empty()) return;
    const auto start = std::chrono::steady_clock::now();
    backend_.begin();
    size_t requests = 0;
    taken_.clear();
    for (size_t i = 0; i < test.steps.size(); ++i) {
      const Step& step = test.steps[i];
      if (step.wait_ms != 0) backend_.wait(step.wait_ms);
      if (!step.sends) continue;
      for (u64 repetition = 0; repetition < step.repeat; ++repetition) {
        if (!send(test, i, repetition, requests, result)) break;  // the others would say the same
      }
      ++requests;
    }
    if (backend_.sight() == Sight::Inside) check_scripts(test, result);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  bool send(const Test& test, size_t index, u64 repetition, size_t number, TestResult& result) {
    const Step& step = test.steps[index];
    const Outcome outcome = backend_.send(step);
    for (size_t i = 0; i < outcome.taken.size(); ++i) {
      if (outcome.taken[i]) taken_.insert(step.upstream[i].span.begin);
    }
    Failure failure{.step = index,
                    .repetition = repetition,
                    .request = fmt::format("{} {}", step.request.method, step.request.path),
                    .problem = outcome.problem,
                    .mismatches = {}};
    if (outcome.problem.empty()) {
      failure.mismatches = judge(step.expect, outcome, backend_.sight());
      count_unseen(step);
      if (step.snapshot && backend_.sight() == Sight::Inside) {
        check_snapshot(test, number, outcome, failure);
      }
    }
    if (failure.problem.empty() && failure.mismatches.empty()) return true;
    // Who would have taken the others is not known: requests are left out, or could not be made.
    const bool cut_short = repetition + 1 < step.repeat || !failure.problem.empty();
    if (cut_short) {
      for (const Reply& reply : step.upstream) taken_.insert(reply.span.begin);
    }
    result.failures.push_back(std::move(failure));
    return false;
  }

  // An answer that stands above several steps, or repetitions, is for whichever takes it. One that
  // nobody takes shows that something has not been asked for as its author thought: beside what
  // else is wrong with its step, which may follow from it.
  void check_scripts(const Test& test, TestResult& result) {
    for (size_t i = 0; i < test.steps.size(); ++i) {
      const Step& step = test.steps[i];
      std::vector<Mismatch> unasked;
      for (size_t reply = 0; reply < step.upstream.size(); ++reply) {
        const Reply& left = step.upstream[reply];
        if (left.optional || !taken_.insert(left.span.begin).second) continue;
        unasked.push_back({.where = fmt::format("upstream[{}]", reply),
                           .expected = "a request that takes this answer",
                           .got = "none: take it out, or write `optional: true` in it",
                           .span = left.span});
      }
      if (unasked.empty()) continue;
      std::ranges::move(unasked, std::back_inserter(failure_of(i, test, result)));
    }
  }

  // The differences of a step, told in the order of steps.
  static std::vector<Mismatch>& failure_of(size_t index, const Test& test, TestResult& result) {
    const auto at = std::ranges::lower_bound(result.failures, index, {}, &Failure::step);
    if (at != result.failures.end() && at->step == index) return at->mismatches;
    const Step& step = test.steps[index];
    const Failure added{.step = index,
                        .repetition = step.repeat - 1,
                        .request = fmt::format("{} {}", step.request.method, step.request.path),
                        .problem = {},
                        .mismatches = {}};
    return result.failures.insert(at, added)->mismatches;
  }

  void check_snapshot(const Test& test, size_t number, const Outcome& outcome, Failure& failure) {
    boost::json::object answer = answer_of(outcome);
    if (options_.update) {
      snapshots_.set(test.name, number, std::move(answer));
    } else {
      snapshots_.check(test.name, number, answer, failure.mismatches);
    }
  }

  void count_unseen(const Step& step) {
    if (backend_.sight() == Sight::Inside) return;
    for (const Value& field : step.expect.children) {
      if (needs_inside(field.key)) ++result_.unseen;
    }
    if (step.snapshot) ++result_.unseen;
  }

  Backend& backend_;
  Snapshots& snapshots_;
  const RunOptions& options_;
  SuiteResult& result_;
  std::set<u32> taken_;  // replies of the test, by where they are written
};

}  // namespace

std::unique_ptr<Backend> make_offline_backend(const Gateway& gateway, ExchangeWatcher* watcher) {
  return std::make_unique<OfflineBackend>(gateway, watcher);
}

SuiteResult run_suite(const Suite& suite, Backend& backend, Snapshots& snapshots,
                      const RunOptions& options) {
  SuiteResult result;
  result.suite = &suite;
  SuiteRunner runner(backend, snapshots, options, result);
  for (const Test& test : suite.tests) {
    if (test.name.find(options.filter) != std::string::npos) runner.run(test);
  }
  return result;
}

}  // namespace gw::cli::tests
