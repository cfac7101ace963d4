// Questions about two languages, answered by a breadth-first walk over pairs of states: the first
// pair that decides gives a shortest witness.
#include <algorithm>
#include <memory>
#include <unordered_set>

#include "compiler/regex/determinise.h"
#include "compiler/regex/regex.h"
#include "runtime/table/dfa.h"

namespace gw::compiler::regex {
namespace {

constexpr size_t kMaxPairs = 1'000'000;

std::string ordered_bytes() {
  std::string order = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~";
  for (int c = 0x21; c < 0x7f; ++c) {
    if (order.find(static_cast<char>(c)) == std::string::npos) order += static_cast<char>(c);
  }
  order += ' ';
  for (int c = 0; c < 256; ++c) {
    if (order.find(static_cast<char>(c)) == std::string::npos) order += static_cast<char>(c);
  }
  return order;
}

/// An automaton to walk: of a DFA, or made from an expression on the way.
class Walk {
 public:
  virtual ~Walk() = default;
  virtual std::span<const u32> starts() = 0;
  /// Valid until the next call. May hold 0, the dead state.
  virtual std::span<const u32> next(u32 state, u32 byte_class) = 0;
  virtual bool accepts(u32 state) const = 0;
  virtual u32 class_count() const = 0;
  virtual u32 class_of(u8 byte) const = 0;
  virtual bool exhausted() const { return false; }
};

class DfaWalk : public Walk {
 public:
  explicit DfaWalk(Bytes blob) : dfa_(blob.data()) {}
  std::span<const u32> starts() override {
    entry_ = dfa_.start();
    return {&entry_, 1};
  }
  std::span<const u32> next(u32 state, u32 byte_class) override {
    entry_ = dfa_.next(state, byte_class);
    return {&entry_, 1};
  }
  bool accepts(u32 state) const override { return dfa_.accepts(state); }
  u32 class_count() const override { return dfa_.class_count(); }
  u32 class_of(u8 byte) const override { return dfa_.class_of(byte); }

 private:
  Dfa dfa_;
  u32 entry_ = 0;
};

class ExpressionWalk : public Walk {
 public:
  ExpressionWalk(Nfa nfa, Mode mode, LazyAutomaton::Paths paths)
      : nfa_(std::move(nfa)), automaton_(nfa_, mode, paths) {}
  std::span<const u32> starts() override { return automaton_.starts(); }
  std::span<const u32> next(u32 state, u32 byte_class) override {
    return automaton_.next(state, byte_class);
  }
  bool accepts(u32 state) const override { return automaton_.accepts(state); }
  u32 class_count() const override { return automaton_.class_count(); }
  u32 class_of(u8 byte) const override { return automaton_.class_of(byte); }
  bool exhausted() const override { return automaton_.exhausted(); }

