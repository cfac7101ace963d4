#include "runtime/table/network_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/ip_address.h"
#include "runtime/base/units.h"
#include "runtime/table/verify_record.h"

namespace gw::table {
namespace {

constexpr u32 kIndexEntries = 65'537;
constexpr u8 kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct RangeV4 {
  u32 first;
  u32 last;
};
struct RangeV6 {
  u8 first[16];
  u8 last[16];
};

// GNU's 128-bit integer, which is no part of ISO C++.
__extension__ using u128 = unsigned __int128;

bool is_mapped(const u8 (&address)[16]) {
  return std::memcmp(address, kMappedPrefix, sizeof kMappedPrefix) == 0;
}

u32 v4_of(const u8 (&address)[16]) {
  return u32{address[12]} << 24 | u32{address[13]} << 16 | u32{address[14]} << 8 | address[15];
}

u128 v6_of(const u8 (&address)[16]) {
  u128 value = 0;
  for (const u8 byte : address) value = value << 8 | byte;
  return value;
}

void write_v6(u128 value, u8 (&out)[16]) {
  for (size_t i = 16; i-- > 0;) {
    out[i] = static_cast<u8>(value);
    value >>= 8;
  }
}

template <class Number>
struct Prefix {
  Number first;
  Number last;
  u32 bits;
  bool excluded;
};
template <class Number>
struct Range {
  Number first;
  Number last;
};

// Prefixes nest or are apart. In order of their beginnings, wider ones first, a stack holds those
// that are open: the innermost says what holds until it ends.
template <class Number>
class RangeMaker {
 public:
  std::vector<Range<Number>> run(std::vector<Prefix<Number>> prefixes) {
    std::sort(prefixes.begin(), prefixes.end(), [](const auto& a, const auto& b) {
      if (a.first != b.first) return a.first < b.first;
      if (a.bits != b.bits) return a.bits < b.bits;
      return a.excluded < b.excluded;  // of two that say both, the exclusion counts
    });
    for (const Prefix<Number>& prefix : prefixes) {
      while (!open_.empty() && open_.back().last < prefix.first) close();
      if (open_.empty()) {
        at_ = prefix.first;
      } else if (open_.back().excluded != prefix.excluded) {
        emit_until(prefix.first);
      }
      open_.push_back(prefix);
    }
    while (!open_.empty()) close();
    return std::move(ranges_);
  }

 private:
  // What holds from at_ to just before `first`.
  void emit_until(Number first) {
    if (!open_.back().excluded && at_ < first) add(at_, first - 1);
    at_ = first;
  }

  void close() {
    const Prefix<Number> ended = open_.back();
    open_.pop_back();
    if (at_end_ || at_ > ended.last) return;
    if (!ended.excluded) add(at_, ended.last);
    at_ = ended.last + 1;
    at_end_ = at_ == 0;  // it was the last address of all
  }

  void add(Number first, Number last) {
    if (!ranges_.empty() && ranges_.back().last + 1 == first) {
      ranges_.back().last = last;
      return;
    }
    ranges_.push_back({first, last});
  }

