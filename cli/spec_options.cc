#include "cli/spec_options.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "cli/admin_client.h"
#include "cli/findings.h"
#include "runtime/table/format.h"

namespace gw::cli {
namespace {

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string_view errc_text(const Error& error) {
  switch (error.code) {
    case Errc::TableTruncated:
      return "it is cut off";
    case Errc::TableVersion:
      return "it was made by another version of the format";
    case Errc::TableFeature:
      return "it needs a feature that this gwctl has not";
    default:
      return "it is damaged";
  }
}

void note_documents(const SpecOptions& options, SourceState& read) {
  for (const std::string& path : options.paths) read.note_file(path);
  for (const std::string& path : options.overlays) read.note_file(path);
}

void note_sources(const compiler::FileSet& files, SourceState& read) {
  for (size_t i = 0; i < files.size(); ++i) {
    const auto file = static_cast<compiler::FileId>(i);
    read.note(std::string(files.name(file)), files.text(file));
  }
  for (const std::string& path : files.unreadable()) read.note_unreadable(path);
}

}  // namespace

compiler::CompileOptions SpecOptions::compile_options() const {
  compiler::CompileOptions options;
  options.paths = paths;
  options.mock = mock;
  options.unenforced_security = std::ranges::find(unenforced, "security") != unenforced.end();
  options.upstream = upstream;
  options.today = today();
  options.overlays = overlays;
  options.allowed_roots = allowed_roots;
  return options;
}

void add_spec_options(CLI::App& app, SpecOptions& options) {
  app.add_option("--overlay", options.overlays,
                 "Apply an OpenAPI Overlay document; may be repeated")
      ->option_text("FILE")
      ->allow_extra_args(false);
  app.add_option("--env-file", options.env_file, "Values for $env references, NAME=VALUE lines")
      ->option_text("FILE");
  app.add_option("--upstream", options.upstream, "Send every operation to this upstream")
      ->option_text("URL");
  app.add_flag("--mock", options.mock, "Answer every operation from the document's examples");
  app.add_option("--unenforced", options.unenforced,
                 "Accept that a keyword is not enforced yet: security")
      ->option_text("KEYWORD")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"security"}));
  app.add_option("--allow-ref", options.allowed_roots, "Let $ref reach into this folder as well")
      ->option_text("DIR")
      ->allow_extra_args(false);
}

void add_format_options(CLI::App& app, OutputFormat& format) {
  app.add_option_function<std::string>(
         "--format",
         [&format](const std::string& word) {
           format = word == "json" ? OutputFormat::Json : OutputFormat::Text;
         },
         "text or json [text]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag_callback(
      "--json", [&format] { format = OutputFormat::Json; }, "Same as --format json");
}

