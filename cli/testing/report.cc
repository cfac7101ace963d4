#include "cli/testing/report.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "compiler/diag/render.h"
#include "compiler/report/report.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::FileSet;
using compiler::printable;

constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

class TextReport {
 public:
  TextReport(const FileSet& files, bool color) : files_(files), color_(color) {}

  std::string run(const std::vector<SuiteResult>& results) {
    for (const SuiteResult& suite : results) {
      for (const TestResult& test : suite.tests) {
        if (!test.failures.empty()) failed(test);
      }
    }
    for (const SuiteResult& suite : results) {
      for (const TestResult& test : suite.tests) {
        if (test.skipped.empty()) continue;
        out_ +=
            fmt::format("skipped {}: {}\n", printable(test.test->name), printable(test.skipped));
      }
      if (suite.unseen != 0) {
        out_ += fmt::format("{}: {} expectations cannot be seen from outside\n",
                            printable(suite.suite->path), suite.unseen);
      }
    }
    return std::move(out_);
  }

 private:
  std::string in(std::string_view style, std::string_view text) const {
    return color_ ? fmt::format("{}{}{}", style, text, kPlain) : std::string(text);
  }

  void failed(const TestResult& test) {
    out_ += fmt::format("{} {}\n", in(kRed, "failed"), in(kBold, printable(test.test->name)));
    for (const Failure& failure : test.failures) {
      const Step& step = test.test->steps[failure.step];
      const bool several = test.test->steps.size() > 1;
      out_ += fmt::format("  --> {}{}{}\n", place_of(files_, step.span),
                          several ? fmt::format(", step {}", failure.step + 1) : "",
                          step.repeat > 1 ? fmt::format(", repetition {} of {}",
                                                        failure.repetition + 1, step.repeat)
                                          : "");
      out_ += fmt::format("  {}\n", printable(failure.request));
      if (!failure.problem.empty()) out_ += fmt::format("    {}\n", printable(failure.problem));
      for (const Mismatch& mismatch : failure.mismatches) difference(mismatch);
    }
    out_ += '\n';
  }

  void difference(const Mismatch& mismatch) {
    const std::string place = place_of(files_, mismatch.span);
    out_ += fmt::format("    {}{}\n", printable(mismatch.where),
                        place.empty() ? "" : fmt::format("  ({})", place));
    out_ += fmt::format("      {}\n", in(kGreen, "- " + printable(mismatch.expected)));
    out_ += fmt::format("      {}\n", in(kRed, "+ " + printable(mismatch.got)));
  }

  const FileSet& files_;
  const bool color_;
  std::string out_;
};

// As a person would tell it, in one text.
std::string failure_text(const FileSet& files, const TestResult& test) {
  std::string out;
  for (const Failure& failure : test.failures) {
    out += fmt::format("{} at {}\n", failure.request,
                       place_of(files, test.test->steps[failure.step].span));
    if (!failure.problem.empty()) out += failure.problem + "\n";
    for (const Mismatch& mismatch : failure.mismatches) {
      out +=
          fmt::format("{}: expected {}, got {}\n", mismatch.where, mismatch.expected, mismatch.got);
    }
  }
  return out;
}

// Lines stay lines in attributes, too.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : compiler::escaped_xml(text)) {
    if (c == '\n') {
      out += "&#10;";
    } else {
      out += c;
    }
  }
  return out;
}

json::array failures_of(const FileSet& files, const TestResult& test) {
  json::array out;
  for (const Failure& failure : test.failures) {
    json::array mismatches;
    for (const Mismatch& mismatch : failure.mismatches) {
      mismatches.push_back({{"where", mismatch.where},
                            {"expected", mismatch.expected},
                            {"got", mismatch.got},
                            {"place", place_of(files, mismatch.span)}});
    }
    json::object entry{{"step", failure.step + 1},
                       {"repetition", failure.repetition + 1},
                       {"request", failure.request},
                       {"mismatches", std::move(mismatches)}};
    if (!failure.problem.empty()) entry["problem"] = failure.problem;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

Totals total_of(const std::vector<SuiteResult>& results) {
  Totals totals;
  for (const SuiteResult& suite : results) {
    for (const TestResult& test : suite.tests) {
      totals.seconds += test.seconds;
      if (!test.skipped.empty()) {
        ++totals.skipped;
      } else if (test.failures.empty()) {
        ++totals.passed;
      } else {
        ++totals.failed;
      }
    }
  }
  return totals;
}

std::string summary_of(const Totals& totals) {
  const size_t all = totals.passed + totals.failed + totals.skipped;
  std::string out =
      fmt::format("{} {}: {} passed", all, all == 1 ? "test" : "tests", totals.passed);
  if (totals.failed != 0) out += fmt::format(", {} failed", totals.failed);
  if (totals.skipped != 0) out += fmt::format(", {} skipped", totals.skipped);
  return out;
}

std::string place_of(const FileSet& files, compiler::Span span) {
  if (!span.valid()) return {};
  const compiler::Position at = files.position(span.file, span.begin);
  return fmt::format("{}:{}:{}", files.name(span.file), at.line, at.column);
}

std::string report_text(const FileSet& files, const std::vector<SuiteResult>& results, bool color) {
  return TextReport(files, color).run(results);
}

std::string report_json(const FileSet& files, const std::vector<SuiteResult>& results) {
  std::string out;
  for (const SuiteResult& suite : results) {
    for (const TestResult& test : suite.tests) {
      json::object entry{{"file", suite.suite->path},
                         {"name", test.test->name},
                         {"place", place_of(files, test.test->span)},
                         {"outcome", !test.skipped.empty()   ? "skipped"
                                     : test.failures.empty() ? "passed"
                                                             : "failed"}};
      if (!test.skipped.empty()) entry["reason"] = test.skipped;
      if (!test.failures.empty()) entry["failures"] = failures_of(files, test);
      out += json::serialize(entry) + "\n";
    }
  }
  return out;
}

std::string report_junit(const FileSet& files, const std::vector<SuiteResult>& results) {
  const Totals all = total_of(results);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += fmt::format("<testsuites tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n",
                     all.passed + all.failed + all.skipped, all.failed, all.skipped, all.seconds);
  for (const SuiteResult& suite : results) {
    const Totals totals = total_of({suite});
    out += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n",
        xml(suite.suite->path), suite.tests.size(), totals.failed, totals.skipped, totals.seconds);
    for (const TestResult& test : suite.tests) {
      out += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                         xml(suite.suite->path), xml(test.test->name), test.seconds);
      if (!test.skipped.empty()) {
        out +=
            fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", xml(test.skipped));
      } else if (!test.failures.empty()) {
        const std::string text = failure_text(files, test);
        out += fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                           xml(text.substr(0, text.find('\n'))), xml(text));
      } else {
        out += "/>\n";
      }
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace gw::cli::tests
