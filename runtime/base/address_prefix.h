// Whether an address lies in a network.
#pragma once
#include <cstring>

#include "runtime/base/types.h"

namespace gw {

/// Whether the first `bits` (0 to 128) of two addresses are the same; IPv4 as mapped IPv6.
inline bool same_prefix(const u8 (&a)[16], const u8 (&b)[16], u32 bits) {
  const u32 whole = bits / 8;
  if (std::memcmp(a, b, whole) != 0) return false;
  const u32 rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<u8>(0xff << (8 - rest));
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

}  // namespace gw
