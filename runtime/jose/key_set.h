// The keys that tokens of one issuer are verified with.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"
#include "runtime/jose/algorithm.h"

namespace gw::jose {

inline constexpr size_t kMaxKeyDocumentBytes = size_t{1} << 20;
inline constexpr size_t kMaxKeys = 1'000;
inline constexpr size_t kMaxKeyIdBytes = 256;

struct Key;  // key.h

struct KeySetOptions {
  /// `oct` keys are taken, and nothing but them: who may verify may sign then. Never for documents
  /// that others can read.
  bool secrets = false;
  /// Keys that are published with their private half are taken, by their public half. Otherwise
  /// they are left out: anybody may have signed with them.
  bool private_parts = false;
  std::string key_id = {};  // of keys in PEM, which have none of their own; "": none

  friend bool operator==(const KeySetOptions&, const KeySetOptions&) = default;
};

/// What of a document was left out, for the log.
struct KeySetNotes {
  u32 skipped = 0;
  std::string_view reason = {};  // of the first; static text
};

/// Immutable once made; any thread, shared by shared_ptr. A key is good for the algorithms of its
/// type and, where it says so, for one of them only (`alg`); what is not for verifying signatures
/// (`use`, `key_ops`) is left out.
class KeySet {
 public:
  /// Reads a JWK Set or a single JWK (RFC 7517, 7518, 8037), or public keys and certificates in
  /// PEM; of a certificate only the key counts, not its dates. In a JWK Set keys that cannot be
  /// used are left out (RFC 7517 section 5), but in one of secrets each must be good. Taken are RSA
  /// (2048 to 8192 bits, odd exponents from 3 to 2^32), P-256, P-384, P-521, Ed25519, Ed448, and
  /// secrets if `options` say so. Null: `problem` says why and never quotes the document. Reasons
  /// are bounds, syntax, duplicate members, two secrets with one `kid`, private keys in PEM, and no
  /// usable key at all. Slow (50 us a key): not on a worker.
  static std::shared_ptr<const KeySet> parse(std::string_view document,
                                             const KeySetOptions& options, std::string& problem,
                                             KeySetNotes* notes = nullptr);
  /// One secret for HS256 to HS512; it must have at least as many bytes as the hash (RFC 7518
  /// section 3.2), or it fits nothing. Null: too short for any of them, or too long.
  static std::shared_ptr<const KeySet> of_secret(std::string_view secret, std::string key_id,
                                                 std::string& problem);
  ~KeySet();
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  size_t size() const { return keys_.size(); }
  /// The same for sets of the same document and options, whoever made them: what was proved with
  /// one holds for the other, also beyond a reload. For TokenCache.
  u64 fingerprint() const { return fingerprint_; }
  bool has_key_id(std::string_view key_id) const;

  static constexpr size_t kMaxCandidates = 8;
  struct Candidates {
    const Key* keys[kMaxCandidates];
    size_t count = 0;
    bool known = false;  // there is a key of this id, or keys without any
  };
  /// Which keys to try for a token. With a `key_id` those of this id; where none has it, those that
  /// have no id at all. Without one all. In each case only those that fit `algorithm`, and no more
  /// than kMaxCandidates. Bounded by the number of keys; no allocation.
  Candidates candidates(Algorithm algorithm, const std::string* key_id) const;

 private:
  KeySet(std::vector<std::unique_ptr<const Key>> keys, u64 fingerprint);
  std::vector<std::unique_ptr<const Key>> keys_;  // by id; those without one first
  u64 fingerprint_;
};

}  // namespace gw::jose