 private:
  const Nfa nfa_;
  LazyAutomaton automaton_;
};

/// Null: the expression is beyond the limits.
std::unique_ptr<Walk> walk_of(const Language& language, LazyAutomaton::Paths paths) {
  if (!language.dfa.empty()) return std::make_unique<DfaWalk>(language.dfa);
  const Limits limits;
  const auto parsed = parse(language.re2, Syntax::Re2, limits);
  const Ast* ast = std::get_if<Ast>(&parsed);
  if (ast == nullptr) return nullptr;
  auto nfa = build_nfa(*ast, limits);
  if (!nfa) return nullptr;
  return std::make_unique<ExpressionWalk>(*std::move(nfa), language.mode, paths);
}

/// One byte for each pair of classes that occurs.
std::vector<u8> representatives(const Walk& a, const Walk& b) {
  std::vector<bool> seen(size_t{a.class_count()} * b.class_count(), false);
  std::vector<u8> out;
  for (const char c : friendly_bytes()) {
    const u8 byte = static_cast<u8>(c);
    const size_t pair = size_t{a.class_of(byte)} * b.class_count() + b.class_of(byte);
    if (seen[pair]) continue;
    seen[pair] = true;
    out.push_back(byte);
  }
  return out;
}

/// Looks for a text that `decides(accepted by a, accepted by b)`; `alive(a, b)` says which pairs
/// can still lead to one.
template <class Decides, class Alive>
Common search(Walk& a, Walk& b, EmptyText empty, Decides decides, Alive alive) {
  struct Step {
    u32 a = 0;
    u32 b = 0;
    u32 parent = 0;
    u8 byte = 0;
  };
  const std::vector<u8> bytes = representatives(a, b);
  std::vector<Step> steps;
  std::unordered_set<u64> known;
  const auto add = [&](std::span<const u32> to_a, std::span<const u32> to_b, u32 parent, u8 byte) {
    for (const u32 next_a : to_a) {
      for (const u32 next_b : to_b) {
        if (!alive(next_a, next_b) || !known.insert(u64{next_a} << 32 | next_b).second) continue;
        steps.push_back({next_a, next_b, parent, byte});
      }
    }
  };
  add(a.starts(), b.starts(), 0, 0);
  const size_t first_steps = steps.size();
  if (empty == EmptyText::Ignored) known.clear();  // another text may lead back here
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step step = steps[i];
    if (a.exhausted() || b.exhausted()) return {Common::Kind::Unknown, {}};
    const bool counts = i >= first_steps || empty == EmptyText::Counts;
    if (counts && decides(a.accepts(step.a), b.accepts(step.b))) {
      std::string witness;
      for (size_t at = i; at >= first_steps; at = steps[at].parent) {
        witness += static_cast<char>(steps[at].byte);
      }
      std::reverse(witness.begin(), witness.end());
      return {Common::Kind::Overlap, std::move(witness)};
    }
    for (const u8 byte : bytes) {
      add(a.next(step.a, a.class_of(byte)), b.next(step.b, b.class_of(byte)), static_cast<u32>(i),
          byte);
    }
    if (steps.size() > kMaxPairs) return {Common::Kind::Unknown, {}};
  }
  return {};
}

/// Texts of `b` that are not in `a`. That a text is not in a language can only be said of an
/// automaton in which it leads to one state.
Common difference(const Language& b, const Language& a, EmptyText empty = EmptyText::Counts) {
  const auto without = walk_of(a, LazyAutomaton::Paths::One);
  const auto within = walk_of(b, LazyAutomaton::Paths::Many);
  if (!without || !within) return {Common::Kind::Unknown, {}};
  return search(
      *without, *within, empty, [](bool in_a, bool in_b) { return in_b && !in_a; },
      [](u32, u32 state_b) { return state_b != 0; });
}

}  // namespace

std::string_view friendly_bytes() {
  static const std::string order = ordered_bytes();
  return order;
}

Common common(const Language& a, const Language& b, EmptyText empty) {
  const auto first = walk_of(a, LazyAutomaton::Paths::Many);
  const auto second = walk_of(b, LazyAutomaton::Paths::Many);
  if (!first || !second) return {Common::Kind::Unknown, {}};
  return search(
      *first, *second, empty, [](bool in_a, bool in_b) { return in_a && in_b; },
      [](u32 state_a, u32 state_b) { return state_a != 0 && state_b != 0; });
}

Common common(Bytes a, Bytes b) { return common(Language{.dfa = a}, Language{.dfa = b}); }

std::optional<std::string> common_string(Bytes a, Bytes b) {
  Common result = common(a, b);
  if (result.kind != Common::Kind::Overlap) return std::nullopt;
  return std::move(result.witness);
}

bool contains(const Language& a, const Language& b, EmptyText empty) {
  return difference(b, a, empty).kind == Common::Kind::Disjoint;
}

bool contains(Bytes a, Bytes b) { return contains(Language{.dfa = a}, Language{.dfa = b}); }

std::optional<std::string> shortest_string(Bytes dfa) { return common_string(dfa, dfa); }

std::optional<std::string> string_only_in(Bytes b, Bytes a) {
  Common result = difference(Language{.dfa = b}, Language{.dfa = a});
  if (result.kind != Common::Kind::Overlap) return std::nullopt;
  return std::move(result.witness);
}

}  // namespace gw::compiler::regex
