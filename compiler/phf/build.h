// The builder of minimal perfect hash functions.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler::phf {

/// Equal texts under different salts are different keys: phf_hash(text, seed + salt).
struct Key {
  std::string_view text;
  u64 salt = 0;
};

/// The blob of runtime/table/phf.h for `keys`: find(keys[i]) is i. Same keys in the same order,
/// same bytes. nullopt: a key occurs twice. Expected linear time. There is a slot more than keys
/// for each `keys_per_spare_slot` of them: up to 100 it takes no longer.
inline constexpr u32 kUsualKeysPerSpareSlot = 30;
std::optional<std::vector<std::byte>> build(const std::vector<Key>& keys,
                                            u32 keys_per_spare_slot = kUsualKeysPerSpareSlot);
std::optional<std::vector<std::byte>> build(const std::vector<std::string>& keys);

}  // namespace gw::compiler::phf
