// What identities are found out with, besides the table: one of each worker, or of an offline run.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/base/task.h"
#include "runtime/base/types.h"
#include "runtime/identity/live_data.h"
#include "runtime/jose/key_slot.h"
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

/// Of a worker, whatever it serves. One thread.
struct IdentityServices {
  IdentityServices(u64 seed, PasswordChecker& passwords_)
      : passwords(passwords_),
        tokens({}, seed),
        introspected({}, seed + 1),
        authorized({}, seed + 2),
        known_passwords(seed + 3) {}

  PasswordChecker& passwords;
  jose::TokenCache tokens;
  jose::TokenCache introspected;
  jose::TokenCache authorized;  // answers of authorizers, by what they were asked
  PasswordCache known_passwords;
};

/// The keys of one scheme as one worker sees them.
class SchemeKeys {
 public:
  explicit SchemeKeys(const SchemeData& scheme);
  /// Null: there are none (yet).
  const jose::KeySet* current() { return reader_ ? reader_->current() : fixed_.get(); }
  /// A token names a key that is not among them. True: the issuer is being asked, and there may be
  /// others until is_asking() says no.
  bool ask(i64 now_ms) { return slot_ != nullptr && slot_->key_missing(now_ms); }
  bool is_asking() const { return slot_ != nullptr && slot_->is_asking(); }

 private:
  std::shared_ptr<const jose::KeySet> fixed_;
  std::shared_ptr<jose::KeySlot> slot_;
  std::optional<jose::KeySlot::Reader> reader_;
};

/// Of a worker and what it serves. One thread.
struct IdentityEnv {
  IdentityEnv(IdentityServices& services_, const LiveData& data);
  IdentityServices& services;
  std::vector<SchemeKeys> keys;  // by scheme
};

/// SHA-256. About 70 ns for a key; OpenSSL 3.0 allocates the state of each hash.
void sha256(std::string_view text, u8 (&out)[32]);

}  // namespace gw
