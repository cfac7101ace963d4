// Text to tree: the entry of both readers.
#pragma once
#include <memory>

#include "compiler/diag/sink.h"
#include "compiler/source/file_set.h"
#include "compiler/syntax/limits.h"
#include "compiler/syntax/node.h"

namespace gw::compiler {

/// Reads `file` as JSON when its first significant byte is `{` or `[` and its name ends in .json,
/// or has no YAML ending and reads as JSON; as YAML otherwise. Problems go to `sink` (rules
/// `syntax` and `duplicate-key`); null after an error in the structure, since everything behind it
/// would be a guess. Duplicate keys, foreign tags and bad merge keys are reported and read over.
std::unique_ptr<Tree> read_tree(const FileSet& files, FileId file, DiagnosticSink& sink);

/// RFC 8259, strictly. Depth at most kMaxDepth.
std::unique_ptr<Tree> read_json(const FileSet& files, FileId file, DiagnosticSink& sink);
/// YAML 1.2, core schema, one document. Depth at most kMaxDepth, merge keys expanded.
std::unique_ptr<Tree> read_yaml(const FileSet& files, FileId file, DiagnosticSink& sink);

}  // namespace gw::compiler
