// Data tables: consumers and networks that change without the gateway's table.
#pragma once
#include <string>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/source/file_set.h"

namespace gw::compiler {

/// A data table of the consumers in `file`, a map from name to consumer in YAML or JSON. Empty:
/// what is wrong is in `sink`. `count` is how many there are.
std::vector<std::byte> compile_consumers(const FileSet& files, FileId file, DiagnosticSink& sink,
                                         u32& count);

/// A data table of a text with a network in each line. Empty: `problem` says why. `count` is how
/// many ranges they make.
std::vector<std::byte> compile_networks(std::string_view text, std::string& problem, u32& count);

}  // namespace gw::compiler
