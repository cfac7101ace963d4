// From a JWK to a key of OpenSSL. Public halves are all that is ever made of asymmetric keys.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <array>

#include "runtime/jose/base64url.h"
#include "runtime/jose/key.h"

namespace gw::jose {
namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr int kMaxExponentBits = 32;

struct BigNumberDeleter {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using BigNumber = std::unique_ptr<BIGNUM, BigNumberDeleter>;
struct ParamsDeleter {
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
};
using Params = std::unique_ptr<OSSL_PARAM, ParamsDeleter>;
struct BuilderDeleter {
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
};
using Builder = std::unique_ptr<OSSL_PARAM_BLD, BuilderDeleter>;

struct Curve {
  std::string_view name;  // `crv`
  const char* group;      // OpenSSL's
  size_t coordinate_bytes;
  KeyType type;
};
constexpr Curve kCurves[] = {{"P-256", "P-256", 32, KeyType::EcP256},
                             {"P-384", "P-384", 48, KeyType::EcP384},
                             {"P-521", "P-521", 66, KeyType::EcP521}};

net::KeyHandle make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const ContextHandle context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return net::KeyHandle(key);
}

// A member in base64url. False: it is missing, no string, or not in that form.
bool decode_member(JsonValue jwk, std::string_view name, std::string& out) {
  const JsonValue value = jwk.find(name);
  return value.is(JsonKind::String) && base64url_decode(value.text(), out) && !out.empty();
}

BigNumber big_number(std::string_view bytes) {
  return BigNumber(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr));
}

// Keys of one family of chips can be factored; they are known by their moduli, which are powers of
// 65537 modulo many small primes (Nemec et al., "The Return of Coppersmith's Attack", 2017).
bool is_roca(const BIGNUM& modulus) {
  static constexpr u32 kPrimes[] = {11, 13, 17,  19,  37,  53,  61,  71, 73,
                                    79, 97, 103, 107, 109, 127, 151, 157};
  for (const u32 prime : kPrimes) {
    const auto rest = static_cast<u32>(BN_mod_word(&modulus, prime));
    u32 power = 1;
    bool reached = false;
    for (u32 i = 0; i < prime && !reached; ++i) {
      reached = power == rest;
      power = power * (65537 % prime) % prime;
    }
    if (!reached) return false;
  }
  return true;
}

std::string_view rsa_problem(const BIGNUM& modulus, const BIGNUM& exponent) {
  const int bits = BN_num_bits(&modulus);
  if (bits < kMinRsaBits) return "RSA key of less than 2048 bits";
  if (bits > kMaxRsaBits) return "RSA key of more than 8192 bits";
  if (!BN_is_odd(&modulus)) return "RSA modulus is even";
  if (!BN_is_odd(&exponent) || BN_is_one(&exponent) || BN_num_bits(&exponent) > kMaxExponentBits) {
    return "RSA exponent is none";
  }
  if (is_roca(modulus)) return "RSA key that can be factored (ROCA)";
  return {};
}

MadeKey made(net::KeyHandle handle, KeyType type) {
  if (handle == nullptr) return {nullptr, "OpenSSL refuses the key"};
  auto key = std::make_unique<Key>();
  key->type = type;
  key->handle = std::move(handle);
  return {std::move(key)};
}

MadeKey make_rsa(JsonValue jwk) {
  std::string n;
  std::string e;
  if (!decode_member(jwk, "n", n) || !decode_member(jwk, "e", e)) {
    return {nullptr, "RSA key without `n` or `e`"};
  }
  // Before OpenSSL sees them: what is too large costs it too much.
  if (n.size() > kMaxRsaBits / 8 + 8 || e.size() > 8) return {nullptr, "RSA key is too large"};
  const BigNumber modulus = big_number(n);
  const BigNumber exponent = big_number(e);
  if (const auto problem = rsa_problem(*modulus, *exponent); !problem.empty()) {
    return {nullptr, problem};
  }
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return made(make_key("RSA", builder.get()), KeyType::Rsa);
}

const Curve* find_curve(std::string_view name) {
  for (const Curve& curve : kCurves) {
    if (curve.name == name) return &curve;
  }
  return nullptr;
}

