#include "compiler/router/shape_trie.h"

namespace gw::compiler::router {

void ShapeTrie::add(const PathTemplate& shape, u32 group) {
  u32 at = 0;
  for (const Segment& segment : shape.segments) {
    const bool literal = segment.kind == SegmentKind::Literal;
    auto& children = literal ? nodes_[at].literals : nodes_[at].others;
    if (!children.empty() && children.back().segment->kind == segment.kind &&
        children.back().segment->literals == segment.literals) {
      at = children.back().node;
      continue;
    }
    const u32 made = static_cast<u32>(nodes_.size());
    children.push_back({&segment, made});
    nodes_.emplace_back();
    at = made;
  }
  nodes_[at].group = group;
}

}  // namespace gw::compiler::router
