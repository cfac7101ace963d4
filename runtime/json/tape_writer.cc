// Duplicate keys. In a small object a set of 64 bits, by the keys' fingerprints, says of nearly
// every key that no earlier one equals it; the others are compared with all. Larger objects get a
// hash table whose hash nobody outside can predict, so that chosen keys do not collide.
#include "runtime/json/tape_writer.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>

#include "runtime/base/random.h"

namespace gw::json {
namespace {

constexpr u32 kFewKeys = 16;
constexpr u32 kFirstNodes = 256;
constexpr u32 kMaxNodes = 1u << 30;

u64 process_seed() {
  static const u64 seed = Xoshiro().next();
  return seed;
}

}  // namespace

TapeWriter::TapeWriter(Tape& tape, const TapeLimits& limits)
    : tape_(tape),
      max_nodes_(std::min(limits.nodes, kMaxNodes)),
      max_depth_(std::min(limits.depth, kMaxDepth)) {
  tape_.size_ = 0;
  tape_.error_offset_ = 0;
  tape_.source_ = nullptr;
}

void TapeWriter::grow() {
  const u32 capacity = std::max(kFirstNodes, std::min(tape_.capacity_ * 2, max_nodes_));
  auto nodes = std::make_unique_for_overwrite<Node[]>(capacity);
  std::copy_n(tape_.nodes_.get(), tape_.size_, nodes.get());
  tape_.nodes_ = std::move(nodes);
  tape_.capacity_ = capacity;
}

void TapeWriter::add_key(std::string_view text, bool escaped) {
  ++open_node().count;
  const u8 flags = escaped ? kNodeKey | kNodeEscaped : kNodeKey;
  const u32 index = tape_.size_;
  Node& key = add(Kind::String, flags, text.data(), static_cast<u32>(text.size()));
  key.count = fingerprint(escaped ? plain_key(index) : text);
}

bool TapeWriter::same_key(u32 a, u32 b) {
  const bool escaped_a = tape_.has_escapes(a);
  if (!escaped_a || !tape_.has_escapes(b)) {
    return escaped_a ? tape_.string_equals(a, tape_.text(b))
                     : tape_.string_equals(b, tape_.text(a));
  }
  return tape_.string_equals(a, plain_key(b));
}

u32 TapeWriter::find_duplicate_key() {
  const u32 object = open_index();
  const u32 keys = tape_.count(object);
  if (keys < 2) return kNoNode;
  return keys <= kFewKeys ? find_duplicate_among_few(object) : find_duplicate_among_many(object);
}

u32 TapeWriter::find_duplicate_among_few(u32 object) {
  u32 seen[kFewKeys];
  u32 count = 0;
  u64 bits = 0;
  const Node* const nodes = tape_.nodes_.get();
  for (u32 key = object + 1; key < tape_.size_; key = nodes[key + 1].next) {
    const u64 bit = u64{1} << (nodes[key].count >> 26);
    if ((bits & bit) != 0) {
      for (u32 i = 0; i < count; ++i) {
        if (nodes[seen[i]].count == nodes[key].count && same_key(seen[i], key)) return key;
      }
    }
    bits |= bit;
    seen[count++] = key;
  }
  return kNoNode;
}

u32 TapeWriter::find_duplicate_among_many(u32 object) {
  const u32 slots = std::bit_ceil(tape_.count(object) * 2);
  tape_.key_slots_.assign(slots, kNoNode);
  const u64 seed = process_seed();
  for (u32 key = object + 1; key < tape_.size_; key = tape_.next(key + 1)) {
    const std::string_view plain = plain_key(key);
    u32 slot =
        static_cast<u32>(XXH3_64bits_withSeed(plain.data(), plain.size(), seed)) & (slots - 1);
    for (; tape_.key_slots_[slot] != kNoNode; slot = (slot + 1) & (slots - 1)) {
      const u32 other = tape_.key_slots_[slot];
      if (tape_.node(other).count == tape_.node(key).count && same_key(other, key)) return key;
    }
    tape_.key_slots_[slot] = key;
  }
  return kNoNode;
}

}  // namespace gw::json
