#include "runtime/jose/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "runtime/base/check.h"

namespace gw::jose {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Looked up once: OpenSSL takes a lock for each look-up.
const EVP_MD& hash_of(Algorithm algorithm) {
  static const EVP_MD* const k256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const k384 = EVP_MD_fetch(nullptr, "SHA384", nullptr);
  static const EVP_MD* const k512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  switch (algorithm) {
    case Algorithm::Rs384:
    case Algorithm::Ps384:
    case Algorithm::Es384:
    case Algorithm::Hs384:
      return *k384;
    case Algorithm::Rs512:
    case Algorithm::Ps512:
    case Algorithm::Es512:
    case Algorithm::Hs512:
      return *k512;
    default:
      return *k256;
  }
}

struct Digest {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
};

bool hash(Algorithm algorithm, std::string_view text, Digest& out) {
  return EVP_Digest(text.data(), text.size(), out.bytes, &out.size, &hash_of(algorithm), nullptr) ==
         1;
}

bool verify_hmac(const Key& key, Algorithm algorithm, std::string_view text,
                 std::string_view signature) {
  Digest own;
  const auto* made =
      HMAC(&hash_of(algorithm), key.secret.data(), static_cast<int>(key.secret.size()),
           bytes_of(text), text.size(), own.bytes, &own.size);
  return made != nullptr && signature.size() == own.size &&
         CRYPTO_memcmp(signature.data(), own.bytes, own.size) == 0;
}

bool is_pss(Algorithm algorithm) {
  return algorithm == Algorithm::Ps256 || algorithm == Algorithm::Ps384 ||
         algorithm == Algorithm::Ps512;
}

// RFC 7518 section 3.5: the salt is as long as the hash, and MGF1 uses the same one.
bool use_pss(EVP_PKEY_CTX* context, const EVP_MD& md) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, &md) == 1;
}

bool verify_digest(const Key& key, Algorithm algorithm, std::string_view text,
                   const unsigned char* signature, size_t signature_bytes) {
  Digest digest;
  if (!hash(algorithm, text, digest)) return false;
  const ContextHandle context(EVP_PKEY_CTX_dup(key.prepared[static_cast<size_t>(algorithm)].get()));
  if (context == nullptr) return false;
  return EVP_PKEY_verify(context.get(), signature, signature_bytes, digest.bytes, digest.size) == 1;
}

ContextHandle make_prepared(const Key& key, Algorithm algorithm) {
  ContextHandle context(EVP_PKEY_CTX_new(key.handle.get(), nullptr));
  const EVP_MD& md = hash_of(algorithm);
  if (context == nullptr || EVP_PKEY_verify_init(context.get()) != 1) return nullptr;
  if (is_pss(algorithm) && !use_pss(context.get(), md)) return nullptr;
  if (EVP_PKEY_CTX_set_signature_md(context.get(), &md) != 1) return nullptr;
  return context;
}

size_t coordinate_bytes(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::Es384:
      return 48;
    case Algorithm::Es512:
      return 66;
    default:
      return 32;
  }
}

constexpr size_t kMaxCoordinateBytes = 66;
// A sequence with a long length and two integers, each with its head and a zero before its bytes.
constexpr size_t kMaxDerBytes = 3 + 2 * (2 + 1 + kMaxCoordinateBytes);

// A positive integer in DER: no zeros before it but the one that keeps it positive.
size_t put_integer(std::string_view bytes, unsigned char* out) {
  const size_t zeros = std::min(bytes.find_first_not_of('\0'), bytes.size());
  bytes.remove_prefix(zeros);
  const bool pad = bytes.empty() || (static_cast<u8>(bytes[0]) & 0x80U) != 0;
  out[0] = 0x02;
  out[1] = static_cast<u8>(bytes.size() + (pad ? 1 : 0));
  size_t at = 2;
  if (pad) out[at++] = 0;
  std::ranges::copy(bytes, out + at);
  return at + bytes.size();
}

// JWS has r and s one after the other, each in full size (RFC 7518 section 3.4); OpenSSL wants DER.
size_t to_der(std::string_view signature, unsigned char (&out)[kMaxDerBytes]) {
  const size_t half = signature.size() / 2;
  unsigned char integers[kMaxDerBytes];
  size_t bytes = put_integer(signature.substr(0, half), integers);
  bytes += put_integer(signature.substr(half), integers + bytes);
  size_t at = 0;
  out[at++] = 0x30;
  if (bytes >= 0x80) out[at++] = 0x81;
  out[at++] = static_cast<u8>(bytes);
  std::copy_n(integers, bytes, out + at);
  return at + bytes;
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

bool verify_ecdsa(const Key& key, Algorithm algorithm, std::string_view text,
                  std::string_view signature) {
  const size_t half = coordinate_bytes(algorithm);
  if (signature.size() != 2 * half) return false;
  // What OpenSSL refuses as well; but too much hangs on it to be left to one check (CVE-2022-21449
  // was another library's).
  if (is_zero(signature.substr(0, half)) || is_zero(signature.substr(half))) return false;
  unsigned char der[kMaxDerBytes];
  const size_t der_bytes = to_der(signature, der);
  return verify_digest(key, algorithm, text, der, der_bytes);
}

// Exactly as long as the modulus (RFC 8017 sections 8.1.2 and 8.2.2). OpenSSL takes one for PSS
// whose zeros at the front are left out, so that one token would have two texts.
bool verify_rsa(const Key& key, Algorithm algorithm, std::string_view text,
                std::string_view signature) {
  if (signature.size() != static_cast<size_t>(EVP_PKEY_get_size(key.handle.get()))) return false;
  return verify_digest(key, algorithm, text, bytes_of(signature), signature.size());
}

struct DigestContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

bool verify_eddsa(const Key& key, std::string_view text, std::string_view signature) {
  if (signature.size() != (key.type == KeyType::Ed25519 ? 64U : 114U)) return false;
  const std::unique_ptr<EVP_MD_CTX, DigestContextDeleter> context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.handle.get()) != 1) {
    return false;
  }
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

bool verify_any(const Key& key, Algorithm algorithm, std::string_view text,
                std::string_view signature) {
  switch (algorithm) {
    case Algorithm::Hs256:
    case Algorithm::Hs384:
    case Algorithm::Hs512:
      return verify_hmac(key, algorithm, text, signature);
    case Algorithm::Es256:
    case Algorithm::Es384:
    case Algorithm::Es512:
      return verify_ecdsa(key, algorithm, text, signature);
    case Algorithm::EdDsa:
    case Algorithm::Ed25519:
    case Algorithm::Ed448:
      return verify_eddsa(key, text, signature);
    default:
      return verify_rsa(key, algorithm, text, signature);
  }
}

}  // namespace

bool prepare(Key& key) {
  for (u32 i = 0; i < kAlgorithmCount; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    if (is_hmac(algorithm) || is_eddsa(algorithm) || !key.fits(algorithm)) continue;
    key.prepared[i] = make_prepared(key, algorithm);
    if (key.prepared[i] == nullptr) return false;
  }
  return true;
}

bool verify_signature(const Key& key, Algorithm algorithm, std::string_view text,
                      std::string_view signature) {
  GW_CHECK(key.fits(algorithm));
  const ErrorMark mark;
  return verify_any(key, algorithm, text, signature);
}

}  // namespace gw::jose
