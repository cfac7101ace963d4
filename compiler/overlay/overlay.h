// OpenAPI Overlay 1.0: changes to documents, kept in files of their own (--overlay FILE).
//
// An overlay without `extends` changes the documents that were named on the command line; one with
// `extends: ./orders.yaml` changes that file, relative to the overlay, wherever the compiler reads
// it: as an argument, as a service, or behind a `$ref`. Overlays are applied in the order in which
// they are given, their actions in the order in which they are written. References in what an
// overlay adds are relative to the file that it changes.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/overlay/json_path.h"
#include "compiler/source/file_set.h"
#include "compiler/syntax/node.h"

namespace gw::compiler {

inline constexpr size_t kMaxOverlayActions = 100'000;

class Overlays {
 public:
  /// `arguments`: the documents that overlays without `extends` change. Not thread-safe.
  Overlays(FileSet& files, const std::vector<std::string>& arguments, DiagnosticSink& sink);

  /// Reads the overlay at `path`. What is wrong with it is reported (`overlay-value` and the rules
  /// of reading); its good actions are kept all the same.
  void read(const std::string& path);
  /// Changes the tree of the file at `path` as the overlays say.
  void apply(Tree& tree, const std::string& path);
  /// Reports actions that found no target in any document (`overlay-no-match`, a warning) and
  /// overlays whose document was not read at all (the same rule, an error).
  void report_unused();

 private:
  struct Action {
    JsonPath target;
    Span target_span;
    NodeRef update;  // absent: `remove`
    bool found = false;
  };
  struct Overlay {
    std::shared_ptr<const Tree> tree;
    std::string extends;  // normalised; empty: the arguments
    Span extends_span;
    bool applied = false;
    std::vector<Action> actions;
  };
  void read_root(NodeRef root, Overlay& overlay, const std::string& path);
  void read_actions(NodeRef actions, Overlay& overlay);
  void read_action(NodeRef node, Overlay& overlay);
  bool read_target(NodeRef node, Action& action);
  void read_extends(NodeRef node, Overlay& overlay, const std::string& path);
  void check_keys(NodeRef map, std::string_view what, std::vector<std::string_view> known);
  void report(std::string_view rule, Severity severity, Span span, std::string message,
              std::string label, std::string help = {});

  FileSet& files_;
  DiagnosticSink& sink_;
  std::vector<std::string> arguments_;  // normalised
  std::vector<Overlay> overlays_;
};

}  // namespace gw::compiler
