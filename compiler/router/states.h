// The states of one host's automaton before they have places; private to this folder.
#pragma once
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/router/automaton.h"
#include "runtime/router/format.h"

namespace gw::compiler::router {

inline constexpr u32 kMaxListed = 4;  // groups that need no node

/// Mode of a group in a state: not yet at its catch-all, inside it, or inside it with nothing but
/// one empty segment so far (which alone does not match).
enum Mode : u32 { kNormal = 0, kTail = 1, kTailEmpty = 2 };
using Item = u32;  // index into the host's groups << 2 | mode
constexpr Item make_item(u32 group, Mode mode) { return group << 2 | mode; }
constexpr u32 group_of(Item item) { return item >> 2; }
constexpr Mode mode_of(Item item) { return static_cast<Mode>(item & 3); }

struct Edge {
  std::string_view text;
  u32 target = gw::router::kNone;
};

struct BuildNode {
  u32 end = gw::router::kNone;
  u32 other = gw::router::kNone;
  bool split = false;
  bool ordered = false;
  std::vector<Edge> edges = {};
  std::vector<const Segment*> patterns = {};
  std::vector<std::pair<u32, u32>> masks = {};  // mask, target
};

struct Listed {
  u32 depth = 0;
  std::vector<Item> items;
};

/// Targets hold indexes of these arrays until write_states() places them.
struct States {
  const std::vector<const Group*>& groups;
  std::vector<BuildNode> nodes = {};
  std::vector<Listed> lists = {};
  std::vector<Listed> bits = {};

  const PathTemplate& shape(Item item) const { return *groups[group_of(item)]->shape; }
  u32 number(Item item) const { return groups[group_of(item)]->number; }
};

/// Appends the states to `words` in the layout of runtime/router/format.h. Returns the target of
/// the root with its place.
u32 write_states(const States& states, u32 root, TextPool& texts, std::vector<u32>& words);

}  // namespace gw::compiler::router
