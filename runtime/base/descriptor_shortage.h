// That no more descriptors, or no memory for sockets, are to be had.
#pragma once
#include <atomic>
#include <optional>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// Whether an error of socket(2) or accept(2) says so, rather than something of the other side.
bool is_shortage(int error_number);

enum class ShortageAt : u8 { Accept, Connect };
inline constexpr size_t kShortagePlaces = 2;
inline constexpr std::string_view kShortagePlaceNames[kShortagePlaces] = {"accept", "connect"};

/// Counts it, and logs it: one line a second, of the whole process. Any thread.
void note_shortage(ShortageAt where, int error_number);
/// How often that was since the process began. Any thread.
u64 shortage_count(ShortageAt where);

/// Lets one through each second, and knows how many it has held back. Any thread.
class OncePerSecond {
 public:
  /// `now_ms` on a clock that does not go back. Empty: not now; else how many were held back since
  /// the last one that was let through.
  std::optional<u64> pass(i64 now_ms);

 private:
  static constexpr i64 kNever = -1'000'000;
  std::atomic<i64> last_ms_{kNever};
  std::atomic<u64> held_back_{0};
};

}  // namespace gw
