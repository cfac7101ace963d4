#include "runtime/net/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "runtime/base/check.h"

namespace gw::net {
namespace {

constexpr i64 kRotateSeconds = 12 * 3600;
// What OpenSSL wants to hear of a ticket.
constexpr int kFailed = -1;
constexpr int kUnknown = 0;  // a full handshake follows
constexpr int kGood = 1;
constexpr int kRenew = 2;  // good, and the client gets a new one

i64 now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool set_mac_key(EVP_MAC_CTX* mac, unsigned char* key, size_t bytes) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, bytes),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

}  // namespace

TicketKeys::TicketKeys() { rotate_locked(now_seconds()); }

TicketKeys::~TicketKeys() { OPENSSL_cleanse(keys_, sizeof keys_); }

void TicketKeys::rotate() {
  const std::lock_guard lock(mutex_);
  rotate_locked(now_seconds());
}

void TicketKeys::rotate_locked(i64 now_s) {
  count_ = std::min(count_ + 1, kKept);
  for (size_t i = count_ - 1; i > 0; --i) keys_[i] = keys_[i - 1];
  Key& key = keys_[0];
  const bool random = RAND_bytes(key.name, sizeof key.name) == 1 &&
                      RAND_priv_bytes(key.cipher, sizeof key.cipher) == 1 &&
                      RAND_priv_bytes(key.mac, sizeof key.mac) == 1;
  GW_CHECK(random);  // without randomness there is no TLS either
  key.made_s = now_s;
}

int TicketKeys::use(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, bool encrypt) {
  const std::lock_guard lock(mutex_);
  const i64 now_s = now_seconds();
  if (now_s - keys_[0].made_s >= kRotateSeconds) rotate_locked(now_s);
  if (encrypt) {
    Key& key = keys_[0];
    std::memcpy(name, key.name, sizeof key.name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return kFailed;
    const bool ready =
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher, iv) == 1 &&
        set_mac_key(mac, key.mac, sizeof key.mac);
    return ready ? kGood : kFailed;
  }
  for (size_t i = 0; i < count_; ++i) {
    Key& key = keys_[i];
    if (CRYPTO_memcmp(name, key.name, sizeof key.name) != 0) continue;
    // The process may have slept over the time of a key.
    if (now_s - key.made_s >= static_cast<i64>(kKept) * kRotateSeconds) return kUnknown;
    const bool ready = set_mac_key(mac, key.mac, sizeof key.mac) &&
                       EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher, iv) == 1;
    if (!ready) return kFailed;
    return i == 0 ? kGood : kRenew;
  }
  return kUnknown;
}

}  // namespace gw::net
