// Byte-class DFAs: the layout in the table, and matching.
//
//   offset 0    DfaHeader, 32 bytes
//   offset 32   u8 class_of[256]
//   offset 288  transitions: state_count rows of 2^row_shift entries, u16 (or u32 when kDfaWide),
//               entry = next state; entries past class_count are 0
//   then zeros to a multiple of 8
//
// States are ordered so that every question about one is a compare: 0 is dead (nothing accepts
// from there), states from `first_accept` on accept, and the last state accepts whatever follows
// when kDfaAbsorbs is set. Little-endian, position-independent, 8-byte aligned.
#pragma once
#include <cstring>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw {

struct DfaHeader {
  u32 total_bytes = 0;  // of the whole blob, header included
  u32 state_count = 0;
  u32 start = 0;
  u32 first_accept = 0;  // state_count: nothing accepts
  u16 class_count = 0;
  u8 row_shift = 0;
  u8 flags = 0;
  u32 reserved[3] = {};
};
static_assert(sizeof(DfaHeader) == 32);

inline constexpr u8 kDfaWide = 1;     // u32 transitions
inline constexpr u8 kDfaAbsorbs = 2;  // the last state accepts every continuation
inline constexpr u32 kDfaClassMapOffset = sizeof(DfaHeader);
inline constexpr u32 kDfaTransitionsOffset = kDfaClassMapOffset + 256;
inline constexpr u32 kMaxDfaStates = 1u << 20;

/// Confirms that matching over `blob` stays inside it. `blob` may come from anybody; it is 8-byte
/// aligned and begins with the DFA, whose size is total_bytes. Linear in the size.
Result<void> verify_dfa(Bytes blob);

/// A verified DFA in place. Cheap to copy; does not own the bytes. Any thread.
class Dfa {
 public:
  explicit Dfa(const std::byte* blob) : blob_(blob) {
    std::memcpy(&header_, blob, sizeof header_);
    wide_ = (header_.flags & kDfaWide) != 0;
    absorbing_ = (header_.flags & kDfaAbsorbs) != 0 ? header_.state_count - 1 : ~u32{0};
  }

  /// Whether the language holds `text`. One table load per byte, no allocation; stops as soon as
  /// the answer is certain.
  bool matches(std::string_view text) const { return wide_ ? run<u32>(text) : run<u16>(text); }

  u32 state_count() const { return header_.state_count; }
  u32 start() const { return header_.start; }
  bool accepts(u32 state) const { return state >= header_.first_accept; }
  u32 class_count() const { return header_.class_count; }
  u8 class_of(u8 byte) const { return class_map()[byte]; }
  u32 next(u32 state, u32 byte_class) const {
    const size_t at = (size_t{state} << header_.row_shift) + byte_class;
    return wide_ ? load<u32>(at) : load<u16>(at);
  }

 private:
  const u8* class_map() const { return reinterpret_cast<const u8*>(blob_ + kDfaClassMapOffset); }
  template <class Entry>
  u32 load(size_t at) const {
    // SAFETY: verify_dfa checked that every row lies inside the blob and every entry is a state.
    Entry entry;
    std::memcpy(&entry, blob_ + kDfaTransitionsOffset + at * sizeof(Entry), sizeof entry);
    return entry;
  }
  template <class Entry>
  bool run(std::string_view text) const {
    const u8* classes = class_map();
    const u32 shift = header_.row_shift;
    u32 state = header_.start;
    for (const char c : text) {
      if (state == 0) return false;
      if (state == absorbing_) return true;
      state = load<Entry>((size_t{state} << shift) + classes[static_cast<u8>(c)]);
    }
    return state >= header_.first_accept;
  }

  const std::byte* blob_;
  DfaHeader header_;
  bool wide_;
  u32 absorbing_;
};

}  // namespace gw
