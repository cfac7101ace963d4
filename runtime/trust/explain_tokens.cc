#include "runtime/trust/explain_tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>

#include "runtime/base/check.h"

namespace gw::trust {
namespace {

constexpr size_t kEndDigits = 16;
constexpr size_t kNonceBytes = 16;
// END.NONCE.MAC, all in hexadecimal.
constexpr size_t kSignedBytes = kEndDigits + 1 + 2 * kNonceBytes;
constexpr size_t kTokenBytes = kSignedBytes + 1 + 64;

template <size_t N>
void fill_randomly(std::array<u8, N>& bytes) {
  GW_CHECK(RAND_bytes(bytes.data(), static_cast<int>(N)) == 1);
}

template <size_t N>
std::string hex_of(const std::array<u8, N>& bytes) {
  std::string text;
  for (const u8 byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

}  // namespace

ExplainTokens::ExplainTokens() { fill_randomly(key_); }

ExplainTokens::Mac ExplainTokens::mac_of(std::string_view text) const {
  Mac mac;
  unsigned bytes = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  GW_CHECK(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), data, text.size(),
                mac.data(), &bytes) != nullptr);
  GW_CHECK(bytes == mac.size());
  return mac;
}

std::string ExplainTokens::issue(i64 now_ms, i64 life_ms) {
  const i64 end_ms = now_ms + std::clamp<i64>(life_ms, 1000, kMostMs);
  i64 known = until_ms_.load(std::memory_order_relaxed);
  while (known < end_ms && !until_ms_.compare_exchange_weak(known, end_ms)) {
  }
  std::array<u8, kNonceBytes> nonce;
  fill_randomly(nonce);
  std::string text = fmt::format("{:016x}.{}", end_ms, hex_of(nonce));
  const Mac mac = mac_of(text);
  return text + "." + hex_of(mac);
}

bool ExplainTokens::accepts(std::string_view token, i64 now_ms) const {
  if (token.size() != kTokenBytes || token[kSignedBytes] != '.') return false;
  const std::string mac = hex_of(mac_of(token.substr(0, kSignedBytes)));
  if (::CRYPTO_memcmp(mac.data(), token.data() + kSignedBytes + 1, mac.size()) != 0) return false;
  i64 end_ms = 0;
  const char* last = token.data() + kEndDigits;
  const auto read = std::from_chars(token.data(), last, end_ms, 16);
  return read.ptr == last && now_ms < end_ms;
}

}  // namespace gw::trust
