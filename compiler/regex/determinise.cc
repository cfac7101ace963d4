// Subset construction with assertions.
//
// A state is a set of NFA nodes plus what the byte before the current position was (begin of text,
// newline, word character), as far as the pattern asks. Assertions about what is before are
// resolved when a state is made; those about what follows stay in the set and are resolved per
// class of the next byte, or for the end of the text. Byte classes are cut so that all bytes of a
// class give the same answer to both.
//
// In search mode the start is added at every position, and a match leads to one absorbing state.
#include "compiler/regex/determinise.h"

#include <algorithm>
#include <unordered_map>

namespace gw::compiler::regex {
namespace {

enum Context : u8 {
  kNone = 0,
  kEdge = 1,     // begin or end of the text
  kNewline = 2,  // the byte is a newline
  kWord = 4,     // the byte is a word character
};

bool is_word_byte(u32 byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_';
}

constexpr u32 kAbsorbing = 1;  // state 0 is the empty set

class Determiniser {
 public:
  Determiniser(const Nfa& nfa, Mode mode, const Limits& limits)
      : nfa_(nfa), search_(mode == Mode::Search), limits_(limits) {}

  std::optional<DfaTable> run() {
    note_assertions();
    cut_classes();
    seen_.assign(nfa_.nodes.size(), 0);
    add_state({}, kNone, false);
    add_state({}, kNone, true);
    std::vector<u32> first;
    begin_closure();
    close(nfa_.start, kEdge, first);
    dfa_.start = intern(std::move(first), kEdge);
    for (u32 state = kAbsorbing + 1; state < sets_.size(); ++state) {
      expand(state);
      if (sets_.size() > limits_.states || work_ > limits_.work) return std::nullopt;
    }
    return std::move(dfa_);
  }

 private:
  struct Set {
    std::vector<u32> nodes;
    u8 before = kNone;
  };

  void note_assertions() {
    for (const NfaNode& node : nfa_.nodes) {
      if (node.kind != NfaNode::Kind::Assert) continue;
      switch (node.assertion) {
        case Assertion::TextBegin:
          tracked_ |= kEdge;
          break;
        case Assertion::LineBegin:
          tracked_ |= kEdge | kNewline;
          break;
        case Assertion::TextEnd:
          looks_ahead_ = true;
          break;
        case Assertion::LineEnd:
          looks_ahead_ = true;
          ahead_ |= kNewline;
          break;
        case Assertion::WordBoundary:
        case Assertion::NotWordBoundary:
          looks_ahead_ = true;
          tracked_ |= kWord;
          ahead_ |= kWord;
          break;
      }
    }
  }

  u8 context_of(u32 byte) const {
    return static_cast<u8>((byte == '\n' ? kNewline : 0) | (is_word_byte(byte) ? kWord : 0));
  }

  void cut_classes() {
    std::array<bool, 257> cut = {};
    cut[0] = true;
    for (const NfaNode& node : nfa_.nodes) {
      for (const NfaEdge& edge : node.edges) {
        cut[edge.first] = true;
        cut[edge.last + 1u] = true;
      }
    }
    const u8 relevant = tracked_ | ahead_;
    for (u32 byte = 1; byte < 256; ++byte) {
      if (((context_of(byte) ^ context_of(byte - 1)) & relevant) != 0) cut[byte] = true;
    }
    for (u32 byte = 0; byte < 256; ++byte) {
      if (cut[byte]) {
        representative_.push_back(static_cast<u8>(byte));
        ++dfa_.class_count;
      }
      dfa_.class_of[byte] = static_cast<u8>(dfa_.class_count - 1);
    }
    targets_.resize(dfa_.class_count);
  }

  void begin_closure() { ++generation_; }

  static bool holds_before(Assertion assertion, u8 before) {
    return (before & (assertion == Assertion::TextBegin ? kEdge : kEdge | kNewline)) != 0;
  }
  static bool holds_ahead(Assertion assertion, u8 before, u8 ahead) {
    switch (assertion) {
      case Assertion::TextEnd:
        return (ahead & kEdge) != 0;
      case Assertion::LineEnd:
        return (ahead & (kEdge | kNewline)) != 0;
      case Assertion::WordBoundary:
        return ((before ^ ahead) & kWord) != 0;
      default:
        return ((before ^ ahead) & kWord) == 0;
    }
  }

  /// Adds what is reachable from `node` without a byte: byte nodes, the match, and assertions that
  /// depend on what follows.
  void close(u32 node, u8 before, std::vector<u32>& into) {
    stack_.push_back(node);
    while (!stack_.empty()) {
      const u32 at = stack_.back();
      stack_.pop_back();
      if (seen_[at] == generation_) continue;
      seen_[at] = generation_;
      ++work_;
      const NfaNode& it = nfa_.nodes[at];
      if (it.kind == NfaNode::Kind::Split) {
        stack_.insert(stack_.end(), it.next.begin(), it.next.end());
      } else if (it.kind == NfaNode::Kind::Assert &&
                 (it.assertion == Assertion::TextBegin || it.assertion == Assertion::LineBegin)) {
        if (holds_before(it.assertion, before)) stack_.push_back(it.next[0]);
      } else {
        into.push_back(at);
      }
    }
  }