bool read_env_file(const std::string& path, std::map<std::string, std::string>& values,
                   const Console& console) {
  if (path.empty()) return true;
  const auto text = table::read_file(path, u64{1} << 20);
  if (!text) {
    console.error(fmt::format("cannot read {}: {}", path, std::strerror(text.error().sys)));
    return false;
  }
  std::string_view rest = *text;
  for (u32 line = 1; !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    std::string_view entry = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    if (entry.ends_with('\r')) entry.remove_suffix(1);
    if (entry.empty() || entry.front() == '#') continue;
    const size_t equals = entry.find('=');
    if (equals == entry.npos || equals == 0) {
      console.error(fmt::format("{}:{}: not NAME=VALUE", path, line));
      return false;
    }
    std::string_view value = entry.substr(equals + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    values[std::string(entry.substr(0, equals))] = value;
  }
  return true;
}

bool is_table(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  char magic[sizeof table::kMagic] = {};
  const size_t read = std::fread(magic, 1, sizeof magic, file);
  std::fclose(file);
  return read == sizeof magic && std::memcmp(magic, table::kMagic, sizeof magic) == 0;
}

bool is_running_gateway(const std::string& path) {
  return path == "admin" || path.starts_with("admin:");
}

AdminOptions admin_of(const std::string& path) {
  const size_t colon = path.find(':');
  std::string address = colon == path.npos ? std::string() : path.substr(colon + 1);
  if (address == "default") address.clear();
  if (address.starts_with('/')) address.insert(0, "unix:");
  return {std::move(address), {}};
}

std::shared_ptr<const table::TableFile> fetch_table(const std::string& path,
                                                    const Console& console) {
  const auto reply = ask_admin(admin_of(path), console, "GET", "/v1/table");
  if (!reply) return nullptr;
  if (reply->status != 200) {
    const bool asks = reply->status == 401 || reply->status == 403;
    console.error(
        asks ? fmt::format("{} does not give its table without the token: "
                           "GWCTL_ADMIN_TOKEN_FILE names the file that holds it",
                           path)
             : fmt::format("{} does not give its table: it answers {}", path, reply->status));
    return nullptr;
  }
  auto file = table::TableFile::from_bytes(as_bytes(reply->body));
  if (file) return *file;
  console.error(describe(path, file.error()));
  return nullptr;
}

bool check_documents(const SpecOptions& options, const Console& console) {
  std::map<std::string, std::string> ignored;  // a verb that needs no values still reads the file
  bool usable = read_env_file(options.env_file, ignored, console);
  std::vector<std::string> paths = options.paths;
  paths.insert(paths.end(), options.overlays.begin(), options.overlays.end());
  for (const std::string& path : paths) {
    if (path == "-") continue;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    int problem = file < 0 || ::fstat(file, &status) != 0 ? errno : 0;
    if (file >= 0) ::close(file);
    if (problem == 0 && S_ISDIR(status.st_mode)) problem = EISDIR;
    if (problem != 0) {
      console.error(fmt::format("cannot read {}: {}", path, std::strerror(problem)));
      usable = false;
    } else if (is_table(path)) {
      console.error(fmt::format("{} is a compiled table; this needs OpenAPI documents", path));
      usable = false;
    }
  }
  return usable;
}

std::string describe(const std::string& path, const Error& error) {
  if (error.code == Errc::FileUnreadable) {
    return fmt::format("cannot read {}: {}", path, std::strerror(error.sys));
  }
  if (error.code == Errc::TableFeature && error.what == "kind") {
    return fmt::format(
        "{} is a data table; a gateway names it by `consumers: {{table: ...}}` or "
        "`ip: $file...`",
        path);
  }
  return fmt::format("refused {}: {} ({})", path, errc_text(error), error.what);
}

std::shared_ptr<const table::TableFile> open_gateway(const SpecOptions& options,
                                                     const Console& console, ExitCode& exit,
                                                     SourceState* read) {
  exit = ExitCode::Usage;
  if (options.paths.size() == 1 && is_running_gateway(options.paths[0])) {
    return fetch_table(options.paths[0], console);
  }
  const bool named_table = options.paths.size() == 1 &&
                           (is_table(options.paths[0]) || options.paths[0].ends_with(".gwt"));
  if (named_table) {
    if (options.mock || !options.upstream.empty() || !options.overlays.empty() ||
        !options.unenforced.empty() || !options.allowed_roots.empty()) {
      console.error(
          "--mock, --upstream, --overlay, --unenforced and --allow-ref need documents; a table is "
          "fixed");
      return nullptr;
    }
    auto file = table::TableFile::load(options.paths[0]);
    if (!file) {
      if (read != nullptr) read->note_file(options.paths[0]);
      console.error(describe(options.paths[0], file.error()));
      return nullptr;
    }
    if (read != nullptr) read->note(options.paths[0], as_text((*file)->file_bytes()));
    return *file;
  }
  if (!check_documents(options, console)) {
    if (read != nullptr) note_documents(options, *read);
    return nullptr;
  }
  compiler::Compilation compilation;
  compiler::compile(options.compile_options(), true, compilation);
  if (read != nullptr) note_sources(compilation.files, *read);
  show_findings(compilation,
                {.to_stderr = true,
                 .format = compiler::Format::Text,
                 .limit = 20,
                 .summary = true,
                 .notes = false},
                console);
  if (compilation.table.empty()) {
    exit = ExitCode::Findings;
    return nullptr;
  }
  auto file = table::TableFile::from_bytes(compilation.table);
  if (!file) {
    console.error(describe(options.paths[0], file.error()));
    return nullptr;
  }
  return *file;
}

std::string problem_of(ExitCode exit) {
  return exit == ExitCode::Findings ? "the documents have errors"
                                    : "the argument cannot be used any more";
}

}  // namespace gw::cli
