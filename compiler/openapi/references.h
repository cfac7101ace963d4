// Owns the trees of a document and of the files that it refers to, and follows `$ref`s.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/openapi/load.h"
#include "compiler/source/file_set.h"
#include "compiler/syntax/node.h"

namespace gw::compiler::openapi {

/// Whether a node is a Reference Object: a map with a string under `$ref`.
bool is_reference(NodeRef node);

class References {
 public:
  References(FileSet& files, LoadOptions options, DiagnosticSink& sink);

  /// Reads the document itself; absent when that cannot be done, which has been reported.
  NodeRef load(const std::string& path);
  /// The value at the end of a chain of references; `node` itself when it is none; absent when the
  /// chain is broken or goes round, which is reported at the first call. Each file is read once.
  NodeRef resolve(NodeRef node);
  /// The value that one reference leads to, which may be a reference itself; absent when it leads
  /// nowhere, which is reported.
  NodeRef step(NodeRef reference) { return follow({reference.tree(), reference.target_index()}); }

 private:
  struct Target {  // one reference, taken apart
    std::string file;
    std::string fragment;
    bool same_file = false;
  };
  NodeRef follow(NodeRef reference);
  NodeRef walk_pointer(NodeRef root, std::string_view fragment, NodeRef reference);
  NodeRef step_into(NodeRef node, const std::string& step);
  NodeRef find_named(const Tree& tree, std::string_view keyword, std::string_view value);
  NodeRef find_identified(std::string_view url);
  NodeRef root_of(const Target& target, NodeRef reference);
  NodeRef read_target(const std::string& path, NodeRef reference);
  NodeRef fetch_target(const std::string& url, NodeRef reference);
  NodeRef add_tree(FileId file);
  bool is_inside_roots(const std::string& path) const;
  void add_root(const std::string& folder);
  NodeRef fail(NodeRef reference, std::string_view rule, std::string message, std::string label,
               std::string help = {});

  struct NodeHash {
    size_t operator()(const NodeRef& node) const {
      return std::hash<const void*>{}(node.tree()) * 31 + node.index();
    }
  };
  FileSet& files_;
  LoadOptions options_;
  DiagnosticSink& sink_;
  std::vector<std::string> roots_;  // canonical, with a slash at the end
  std::unordered_map<std::string, NodeRef> roots_by_name_;
  std::vector<std::unique_ptr<Tree>> trees_;
  std::unordered_map<NodeRef, NodeRef, NodeHash> resolved_;
  // Schemas by keyword and value ("$anchor name"); filled for a tree on first use.
  std::unordered_map<const Tree*, std::unordered_map<std::string, NodeRef>> named_;
  u32 depth_ = 0;
  u32 corrections_left_ = 100;  // looking for the nearest name costs time
};

}  // namespace gw::compiler::openapi
