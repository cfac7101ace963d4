// What has to hold so that Dfa::run() needs no checks: the class map names only existing classes,
// rows are wide enough for them, and every entry is a state. The flags that cut a match short
// (state 0 is dead, the last state absorbs) are not proved: a hostile file may give wrong answers
// to its own patterns, but never leave its bytes.
#include "runtime/table/dfa.h"

#include <algorithm>

namespace gw {
namespace {

template <class Entry>
u32 largest_entry(const std::byte* from, size_t count) {
  // SAFETY: the caller checked the extent; the blob is 8-byte aligned and the offset is too.
  const auto* entries = reinterpret_cast<const Entry*>(from);
  Entry largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, entries[i]);
  return largest;
}

}  // namespace

Result<void> verify_dfa(Bytes blob) {
  if (reinterpret_cast<std::uintptr_t>(blob.data()) % 8 != 0) {
    return fail(Errc::TableCorrupt, "dfa is not aligned");
  }
  if (blob.size() < kDfaTransitionsOffset) return fail(Errc::TableTruncated, "dfa header");
  DfaHeader header;
  std::memcpy(&header, blob.data(), sizeof header);
  if (header.total_bytes > blob.size() || header.total_bytes % 8 != 0) {
    return fail(Errc::TableTruncated, "dfa size");
  }
  if ((header.flags & ~(kDfaWide | kDfaAbsorbs)) != 0) {
    return fail(Errc::TableCorrupt, "dfa flags");
  }
  if (header.state_count == 0 || header.state_count > kMaxDfaStates ||
      header.start >= header.state_count || header.first_accept > header.state_count) {
    return fail(Errc::TableCorrupt, "dfa states");
  }
  if (header.row_shift > 8 || header.class_count == 0 ||
      header.class_count > (u32{1} << header.row_shift)) {
    return fail(Errc::TableCorrupt, "dfa classes");
  }
  const auto* classes = reinterpret_cast<const u8*>(blob.data() + kDfaClassMapOffset);
  if (*std::max_element(classes, classes + 256) >= header.class_count) {
    return fail(Errc::TableCorrupt, "dfa class map");
  }
  const bool wide = (header.flags & kDfaWide) != 0;
  const u64 entry_count = u64{header.state_count} << header.row_shift;
  const u64 needed = kDfaTransitionsOffset + entry_count * (wide ? 4 : 2);
  if (((needed + 7) & ~u64{7}) != header.total_bytes) {
    return fail(Errc::TableTruncated, "dfa transitions");
  }
  const std::byte* entries = blob.data() + kDfaTransitionsOffset;
  const u32 largest =
      wide ? largest_entry<u32>(entries, entry_count) : largest_entry<u16>(entries, entry_count);
  if (largest >= header.state_count) return fail(Errc::TableCorrupt, "dfa transition");
  return {};
}

}  // namespace gw
