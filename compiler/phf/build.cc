// Hash and displace: keys fall into buckets of four on average; buckets are placed by falling
// size, each trying pilots until all its keys find free slots. There are somewhat more slots than
// keys, so that the last buckets still find room within 16 bits of pilot; should one not, the next
// seed is tried.
#include "compiler/phf/build.h"

#include <algorithm>
#include <utility>

#include "runtime/table/phf.h"

namespace gw::compiler::phf {
namespace {

constexpr u32 kKeysPerBucket = 4;
constexpr u32 kMaxPilot = 0xffff;

bool has_duplicates(const std::vector<Key>& keys) {
  std::vector<u32> order(keys.size());
  for (u32 i = 0; i < keys.size(); ++i) order[i] = i;
  const auto value = [&keys](u32 i) { return std::pair(keys[i].salt, keys[i].text); };
  std::sort(order.begin(), order.end(), [&](u32 a, u32 b) { return value(a) < value(b); });
  return std::adjacent_find(order.begin(), order.end(),
                            [&](u32 a, u32 b) { return value(a) == value(b); }) != order.end();
}

struct Placement {
  std::vector<u16> pilots;
  std::vector<PhfSlot> slots;
};

/// The hashes of a bucket's keys are hashes[order[begin..end)].
bool place_bucket(const std::vector<u64>& hashes, const u32* begin, const u32* end, u16& pilot,
                  std::vector<PhfSlot>& slots, std::vector<u32>& taken) {
  const u32 slot_count = static_cast<u32>(slots.size());
  for (u32 candidate = 0; candidate <= kMaxPilot; ++candidate) {
    taken.clear();
    bool fits = true;
    for (const u32* key = begin; key != end && fits; ++key) {
      const u32 slot = phf_slot(hashes[*key], candidate, slot_count);
      fits =
          slots[slot].index == kNoKey && std::find(taken.begin(), taken.end(), slot) == taken.end();
      taken.push_back(slot);
    }
    if (!fits) continue;
    for (const u32* key = begin; key != end; ++key) {
      slots[taken[static_cast<size_t>(key - begin)]] = {static_cast<u32>(hashes[*key]), *key};
    }
    pilot = static_cast<u16>(candidate);
    return true;
  }
  return false;
}

std::optional<Placement> place(const std::vector<Key>& keys, u64 seed, u32 keys_per_spare_slot) {
  const u32 count = static_cast<u32>(keys.size());
  const u32 buckets = count / kKeysPerBucket + 1;
  std::vector<u64> hashes(count);
  std::vector<u32> starts(buckets + 1, 0);
  for (u32 i = 0; i < count; ++i) {
    hashes[i] = phf_hash(keys[i].text, seed + keys[i].salt);
    ++starts[phf_reduce(hashes[i], buckets) + 1];
  }
  for (u32 i = 0; i < buckets; ++i) starts[i + 1] += starts[i];
  std::vector<u32> by_bucket(count);
  std::vector<u32> fill(starts.begin(), starts.end() - 1);
  for (u32 i = 0; i < count; ++i) by_bucket[fill[phf_reduce(hashes[i], buckets)]++] = i;
  std::vector<u32> order(buckets);
  for (u32 i = 0; i < buckets; ++i) order[i] = i;
  const auto size = [&starts](u32 bucket) { return starts[bucket + 1] - starts[bucket]; };
  std::stable_sort(order.begin(), order.end(), [&](u32 a, u32 b) { return size(a) > size(b); });

  Placement out;
  out.pilots.assign(buckets, 0);
  out.slots.assign(count + count / keys_per_spare_slot + 1, PhfSlot{0, kNoKey});
  std::vector<u32> taken;
  for (const u32 bucket : order) {
    if (size(bucket) == 0) break;
    const u32* keys_of = by_bucket.data() + starts[bucket];
    if (!place_bucket(hashes, keys_of, keys_of + size(bucket), out.pilots[bucket], out.slots,
                      taken)) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

std::optional<std::vector<std::byte>> build(const std::vector<Key>& keys, u32 keys_per_spare_slot) {
  if (has_duplicates(keys)) return std::nullopt;
  PhfHeader header;
  header.key_count = static_cast<u32>(keys.size());
  Placement placement;
  for (header.seed = 1; !keys.empty(); ++header.seed) {
    auto found = place(keys, header.seed, keys_per_spare_slot);
    if (!found) continue;
    placement = std::move(*found);
    break;
  }
  header.bucket_count = static_cast<u32>(placement.pilots.size());
  header.slot_count = static_cast<u32>(placement.slots.size());
  const size_t pilot_bytes = (placement.pilots.size() * 2 + 7) & ~size_t{7};
  const size_t slot_bytes = placement.slots.size() * sizeof(PhfSlot);
  header.total_bytes = static_cast<u32>(sizeof header + pilot_bytes + slot_bytes);
  std::vector<std::byte> blob(header.total_bytes);
  std::memcpy(blob.data(), &header, sizeof header);
  if (!keys.empty()) {
    std::memcpy(blob.data() + sizeof header, placement.pilots.data(), placement.pilots.size() * 2);
    std::memcpy(blob.data() + sizeof header + pilot_bytes, placement.slots.data(), slot_bytes);
  }
  return blob;
}

std::optional<std::vector<std::byte>> build(const std::vector<std::string>& keys) {
  std::vector<Key> plain;
  plain.reserve(keys.size());
  for (const std::string& key : keys) plain.push_back({key, 0});
  return build(plain);
}

}  // namespace gw::compiler::phf
