// Property: a test file is taken, or refused with a reason; what is taken is within its bounds.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cli/testing/suite.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw;
  compiler::FileSet files;
  files.add("suite.yaml", {reinterpret_cast<const char*>(data), size});
  compiler::DiagnosticSink sink;
  cli::tests::Suite suite;
  const bool taken = cli::tests::read_suite(files, "suite.yaml", sink, suite);
  if (taken == (sink.error_count() != 0)) std::abort();
  for (const cli::tests::Test& test : suite.tests) {
    for (const cli::tests::Step& step : test.steps) {
      if (step.repeat == 0 || step.repeat > cli::tests::kMaxRepeat) std::abort();
      if (step.sends && step.request.path.empty()) std::abort();
    }
  }
  return 0;
}