// On its curve; all of these curves have one group, so that is enough.
bool is_valid_point(EVP_PKEY* key) {
  const ContextHandle context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_public_check_quick(context.get()) == 1;
}

MadeKey make_ec(JsonValue jwk) {
  const Curve* curve = find_curve(jwk.find("crv").text());
  if (curve == nullptr) return {nullptr, "unknown curve"};
  std::string x;
  std::string y;
  // Both have the full size, leading zeros included (RFC 7518 section 6.2.1.2).
  if (!decode_member(jwk, "x", x) || x.size() != curve->coordinate_bytes ||
      !decode_member(jwk, "y", y) || y.size() != curve->coordinate_bytes) {
    return {nullptr, "EC key without a whole point"};
  }
  const std::string point = '\x04' + x + y;
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  net::KeyHandle handle = make_key("EC", builder.get());
  if (handle == nullptr || !is_valid_point(handle.get())) {
    return {nullptr, "EC point is not on its curve"};
  }
  return made(std::move(handle), curve->type);
}

MadeKey make_okp(JsonValue jwk) {
  const std::string_view curve = jwk.find("crv").text();
  const bool small = curve == "Ed25519";
  if (!small && curve != "Ed448") return {nullptr, "unknown curve"};
  std::string x;
  if (!decode_member(jwk, "x", x) || x.size() != (small ? 32U : 57U)) {
    return {nullptr, "OKP key without a whole point"};
  }
  net::KeyHandle handle(
      EVP_PKEY_new_raw_public_key(small ? EVP_PKEY_ED25519 : EVP_PKEY_ED448, nullptr,
                                  reinterpret_cast<const unsigned char*>(x.data()), x.size()));
  return made(std::move(handle), small ? KeyType::Ed25519 : KeyType::Ed448);
}

MadeKey make_secret(JsonValue jwk) {
  auto key = std::make_unique<Key>();
  key->type = KeyType::Secret;
  if (!decode_member(jwk, "k", key->secret)) return {nullptr, "secret without `k`"};
  if (key->secret.size() < least_secret_bytes(Algorithm::Hs256)) {
    return {nullptr, "secret of less than 32 bytes"};
  }
  if (key->secret.size() > kMaxSecretBytes) return {nullptr, "secret of more than 1024 bytes"};
  return {std::move(key)};
}

// RFC 7517 sections 4.2 and 4.3.
bool is_for_verifying(JsonValue jwk) {
  const JsonValue use = jwk.find("use");
  if (use.present() && (!use.is(JsonKind::String) || use.text() != "sig")) return false;
  const JsonValue operations = jwk.find("key_ops");
  if (!operations.present()) return true;
  if (!operations.is(JsonKind::Array)) return false;
  for (JsonValue item = operations.first(); item.present(); item = item.next()) {
    if (item.is(JsonKind::String) && item.text() == "verify") return true;
  }
  return false;
}

MadeKey make_any(JsonValue jwk, const KeySetOptions& options) {
  const JsonValue type = jwk.find("kty");
  if (!type.is(JsonKind::String)) return {nullptr, "key without `kty`"};
  if (type.text() == "oct") {
    return options.secrets ? make_secret(jwk) : MadeKey{nullptr, "a secret among public keys"};
  }
  if (options.secrets) return {nullptr, "a public key among secrets"};
  // `d` is the private half of every type (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
  if (jwk.find("d").present() && !options.private_parts) {
    return {nullptr, "a private key is published"};
  }
  if (type.text() == "RSA") return make_rsa(jwk);
  if (type.text() == "EC") return make_ec(jwk);
  if (type.text() == "OKP") return make_okp(jwk);
  return {nullptr, "unknown `kty`"};
}

// False: the key says that it is for something that it cannot be used for.
bool take_algorithm(JsonValue jwk, Key& key) {
  const JsonValue name = jwk.find("alg");
  if (!name.present()) return true;
  if (!name.is(JsonKind::String)) return false;
  key.only = algorithm_of(name.text());
  return key.only && key.fits(*key.only);
}

bool take_id(JsonValue jwk, Key& key) {
  const JsonValue id = jwk.find("kid");
  if (!id.present()) return true;
  if (!id.is(JsonKind::String) || id.text().size() > kMaxKeyIdBytes) return false;
  key.has_id = true;
  key.id = id.text();
  return true;
}

