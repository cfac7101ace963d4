#include "compiler/syntax/node.h"

#include <algorithm>

namespace gw::compiler {
namespace {

constexpr u32 kLargeMap = 24;  // entries from which a binary search beats comparing in a row

}  // namespace

std::string_view kind_name(NodeKind kind) {
  switch (kind) {
    case NodeKind::Null:
      return "null";
    case NodeKind::Bool:
      return "a boolean";
    case NodeKind::Int:
      return "an integer";
    case NodeKind::Float:
      return "a number";
    case NodeKind::String:
      return "a string";
    case NodeKind::Map:
      return "a map";
    case NodeKind::Seq:
      return "a list";
  }
  return "null";
}

NodeRef NodeRef::key_of(std::string_view key) const {
  if (tree_ == nullptr || !is_map()) return {};
  const Node& map = target();
  if (map.count >= kLargeMap && !tree_->large_maps_.empty()) {
    const u32 found = tree_->find_in_large_map(target_index(), key);
    return found == 0 ? NodeRef{} : NodeRef{tree_, found};
  }
  for (const Entry entry : entries()) {
    if (entry.key.text() == key) return entry.key;
  }
  return {};
}

NodeRef NodeRef::get(std::string_view key) const {
  const NodeRef found = key_of(key);
  if (!found) return {};
  return {tree_, tree_->nodes[found.index()].next};
}

std::string Tree::pointer(u32 index) const {
  if (places_.size() != nodes.size()) find_places();
  std::vector<u32> chain;  // from the node up to below the root
  for (u32 node = index; places_[node].parent != 0; node = places_[node].parent) {
    chain.push_back(node);
  }
  std::string pointer;
  for (size_t i = chain.size(); i-- > 0;) {
    const Place& place = places_[chain[i]];
    pointer += '/';
    if (nodes[place.parent].kind == NodeKind::Seq) {
      pointer += std::to_string(place.label);
      continue;
    }
    for (const char c : key_text(place.label)) {
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

void Tree::find_places() const {
  places_.assign(nodes.size(), {});
  for (u32 parent = 1; parent < nodes.size(); ++parent) {
    const Node& node = nodes[parent];
    if (node.kind < NodeKind::Map || node.is_alias) continue;
    u32 position = 0;
    u32 key = node.first;
    for (u32 child = node.first; child != 0; child = nodes[child].next, ++position) {
      if (node.kind == NodeKind::Map && position % 2 == 0) key = child;
      places_[child] = {.parent = parent, .label = node.kind == NodeKind::Map ? key : position};
    }
  }
}

u32 Tree::find_in_large_map(u32 map, std::string_view key) const {
  const auto range = std::lower_bound(
      large_maps_.begin(), large_maps_.end(), map,
      [](const LargeMap& candidate, u32 wanted) { return candidate.map < wanted; });
  if (range == large_maps_.end() || range->map != map) return 0;
  const auto begin = large_map_keys_.begin() + static_cast<std::ptrdiff_t>(range->begin);
  const auto end = begin + static_cast<std::ptrdiff_t>(nodes[map].count);
  const auto found = std::lower_bound(begin, end, key, [&](u32 candidate, std::string_view wanted) {
    return key_text(candidate) < wanted;
  });
  return found != end && key_text(*found) == key ? *found : 0;
}

std::string_view Tree::key_text(u32 key) const {
  const Node& node = nodes[key];
  return node.is_alias ? nodes[node.first].text : node.text;
}

void Tree::finish(const DuplicateKey& duplicate) {
  large_maps_.clear();
  large_map_keys_.clear();
  places_.clear();
  for (u32 map = 1; map < nodes.size(); ++map) {
    const Node& node = nodes[map];
    if (node.kind != NodeKind::Map || node.is_alias || node.count < 2) continue;
    if (node.count >= kLargeMap) {
      index_large_map(map, duplicate);
    } else {
      check_small_map(map, duplicate);
    }
  }
}

void Tree::check_small_map(u32 map, const DuplicateKey& duplicate) const {
  u32 keys[kLargeMap];
  u32 count = 0;
  for (u32 key = nodes[map].first; key != 0; key = nodes[nodes[key].next].next) {
    const std::string_view text = key_text(key);
    for (u32 i = 0; i < count; ++i) {
      if (key_text(keys[i]) != text) continue;
      duplicate(keys[i], key);
      break;
    }
    keys[count++] = key;
  }
}

void Tree::index_large_map(u32 map, const DuplicateKey& duplicate) {
  const auto begin = static_cast<std::ptrdiff_t>(large_map_keys_.size());
  large_maps_.push_back({.map = map, .begin = static_cast<u32>(begin)});
  for (u32 key = nodes[map].first; key != 0; key = nodes[nodes[key].next].next) {
    large_map_keys_.push_back(key);
  }
  const auto first = large_map_keys_.begin() + begin;
  std::stable_sort(first, large_map_keys_.end(),
                   [&](u32 a, u32 b) { return key_text(a) < key_text(b); });
  for (auto key = first; key + 1 < large_map_keys_.end(); ++key) {
    if (key_text(key[0]) == key_text(key[1])) duplicate(key[0], key[1]);
  }
}

}  // namespace gw::compiler
