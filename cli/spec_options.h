// Options of every verb that reads documents, and of every verb that takes a GATEWAY.
#pragma once
#include <CLI/App.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin_client.h"
#include "cli/console.h"
#include "cli/source_state.h"
#include "compiler/compile.h"
#include "runtime/table/bound_table.h"

namespace gw::cli {

struct SpecOptions {
  std::vector<std::string> paths;
  std::vector<std::string> overlays;
  std::vector<std::string> unenforced;
  std::vector<std::string> allowed_roots;
  std::string env_file;
  std::string upstream;
  bool mock = false;

  compiler::CompileOptions compile_options() const;
};

/// --overlay --env-file --upstream --mock --unenforced --allow-ref
void add_spec_options(CLI::App& app, SpecOptions& options);

/// `text` or `json`.
enum class OutputFormat { Text, Json };
void add_format_options(CLI::App& app, OutputFormat& format);

/// Values of `--env-file`: NAME=VALUE lines, `#` comments. False after an error message.
bool read_env_file(const std::string& path, std::map<std::string, std::string>& values,
                   const Console& console);

/// Whether all documents and overlays can be read and are no compiled table; false after a message
/// for each that is not.
bool check_documents(const SpecOptions& options, const Console& console);

/// A gateway for reading verbs: a table as it is, or documents compiled in memory (their findings
/// go to standard error). Null after a message; `exit` says how to end.
/// `read` (may be null) gets the files that it was made of, or could not be made of.
std::shared_ptr<const table::TableFile> open_gateway(const SpecOptions& options,
                                                     const Console& console, ExitCode& exit,
                                                     SourceState* read = nullptr);
/// Why there is none, for whoever does not see the messages.
std::string problem_of(ExitCode exit);
/// `admin:ADDR`, or `admin` for the usual place: a gateway that runs.
bool is_running_gateway(const std::string& path);
AdminOptions admin_of(const std::string& path);
/// The table that it serves. Null after a message.
std::shared_ptr<const table::TableFile> fetch_table(const std::string& path,
                                                    const Console& console);
/// Whether `path` begins like a table.
bool is_table(const std::string& path);
/// One line for a refused or unreadable table.
std::string describe(const std::string& path, const Error& error);

}  // namespace gw::cli
