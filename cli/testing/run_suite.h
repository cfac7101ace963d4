// Running tests, offline or against a gateway that runs, and what came of them.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/testing/judge.h"
#include "cli/testing/snapshots.h"

namespace gw::cli::tests {

/// What requests are sent to.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Before each test: nothing of the last one is left.
  virtual void begin() = 0;
  virtual Outcome send(const Step& step) = 0;
  virtual void wait(u64 milliseconds) = 0;
  virtual Sight sight() const = 0;
  /// Why a test cannot be run here; "": it can.
  virtual std::string refuses(const Test& test) const = 0;
};

std::unique_ptr<Backend> make_offline_backend(const Gateway& gateway, ExchangeWatcher* watcher);

struct Failure {
  size_t step = 0;      // of the test
  u64 repetition = 0;   // of the step
  std::string request;  // "GET /orders/7"
  std::string problem;  // in place of `mismatches`
  std::vector<Mismatch> mismatches;
};

struct TestResult {
  const Test* test = nullptr;
  std::string skipped;  // why; "": it was run
  std::vector<Failure> failures;
  double seconds = 0;
  bool passed() const { return skipped.empty() && failures.empty(); }
};

struct SuiteResult {
  const Suite* suite = nullptr;
  std::vector<TestResult> tests;
  size_t unseen = 0;  // expectations that could not be looked at
};

struct RunOptions {
  std::string filter;   // only tests whose name has it
  bool update = false;  // keep the answers of snapshots
};

SuiteResult run_suite(const Suite& suite, Backend& backend, Snapshots& snapshots,
                      const RunOptions& options);

}  // namespace gw::cli::tests
