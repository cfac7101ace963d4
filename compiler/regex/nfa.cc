// Built backwards: the entry of a node is made from the entry of what follows it, so that there is
// nothing to patch. A class becomes one node whose edges are the first bytes of its UTF-8
// sequences; the continuation bytes hang below and are shared between equal tails.
//
// The recursion follows the nesting of groups, which the parser bounds.
#include "compiler/regex/nfa.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace gw::compiler::regex {
namespace {

class Builder {
 public:
  Builder(const Ast& ast, const Limits& limits) : ast_(ast), limits_(limits) {}

  std::optional<Nfa> run() {
    const u32 match = add({.kind = NfaNode::Kind::Match});
    nfa_.start = build(ast_.root, match);
    if (too_big_) return std::nullopt;
    return std::move(nfa_);
  }

 private:
  u32 add(NfaNode node) {
    edge_count_ += node.edges.size() + node.next.size() + 1;
    if (edge_count_ > limits_.nfa_edges) too_big_ = true;
    nfa_.nodes.push_back(std::move(node));
    return static_cast<u32>(nfa_.nodes.size() - 1);
  }

  u32 build(NodeId id, u32 next) {
    if (too_big_) return next;
    const Node& node = ast_.nodes[id];
    switch (node.kind) {
      case NodeKind::Empty:
        return next;
      case NodeKind::Class:
        return build_class(node.set, next);
      case NodeKind::Assert:
        return add({.kind = NfaNode::Kind::Assert, .assertion = node.assertion, .next = {next}});
      case NodeKind::Concat:
        for (size_t i = node.children.size(); i > 0; --i) next = build(node.children[i - 1], next);
        return next;
      case NodeKind::Alternate: {
        std::vector<u32> entries;
        for (const NodeId child : node.children) entries.push_back(build(child, next));
        return add({.kind = NfaNode::Kind::Split, .next = std::move(entries)});
      }
      case NodeKind::Repeat:
        return build_repeat(node, next);
    }
    return next;
  }

  u32 build_repeat(const Node& node, u32 next) {
    const NodeId child = node.children[0];
    if (node.max == kUnbounded) {
      const u32 loop = add({.kind = NfaNode::Kind::Split});
      const u32 body = build(child, loop);
      nfa_.nodes[loop].next = {body, next};
      next = node.min == 0 ? loop : body;
      for (u32 i = 1; i < node.min && !too_big_; ++i) next = build(child, next);
      return next;
    }
    const u32 after = next;
    for (u32 i = node.min; i < node.max && !too_big_; ++i) {
      const u32 body = build(child, next);
      next = add({.kind = NfaNode::Kind::Split, .next = {body, after}});
    }
    for (u32 i = 0; i < node.min && !too_big_; ++i) next = build(child, next);
    return next;
  }

  u32 build_class(u32 set, u32 next) {
    const auto key = std::pair(set, next);
    if (const auto it = classes_.find(key); it != classes_.end()) return it->second;
    tails_.clear();
    NfaNode node{.kind = NfaNode::Kind::Bytes};
    for (const CodePointRange& range : ast_.sets[set].ranges()) {
      add_range(range.first, range.last, next, node.edges);
    }
    merge(node.edges);
    const u32 id = add(std::move(node));
    classes_.emplace(key, id);
    return id;
  }

  /// Splits at the borders of UTF-8 lengths and of continuation bytes (as RE2 and others do).
  void add_range(u32 first, u32 last, u32 next, std::vector<NfaEdge>& edges) {
    if (first <= 0xdfff && last >= 0xd800) {  // surrogates have no UTF-8
      if (first < 0xd800) add_range(first, 0xd7ff, next, edges);
      if (last > 0xdfff) add_range(0xe000, last, next, edges);
      return;
    }
    for (const u32 border : {0x7fu, 0x7ffu, 0xffffu}) {
      if (first > border || last <= border) continue;
      add_range(first, border, next, edges);
      add_range(border + 1, last, next, edges);
      return;
    }
    if (last < 0x80) {
      edges.push_back({static_cast<u8>(first), static_cast<u8>(last), next});
      return;
    }
    for (u32 bits = 6; bits <= 18; bits += 6) {
      const u32 mask = (u32{1} << bits) - 1;
      if ((first & ~mask) == (last & ~mask)) continue;
      if ((first & mask) != 0) {
        add_range(first, first | mask, next, edges);
        add_range((first | mask) + 1, last, next, edges);
        return;
      }
      if ((last & mask) != mask) {
        add_range(first, (last & ~mask) - 1, next, edges);
        add_range(last & ~mask, last, next, edges);
        return;
      }
    }
    add_sequence(first, last, next, edges);
  }

  void add_sequence(u32 first, u32 last, u32 next, std::vector<NfaEdge>& edges) {
    const u32 more = last < 0x800 ? 1 : last < 0x10000 ? 2 : 3;
    u32 to = next;
    for (u32 i = 0; i < more; ++i) {
      const u8 low = static_cast<u8>(0x80 | ((first >> (6 * i)) & 0x3f));
      const u8 high = static_cast<u8>(0x80 | ((last >> (6 * i)) & 0x3f));
      const auto [it, added] = tails_.try_emplace(std::tuple(low, high, to), 0);
      if (added) {
        it->second = add({.kind = NfaNode::Kind::Bytes, .edges = {{low, high, to}}});
      }
      to = it->second;
    }
    constexpr u32 kLead[] = {0, 0xc0, 0xe0, 0xf0};
    edges.push_back({static_cast<u8>(kLead[more] | (first >> (6 * more))),
                     static_cast<u8>(kLead[more] | (last >> (6 * more))), to});
  }

  static void merge(std::vector<NfaEdge>& edges) {
    std::vector<NfaEdge> merged;
    for (const NfaEdge& edge : edges) {
      if (!merged.empty() && merged.back().to == edge.to && merged.back().last + 1 == edge.first) {
        merged.back().last = edge.last;
      } else {
        merged.push_back(edge);
      }
    }
    edges = std::move(merged);
  }

  const Ast& ast_;
  const Limits& limits_;
  Nfa nfa_;
  size_t edge_count_ = 0;
  bool too_big_ = false;
  std::map<std::pair<u32, u32>, u32> classes_;
  std::map<std::tuple<u8, u8, u32>, u32> tails_;
};

}  // namespace

std::optional<Nfa> build_nfa(const Ast& ast, const Limits& limits) {
  return Builder(ast, limits).run();
}

}  // namespace gw::compiler::regex
