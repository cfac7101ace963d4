#include "runtime/jose/signing_key.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "runtime/base/check.h"
#include "runtime/jose/base64url.h"

namespace gw::jose {
namespace {

const EVP_MD* hash_of(Algorithm algorithm) {
  const std::string_view name = algorithm_name(algorithm);
  if (name.ends_with("384")) return EVP_sha384();
  return name.ends_with("512") ? EVP_sha512() : EVP_sha256();
}

size_t coordinate_bytes(EVP_PKEY* key) {
  return (static_cast<size_t>(EVP_PKEY_get_bits(key)) + 7) / 8;
}

std::string number(EVP_PKEY* key, const char* name, size_t bytes = 0) {
  BIGNUM* value = nullptr;
  GW_CHECK(EVP_PKEY_get_bn_param(key, name, &value) == 1);
  if (bytes == 0) bytes = static_cast<size_t>(BN_num_bytes(value));
  std::string out(bytes, 0);
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(bytes));
  BN_free(value);
  return base64url_encode(out);
}

std::string raw_of_der(std::string_view der, size_t half) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string out(2 * half, 0);
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), to, static_cast<int>(half));
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), to + half, static_cast<int>(half));
  ECDSA_SIG_free(signature);
  return out;
}

}  // namespace

SigningKey SigningKey::make(Algorithm algorithm, int bits) {
  SigningKey made;
  switch (algorithm) {
    case Algorithm::Es256:
      made.key_.reset(EVP_EC_gen("P-256"));
      break;
    case Algorithm::Es384:
      made.key_.reset(EVP_EC_gen("P-384"));
      break;
    case Algorithm::Es512:
      made.key_.reset(EVP_EC_gen("P-521"));
      break;
    case Algorithm::EdDsa:
    case Algorithm::Ed25519:
      made.key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
    case Algorithm::Ed448:
      return make_ed448();
    case Algorithm::Hs256:
    case Algorithm::Hs384:
    case Algorithm::Hs512:
      return from_secret(std::string(64, 's'));
    default:
      made.key_.reset(EVP_RSA_gen(static_cast<unsigned>(bits)));
  }
  GW_CHECK(made.key_ != nullptr);
  return made;
}

SigningKey SigningKey::make_ed448() {
  SigningKey made;
  made.key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"));
  return made;
}

SigningKey SigningKey::from_secret(std::string secret) {
  SigningKey made;
  made.secret_ = std::move(secret);
  return made;
}

std::string SigningKey::jwk(std::string_view key_id, std::string_view more) const {
  std::string kid;
  if (!key_id.empty()) kid = fmt::format(R"(,"kid":"{}")", key_id);
  const std::string end = fmt::format("{}{}}}", kid, more);
  if (key_ == nullptr) {
    return fmt::format(R"({{"kty":"oct","k":"{}")", base64url_encode(secret_)) + end;
  }
  EVP_PKEY* key = key_.get();
  if (EVP_PKEY_is_a(key, "RSA")) {
    return fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}")", number(key, OSSL_PKEY_PARAM_RSA_N),
                       number(key, OSSL_PKEY_PARAM_RSA_E)) +
           end;
  }
  if (EVP_PKEY_is_a(key, "EC")) {
    const size_t bytes = coordinate_bytes(key);
    return fmt::format(R"({{"kty":"EC","crv":"P-{}","x":"{}","y":"{}")", EVP_PKEY_get_bits(key),
                       number(key, OSSL_PKEY_PARAM_EC_PUB_X, bytes),
                       number(key, OSSL_PKEY_PARAM_EC_PUB_Y, bytes)) +
           end;
  }
  std::string point(64, 0);
  size_t bytes = point.size();
  EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(point.data()), &bytes);
  point.resize(bytes);
  return fmt::format(R"({{"kty":"OKP","crv":"Ed{}","x":"{}")", bytes == 32 ? "25519" : "448",
                     base64url_encode(point)) +
         end;
}

std::string SigningKey::pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key_.get());
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(bytes));
  BIO_free(bio);
  return text;
}

std::string SigningKey::sign(Algorithm algorithm, std::string_view text) const {
  const auto* in = reinterpret_cast<const unsigned char*>(text.data());
  std::string out(2048, 0);
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  if (is_hmac(algorithm)) {
    unsigned size = 0;
    HMAC(hash_of(algorithm), secret_.data(), static_cast<int>(secret_.size()), in, text.size(), to,
         &size);
    out.resize(size);
    return out;
  }
  const bool edwards = is_eddsa(algorithm);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* key_context = nullptr;
  GW_CHECK(EVP_DigestSignInit(context, &key_context, edwards ? nullptr : hash_of(algorithm),
                              nullptr, key_.get()) == 1);
  if (algorithm_name(algorithm).starts_with("PS")) {
    EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST);
  }
  size_t bytes = out.size();
  GW_CHECK(EVP_DigestSign(context, to, &bytes, in, text.size()) == 1);
  EVP_MD_CTX_free(context);
  out.resize(bytes);
  const bool ecdsa = algorithm_name(algorithm).starts_with("ES");
  return ecdsa ? raw_of_der(out, coordinate_bytes(key_.get())) : out;
}

std::string SigningKey::token(Algorithm algorithm, std::string_view header,
                              std::string_view payload) const {
  const std::string text = base64url_encode(header) + '.' + base64url_encode(payload);
  return text + '.' + base64url_encode(sign(algorithm, text));
}

std::string key_set_of(std::initializer_list<std::string> keys) {
  std::string out;
  for (const std::string& key : keys) out += (out.empty() ? "" : ",") + key;
  return R"({"keys":[)" + out + "]}";
}

}  // namespace gw::jose
