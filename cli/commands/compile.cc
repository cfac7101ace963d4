// gwctl compile: documents to a table.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/findings.h"
#include "cli/signing_keys.h"
#include "cli/spec_options.h"
#include "compiler/consumers/data_table.h"
#include "runtime/base/units.h"
#include "runtime/observe/series_count.h"
#include "runtime/table/table_file.h"

namespace gw::cli {
namespace {

struct CompileCommand {
  SpecOptions spec;
  std::string output;
  std::string consumers;  // instead of documents
  std::string networks;   // the same
  std::string sign;       // file of the private key
  std::string counter;    // with `sign`
  bool report = false;
  OutputFormat format = OutputFormat::Text;
};

// Written beside its place and renamed, so that nobody ever maps half a table.
bool write_file(const std::string& path, Bytes bytes, const Console& console) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) {
    console.error(fmt::format("cannot write {}: {}", temporary, std::strerror(errno)));
    return false;
  }
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  const bool written = done == bytes.size() && ::fsync(fd) == 0;
  const int write_errno = errno;
  ::close(fd);
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return true;
  console.error(
      fmt::format("cannot write {}: {}", path, std::strerror(written ? errno : write_errno)));
  ::unlink(temporary.c_str());
  return false;
}

std::string report_text(const compiler::CompileReport& report, u64 series) {
  std::string out = fmt::format(
      "routes     {}\nplans      {}\nupstreams  {}\nstates     {}\ntable      {} bytes\n"
      "metrics    at most {} series, without the process and targets by DNS\n",
      report.routes, report.plans, report.upstreams, report.router_states, report.table_bytes,
      series);
  out += "\nsection              bytes\n";
  for (const compiler::SectionSize& section : report.sections) {
    if (section.bytes > 0) out += fmt::format("{:<18} {:>7}\n", section.name, section.bytes);
  }
  out += "\npass                    ms\n";
  for (const compiler::PassTime& pass : report.passes) {
    out += fmt::format("{:<18} {:>7.2f}\n", pass.name, pass.milliseconds);
  }
  if (!report.patterns.empty()) out += "\nstates   bytes  pattern\n";
  for (const auto& pattern : report.patterns) {
    const std::string states = pattern.bytes == 0 ? "at load" : std::to_string(pattern.states);
    out += fmt::format("{:>6} {:>7}  {}\n", states, pattern.bytes, pattern.source);
  }
  for (const std::string& note : report.notes) out += fmt::format("\nnote: {}\n", note);
  return out;
}

std::string report_json(const compiler::CompileReport& report, u64 series) {
  namespace json = boost::json;
  json::object sections;
  for (const auto& section : report.sections) sections[std::string(section.name)] = section.bytes;
  json::object passes;
  for (const auto& pass : report.passes) passes[std::string(pass.name)] = pass.milliseconds;
  json::array patterns;
  for (const auto& pattern : report.patterns) {
    patterns.push_back(
        {{"pattern", pattern.source}, {"states", pattern.states}, {"bytes", pattern.bytes}});
  }
  json::array notes;
  for (const auto& note : report.notes) notes.emplace_back(note);
  const json::object object{{"routes", report.routes},       {"plans", report.plans},
                            {"upstreams", report.upstreams}, {"states", report.router_states},
                            {"bytes", report.table_bytes},   {"metric_series", series},
                            {"sections", sections},          {"passes_ms", passes},
                            {"patterns", patterns},          {"notes", notes}};
  return json::serialize(object) + "\n";
}

// The signature that `--sign` asks for. False after a message.
bool make_signature(const CompileCommand& command, Bytes table,
                    std::optional<table::Signature>& signature, const Console& console) {
  if (command.sign.empty()) return true;
  const auto key = read_signing_key(command.sign, console);
  if (key == nullptr) return false;
  const std::optional<u64> counter = read_counter(command.counter, console);
  if (!counter) return false;
  signature = key->sign(table, *counter);
  return true;
}

bool write_output(const CompileCommand& command, Bytes bytes, const Console& console) {
  if (command.output != "-") return write_file(command.output, bytes, console);
  console.out(as_text(bytes));
  return true;
}

ExitCode finish_data_table(const CompileCommand& command, const std::vector<std::byte>& table,
                           std::string_view what, u32 count, const Console& console) {
  if (!write_output(command, table, console)) return ExitCode::Usage;
  if (command.output == "-") return ExitCode::Ok;
  console.note(fmt::format("wrote {}: {} {}, {} bytes", command.output, count, what, table.size()));
  return ExitCode::Ok;
}

ExitCode run_consumers(const CompileCommand& command, const Console& console) {
  compiler::Compilation compilation;
  const Result<compiler::FileId> file = compilation.files.read(command.consumers);
  if (!file) {
    console.error(describe(command.consumers, file.error()));
    return ExitCode::Usage;
  }
  u32 count = 0;
  const auto table = compiler::compile_consumers(compilation.files, *file, compilation.sink, count);
  show_findings(compilation, {.to_stderr = command.output == "-", .notes = false}, console);
  if (table.empty()) return ExitCode::Findings;
  return finish_data_table(command, table, count == 1 ? "consumer" : "consumers", count, console);
}

