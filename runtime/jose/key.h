// One key as OpenSSL has it, and how keys are made. Inside runtime/jose only.
#pragma once
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <array>
#include <optional>
#include <string>

#include "runtime/jose/algorithm.h"
#include "runtime/jose/json_document.h"
#include "runtime/jose/key_set.h"
#include "runtime/net/tls_certificate.h"

namespace gw::jose {

struct ContextDeleter {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using ContextHandle = std::unique_ptr<EVP_PKEY_CTX, ContextDeleter>;

enum class KeyType : u8 { Rsa, EcP256, EcP384, EcP521, Ed25519, Ed448, Secret };

struct Key {
  Key() = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key() { OPENSSL_cleanse(secret.data(), secret.size()); }

  KeyType type = KeyType::Rsa;
  std::string id;
  bool has_id = false;
  std::optional<Algorithm> only;  // `alg`
  net::KeyHandle handle;          // of public keys
  /// Of RSA and EC, for each algorithm that it fits: what verifying begins with. Only ever copied,
  /// which takes a few counts; beginning anew takes look-ups under OpenSSL's locks, and 2 us.
  std::array<ContextHandle, kAlgorithmCount> prepared;
  std::string secret;  // of Secret

  /// Binds the kind of key to the algorithm, so that none is ever used as another.
  bool fits(Algorithm algorithm) const;
};

/// A key, or why there is none (static text).
struct MadeKey {
  std::unique_ptr<Key> key;
  std::string_view problem = {};
};
/// From one JWK, which is an object.
MadeKey key_from_jwk(JsonValue jwk, const KeySetOptions& options);
/// From what OpenSSL has read; checks type, size and point.
MadeKey key_from_handle(net::KeyHandle handle);
/// Fills `prepared`, once everything else is known. False: OpenSSL refuses.
bool prepare(Key& key);
/// All of a text in PEM. False: `problem`.
bool keys_from_pem(std::string_view text, const KeySetOptions& options,
                   std::vector<std::unique_ptr<const Key>>& out, std::string& problem);

/// What OpenSSL fails at within is not left in its list of errors, which TLS on the same thread
/// looks at.
class ErrorMark {
 public:
  ErrorMark() { ERR_set_mark(); }
  ~ErrorMark() { ERR_pop_to_mark(); }
  ErrorMark(const ErrorMark&) = delete;
  ErrorMark& operator=(const ErrorMark&) = delete;
};

/// Bytes of the hash of HS algorithms: the least that a secret must have.
size_t least_secret_bytes(Algorithm algorithm);
inline constexpr size_t kMaxSecretBytes = 1024;

}  // namespace gw::jose