KeyType type_of(EVP_PKEY* handle, bool& known) {
  known = true;
  switch (EVP_PKEY_get_base_id(handle)) {
    case EVP_PKEY_RSA:
      return KeyType::Rsa;
    case EVP_PKEY_ED25519:
      return KeyType::Ed25519;
    case EVP_PKEY_ED448:
      return KeyType::Ed448;
    case EVP_PKEY_EC:
      break;
    default:
      known = false;
      return KeyType::Rsa;
  }
  char group[64] = {};
  size_t bytes = 0;
  EVP_PKEY_get_group_name(handle, group, sizeof group, &bytes);
  const std::string_view name(group, bytes);
  if (name == "prime256v1") return KeyType::EcP256;
  if (name == "secp384r1") return KeyType::EcP384;
  if (name == "secp521r1") return KeyType::EcP521;
  known = false;
  return KeyType::Rsa;
}

}  // namespace

size_t least_secret_bytes(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::Hs384:
      return 48;
    case Algorithm::Hs512:
      return 64;
    default:
      return 32;
  }
}

bool Key::fits(Algorithm algorithm) const {
  if (only && *only != algorithm) return false;
  switch (algorithm) {
    case Algorithm::Rs256:
    case Algorithm::Rs384:
    case Algorithm::Rs512:
    case Algorithm::Ps256:
    case Algorithm::Ps384:
    case Algorithm::Ps512:
      return type == KeyType::Rsa;
    case Algorithm::Es256:
      return type == KeyType::EcP256;
    case Algorithm::Es384:
      return type == KeyType::EcP384;
    case Algorithm::Es512:
      return type == KeyType::EcP521;
    case Algorithm::EdDsa:
      return type == KeyType::Ed25519 || type == KeyType::Ed448;
    case Algorithm::Ed25519:
      return type == KeyType::Ed25519;
    case Algorithm::Ed448:
      return type == KeyType::Ed448;
    case Algorithm::Hs256:
    case Algorithm::Hs384:
    case Algorithm::Hs512:
      return type == KeyType::Secret && secret.size() >= least_secret_bytes(algorithm);
  }
  return false;
}

MadeKey key_from_jwk(JsonValue jwk, const KeySetOptions& options) {
  if (!jwk.is(JsonKind::Object)) return {nullptr, "a key is not an object"};
  if (!is_for_verifying(jwk)) return {nullptr, "not for verifying (`use`, `key_ops`)"};
  MadeKey made_key = make_any(jwk, options);
  if (made_key.key == nullptr) return made_key;
  if (!take_id(jwk, *made_key.key)) return {nullptr, "`kid` is no string, or too long"};
  if (!take_algorithm(jwk, *made_key.key)) return {nullptr, "`alg` does not fit the key"};
  if (!prepare(*made_key.key)) return {nullptr, "OpenSSL refuses the key"};
  return made_key;
}

MadeKey key_from_handle(net::KeyHandle handle) {
  bool known = false;
  const KeyType type = type_of(handle.get(), known);
  if (!known) return {nullptr, "unknown type of key"};
  if (type == KeyType::Rsa) {
    BIGNUM* n = nullptr;
    BIGNUM* e = nullptr;
    EVP_PKEY_get_bn_param(handle.get(), OSSL_PKEY_PARAM_RSA_N, &n);
    EVP_PKEY_get_bn_param(handle.get(), OSSL_PKEY_PARAM_RSA_E, &e);
    const BigNumber modulus(n);
    const BigNumber exponent(e);
    if (n == nullptr || e == nullptr) return {nullptr, "OpenSSL refuses the key"};
    if (const auto problem = rsa_problem(*n, *e); !problem.empty()) return {nullptr, problem};
  } else if (type != KeyType::Ed25519 && type != KeyType::Ed448 && !is_valid_point(handle.get())) {
    return {nullptr, "EC point is not on its curve"};
  }
  MadeKey made_key = made(std::move(handle), type);
  if (!prepare(*made_key.key)) return {nullptr, "OpenSSL refuses the key"};
  return made_key;
}

}  // namespace gw::jose
