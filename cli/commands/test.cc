// gwctl test: tests of a gateway through the engine that serves, or against one that runs.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/file_watch.h"
#include "cli/output_file.h"
#include "cli/source_state.h"
#include "cli/spec_options.h"
#include "cli/testing/check_names.h"
#include "cli/testing/coverage.h"
#include "cli/testing/generate.h"
#include "cli/testing/live.h"
#include "cli/testing/report.h"
#include "compiler/diag/render.h"
#include "runtime/base/units.h"

namespace gw::cli {
namespace {

struct TestCommand {
  SpecOptions spec;
  std::vector<std::string> files;
  tests::RunOptions run;
  std::string format = "text";
  std::string fail_under;
  tests::LiveOptions live;
  std::string output = "-";
  bool coverage = false;
  bool watch = false;
  bool generate = false;
};

// Of --fail-under, in hundredths of a percent: `90%`, or `90`, which can mean nothing else.
std::optional<u64> least_coverage(const std::string& text) {
  return parse_percent(parse_count(text) ? text + "%" : text);
}

// One run over all files.
class TestRun {
 public:
  TestRun(const TestCommand& command, const Console& console)
      : command_(command), console_(console) {}

  ExitCode run() {
    std::map<std::string, std::string> env;
    if (!read_env_file(command_.spec.env_file, env, console_)) return ExitCode::Usage;
    ExitCode exit = ExitCode::Ok;
    const auto file = open_gateway(command_.spec, console_, exit, &sources);
    for (const std::string& path : command_.files) {
      if (path != "-") sources.note_file(path);
    }
    if (file == nullptr) return exit;
    if (!can_read_tests()) return ExitCode::Usage;
    std::vector<std::string> problems;
    const bool opened = tests::open_gateway_under_test(file, env, gateway_, problems);
    for (const std::string& problem : problems) console_.error(problem);
    if (!opened) return ExitCode::Usage;
    for (const std::string& stand_in : gateway_.stand_ins) {
      console_.note("note: " + stand_in);
    }
    if (!read_suites()) return ExitCode::Findings;
    return run_suites();
  }

  SourceState sources;  // what the outcome was made of

 private:
  // A name that is mistyped is no finding in a document.
  bool can_read_tests() const {
    bool all = true;
    for (const std::string& path : command_.files) {
      if (path == "-" || ::access(path.c_str(), R_OK) == 0) continue;
      console_.error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
      all = false;
    }
    return all;
  }

  bool read_suites() {
    compiler::DiagnosticSink sink;
    for (const std::string& path : command_.files) {
      tests::Suite& suite = suites_.emplace_back();
      if (tests::read_suite(files_, path, sink, suite)) {
        tests::check_names(suite, gateway_, sink);
      }
      snapshots_.emplace_back().read(files_, path, sink);
    }
    if (sink.error_count() == 0) return true;
    const auto format = command_.format == "json" ? compiler::Format::Json : compiler::Format::Text;
    const bool color = format == compiler::Format::Text && console_.color_out();
    console_.out(compiler::render(files_, sink.sorted(), {.format = format, .color = color}));
    console_.note(compiler::summary(sink.sorted()));
    return false;
  }

  ExitCode run_suites() {
    tests::Coverage coverage(gateway_.view());
    std::unique_ptr<tests::Backend> backend;
    if (command_.live.url.empty()) {
      backend = tests::make_offline_backend(gateway_, &coverage);
    } else {
      std::string problem;
      backend = tests::make_live_backend(command_.live, gateway_, problem);
      if (backend == nullptr) {
        console_.error(problem);
        return ExitCode::Usage;
      }
    }
    std::vector<tests::SuiteResult> results;
    for (size_t i = 0; i < suites_.size(); ++i) {
      results.push_back(tests::run_suite(suites_[i], *backend, snapshots_[i], command_.run));
      if (command_.run.update && !write_snapshots(i)) return ExitCode::Usage;
    }
    const tests::Totals totals = tests::total_of(results);
    if (totals.passed + totals.failed + totals.skipped == 0) {
      console_.error(command_.run.filter.empty() ? "there are no tests"
                                                 : "no test has a name that --filter fits");
      return ExitCode::Usage;
    }
    show(results, totals, coverage);
    if (command_.run.update && !has_snapshots()) {
      console_.note("nothing to update: no test has `snapshot: true`");
    }
    const bool covered = check_coverage(coverage);
    return totals.failed == 0 && covered ? ExitCode::Ok : ExitCode::Findings;
  }

