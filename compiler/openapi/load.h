// From a file to the model of an OpenAPI document, with everything that is wrong about its
// structure reported.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/openapi/model.h"
#include "compiler/source/file_set.h"

namespace gw::compiler::openapi {

struct LoadOptions {
  /// Folders that `$ref` may reach into, besides the one of the document itself.
  std::vector<std::string> roots = {};
  /// Gets the text behind an http or https URL. None: remote references are refused
  /// (`ref-remote`).
  std::function<Result<std::string>(const std::string& url)> fetch = {};
  /// Called with each file once it has been read, before anything looks at its tree; may change it
  /// (overlays). `path` is as in `$ref`s and arguments.
  std::function<void(Tree& tree, const std::string& path)> edit = {};
  /// Whether a security requirement must name a scheme of this document. Off for a service
  /// document, whose schemes may be those of its gateway document: the caller checks then.
  bool check_scheme_names = true;
};

/// Loads the document at `path` ("-": standard input), or the one that `files` holds under that
/// name already, and the files that its `$ref`s name. Null when it cannot be used at all: it is
/// unreadable, no YAML or JSON, or no OpenAPI 3.x. Otherwise the model holds what is valid, and
/// `sink` says what is not; callers stop at its errors. Not thread-safe.
std::unique_ptr<Document> load_document(FileSet& files, const std::string& path,
                                        const LoadOptions& options, DiagnosticSink& sink);

}  // namespace gw::compiler::openapi