  std::vector<Prefix<Number>> open_;
  std::vector<Range<Number>> ranges_;
  Number at_ = 0;  // up to here everything is said
  bool at_end_ = false;
};

}  // namespace

Result<void> verify_network_set(Bytes blob) {
  const auto corrupt = [] { return fail(Errc::TableCorrupt, "network set"); };
  NetworkSetHeader header;
  if (blob.size() < sizeof header) return corrupt();
  std::memcpy(&header, blob.data(), sizeof header);
  const bool aligned = header.index % 8 == 0 && header.v4 % 8 == 0 && header.v6 % 8 == 0;
  if (header.bytes != blob.size() || !aligned || header.reserved != 0 ||
      !fits(header.index, u64{kIndexEntries} * 4, blob.size()) ||
      !fits(header.v4, u64{header.v4_count} * sizeof(RangeV4), blob.size()) ||
      !fits(header.v6, u64{header.v6_count} * sizeof(RangeV6), blob.size())) {
    return corrupt();
  }
  const auto* index = reinterpret_cast<const u32*>(blob.data() + header.index);
  const bool ordered = std::is_sorted(index, index + kIndexEntries);
  if (!ordered || index[kIndexEntries - 1] > header.v4_count) return corrupt();
  return {};
}

NetworkSet::NetworkSet(Bytes blob) : bytes_(blob) {
  std::memcpy(&header_, blob.data(), sizeof header_);
}

bool NetworkSet::contains(const u8 (&address)[16]) const {
  if (is_mapped(address)) return contains_v4(v4_of(address));
  return contains_v6(address);
}

bool NetworkSet::contains_v4(u32 address) const {
  if (header_.v4_count == 0) return false;
  const auto* index = reinterpret_cast<const u32*>(bytes_.data() + header_.index);
  const auto* ranges = reinterpret_cast<const RangeV4*>(bytes_.data() + header_.v4);
  const u32 begin = index[address >> 16];
  // One more than ends there: it may have begun there and go on.
  const u32 end = std::min(index[(address >> 16) + 1] + 1, header_.v4_count);
  const RangeV4* found =
      std::lower_bound(ranges + begin, ranges + std::max(begin, end), address,
                       [](const RangeV4& range, u32 wanted) { return range.last < wanted; });
  return found < ranges + end && found->first <= address;
}

bool NetworkSet::contains_v6(const u8 (&address)[16]) const {
  const auto* ranges = reinterpret_cast<const RangeV6*>(bytes_.data() + header_.v6);
  const RangeV6* end = ranges + header_.v6_count;
  const RangeV6* found =
      std::lower_bound(ranges, end, address, [](const RangeV6& range, const u8(&wanted)[16]) {
        return std::memcmp(range.last, wanted, 16) < 0;
      });
  return found != end && std::memcmp(found->first, address, 16) <= 0;
}

bool parse_network_lines(std::string_view text, std::vector<NetworkEntry>& out,
                         std::string& problem) {
  for (u32 line_number = 1; !text.empty(); ++line_number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    line = line.substr(0, line.find('#'));
    while (!line.empty() && static_cast<u8>(line.back()) <= ' ') line.remove_suffix(1);
    while (!line.empty() && static_cast<u8>(line.front()) <= ' ') line.remove_prefix(1);
    if (line.empty()) continue;
    NetworkEntry entry;
    entry.excluded = line.front() == '!';
    if (entry.excluded) line.remove_prefix(1);
    if (!parse_network(line, entry.address, entry.prefix_bits)) {
      problem = fmt::format("line {} is not an address or a CIDR block", line_number);
      return false;
    }
    out.push_back(entry);
  }
  return true;
}

std::vector<std::byte> build_network_set(std::vector<NetworkEntry> entries) {
  std::vector<Prefix<u32>> v4;
  std::vector<Prefix<u128>> v6;
  for (const NetworkEntry& entry : entries) {
    if (is_mapped(entry.address) && entry.prefix_bits >= 96) {
      const u32 bits = entry.prefix_bits - 96;
      const u32 host = bits == 0 ? ~u32{0} : static_cast<u32>((u64{1} << (32 - bits)) - 1);
      const u32 first = v4_of(entry.address) & ~host;
      v4.push_back({first, first | host, bits, entry.excluded});
      continue;
    }
    const u128 host =
        entry.prefix_bits == 0 ? ~u128{0} : (u128{1} << (128 - entry.prefix_bits)) - 1;
    const u128 first = v6_of(entry.address) & ~host;
    v6.push_back({first, first | host, entry.prefix_bits, entry.excluded});
  }
  const auto ranges_v4 = RangeMaker<u32>().run(std::move(v4));
  const auto ranges_v6 = RangeMaker<u128>().run(std::move(v6));

  NetworkSetHeader header;
  header.index = sizeof header;
  header.v4 = (header.index + kIndexEntries * 4 + 7) & ~u32{7};
  header.v4_count = static_cast<u32>(ranges_v4.size());
  header.v6 = header.v4 + header.v4_count * static_cast<u32>(sizeof(RangeV4));
  header.v6_count = static_cast<u32>(ranges_v6.size());
  header.bytes = u64{header.v6} + u64{header.v6_count} * sizeof(RangeV6);
  std::vector<std::byte> blob(header.bytes);
  std::memcpy(blob.data(), &header, sizeof header);
  if (!ranges_v4.empty()) {  // a copy of nothing from nowhere is undefined
    std::memcpy(blob.data() + header.v4, ranges_v4.data(), ranges_v4.size() * sizeof(RangeV4));
  }
  for (size_t i = 0; i < ranges_v6.size(); ++i) {
    RangeV6 range;
    write_v6(ranges_v6[i].first, range.first);
    write_v6(ranges_v6[i].last, range.last);
    std::memcpy(blob.data() + header.v6 + i * sizeof range, &range, sizeof range);
  }
  auto* index = reinterpret_cast<u32*>(blob.data() + header.index);
  u32 next = 0;
  for (u32 high = 0; high < kIndexEntries - 1; ++high) {
    while (next < ranges_v4.size() && ranges_v4[next].last < high << 16) ++next;
    index[high] = next;
  }
  index[kIndexEntries - 1] = header.v4_count;
  return blob;
}

}  // namespace gw::table
