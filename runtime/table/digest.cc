#include "runtime/table/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/thread_priority.h"
#include "runtime/table/verify_record.h"

namespace gw::table {

u64 list_end(const Header& header) {
  return sizeof header + u64{header.section_count} * sizeof(Section);
}

DigestedParts digested_parts(Bytes file) {
  Header header;
  std::memcpy(&header, file.data(), sizeof header);
  const u64 end = file.size() - kTrailerBytes;
  const DigestedParts all{.first_end = end, .second_begin = end, .second_end = end};
  if (header.section_count == 0 || list_end(header) > end) return all;
  Section last;
  std::memcpy(&last, file.data() + list_end(header) - sizeof last, sizeof last);
  if (last.flags != kSectionOptional || !fits(last.offset, last.bytes, end)) return all;
  return {.first_end = last.offset, .second_begin = last.offset + last.bytes, .second_end = end};
}

u64 digest_of(Bytes file) {
  const DigestedParts parts = digested_parts(file);
  if (parts.second_end <= kYieldBytes && parts.first_end == parts.second_end) {
    return XXH3_64bits(file.data(), parts.second_end);
  }
  DigestState state;
  state.add(file.first(parts.first_end));
  state.add(file.subspan(parts.second_begin, parts.second_end - parts.second_begin));
  return state.value();
}

DigestState::DigestState() : state_(XXH3_createState()) {
  GW_CHECK(state_ != nullptr);
  XXH3_64bits_reset(state_);
}

DigestState::~DigestState() { XXH3_freeState(state_); }

void DigestState::add(Bytes piece) {
  while (!piece.empty()) {
    const Bytes next = piece.first(std::min(piece.size(), kYieldBytes));
    XXH3_64bits_update(state_, next.data(), next.size());
    piece = piece.subspan(next.size());
    if (!piece.empty()) let_others_run();
  }
}

u64 DigestState::value() const { return XXH3_64bits_digest(state_); }

}  // namespace gw::table
