// Tokens that have been verified before.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"
#include "runtime/jose/claims.h"

namespace gw::jose {

/// What a verdict rests on besides the token: other keys or other rules, other entry.
struct CacheScope {
  u64 keys = 0;   // KeySet::fingerprint()
  u64 rules = 0;  // whatever stands for the caller's JwtRules

  friend bool operator==(const CacheScope&, const CacheScope&) = default;
};

/// Verdicts that were good, by the whole token: an entry is found by a seeded hash of 128 bits, and
/// believed when all bytes are equal. Bounded in entries and in bytes; when it is full, what was
/// not asked for since the hand last came by leaves (CLOCK). One thread.
class TokenCache {
 public:
  struct Limits {
    u32 entries = 4096;
    size_t bytes = size_t{16} << 20;  // tokens, claims and entries; the table of 2 x `entries`
                                      // words comes on top
  };
  /// `seed` is secret: who knew it could make tokens that are slow to find.
  TokenCache(const Limits& limits, u64 seed);
  ~TokenCache();
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  /// Null: not there, or valid no longer at `now_ms`. No allocation.
  ClaimsPtr find(std::string_view token, const CacheScope& scope, i64 now_ms);
  /// Keeps it until `valid_until_ms` (of JwtResult) at the latest. One that takes more than a 16th
  /// of the bytes is not kept. Allocates memory for the token, and all entries at the first call.
  void insert(std::string_view token, const CacheScope& scope, const ClaimsPtr& claims,
              i64 valid_until_ms);
  void clear();

  u32 size() const { return count_; }
  size_t held_bytes() const { return bytes_; }

 private:
  struct Entry;
  struct Hash {
    u64 low;
    u64 high;
  };
  Hash hash_of(std::string_view token, const CacheScope& scope) const;
  bool is(const Entry& entry, const Hash& hash, std::string_view token,
          const CacheScope& scope) const;
  /// Place in the table of the entry, or the empty one where it would stand.
  size_t place_of(const Hash& hash, std::string_view token, const CacheScope& scope) const;
  void remove_at(size_t place);
  void remove(u32 entry);
  void make_room(size_t bytes);

  const Limits limits_;
  const u64 seed_;
  std::vector<Entry> entries_;
  std::vector<u32> free_;
  std::vector<u32> table_;  // number of an entry plus one; 0: empty. Linear probing
  size_t mask_ = 0;
  u32 hand_ = 0;
  u32 count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace gw::jose
