#include "runtime/schema/equality.h"

#include <xxhash.h>

#include <algorithm>

#include "runtime/base/random.h"
#include "runtime/schema/decimal.h"

namespace gw::schema {
namespace {

using json::Kind;
using json::Member;
using json::Tape;

constexpr u64 kMix = 0x9e3779b97f4a7c15u;

u64 process_seed() {
  static const u64 seed = Xoshiro().next();
  return seed;
}

u64 mixed(u64 hash) {
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
  return hash ^ (hash >> 32);
}

bool equal_numbers(std::string_view a, std::string_view b) {
  return a == b || compare(parse_decimal(a), parse_decimal(b)) == 0;
}

}  // namespace

u64 Equality::hash_text(const Tape& tape, u32 node) {
  const std::string_view text = tape.string(node, buffer_);
  return XXH3_64bits_withSeed(text.data(), text.size(), process_seed());
}

u64 Equality::hash(const Tape& tape, u32 node) {
  const u64 kind = process_seed() + (static_cast<u64>(tape.kind(node)) + 1) * kMix;
  switch (tape.kind(node)) {
    case Kind::Null:
      return mixed(kind);
    case Kind::Bool:
      return mixed(kind + (tape.boolean(node) ? 1u : 2u));
    case Kind::Number:
      buffer_.clear();
      append_canonical(parse_decimal(tape.text(node)), buffer_);
      return mixed(kind ^ XXH3_64bits_withSeed(buffer_.data(), buffer_.size(), process_seed()));
    case Kind::String:
      return mixed(kind ^ hash_text(tape, node));
    case Kind::Array: {
      u64 sum = kind;
      for (const u32 item : tape.items(node)) sum = mixed(sum * kMix + hash(tape, item));
      return sum;
    }
    case Kind::Object:
      break;
  }
  u64 sum = mixed(kind);
  for (const Member member : tape.members(node)) {
    const u64 key = hash_text(tape, member.key);
    sum += mixed(key * kMix + hash(tape, member.value));  // in any order
  }
  return sum;
}

bool Equality::equal_texts(const Tape& tape, u32 a, u32 b) {
  if (!tape.has_escapes(a)) return tape.string_equals(b, tape.text(a));
  return tape.string_equals(b, tape.string(a, buffer_));
}

bool Equality::equal(const Tape& tape, u32 a, u32 b) {
  if (tape.kind(a) != tape.kind(b)) return false;
  switch (tape.kind(a)) {
    case Kind::Null:
      return true;
    case Kind::Bool:
      return tape.boolean(a) == tape.boolean(b);
    case Kind::Number:
      return equal_numbers(tape.text(a), tape.text(b));
    case Kind::String:
      return equal_texts(tape, a, b);
    case Kind::Array: {
      if (tape.count(a) != tape.count(b)) return false;
      u32 other = b + 1;
      for (const u32 item : tape.items(a)) {
        if (!equal(tape, item, other)) return false;
        other = tape.next(other);
      }
      return true;
    }
    case Kind::Object:
      return tape.count(a) == tape.count(b) && equal_objects(tape, a, b);
  }
  return false;
}

size_t Equality::push_sorted_keys(const Tape& tape, u32 object) {
  const size_t begin = keys_.size();
  for (const Member member : tape.members(object)) keys_.push_back(member.key);
  std::sort(keys_.begin() + static_cast<std::ptrdiff_t>(begin), keys_.end(), [&](u32 x, u32 y) {
    const u32 left = tape.count(x);  // a key's fingerprint
    const u32 right = tape.count(y);
    return left != right ? left < right : tape.string(x, buffer_) < tape.string(y, other_buffer_);
  });
  return begin;
}

bool Equality::equal_objects(const Tape& tape, u32 a, u32 b) {
  u32 other = b + 1;
  bool same_order = true;
  for (const Member member : tape.members(a)) {
    same_order = same_order && equal_texts(tape, member.key, other);
    other = tape.next(other + 1);
  }
  if (same_order) {
    other = b + 1;
    for (const Member member : tape.members(a)) {
      if (!equal(tape, member.value, other + 1)) return false;
      other = tape.next(other + 1);
    }
    return true;
  }
  const size_t left = push_sorted_keys(tape, a);
  const size_t right = push_sorted_keys(tape, b);
  bool same = true;
  for (size_t i = 0; i < tape.count(a) && same; ++i) {
    same = equal_texts(tape, keys_[left + i], keys_[right + i]) &&
           equal(tape, keys_[left + i] + 1, keys_[right + i] + 1);
  }
  keys_.resize(left);
  return same;
}

bool Equality::equal(const Tape& tape, u32 node, const Program& program, const u32* value) {
  const ValueKind kind = static_cast<ValueKind>(value[0] & 0xff);
  const u32 count = value[0] >> 8;
  switch (tape.kind(node)) {
    case Kind::Null:
      return kind == ValueKind::Null;
    case Kind::Bool:
      return kind == (tape.boolean(node) ? ValueKind::True : ValueKind::False);
    case Kind::Number:
      return kind == ValueKind::Number && equal_numbers(tape.text(node), program.text(value + 2));
    case Kind::String:
      return kind == ValueKind::String && tape.string_equals(node, program.text(value + 2));
    case Kind::Array: {
      if (kind != ValueKind::Array || count != tape.count(node)) return false;
      const u32* child = value + kValueNodeWords;
      for (const u32 item : tape.items(node)) {
        if (!equal(tape, item, program, child)) return false;
        child += size_t{child[1]} * kValueNodeWords;
      }
      return true;
    }
    case Kind::Object:
      break;
  }
  if (kind != ValueKind::Object || count != tape.count(node)) return false;
  const u32* key = value + kValueNodeWords;
  for (u32 i = 0; i < count; ++i) {
    const u32* const child = key + kValueNodeWords;
    const u32 found = tape.find(node, program.text(key + 2));
    if (found == json::kNoNode || !equal(tape, found, program, child)) return false;
    key = child + size_t{child[1]} * kValueNodeWords;
  }
  return true;
}

bool Equality::has_duplicates(const Tape& tape, u32 array) {
  items_.clear();
  for (const u32 item : tape.items(array)) items_.push_back({hash(tape, item), item});
  std::sort(items_.begin(), items_.end(), [](const Hashed& a, const Hashed& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.node < b.node;
  });
  for (size_t i = 1; i < items_.size(); ++i) {
    for (size_t j = i; j > 0 && items_[j - 1].hash == items_[i].hash; --j) {
      if (equal(tape, items_[j - 1].node, items_[i].node)) return true;
    }
  }
  return false;
}

}  // namespace gw::schema