  bool has_snapshots() const {
    const auto is_kept = [](const tests::Test& test) {
      return std::ranges::any_of(test.steps, &tests::Step::snapshot);
    };
    return std::ranges::any_of(suites_, [&](const tests::Suite& suite) {
      return std::ranges::any_of(suite.tests, is_kept);
    });
  }

  bool write_snapshots(size_t index) {
    bool changed = false;
    const std::string problem = snapshots_[index].write(suites_[index], changed);
    if (!problem.empty()) console_.error(problem);
    if (changed) console_.note(fmt::format("wrote {}", snapshots_[index].path()));
    return problem.empty();
  }

  void show(const std::vector<tests::SuiteResult>& results, const tests::Totals& totals,
            const tests::Coverage& coverage) const {
    if (command_.format == "junit") {
      console_.out(tests::report_junit(files_, results));
      // The XML has no place for it.
      if (command_.coverage) note_coverage(coverage);
    } else if (command_.format == "json") {
      console_.out(tests::report_json(files_, results));
      if (command_.coverage) console_.out(tests::coverage_json(coverage));
    } else {
      console_.out(tests::report_text(files_, results, console_.color_out()));
      if (command_.coverage) console_.out(tests::coverage_text(coverage));
    }
    console_.note(tests::summary_of(totals));
  }

  void note_coverage(const tests::Coverage& coverage) const {
    std::string text = tests::coverage_text(coverage);
    while (text.ends_with('\n')) text.pop_back();
    console_.note(text);
  }

  bool check_coverage(const tests::Coverage& coverage) const {
    if (command_.fail_under.empty()) return true;
    const u64 wanted = least_coverage(command_.fail_under).value_or(0);
    if (coverage.share() >= wanted) return true;
    console_.error(fmt::format("coverage is {}, below {}{}", format_percent(coverage.share()),
                               format_percent(wanted),
                               command_.coverage ? "" : "; --coverage tells what is uncovered"));
    return false;
  }

