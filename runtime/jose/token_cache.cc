#include "runtime/jose/token_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace gw::jose {

struct TokenCache::Entry {
  Hash hash{};
  CacheScope scope;
  i64 valid_until_ms = 0;
  std::unique_ptr<char[]> token;
  u32 token_bytes = 0;
  bool asked_for = false;  // since the hand came by
  ClaimsPtr claims;        // null: the entry is free

  size_t bytes() const { return sizeof *this + token_bytes + claims->held_bytes(); }
};

TokenCache::TokenCache(const Limits& limits, u64 seed)
    : limits_{std::max(limits.entries, 1U), limits.bytes}, seed_(seed) {}

TokenCache::~TokenCache() = default;

TokenCache::Hash TokenCache::hash_of(std::string_view token, const CacheScope& scope) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(token.data(), token.size(), seed_);
  // Odd factors spread the small numbers of scopes over the word.
  return {hash.low64 + scope.keys * 0x9e3779b97f4a7c15 + scope.rules * 0xc2b2ae3d27d4eb4f,
          hash.high64};
}

bool TokenCache::is(const Entry& entry, const Hash& hash, std::string_view token,
                    const CacheScope& scope) const {
  return entry.hash.low == hash.low && entry.hash.high == hash.high && entry.scope == scope &&
         entry.token_bytes == token.size() &&
         std::memcmp(entry.token.get(), token.data(), token.size()) == 0;
}

size_t TokenCache::place_of(const Hash& hash, std::string_view token,
                            const CacheScope& scope) const {
  size_t place = hash.low & mask_;
  while (table_[place] != 0 && !is(entries_[table_[place] - 1], hash, token, scope)) {
    place = (place + 1) & mask_;
  }
  return place;
}

ClaimsPtr TokenCache::find(std::string_view token, const CacheScope& scope, i64 now_ms) {
  if (count_ == 0) return {};
  const size_t place = place_of(hash_of(token, scope), token, scope);
  if (table_[place] == 0) return {};
  Entry& entry = entries_[table_[place] - 1];
  if (now_ms >= entry.valid_until_ms) {
    remove_at(place);
    return {};
  }
  entry.asked_for = true;
  return entry.claims;
}

void TokenCache::insert(std::string_view token, const CacheScope& scope, const ClaimsPtr& claims,
                        i64 valid_until_ms) {
  const size_t bytes = sizeof(Entry) + token.size() + claims->held_bytes();
  if (bytes > limits_.bytes / 16) return;
  if (entries_.empty()) {
    entries_.resize(limits_.entries);
    table_.resize(std::bit_ceil(size_t{limits_.entries} * 2));
    mask_ = table_.size() - 1;
    for (u32 i = limits_.entries; i > 0; --i) free_.push_back(i - 1);
  }
  const Hash hash = hash_of(token, scope);
  if (const size_t old = place_of(hash, token, scope); table_[old] != 0) remove_at(old);
  make_room(bytes);
  const u32 index = free_.back();
  free_.pop_back();
  Entry& entry = entries_[index];
  entry.hash = hash;
  entry.scope = scope;
  entry.valid_until_ms = valid_until_ms;
  entry.token.reset(new char[token.size()]);
  std::memcpy(entry.token.get(), token.data(), token.size());
  entry.token_bytes = static_cast<u32>(token.size());
  entry.asked_for = false;
  entry.claims = claims;
  table_[place_of(hash, token, scope)] = index + 1;
  ++count_;
  bytes_ += bytes;
}

// Two rounds at the most: the first takes away what keeps entries in the second.
void TokenCache::make_room(size_t bytes) {
  while (free_.empty() || bytes_ + bytes > limits_.bytes) {
    Entry& entry = entries_[hand_];
    if (entry.claims && !std::exchange(entry.asked_for, false)) remove(hand_);
    hand_ = hand_ + 1 == limits_.entries ? 0 : hand_ + 1;
  }
}

void TokenCache::remove(u32 index) {
  size_t place = entries_[index].hash.low & mask_;
  while (table_[place] != index + 1) place = (place + 1) & mask_;
  remove_at(place);
}

// What stands behind moves up, unless it is where it belongs already, so that no search ends early.
void TokenCache::remove_at(size_t place) {
  const u32 index = table_[place] - 1;
  Entry& entry = entries_[index];
  bytes_ -= entry.bytes();
  --count_;
  entry.claims = {};
  entry.token.reset();
  entry.token_bytes = 0;
  free_.push_back(index);
  size_t hole = place;
  for (size_t at = (place + 1) & mask_; table_[at] != 0; at = (at + 1) & mask_) {
    const size_t home = entries_[table_[at] - 1].hash.low & mask_;
    if (((at - home) & mask_) < ((at - hole) & mask_)) continue;
    table_[hole] = table_[at];
    hole = at;
  }
  table_[hole] = 0;
}

void TokenCache::clear() {
  entries_.clear();
  free_.clear();
  table_.clear();
  count_ = 0;
  bytes_ = 0;
  hand_ = 0;
}

}  // namespace gw::jose
