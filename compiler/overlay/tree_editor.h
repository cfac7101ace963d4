// Changes a tree after it has been read: what overlays do.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "compiler/overlay/json_path.h"
#include "compiler/syntax/limits.h"
#include "compiler/syntax/node.h"

namespace gw::compiler {

/// Edits one tree. Handles into the tree that were taken before may be stale afterwards, so this
/// comes before everything that looks at it; the destructor makes the tree whole again. Values
/// that are put in keep their places: their spans point into the file that they come from.
class TreeEditor {
 public:
  enum class Outcome : u8 { Done, TooLarge, TooDeep };

  /// A value and the map or list that holds it (0: it is the root).
  struct Match {
    u32 parent = 0;
    u32 node = 0;
    u32 depth = 0;
    friend auto operator<=>(const Match&, const Match&) = default;
  };

  /// Writes all aliases out, so that a change at one of them does not show at the others.
  explicit TreeEditor(Tree& tree);
  ~TreeEditor();
  TreeEditor(const TreeEditor&) = delete;
  TreeEditor& operator=(const TreeEditor&) = delete;

  /// What `path` selects, each once, in order of the tree. Linear in what is looked at per step.
  std::vector<Match> select(const JsonPath& path) const;
  bool is_scalar(const Match& match) const {
    return tree_.nodes[match.node].kind <= NodeKind::String;
  }

  /// Maps are merged recursively, lists get what is added at their end, all else is replaced. An
  /// update of a list that is no list itself is one item. `source` must outlive the tree: see
  /// Tree::keep_alive().
  Outcome merge(const Match& match, NodeRef source);
  /// Takes the matches out of their maps and lists; the root stays.
  void remove(std::vector<Match> matches);

 private:
  std::vector<u32> children(u32 node) const;  // values only
  void select_children(const JsonPathSelector& selector, const Match& match,
                       std::vector<Match>& out) const;
  bool passes(const JsonPathSelector& filter, u32 node) const;
  u32 child_named(u32 map, std::string_view name) const;
  void remove_children(u32 parent, const std::vector<u32>& nodes);

  Outcome merge_into(u32 target, NodeRef source, u32 depth);
  Outcome merge_map(u32 target, NodeRef source, u32 depth);
  Outcome append(u32 target, NodeRef source, u32 depth);
  Outcome assign(u32 target, NodeRef source, u32 depth);
  u32 last_child(u32 node) const;
  void link(u32 parent, u32 last, u32 child);

  Tree& tree_;
};

}  // namespace gw::compiler
