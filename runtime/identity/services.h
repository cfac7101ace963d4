// What identities are found out with, besides the table: one of each worker, or of an offline run.
#pragma once
#include <array>
#include <memory>
#include <string_view>

#include "runtime/base/task.h"
#include "runtime/base/types.h"
#include "runtime/jose/key_set.h"
#include "runtime/jose/token_cache.h"

namespace gw {

/// Compares passwords with their hashes, which is made to be slow.
class PasswordChecker {
 public:
  enum class Verdict : u8 { Wrong, Right, Busy };
  virtual ~PasswordChecker() = default;
  /// `hash` as crypt(5) writes it. Both stay until this returns. Busy: too many are being checked.
  virtual Task<Verdict> check(std::string_view hash, std::string_view password) = 0;
};

/// Asks for the keys of an issuer again.
class KeyRefresher {
 public:
  virtual ~KeyRefresher() = default;
  /// Keys of `scheme` that are newer than what this exchange began with, or null: there are none.
  /// May wait for the issuer, and asks it at most once in five minutes.
  virtual Task<std::shared_ptr<const jose::KeySet>> newer_keys(u32 scheme) = 0;
};

/// Passwords that were right a short time ago, by a keyed hash of user, password and stored hash.
/// Fixed memory; one thread.
class PasswordCache {
 public:
  static constexpr u32 kEntries = 1024;
  static constexpr i64 kLifeMs = 60'000;
  explicit PasswordCache(u64 seed);
  bool has(std::string_view user, std::string_view password, std::string_view hash,
           i64 now_ms) const;
  void add(std::string_view user, std::string_view password, std::string_view hash, i64 now_ms);

 private:
  using Digest = std::array<u8, 32>;
  struct Entry {
    Digest digest = {};
    i64 until_ms = 0;
  };
  Digest digest_of(std::string_view user, std::string_view password, std::string_view hash) const;

  std::array<u8, 16> key_;
  std::unique_ptr<std::array<Entry, kEntries>> entries_;
};

/// One thread.
struct IdentityServices {
  IdentityServices(u64 seed, PasswordChecker& passwords_, KeyRefresher* keys_)
      : passwords(passwords_),
        keys(keys_),
        tokens({}, seed),
        introspected({}, seed + 1),
        known_passwords(seed + 2) {}

  PasswordChecker& passwords;
  KeyRefresher* keys;  // null: nobody to ask
  jose::TokenCache tokens;
  jose::TokenCache introspected;
  PasswordCache known_passwords;
};

/// SHA-256; nothing is allocated after the first call on a thread.
void sha256(std::string_view text, u8 (&out)[32]);

}  // namespace gw
