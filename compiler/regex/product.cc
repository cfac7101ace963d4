// Questions about two languages, answered by a breadth-first walk over pairs of states: the first
// pair that decides gives a shortest witness.
#include <algorithm>
#include <unordered_map>

#include "compiler/regex/regex.h"
#include "runtime/table/dfa.h"

namespace gw::compiler::regex {
namespace {

constexpr size_t kMaxPairs = 1'000'000;

/// Bytes in the order in which witnesses should use them.
std::string friendly_bytes() {
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

/// One byte for each pair of classes that occurs.
std::vector<u8> representatives(const Dfa& a, const Dfa& b) {
  static const std::string order = friendly_bytes();
  std::vector<bool> seen(size_t{a.class_count()} * b.class_count(), false);
  std::vector<u8> out;
  for (const char c : order) {
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
Common search(Bytes blob_a, Bytes blob_b, Decides decides, Alive alive) {
  struct Step {
    u32 a = 0;
    u32 b = 0;
    u32 parent = 0;
    u8 byte = 0;
  };
  const Dfa a(blob_a.data());
  const Dfa b(blob_b.data());
  const std::vector<u8> bytes = representatives(a, b);
  std::vector<Step> steps = {{a.start(), b.start(), 0, 0}};
  std::unordered_map<u64, bool> known;
  known.emplace(u64{a.start()} << 32 | b.start(), true);
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step step = steps[i];
    if (decides(a.accepts(step.a), b.accepts(step.b))) {
      std::string witness;
      for (size_t at = i; at != 0; at = steps[at].parent) {
        witness += static_cast<char>(steps[at].byte);
      }
      std::reverse(witness.begin(), witness.end());
      return {Common::Kind::Overlap, std::move(witness)};
    }
    for (const u8 byte : bytes) {
      const u32 next_a = a.next(step.a, a.class_of(byte));
      const u32 next_b = b.next(step.b, b.class_of(byte));
      if (!alive(next_a, next_b)) continue;
      if (!known.emplace(u64{next_a} << 32 | next_b, true).second) continue;
      steps.push_back({next_a, next_b, static_cast<u32>(i), byte});
    }
    if (steps.size() > kMaxPairs) return {Common::Kind::Unknown, {}};
  }
  return {};
}

Common difference(Bytes b, Bytes a) {
  return search(
      a, b, [](bool in_a, bool in_b) { return in_b && !in_a; },
      [](u32, u32 state_b) { return state_b != 0; });
}

}  // namespace

Common common(Bytes a, Bytes b) {
  return search(
      a, b, [](bool in_a, bool in_b) { return in_a && in_b; },
      [](u32 state_a, u32 state_b) { return state_a != 0 && state_b != 0; });
}

std::optional<std::string> common_string(Bytes a, Bytes b) {
  Common result = common(a, b);
  if (result.kind != Common::Kind::Overlap) return std::nullopt;
  return std::move(result.witness);
}

bool contains(Bytes a, Bytes b) { return difference(b, a).kind == Common::Kind::Disjoint; }

std::optional<std::string> shortest_string(Bytes dfa) { return common_string(dfa, dfa); }

std::optional<std::string> string_only_in(Bytes b, Bytes a) {
  Common result = difference(b, a);
  if (result.kind != Common::Kind::Overlap) return std::nullopt;
  return std::move(result.witness);
}

}  // namespace gw::compiler::regex
