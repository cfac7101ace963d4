// Many networks at once: whether an address lies in one of them, by the longest prefix.
//
//   offset 0    NetworkSetHeader
//   index       u32[65537]: of the first 16 bits of an IPv4 address, the first range that ends
//               there or later
//   v4          {u32 first, u32 last}[]: ranges in order, apart from each other
//   v6          {u8 first[16], u8 last[16]}[]: the same
//
// Prefixes become ranges when the set is made: one with `!` before it takes its addresses out
// again, and a longer prefix always wins. A million networks of IPv4 take 8 MB and a look-up two or
// three cache lines.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw::table {

struct NetworkSetHeader {
  u64 bytes = 0;  // of all
  u32 index = 0;  // offsets from the start, each a multiple of 8
  u32 v4 = 0;
  u32 v4_count = 0;
  u32 v6 = 0;
  u32 v6_count = 0;
  u32 reserved = 0;
};
static_assert(sizeof(NetworkSetHeader) == 32);

/// Confirms that every look-up stays inside `blob`.
Result<void> verify_network_set(Bytes blob);

/// A verified set in place; does not own the bytes. Any thread. A default one is empty.
class NetworkSet {
 public:
  NetworkSet() = default;
  explicit NetworkSet(Bytes blob);
  /// `address`: IPv6, or IPv4 mapped (::ffff:a.b.c.d).
  bool contains(const u8 (&address)[16]) const;
  u32 range_count() const { return header_.v4_count + header_.v6_count; }

 private:
  bool contains_v4(u32 address) const;
  bool contains_v6(const u8 (&address)[16]) const;

  Bytes bytes_;
  NetworkSetHeader header_;
};

struct NetworkEntry {
  u8 address[16] = {};  // IPv4 mapped
  u32 prefix_bits = 128;
  bool excluded = false;
};

/// A text with a network or address in each line; `#` begins a comment, `!` before a network takes
/// it out of a wider one. False: `problem` names the line.
bool parse_network_lines(std::string_view text, std::vector<NetworkEntry>& out,
                         std::string& problem);

/// The blob of `entries`. Equal sets give equal bytes. Cost: a sort.
std::vector<std::byte> build_network_set(std::vector<NetworkEntry> entries);

}  // namespace gw::table