ExitCode run_networks(const CompileCommand& command, const Console& console) {
  constexpr u64 kMaxBytes = u64{1} << 30;
  const auto text = table::read_file(command.networks, kMaxBytes);
  if (!text) {
    console.error(describe(command.networks, text.error()));
    return ExitCode::Usage;
  }
  std::string problem;
  u32 count = 0;
  const auto table = compiler::compile_networks(*text, problem, count);
  if (table.empty()) {
    console.error(fmt::format("{}: {}", command.networks, problem));
    return ExitCode::Findings;
  }
  return finish_data_table(command, table, count == 1 ? "range" : "ranges", count, console);
}

ExitCode run_compile(const CompileCommand& command, const Console& console) {
  const int inputs = (command.spec.paths.empty() ? 0 : 1) + (command.consumers.empty() ? 0 : 1) +
                     (command.networks.empty() ? 0 : 1);
  if (inputs != 1) {
    console.error("name documents, or one of --consumers and --networks");
    return ExitCode::Usage;
  }
  if (!command.counter.empty() && command.sign.empty()) {
    console.error("--counter needs --sign");
    return ExitCode::Usage;
  }
  if (!command.sign.empty() && command.spec.paths.empty()) {
    console.error("--sign is for gateways: nothing asks a data table for a signature");
    return ExitCode::Usage;
  }
  if (!command.consumers.empty()) return run_consumers(command, console);
  if (!command.networks.empty()) return run_networks(command, console);
  if (!check_documents(command.spec, console)) return ExitCode::Usage;
  compiler::Compilation compilation;
  compiler::compile(command.spec.compile_options(), true, compilation);
  // Findings go to standard error when standard output carries the table or the report.
  show_findings(compilation,
                {.to_stderr = command.output == "-" || command.report,
                 .format = command.format == OutputFormat::Json ? compiler::Format::Json
                                                                : compiler::Format::Text,
                 .limit = 20,
                 .summary = true,
                 .notes = false},
                console);
  if (compilation.table.empty()) return ExitCode::Findings;
  if (command.report) {
    const u64 series = observe::most_series(table::TableView(compilation.table));
    const std::string text = command.format == OutputFormat::Json
                                 ? report_json(compilation.report, series)
                                 : report_text(compilation.report, series);
    if (command.output == "-") {
      console.err(text);
    } else {
      console.out(text);
    }
  }
  std::optional<table::Signature> signature;
  if (!make_signature(command, compilation.table, signature, console)) return ExitCode::Usage;
  std::vector<std::byte>& file = compilation.table;
  if (signature) {
    const auto* block = reinterpret_cast<const std::byte*>(&*signature);
    file.insert(file.end(), block, block + sizeof *signature);
  }
  if (!write_output(command, file, console)) return ExitCode::Usage;
  if (command.output == "-") return ExitCode::Ok;
  console.note(fmt::format("wrote {}: {} route{}, {} bytes{}", command.output,
                           compilation.report.routes, compilation.report.routes == 1 ? "" : "s",
                           file.size(), signature ? ", signed " + signature_text(*signature) : ""));
  return ExitCode::Ok;
}

}  // namespace

Run add_compile(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("compile", "Compile documents into a table");
  const auto command = std::make_shared<CompileCommand>();
  app.add_option("spec", command->spec.paths, "OpenAPI documents; - reads standard input")
      ->option_text("SPEC...");
  app.add_option("-o,--output", command->output, "The table; - writes to standard output")
      ->option_text("FILE")
      ->required();
  app.add_option("--consumers", command->consumers,
                 "Make a data table of the consumers in FILE, for `consumers: {table: ...}`")
      ->option_text("FILE");
  app.add_option("--networks", command->networks,
                 "Make a data table of the networks in FILE, one a line, for `ip: $file...`")
      ->option_text("FILE");
  app.add_option("--sign", command->sign,
                 "Sign the table with this private key, which `gwctl key sign` makes")
      ->option_text("KEY");
  app.add_option("--counter", command->counter,
                 "What orders signed tables; serve --trust refuses lower ones than it has had "
                 "[$SOURCE_DATE_EPOCH, else seconds since 1970]")
      ->option_text("N");
  app.add_flag("--report", command->report, "Print sizes, states and times");
  add_format_options(app, command->format);
  add_spec_options(app, command->spec);
  app.footer(
      "Examples:\n"
      "  gwctl compile gateway.yaml -o gateway.gwt\n"
      "  gwctl compile gateway.yaml -o gateway.gwt --report --json\n"
      "  gwctl compile gateway.yaml -o gateway.gwt --sign release.pem\n"
      "  gwctl compile --consumers consumers.yaml -o consumers.gwt\n"
      "\n"
      "Exit status: 0 compiled, 1 the documents have errors, 2 wrong use or a file\n"
      "that cannot be written.\n"
      "See gwctl-compile(1).");
  return [command](const Console& console) { return run_compile(*command, console); };
}

}  // namespace gw::cli