  const TestCommand& command_;
  const Console& console_;
  compiler::FileSet files_;
  std::vector<tests::Suite> suites_;
  std::vector<tests::Snapshots> snapshots_;
  tests::Gateway gateway_;
};

ExitCode run_watching(const TestCommand& command, const Console& console) {
  FileWatch watch;
  for (;;) {
    TestRun run(command, console);
    const ExitCode exit = run.run();
    const std::vector<std::string> paths = run.sources.paths();
    if (exit == ExitCode::Usage && paths.empty()) return exit;
    watch.set_files(paths);
    console.note("waiting for changes");
    // What has changed since it was read is not waited for.
    while (run.sources.holds()) {
      if (!watch.wait() || !watch.settle()) return ExitCode::Usage;
    }
  }
}

ExitCode run_generate(const TestCommand& command, const Console& console) {
  if (!check_documents(command.spec, console)) return ExitCode::Usage;
  ExitCode exit = ExitCode::Ok;
  const auto file = open_gateway(command.spec, console, exit);
  if (file == nullptr) return exit;
  std::map<std::string, std::string> env;
  if (!read_env_file(command.spec.env_file, env, console)) return ExitCode::Usage;
  tests::Gateway gateway;
  std::vector<std::string> problems;
  if (!tests::open_gateway_under_test(file, env, gateway, problems)) {
    for (const std::string& problem : problems) console.error(problem);
    return ExitCode::Usage;
  }
  const tests::GeneratedTests made = tests::generate_tests(command.spec.compile_options(), gateway);
  if (!write_output(command.output, made.text, console)) return ExitCode::Usage;
  for (const std::string& one : made.left_out) console.note("left out: " + one);
  return ExitCode::Ok;
}

// What would have no effect beside --generate; "": nothing of it is there.
std::string_view idle_beside_generate(const TestCommand& command) {
  if (!command.run.filter.empty()) return "--filter";
  if (command.format != "text") return "--format";
  if (command.coverage) return "--coverage";
  if (!command.fail_under.empty()) return "--fail-under";
  if (command.run.update) return "--update";
  if (command.watch) return "--watch";
  if (!command.live.url.empty()) return "--live";
  return command.live.ca.empty() ? "" : "--ca";
}

// "": it can be done.
std::string misuse_of(const TestCommand& command) {
  if (command.generate) {
    const std::string_view idle = idle_beside_generate(command);
    if (!idle.empty()) return fmt::format("--generate runs no tests: it has no use for {}", idle);
    return command.files.empty() ? ""
                                 : "--generate reads no tests; -o names the file that it writes";
  }
  if (command.files.empty()) return "name a file of tests, or write one with --generate";
  if (command.output != "-") return "-o is where --generate writes";
  constexpr u64 kWhole = 10'000;  // in hundredths of a percent
  if (!command.fail_under.empty() &&
      least_coverage(command.fail_under).value_or(~u64{0}) > kWhole) {
    return "--fail-under takes a percentage up to 100%, such as 90%";
  }
  const bool looks_inside = command.run.update || command.coverage || !command.fail_under.empty();
  if (!command.live.url.empty() && looks_inside) {
    return "--update, --coverage and --fail-under look at what --live cannot see";
  }
  const bool alone = command.live.url.empty() && !command.live.ca.empty();
  return alone ? "--ca is for --live https://HOST" : "";
}

ExitCode run_test(const TestCommand& command, const Console& console) {
  if (const std::string misuse = misuse_of(command); !misuse.empty()) {
    console.error(misuse);
    return ExitCode::Usage;
  }
  if (command.generate) return run_generate(command, console);
  if (command.watch) return run_watching(command, console);
  return TestRun(command, console).run();
}

void declare(CLI::App& app, TestCommand& command) {
  app.add_option_function<std::string>(
         "gateway", [&command](const std::string& path) { command.spec.paths = {path}; },
         "A table, or a document that is compiled first")
      ->option_text("GATEWAY")
      ->required();
  app.add_option("tests", command.files, "Files of tests, in YAML or JSON")
      ->option_text("TESTS...");
  app.add_option("--filter", command.run.filter, "Only tests whose name has this text")
      ->option_text("TEXT");
  app.add_option("--format", command.format, "text, json (a test per line) or junit [text]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"text", "json", "junit"}));
  app.add_flag_callback(
      "--json", [&command] { command.format = "json"; }, "Same as --format json");
  app.add_flag("--coverage", command.coverage,
               "Tell what of the gateway no test has been through, and where it is");
  app.add_option("--fail-under", command.fail_under, "Least coverage, or the status is 1")
      ->option_text("PERCENT");
  app.add_flag("--update", command.run.update,
               "Keep the answers of tests with `snapshot: true` in FILE.snap.yaml");
  app.add_flag("--watch", command.watch, "Run again whenever a file has changed");
  app.add_option("--live", command.live.url,
                 "Send the requests to a gateway that runs, and judge what can be seen")
      ->option_text("URL");
  app.add_option("--ca", command.live.ca,
                 "Roots that certificates of --live must lead to [the system's]")
      ->option_text("FILE");
  app.add_flag("--generate", command.generate,
               "Write tests at the boundaries of each operation's contract");
  app.add_option("-o,--output", command.output, "Where --generate writes [-]")->option_text("FILE");
  add_spec_options(app, command.spec);
}

}  // namespace

Run add_test(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("test", "Run tests of a gateway, without a socket");
  const auto command = std::make_shared<TestCommand>();
  declare(app, *command);
  app.footer(
      "Requests go through the engine that serves, on a clock of their own, and\n"
      "upstreams answer by the script of the test. Values that references have no\n"
      "text for are made up.\n"
      "\n"
      "Examples:\n"
      "  gwctl test gateway.yaml tests.yaml --coverage --fail-under 90%\n"
      "  gwctl test gateway.yaml --generate -o contract.yaml\n"
      "  gwctl test gateway.gwt tests.yaml --format junit > report.xml\n"
      "  gwctl test gateway.gwt tests.yaml --live http://127.0.0.1:8080\n"
      "\n"
      "Exit status: 0 all passed, 1 one has failed, the files have errors or\n"
      "--fail-under does not hold, 2 wrong use.\n"
      "See gwctl-test(1), and specs/test.md for what tests can say.");
  return [command](const Console& console) { return run_test(*command, console); };
}

}  // namespace gw::cli
