#include "compiler/overlay/tree_editor.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "compiler/syntax/limits.h"

namespace gw::compiler {

TreeEditor::TreeEditor(Tree& tree) : tree_(tree) {
  const u32 count = static_cast<u32>(tree_.nodes.size());
  for (u32 i = 1; i < count; ++i) {
    const Node node = tree_.nodes[i];
    if (!node.is_alias) continue;
    tree_.nodes[i].is_alias = false;
    // Within the limits: the reader has counted every value with its aliases written out.
    (void)assign(i, NodeRef{&tree_, node.first}, 0);
    tree_.nodes[i].begin = node.begin;
    tree_.nodes[i].end = node.end;
    tree_.nodes[i].file = node.file;
  }
}

TreeEditor::~TreeEditor() {
  tree_.finish([](u32, u32) {});  // duplicates have been reported when the tree was read
}

std::vector<u32> TreeEditor::children(u32 node) const {
  std::vector<u32> out;
  const Node& parent = tree_.nodes[node];
  if (parent.kind < NodeKind::Map) return out;
  const bool is_map = parent.kind == NodeKind::Map;
  for (u32 child = parent.first; child != 0; child = tree_.nodes[child].next) {
    if (is_map) child = tree_.nodes[child].next;
    out.push_back(child);
  }
  return out;
}

u32 TreeEditor::child_named(u32 map, std::string_view name) const {
  const Node& node = tree_.nodes[map];
  if (node.kind != NodeKind::Map) return 0;
  for (u32 key = node.first; key != 0; key = tree_.nodes[tree_.nodes[key].next].next) {
    if (tree_.nodes[key].text == name) return tree_.nodes[key].next;
  }
  return 0;
}

bool TreeEditor::passes(const JsonPathSelector& filter, u32 node) const {
  using Test = JsonPathSelector::Test;
  for (const std::string& step : filter.path) {
    node = child_named(node, step);
    if (node == 0) return filter.test == Test::Unequal;  // nothing equals no literal
  }
  if (filter.test == Test::Present) return true;
  const Node& value = tree_.nodes[node];
  const bool equal = value.kind <= NodeKind::String && value.text == filter.literal &&
                     (value.kind == NodeKind::String) == filter.literal_is_text;
  return equal == (filter.test == Test::Equal);
}

void TreeEditor::select_children(const JsonPathSelector& selector, const Match& match,
                                 std::vector<Match>& out) const {
  using Kind = JsonPathSelector::Kind;
  const u32 depth = match.depth + 1;
  if (selector.kind == Kind::Name) {
    const u32 child = child_named(match.node, selector.name);
    if (child != 0) out.push_back({match.node, child, depth});
    return;
  }
  const std::vector<u32> all = children(match.node);
  if (selector.kind == Kind::Index) {
    if (tree_.nodes[match.node].kind != NodeKind::Seq) return;
    const i64 size = static_cast<i64>(all.size());
    const i64 index = selector.index < 0 ? size + selector.index : selector.index;
    if (index >= 0 && index < size) {
      out.push_back({match.node, all[static_cast<size_t>(index)], depth});
    }
    return;
  }
  for (const u32 child : all) {
    if (selector.kind == Kind::Wildcard || passes(selector, child)) {
      out.push_back({match.node, child, depth});
    }
  }
}

std::vector<TreeEditor::Match> TreeEditor::select(const JsonPath& path) const {
  std::vector<Match> matches;
  if (tree_.root_index == 0) return matches;
  matches.push_back({0, tree_.root_index, 0});
  for (const JsonPathSegment& segment : path.segments) {
    std::vector<Match> next;
    for (const Match& match : matches) {
      for (const JsonPathSelector& selector : segment.selectors) {
        select_children(selector, match, next);
      }
    }
    if (segment.selectors.size() > 1) {
      std::ranges::sort(next);
      next.erase(std::unique(next.begin(), next.end()), next.end());
    }
    matches = std::move(next);
  }
  return matches;
}

void TreeEditor::remove(std::vector<Match> matches) {
  std::ranges::sort(matches);
  for (size_t i = 0; i < matches.size();) {
    const u32 parent = matches[i].parent;
    std::vector<u32> nodes;
    for (; i < matches.size() && matches[i].parent == parent; ++i) {
      nodes.push_back(matches[i].node);
    }
    if (parent != 0) remove_children(parent, nodes);
  }
}

void TreeEditor::remove_children(u32 parent, const std::vector<u32>& nodes) {
  const bool is_map = tree_.nodes[parent].kind == NodeKind::Map;
  u32 last = 0;
  for (u32 child = tree_.nodes[parent].first; child != 0;) {
    const u32 value = is_map ? tree_.nodes[child].next : child;
    const u32 following = tree_.nodes[value].next;
    if (std::ranges::binary_search(nodes, value)) {
      if (last == 0) {
        tree_.nodes[parent].first = following;
      } else {
        tree_.nodes[last].next = following;
      }
      --tree_.nodes[parent].count;
    } else {
      last = value;
    }
    child = following;
  }
}

TreeEditor::Outcome TreeEditor::merge(const Match& match, NodeRef source) {
  if (tree_.nodes[match.node].kind == NodeKind::Seq) {
    return append(match.node, source, match.depth);
  }
  return merge_into(match.node, source, match.depth);
}

TreeEditor::Outcome TreeEditor::merge_into(u32 target, NodeRef source, u32 depth) {
  if (depth > kMaxDepth) return Outcome::TooDeep;
  const NodeKind kind = tree_.nodes[target].kind;
  if (kind == NodeKind::Map && source.is_map()) return merge_map(target, source, depth);
  if (kind == NodeKind::Seq && source.is_seq()) return append(target, source, depth);
  return assign(target, source, depth);
}

TreeEditor::Outcome TreeEditor::merge_map(u32 target, NodeRef source, u32 depth) {
  std::map<std::string_view, u32> known;
  u32 last = 0;
  for (u32 key = tree_.nodes[target].first; key != 0; key = tree_.nodes[last].next) {
    last = tree_.nodes[key].next;
    known.emplace(tree_.nodes[key].text, last);
  }
  for (const auto [key, value] : source.entries()) {
    const auto found = known.find(key.text());
    if (found != known.end()) {
      const Outcome merged = merge_into(found->second, value, depth + 1);
      if (merged != Outcome::Done) return merged;
      continue;
    }
    const u32 new_key = static_cast<u32>(tree_.nodes.size());
    tree_.nodes.resize(new_key + size_t{2});
    Outcome made = assign(new_key, key, depth + 1);
    if (made == Outcome::Done) made = assign(new_key + 1, value, depth + 1);
    if (made != Outcome::Done) return made;
    tree_.nodes[new_key].next = new_key + 1;
    link(target, last, new_key);
    last = new_key + 1;
    known.emplace(key.text(), last);
  }
  return Outcome::Done;
}

u32 TreeEditor::last_child(u32 node) const {
  u32 last = 0;
  for (u32 child = tree_.nodes[node].first; child != 0; child = tree_.nodes[child].next) {
    last = child;
  }
  return last;
}

// `child` is an item, or a key whose value follows it.
void TreeEditor::link(u32 parent, u32 last, u32 child) {
  if (last == 0) {
    tree_.nodes[parent].first = child;
  } else {
    tree_.nodes[last].next = child;
  }
  ++tree_.nodes[parent].count;
}

TreeEditor::Outcome TreeEditor::append(u32 target, NodeRef source, u32 depth) {
  u32 last = last_child(target);
  const auto add = [&](NodeRef item) {
    const u32 node = static_cast<u32>(tree_.nodes.size());
    tree_.nodes.emplace_back();
    const Outcome made = assign(node, item, depth + 1);
    if (made != Outcome::Done) return made;
    link(target, last, node);
    last = node;
    return made;
  };
  if (!source.is_seq()) return add(source);
  for (const NodeRef item : source.items()) {
    const Outcome added = add(item);
    if (added != Outcome::Done) return added;
  }
  return Outcome::Done;
}

// A deep copy of `source` into the node `target`, which keeps its place among its siblings. The
// source may lie in the same tree, whose nodes move as it grows: hence indices, and copies.
TreeEditor::Outcome TreeEditor::assign(u32 target, NodeRef source, u32 depth) {
  if (depth > kMaxDepth) return Outcome::TooDeep;
  if (tree_.nodes.size() > kMaxNodes) return Outcome::TooLarge;
  const Tree* from = source.tree();
  const Node value = from->nodes[source.target_index()];
  const Span span = source.span();
  Node& node = tree_.nodes[target];
  node.kind = value.kind;
  node.quoted = value.quoted;
  node.is_alias = false;
  node.file = span.file;
  node.begin = span.begin;
  node.end = span.end;
  node.first = 0;
  node.count = 0;
  node.text = value.text;
  if (value.kind < NodeKind::Map) return Outcome::Done;
  u32 last = 0;
  for (u32 child = value.first; child != 0; child = from->nodes[child].next) {
    const u32 copy = static_cast<u32>(tree_.nodes.size());
    tree_.nodes.emplace_back();
    const Outcome made = assign(copy, NodeRef{from, child}, depth + 1);
    if (made != Outcome::Done) return made;
    tree_.nodes[copy].merged = from->nodes[child].merged;
    if (last == 0) {
      tree_.nodes[target].first = copy;
    } else {
      tree_.nodes[last].next = copy;
    }
    last = copy;
  }
  tree_.nodes[target].count = value.count;
  return Outcome::Done;
}

}  // namespace gw::compiler
