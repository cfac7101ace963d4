// The shapes of one host as a trie over their segments; private to this folder.
#pragma once
#include <optional>
#include <vector>

#include "compiler/router/groups.h"

namespace gw::compiler::router {

struct ShapeNode {
  struct Child {
    const Segment* segment = nullptr;  // of the first shape that has it
    u32 node = 0;
  };
  std::vector<Child> literals;  // sorted by text
  std::vector<Child> others;    // partials, parameter, catch-all
  std::optional<u32> group;     // the shape that ends here
};

/// Node 0 is the root. Shapes must be added in the order of precedence: an equal segment is the
/// last child then. `shape` outlives the trie.
class ShapeTrie {
 public:
  void clear() { nodes_.assign(1, {}); }
  void add(const PathTemplate& shape, u32 group);
  const ShapeNode& operator[](u32 node) const { return nodes_[node]; }

 private:
  std::vector<ShapeNode> nodes_{1};
};

}  // namespace gw::compiler::router
