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
  Determiniser(const Nfa& nfa, Mode mode, const Limits& limits, bool branching = false)
      : nfa_(nfa), search_(mode == Mode::Search), branching_(branching), limits_(limits) {}

  std::optional<DfaTable> run() {
    prepare();
    dfa_.start = intern(first_nodes(), kEdge);
    for (u32 state = kAbsorbing + 1; state < sets_.size(); ++state) {
      expand(state);
      if (exhausted()) return std::nullopt;
    }
    return std::move(dfa_);
  }

 protected:
  void prepare() {
    note_assertions();
    cut_classes();
    seen_.assign(nfa_.nodes.size(), 0);
    add_state({}, kNone, false);
    add_state({}, kNone, true);
  }

  std::vector<u32> first_nodes() {
    std::vector<u32> first;
    begin_closure();
    close(nfa_.start, kEdge, first);
    return first;
  }

  bool exhausted() const { return sets_.size() > limits_.states || work_ > limits_.work; }

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
    if (branching_) {
      const std::vector<u32> row = id == kAbsorbing ? std::vector{kAbsorbing} : std::vector<u32>{};
      branches_.resize(branches_.size() + dfa_.class_count, row);
    } else {
      dfa_.next.resize(dfa_.next.size() + dfa_.class_count, id == kAbsorbing ? kAbsorbing : 0);
    }
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
      if (branching_) {
        branch(state, c, set.nodes.empty(), matched);
        continue;
      }
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
      if (exhausted()) return;
    }
  }

  /// The entry of class `c` with a state for each node. In search mode the state without nodes
  /// stands for a match that begins later.
  void branch(u32 state, u32 c, bool waits, bool matched) {
    const u8 context = context_of(representative_[c]);
    std::vector<u32> to;
    if (search_ && matched) {
      to = {kAbsorbing};
    } else {
      std::vector<u32> nodes;
      begin_closure();
      for (const u32 node : targets_[c]) close(node, context, nodes);
      if (search_ && waits) {
        close(nfa_.start, context, nodes);
        to.push_back(intern({}, context));
      }
      for (const u32 node : nodes) to.push_back(intern({node}, context));
    }
    branches_[size_t{state} * dfa_.class_count + c] = std::move(to);
  }

  const Nfa& nfa_;
  const bool search_;
  const bool branching_;
  const Limits limits_;
  DfaTable dfa_;
  std::vector<std::vector<u32>> branches_;  // like DfaTable::next, if branching
  u8 tracked_ = 0;                          // what states must know of the byte before
  u8 ahead_ = 0;                            // what transitions must know of the next byte
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

constexpr Limits kLazyLimits = {.states = 200'000, .work = 20'000'000};

}  // namespace

class LazyAutomaton::Impl : private Determiniser {
 public:
  Impl(const Nfa& nfa, Mode mode, bool branching)
      : Determiniser(nfa, mode, kLazyLimits, branching) {
    prepare();
    if (!branching_) {
      starts_ = {intern(first_nodes(), kEdge)};
      return;
    }
    for (const u32 node : first_nodes()) starts_.push_back(intern({node}, kEdge));
    if (search_) starts_.push_back(intern({}, kEdge));
  }

  std::span<const u32> next(u32 state, u32 byte_class) {
    if (state > kAbsorbing && !exhausted()) {
      if (expanded_.size() <= state) expanded_.resize(sets_.size(), false);
      if (!expanded_[state]) {
        expanded_[state] = true;
        expand(state);
      }
    }
    const size_t at = size_t{state} * dfa_.class_count + byte_class;
    if (branching_) return branches_[at];
    return {&dfa_.next[at], 1};
  }

  using Determiniser::exhausted;
  const std::vector<u32>& starts() const { return starts_; }
  const DfaTable& table() const { return dfa_; }

 private:
  std::vector<u32> starts_;
  std::vector<bool> expanded_;
};

LazyAutomaton::LazyAutomaton(const Nfa& nfa, Mode mode, Paths paths)
    : impl_(std::make_unique<Impl>(nfa, mode, paths == Paths::Many)) {}
LazyAutomaton::~LazyAutomaton() = default;
std::span<const u32> LazyAutomaton::starts() const { return impl_->starts(); }
std::span<const u32> LazyAutomaton::next(u32 state, u32 byte_class) {
  return impl_->next(state, byte_class);
}
bool LazyAutomaton::accepts(u32 state) const { return impl_->table().accepts[state]; }
u32 LazyAutomaton::class_count() const { return impl_->table().class_count; }
u32 LazyAutomaton::class_of(u8 byte) const { return impl_->table().class_of[byte]; }
bool LazyAutomaton::exhausted() const { return impl_->exhausted(); }

std::optional<DfaTable> determinise(const Nfa& nfa, Mode mode, const Limits& limits) {
  return Determiniser(nfa, mode, limits).run();
}

}  // namespace gw::compiler::regex
