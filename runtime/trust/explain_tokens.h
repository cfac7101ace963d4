// Who may have one request of his explained by the running gateway.
#pragma once
#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "runtime/base/explain_field.h"
#include "runtime/base/types.h"

namespace gw::trust {

/// Tokens with an end, signed by a key that only this process has and that ends with it
/// (HMAC-SHA-256). Any thread.
class ExplainTokens {
 public:
  static constexpr i64 kMostMs = 3'600'000;

  ExplainTokens();
  ExplainTokens(const ExplainTokens&) = delete;
  ExplainTokens& operator=(const ExplainTokens&) = delete;

  /// Good until `now_ms + life_ms`, of which `life_ms` is 1 s to kMostMs. For the field kField.
  std::string issue(i64 now_ms, i64 life_ms);
  /// Whether any token may still be good: one load, so that nobody pays who asks for none.
  bool is_active(i64 now_ms) const { return now_ms < until_ms_.load(std::memory_order_relaxed); }
  /// Compares in constant time.
  bool accepts(std::string_view token, i64 now_ms) const;

  static constexpr std::string_view kField = kExplainField;

 private:
  using Mac = std::array<u8, 32>;
  Mac mac_of(std::string_view text) const;

  std::array<u8, 32> key_;
  std::atomic<i64> until_ms_{0};
};

}  // namespace gw::trust
