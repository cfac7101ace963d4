#include "runtime/table/phf.h"

namespace gw {

Result<void> verify_phf(Bytes blob) {
  if (reinterpret_cast<std::uintptr_t>(blob.data()) % 8 != 0) {
    return fail(Errc::TableCorrupt, "perfect hash is not aligned");
  }
  if (blob.size() < sizeof(PhfHeader)) return fail(Errc::TableTruncated, "perfect hash header");
  PhfHeader header;
  std::memcpy(&header, blob.data(), sizeof header);
  const u64 pilots = (u64{header.bucket_count} * 2 + 7) & ~u64{7};
  const u64 needed = sizeof(PhfHeader) + pilots + u64{header.slot_count} * sizeof(PhfSlot);
  if (header.total_bytes != needed || needed > blob.size()) {
    return fail(Errc::TableTruncated, "perfect hash size");
  }
  if (header.key_count != 0 && (header.bucket_count == 0 || header.slot_count == 0)) {
    return fail(Errc::TableCorrupt, "perfect hash without slots");
  }
  // SAFETY: the extent was checked above, and the blob is aligned.
  const auto* slots = reinterpret_cast<const PhfSlot*>(blob.data() + sizeof(PhfHeader) + pilots);
  u32 wrong = 0;
  for (u32 i = 0; i < header.slot_count; ++i) {
    wrong |= static_cast<u32>(slots[i].index >= header.key_count) &
             static_cast<u32>(slots[i].index != kNoKey);
  }
  if (wrong != 0) return fail(Errc::TableCorrupt, "perfect hash index");
  return {};
}

}  // namespace gw