  /// Resolves the assertions of `set` for what follows. Returns whether the match is in.
  bool resolve(const Set& set, u8 ahead, std::vector<u32>& into) {
    begin_closure();
    into.clear();
    for (const u32 node : set.nodes) close(node, set.before, into);
    for (size_t i = 0; i < into.size(); ++i) {
      const NfaNode& node = nfa_.nodes[into[i]];
      if (node.kind == NfaNode::Kind::Assert && holds_ahead(node.assertion, set.before, ahead)) {
        close(node.next[0], set.before, into);
      }
    }
    return std::any_of(into.begin(), into.end(),
                       [this](u32 node) { return nfa_.nodes[node].kind == NfaNode::Kind::Match; });
  }

  u32 intern(std::vector<u32> nodes, u8 before) {
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    if (nodes.empty() && !search_) return 0;
    const bool matches = std::any_of(nodes.begin(), nodes.end(), [this](u32 node) {
      return nfa_.nodes[node].kind == NfaNode::Kind::Match;
    });
    if (search_ && matches) return kAbsorbing;
    before &= tracked_;
    u64 hash = before;
    for (const u32 node : nodes) hash = (hash ^ node) * 0x9e3779b97f4a7c15u + (hash >> 29);
    work_ += nodes.size();
    const auto [first, last] = known_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      if (sets_[it->second].before == before && sets_[it->second].nodes == nodes) {
        return it->second;
      }
    }
    Set set{std::move(nodes), before};
    const bool accepting = resolve(set, kEdge, resolved_);
    known_.emplace(hash, static_cast<u32>(sets_.size()));
    return add_state(std::move(set.nodes), before, accepting);
  }

  u32 add_state(std::vector<u32> nodes, u8 before, bool accepting) {
    const u32 id = static_cast<u32>(sets_.size());
    sets_.push_back({std::move(nodes), before});
    dfa_.accepts.push_back(accepting);
    dfa_.next.resize(dfa_.next.size() + dfa_.class_count, id == kAbsorbing ? kAbsorbing : 0);
    return id;
  }

  void expand(u32 state) {
    const Set set = sets_[state];
    if (!looks_ahead_) return expand_for(state, set, 0, 0);
    const u8 relevant = ahead_;
    for (const u8 ahead : {u8{kNone}, u8{kNewline}, u8{kWord}}) {
      if ((ahead & ~relevant) == 0) expand_for(state, set, ahead, relevant);
    }
  }

  /// Fills the entries of the classes whose context is `ahead` within `mask`.
  void expand_for(u32 state, const Set& set, u8 ahead, u8 mask) {
    std::vector<u32> active;
    const bool matched = resolve(set, ahead, active);
    for (auto& target : targets_) target.clear();
    for (const u32 node : active) {
      for (const NfaEdge& edge : nfa_.nodes[node].edges) {
        const u32 last = dfa_.class_of[edge.last];
        for (u32 c = dfa_.class_of[edge.first]; c <= last; ++c) {
          targets_[c].push_back(edge.to);
          ++work_;
        }
      }
    }
    for (u32 c = 0; c < dfa_.class_count; ++c) {
      const u8 context = context_of(representative_[c]);
      if ((context & mask) != ahead) continue;
      u32 to = 0;
      if (search_ && matched) {
        to = kAbsorbing;
      } else {
        std::vector<u32> nodes;
        begin_closure();
        for (const u32 node : targets_[c]) close(node, context, nodes);
        if (search_) close(nfa_.start, context, nodes);
        to = intern(std::move(nodes), context);
      }
      dfa_.next[size_t{state} * dfa_.class_count + c] = to;
      if (sets_.size() > limits_.states || work_ > limits_.work) return;
    }
  }

  const Nfa& nfa_;
  const bool search_;
  const Limits& limits_;
  DfaTable dfa_;
  u8 tracked_ = 0;  // what states must know of the byte before
  u8 ahead_ = 0;    // what transitions must know of the next byte
  bool looks_ahead_ = false;
  std::vector<u8> representative_;  // a byte of each class
  std::vector<Set> sets_;
  std::unordered_multimap<u64, u32> known_;
  std::vector<std::vector<u32>> targets_;
  std::vector<u32> resolved_;
  std::vector<u32> stack_;
  std::vector<u32> seen_;
  u32 generation_ = 0;
  u64 work_ = 0;
};

}  // namespace

std::optional<DfaTable> determinise(const Nfa& nfa, Mode mode, const Limits& limits) {
  return Determiniser(nfa, mode, limits).run();
}

}  // namespace gw::compiler::regex
