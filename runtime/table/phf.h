// Minimal perfect hashing: the layout in the table, and look-up.
//
//   offset 0   PhfHeader, 32 bytes
//   offset 32  u16 pilots[bucket_count], zeros to a multiple of 8
//   then       PhfSlot slots[slot_count]
//
// A key hashes once. Its bucket's pilot sends it to a slot that no other key of the set has; the
// slot holds the key's index and 32 bits of its hash. A text that is not a key finds a slot too,
// where the fingerprint nearly always differs: whoever must be certain compares the key's bytes.
// After hash-and-displace (Belazzougui, Botelho, Dietzfelbinger, 2009). Little-endian, 8-aligned.
#pragma once
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL  // a call would cost as much as hashing a path
#endif
#include <xxhash.h>

#include <cstring>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw {

struct PhfHeader {
  u64 seed = 0;
  u32 total_bytes = 0;
  u32 key_count = 0;
  u32 bucket_count = 0;
  u32 slot_count = 0;
  u32 reserved[2] = {};
};
static_assert(sizeof(PhfHeader) == 32);

struct PhfSlot {
  u32 fingerprint = 0;
  u32 index = 0;  // kNoKey: empty
};

inline constexpr u32 kNoKey = ~u32{0};

/// Confirms that every look-up stays inside `blob`, which is 8-byte aligned and begins with the
/// function, and that every index is below key_count.
Result<void> verify_phf(Bytes blob);

inline u64 phf_hash(std::string_view key, u64 seed) {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}
/// Maps the upper half of a hash to 0..count-1.
inline u32 phf_reduce(u64 hash, u32 count) {
  return static_cast<u32>(((hash >> 32) * count) >> 32);
}
inline u32 phf_slot(u64 hash, u32 pilot, u32 slot_count) {
  u64 mixed = (hash ^ (u64{pilot} * 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u;
  mixed ^= mixed >> 32;
  return phf_reduce(mixed * 0xd6e8feb86659fd93u, slot_count);
}

/// A verified function in place. Cheap to copy; does not own the bytes. Any thread.
class Phf {
 public:
  Phf() = default;  // of no keys
  explicit Phf(const std::byte* blob) {
    std::memcpy(&header_, blob, sizeof header_);
    pilots_ = blob + sizeof(PhfHeader);
    slots_ = pilots_ + ((size_t{header_.bucket_count} * 2 + 7) & ~size_t{7});
  }

  u32 key_count() const { return header_.key_count; }
  /// The index that the builder gave to `key`, if it is one. Otherwise kNoKey or, with a
  /// probability of 2^-32, any index. Two dependent loads.
  u32 find(std::string_view key) const {
    if (header_.key_count == 0) return kNoKey;
    return find_hashed(phf_hash(key, header_.seed));
  }
  u64 seed() const { return header_.seed; }
  u32 find_hashed(u64 hash) const {
    // SAFETY: verify_phf checked the extents; both indexes are reduced to their counts.
    u16 pilot;
    std::memcpy(&pilot, pilots_ + size_t{phf_reduce(hash, header_.bucket_count)} * 2, 2);
    PhfSlot slot;
    std::memcpy(&slot, slots_ + size_t{phf_slot(hash, pilot, header_.slot_count)} * sizeof slot,
                sizeof slot);
    return slot.fingerprint == static_cast<u32>(hash) ? slot.index : kNoKey;
  }

 private:
  PhfHeader header_;
  const std::byte* pilots_ = nullptr;
  const std::byte* slots_ = nullptr;
};

}  // namespace gw
