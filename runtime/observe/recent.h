// The last requests that have failed, and the slowest of the last minutes, for people who ask why.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/http/exchange.h"
#include "runtime/policies/policy_list.h"

namespace gw::observe {

/// The beginning of a text.
template <size_t N>
class ShortText {
 public:
  ShortText& operator=(std::string_view text) {
    size_ = static_cast<u8>(std::min(text.size(), N));
    std::copy_n(text.data(), size_, bytes_.data());
    return *this;
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  static_assert(N <= 255);
  u8 size_ = 0;
  std::array<char, N> bytes_{};
};

/// What is remembered of a request. Nothing that its client has chosen but the request id: no path,
/// no query, no field.
struct RecentRequest {
  i64 unix_ms = 0;    // its end
  i64 steady_ms = 0;  // the same on the clock of TimePoint
  u64 duration_us = 0;
  u64 tries_us = 0;     // of it, waiting for targets
  u16 status = 0;       // 0: no head was sent
  u16 last_status = 0;  // of the last try; 0: no head came
  Errc error = Errc::None;
  Errc last_error = Errc::None;  // of the last try
  policies::PolicyId decided_by = policies::PolicyId::None;
  u8 tries = 0;
  bool client_gone = false;
  ShortText<96> operation;
  ShortText<64> request_id;
  ShortText<48> upstream;
  ShortText<64> target;  // of the last try
  ShortText<48> limit;   // that has refused it
  ShortText<64> detail;  // of the error: a text of the program
};

/// Filled by one thread, read by another now and then; neither waits for the other for longer than
/// it takes to copy a record or all of them. While somebody reads, what comes is not remembered.
class RecentRequests {
 public:
  static constexpr size_t kEach = 32;
  /// What is older is no longer among the slowest.
  static constexpr i64 kSlowForMs = 5 * 60'000;

  /// Whether `note` would remember it among the slowest. Two comparisons.
  bool is_slow(u64 duration_us, i64 steady_ms) const {
    return duration_us > least_us_ || steady_ms >= oldest_ends_ms_;
  }
  /// The thread that fills it, as is_slow().
  void note_failing(const RecentRequest& request);
  void note_slow(const RecentRequest& request);

  struct Snapshot {
    std::vector<RecentRequest> failing;  // the newest first
    std::vector<RecentRequest> slow;     // the slowest first
  };
  /// Any thread. Adds to `out`, unsorted.
  void add_to(Snapshot& out) const;

 private:
  class Lock;
  void look_at_slow();

  mutable std::atomic_flag locked_ = ATOMIC_FLAG_INIT;
  std::array<RecentRequest, kEach> failing_;
  std::array<RecentRequest, kEach> slow_;
  size_t next_failing_ = 0;
  u64 failing_count_ = 0;
  size_t slow_count_ = 0;
  // Of the thread that fills it: what it takes to be among the slowest.
  u64 least_us_ = 0;
  i64 oldest_ends_ms_ = 0;  // 0: there is room
};

/// Whether the gateway or its upstream has failed, rather than the client.
bool has_failed(const Exchange& exchange);

}  // namespace gw::observe
