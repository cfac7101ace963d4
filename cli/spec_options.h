// Options of every verb that reads documents, and of every verb that takes a GATEWAY.
#pragma once
#include <CLI/App.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/console.h"
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
/// go to standard error). Null after a message; `exit` says how to end. `sources`, if given, gets
/// the files that were read, whether or not they were right.
std::shared_ptr<const table::TableFile> open_gateway(const SpecOptions& options,
                                                     const Console& console, ExitCode& exit,
                                                     std::vector<std::string>* sources = nullptr);
/// Whether `path` begins like a table.
bool is_table(const std::string& path);
/// One line for a refused or unreadable table.
std::string describe(const std::string& path, const Error& error);

}  // namespace gw::cli
