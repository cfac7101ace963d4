// Makes and checks the signatures of tables: Ed25519 (RFC 8032) over the table's SHA-256 and a
// counter. Where a signature stands in a file is runtime/table/signature.h.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"
#include "runtime/table/signature.h"

namespace gw::trust {

/// The longest PEM text that is read.
inline constexpr u64 kMaxPemBytes = 65'536;

/// PEM texts: PKCS #8 without encryption, and SubjectPublicKeyInfo. `private_pem` is a secret.
struct KeyPair {
  std::string private_pem;
  std::string public_pem;
  std::string id;  // as key_id_text()
};
/// From the system's random numbers.
KeyPair make_key_pair();

/// Overwrites a text that was a secret.
void wipe(std::string& text);

/// Signs tables. Any thread, one at a time.
class SigningKey {
 public:
  /// `pem` holds one private key. Null: `problem` says why, in words that hold nothing of the key.
  static std::unique_ptr<SigningKey> from_pem(std::string_view pem, std::string& problem);
  ~SigningKey();
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;

  /// Of a table without a signature. Linear: about 0.5 ms for a megabyte.
  table::Signature sign(Bytes table, u64 counter) const;

 private:
  struct Key;
  explicit SigningKey(std::unique_ptr<Key> key);
  std::unique_ptr<Key> key_;
};

/// What a look at a signature finds.
enum class Verdict : u8 {
  Good,
  Unsigned,
  UnknownKey,  // none of the trusted ones
  Forged,      // table, counter or signature are not what was signed
};

/// The keys whose tables are accepted. Copies share the keys. Immutable while it is used; then any
/// thread.
class TrustedKeys {
 public:
  static constexpr size_t kMaxKeys = 64;

  /// `pem` holds one public key. False: `problem` says why, and nothing is added.
  bool add_pem(std::string_view pem, std::string& problem);
  bool empty() const { return keys_.empty(); }
  /// Their ids, in the order in which they were added.
  std::vector<std::string> ids() const;

  /// Whether one of the keys has signed `table` with what `signature` says. Linear, as sign().
  Verdict check(Bytes table, const std::optional<table::Signature>& signature) const;

 private:
  struct Key;
  std::vector<std::shared_ptr<const Key>> keys_;
};

}  // namespace gw::trust
