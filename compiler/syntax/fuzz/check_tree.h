// What must hold of every tree that a reader returns, whatever it was given.
#pragma once
#include <cstdio>
#include <cstdlib>

#include "compiler/syntax/node.h"

namespace gw::compiler {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// Children lie in their parents in order (aliases and merged entries apart), counts are true,
/// every index is one of the tree, aliases lead to values that are none.
inline void check_tree(const Tree& tree, size_t file_bytes) {
  const auto node_count = static_cast<u32>(tree.nodes.size());
  require(tree.root_index < node_count, "the root is a node");
  for (u32 i = 1; i < node_count; ++i) {
    const Node& node = tree.nodes[i];
    require(node.begin <= node.end && node.end <= file_bytes, "a span lies in the file");
    require(node.next < node_count && node.first < node_count, "links lead to nodes");
    if (node.is_alias) {
      require(node.first != 0 && !tree.nodes[node.first].is_alias, "an alias leads to a value");
      require(tree.nodes[node.first].kind == node.kind, "an alias has the kind of its value");
      continue;
    }
    if (node.kind < NodeKind::Map) continue;
    u32 children = 0;
    for (u32 child = node.first; child != 0; child = tree.nodes[child].next) {
      require(++children <= node_count, "a list of children ends");
    }
    const u32 expected = node.kind == NodeKind::Map ? node.count * 2 : node.count;
    require(children == expected, "the count of children is true");
    if (node.kind != NodeKind::Map) continue;
    bool merged = false;
    u32 last_end = node.begin;
    for (u32 key = node.first; key != 0; key = tree.nodes[tree.nodes[key].next].next) {
      const Node& key_node = tree.nodes[key];
      require(tree.nodes[key].is_alias ? tree.nodes[key_node.first].kind < NodeKind::Map
                                       : key_node.kind < NodeKind::Map,
              "a key is a scalar");
      merged = merged || key_node.merged;
      if (merged) continue;
      require(key_node.begin >= last_end, "entries come in order");
      require(key_node.end <= node.end, "entries lie in their map");
      last_end = key_node.end;
    }
  }
}

}  // namespace gw::compiler
