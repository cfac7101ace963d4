// Which keys are taken from a document, and which a token may be tried with.
#include "runtime/jose/key_set.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <catch2/catch.hpp>

#include "runtime/jose/base64url.h"
#include "runtime/jose/signing_key.h"
#include "runtime/net/testing/test_certificate.h"

using namespace gw;
using namespace gw::jose;

namespace {

const SigningKey& rsa() {
  static const SigningKey key = SigningKey::make(Algorithm::Rs256);
  return key;
}
const SigningKey& ec() {
  static const SigningKey key = SigningKey::make(Algorithm::Es256);
  return key;
}

std::string problem_of(std::string_view document, const KeySetOptions& options = {}) {
  std::string problem;
  const auto set = KeySet::parse(document, options, problem);
  CHECK(ERR_peek_error() == 0);  // TLS on this thread would take it for its own
  return set == nullptr ? problem : "none";
}

std::string with(std::string document, std::string_view from, std::string_view to) {
  const size_t at = document.find(from);
  REQUIRE(at != std::string::npos);
  return document.replace(at, from.size(), to);
}

size_t count_of(const KeySet& set, Algorithm algorithm, const char* key_id) {
  if (key_id == nullptr) return set.candidates(algorithm, nullptr).count;
  const std::string id = key_id;
  return set.candidates(algorithm, &id).count;
}

}  // namespace

TEST_CASE("key set: each type is for its algorithms and no others", "[jose][keys]") {
  struct Case {
    const char* what;
    SigningKey key;
    AlgorithmSet fits;
  };
  const Case rows[] = {
      {"RSA",
       SigningKey::make(Algorithm::Rs256),
       {Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Ps384,
        Algorithm::Ps512}},
      {"P-256", SigningKey::make(Algorithm::Es256), {Algorithm::Es256}},
      {"P-384", SigningKey::make(Algorithm::Es384), {Algorithm::Es384}},
      {"P-521", SigningKey::make(Algorithm::Es512), {Algorithm::Es512}},
      {"Ed25519", SigningKey::make(Algorithm::EdDsa), {Algorithm::EdDsa, Algorithm::Ed25519}},
      {"Ed448", SigningKey::make_ed448(), {Algorithm::EdDsa, Algorithm::Ed448}},
      {"32 bytes", SigningKey::from_secret(std::string(32, 'k')), {Algorithm::Hs256}},
      {"48 bytes",
       SigningKey::from_secret(std::string(48, 'k')),
       {Algorithm::Hs256, Algorithm::Hs384}},
      {"64 bytes",
       SigningKey::from_secret(std::string(64, 'k')),
       {Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512}},
  };
  for (const Case& row : rows) {
    DYNAMIC_SECTION(row.what) {
      const bool secret = row.key.handle() == nullptr;
      std::string problem;
      const auto set = KeySet::parse(row.key.jwk("k"), {.secrets = secret}, problem);
      REQUIRE(set != nullptr);
      CHECK(set->size() == 1);
      for (u32 i = 0; i < kAlgorithmCount; ++i) {
        const auto algorithm = static_cast<Algorithm>(i);
        CAPTURE(algorithm_name(algorithm));
        CHECK(count_of(*set, algorithm, "k") == (row.fits.has(algorithm) ? 1 : 0));
      }
      if (secret) continue;
      const auto of_pem = KeySet::parse(row.key.pem(), {}, problem);
      REQUIRE(of_pem != nullptr);
      for (u32 i = 0; i < kAlgorithmCount; ++i) {
        const auto algorithm = static_cast<Algorithm>(i);
        CHECK(count_of(*of_pem, algorithm, "any") == (row.fits.has(algorithm) ? 1 : 0));
      }
    }
  }
}

TEST_CASE("key set: a key whose `alg` is one of the names of EdDSA is for that name",
          "[jose][keys]") {
  const SigningKey key = SigningKey::make(Algorithm::Ed25519);
  std::string problem;
  const auto general = KeySet::parse(key.jwk("k", R"(,"alg":"EdDSA")"), {}, problem);
  REQUIRE(general != nullptr);
  CHECK(count_of(*general, Algorithm::EdDsa, "k") == 1);
  CHECK(count_of(*general, Algorithm::Ed25519, "k") == 0);
  const auto specified = KeySet::parse(key.jwk("k", R"(,"alg":"Ed25519")"), {}, problem);
  REQUIRE(specified != nullptr);
  CHECK(count_of(*specified, Algorithm::Ed25519, "k") == 1);
  CHECK(count_of(*specified, Algorithm::EdDsa, "k") == 0);
  // Of the other curve, and names of COSE.
  for (const char* name : {"Ed448", "ESP256", "ed25519"}) {
    CAPTURE(name);
    CHECK(problem_of(key.jwk("k", fmt::format(R"(,"alg":"{}")", name))) != "none");
  }
}

TEST_CASE("key set: `use`, `key_ops` and `alg` are honoured", "[jose][keys]") {
  const auto usable = [](std::string_view more) {
    return problem_of(rsa().jwk("a", more)) == "none";
  };
  CHECK(usable(R"(,"use":"sig")"));
  CHECK(usable(R"(,"key_ops":["verify"])"));
  CHECK(usable(R"(,"key_ops":["sign","verify"],"use":"sig")"));
  CHECK(usable(R"(,"alg":"RS256")"));
  CHECK(usable(R"(,"alg":"PS512","x5c":["junk"],"x5u":"http://127.0.0.1/","whatever":{"a":[]})"));
  CHECK(!usable(R"(,"use":"enc")"));
  CHECK(!usable(R"(,"use":["sig"])"));
  CHECK(!usable(R"(,"use":"SIG")"));
  CHECK(!usable(R"(,"key_ops":["encrypt"])"));
  CHECK(!usable(R"(,"key_ops":[])"));
  CHECK(!usable(R"(,"key_ops":"verify")"));
  CHECK(!usable(R"(,"key_ops":[["verify"]])"));
  CHECK(!usable(R"(,"alg":"ES256")"));
  CHECK(!usable(R"(,"alg":"HS256")"));
  CHECK(!usable(R"(,"alg":"none")"));
  CHECK(!usable(R"(,"alg":"RSA-OAEP")"));
  CHECK(!usable(R"(,"alg":null)"));
  std::string problem;
  const auto set = KeySet::parse(rsa().jwk("a", R"(,"alg":"PS256")"), {}, problem);
  CHECK(count_of(*set, Algorithm::Ps256, "a") == 1);
  CHECK(count_of(*set, Algorithm::Rs256, "a") == 0);
}

TEST_CASE("key set: keys that cannot be used are left out and said", "[jose][keys]") {
  std::string problem;
  KeySetNotes notes;
  const std::string document = key_set_of({R"({"kty":"XY","kid":"new"})", rsa().jwk("a"), "7",
                                           ec().jwk("b", R"(,"use":"enc")"), ec().jwk("c")});
  const auto set = KeySet::parse(document, {}, problem, &notes);
  REQUIRE(set != nullptr);
  CHECK(set->size() == 2);
  CHECK(notes.skipped == 3);
  CHECK(notes.reason == "unknown `kty`");
  CHECK(set->has_key_id("a"));
  CHECK(set->has_key_id("c"));
  CHECK(!set->has_key_id("b"));
  CHECK(!set->has_key_id(""));
  CHECK(problem_of(R"({"keys":[]})") == "no usable key");
  CHECK(problem_of(R"({"keys":[{"kty":"XY"}]})") == "no usable key: unknown `kty`");
}

TEST_CASE("key set: weak and broken keys are refused", "[jose][keys]") {
  const SigningKey small = SigningKey::make(Algorithm::Rs256, 1024);
  CHECK(problem_of(small.jwk("a")) == "RSA key of less than 2048 bits");
  CHECK(problem_of(small.pem()) == "RSA key of less than 2048 bits");
  const auto rsa_of = [](std::string n, std::string e) {
    return problem_of(fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"}})", base64url_encode(n),
                                  base64url_encode(e)));
  };
  std::string odd(256, '\xff');
  CHECK(rsa_of(odd, "\x01\x00\x01") != "none");  // NUL ends the literal: e = 1
  CHECK(rsa_of(odd, std::string("\x01\x00\x01", 3)) == "none");
  CHECK(rsa_of(odd, "\x03") == "none");
  CHECK(rsa_of(odd, "\x01") == "RSA exponent is none");
  CHECK(rsa_of(odd, "\x04") == "RSA exponent is none");
  CHECK(rsa_of(odd, std::string("\x01\x00\x00\x00\x01", 5)) == "RSA exponent is none");
  CHECK(rsa_of(odd, std::string(100, '\xff')) == "RSA key is too large");
  CHECK(rsa_of(std::string(1025, '\xff'), "\x03") == "RSA key of more than 8192 bits");
  CHECK(rsa_of(std::string(100'000, '\xff'), "\x03") == "RSA key is too large");
  CHECK(rsa_of(std::string(255, '\xff') + "\xfe", "\x03") == "RSA modulus is even");
  const std::string point = ec().jwk("a");
  CHECK(problem_of(with(point, "P-256", "P-384")) == "EC key without a whole point");
  CHECK(problem_of(with(point, "P-256", "secp256k1")) == "unknown curve");
  CHECK(problem_of(with(point, R"("y":")", R"("z":")")) == "EC key without a whole point");
  const std::string zeros = base64url_encode(std::string(32, 0));
  CHECK(problem_of(fmt::format(R"({{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}})", zeros,
                               zeros)) == "EC point is not on its curve");
  CHECK(problem_of(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})") ==
        "OKP key without a whole point");
  CHECK(problem_of(R"({"kty":"OKP","crv":"X25519","x":"AAAA"})") == "unknown curve");
}

TEST_CASE("key set: private keys do not belong into documents", "[jose][keys]") {
  const std::string leaked = rsa().jwk("a", R"(,"d":"AQAB")");
  CHECK(problem_of(leaked) == "a private key is published");
  CHECK(problem_of(leaked, {.private_parts = true}) == "none");
  const auto identity = net::testing::make_certificate({});
  CHECK(problem_of(identity.key) == "a private key, where a public one is enough");
  CHECK(problem_of(identity.chain) == "none");
  CHECK(problem_of(identity.chain + identity.key) == "a private key, where a public one is enough");
}

TEST_CASE("key set: secrets are taken only where they are asked for, and only they",
          "[jose][keys]") {
  const std::string secret = SigningKey::from_secret(std::string(40, 'k')).jwk("a");
  const std::string other = SigningKey::from_secret(std::string(40, 'o')).jwk("b");
  CHECK(problem_of(secret) == "a secret among public keys");
  CHECK(problem_of(secret, {.secrets = true}) == "none");
  CHECK(problem_of(rsa().jwk("a"), {.secrets = true}) == "a public key among secrets");
  CHECK(problem_of(rsa().pem(), {.secrets = true}) == "PEM holds no secrets");
  CHECK(problem_of(key_set_of({secret, other}), {.secrets = true}) == "none");
  CHECK(problem_of(key_set_of({secret, rsa().jwk("b")}), {.secrets = true}) ==
        "a public key among secrets");
  CHECK(problem_of(key_set_of({secret, R"({"kty":"oct","k":"AB"})"}), {.secrets = true}) ==
        "secret without `k`");
  CHECK(problem_of(key_set_of({secret, other, secret}), {.secrets = true}) ==
        "two secrets with one `kid`");
  CHECK(problem_of(SigningKey::from_secret(std::string(31, 'k')).jwk("a"), {.secrets = true}) ==
        "secret of less than 32 bytes");
  CHECK(problem_of(SigningKey::from_secret(std::string(1025, 'k')).jwk("a"), {.secrets = true}) ==
        "secret of more than 1024 bytes");
  std::string problem;
  CHECK(KeySet::of_secret(std::string(31, 'k'), "", problem) == nullptr);
  const auto set = KeySet::of_secret(std::string(32, 'k'), "", problem);
  REQUIRE(set != nullptr);
  CHECK(count_of(*set, Algorithm::Hs256, "any") == 1);
  CHECK(count_of(*set, Algorithm::Hs512, "any") == 0);
  CHECK(count_of(*set, Algorithm::Rs256, "any") == 0);
}

TEST_CASE("key set: documents that are none", "[jose][keys]") {
  CHECK(problem_of("") == "neither JSON nor PEM");
  CHECK(problem_of("[]") == "neither JSON nor PEM");
  CHECK(problem_of("<html>") == "neither JSON nor PEM");
  CHECK(problem_of("{") == "not a JSON object, or one with a member twice");
  CHECK(problem_of("{}") == "key without `kty`");
  CHECK(problem_of(R"({"keys":{}})") == "`keys` is not a list");
  CHECK(problem_of(with(rsa().jwk("a"), R"("kty":"RSA")", R"("kty":"RSA","kty":"RSA")")) ==
        "not a JSON object, or one with a member twice");
  CHECK(problem_of(std::string(kMaxKeyDocumentBytes + 1, ' ')) == "the key document is too large");
  std::string many = R"({"keys":[{})";
  for (size_t i = 0; i < kMaxKeys; ++i) many += ",{}";
  CHECK(problem_of(many + "]}") == "too many keys");
  std::string pem = rsa().pem();
  CHECK(problem_of(pem.substr(0, pem.size() / 2)) == "broken PEM");
  CHECK(problem_of(with(pem, "MII", "###")) != "none");
  CHECK(problem_of(rsa().jwk("", R"(,"kid":7)")) == "`kid` is no string, or too long");
  CHECK(problem_of(rsa().jwk(std::string(257, 'k'))) == "`kid` is no string, or too long");
}

TEST_CASE("key set: PEM may hold several keys, and gets its id from outside", "[jose][keys]") {
  std::string problem;
  const std::string text = "a comment\n" + rsa().pem() + "between\n" + ec().pem();
  const auto nameless = KeySet::parse(text, {}, problem);
  REQUIRE(nameless != nullptr);
  CHECK(nameless->size() == 2);
  CHECK(count_of(*nameless, Algorithm::Rs256, "any") == 1);
  CHECK(count_of(*nameless, Algorithm::Es256, nullptr) == 1);
  KeySetOptions options;
  options.key_id = "mine";
  const auto named = KeySet::parse(text, options, problem);
  REQUIRE(named != nullptr);
  CHECK(count_of(*named, Algorithm::Rs256, "mine") == 1);
  CHECK(count_of(*named, Algorithm::Rs256, "any") == 0);
}

TEST_CASE("key set: which keys are tried", "[jose][keys]") {
  std::string problem;
  const std::string a = rsa().jwk("a");
  const auto set = KeySet::parse(
      key_set_of({a, ec().jwk("a"), rsa().jwk("b"), a, rsa().jwk(""), ec().jwk("c")}), {}, problem);
  REQUIRE(set != nullptr);
  CHECK(count_of(*set, Algorithm::Rs256, "a") == 2);  // one id, several keys
  CHECK(count_of(*set, Algorithm::Es256, "a") == 1);
  CHECK(count_of(*set, Algorithm::Rs256, "b") == 1);
  CHECK(count_of(*set, Algorithm::Rs256, "c") == 0);        // known, but not for this
  CHECK(count_of(*set, Algorithm::Rs256, "unknown") == 1);  // the one that has no id
  CHECK(count_of(*set, Algorithm::Rs256, nullptr) == 4);
  std::string list = a;
  for (int i = 0; i < 20; ++i) list += "," + a;
  const auto many = KeySet::parse(R"({"keys":[)" + list + "]}", {}, problem);
  CHECK(count_of(*many, Algorithm::Rs256, "a") == KeySet::kMaxCandidates);
}

TEST_CASE("key set: sets of the same document are one to whoever remembers verdicts",
          "[jose][keys]") {
  std::string problem;
  const std::string document = key_set_of({rsa().jwk("a")});
  const auto print = [&](const std::string& text, const KeySetOptions& options = {}) {
    const auto set = KeySet::parse(text, options, problem);
    REQUIRE(set != nullptr);
    return set->fingerprint();
  };
  CHECK(print(document) == print(document));
  CHECK(print(document) != print(key_set_of({rsa().jwk("b")})));  // which key a token may name
  CHECK(print(document) != print(key_set_of({ec().jwk("a")})));
  CHECK(print(document) != print(document, {.private_parts = true}));
  const auto secret = [&](const std::string& text, const std::string& key_id) {
    const auto set = KeySet::of_secret(text, key_id, problem);
    REQUIRE(set != nullptr);
    return set->fingerprint();
  };
  CHECK(secret(std::string(32, 's'), "") == secret(std::string(32, 's'), ""));
  CHECK(secret(std::string(32, 's'), "") != secret(std::string(33, 's'), ""));
  CHECK(secret(std::string(32, 's'), "s") != secret(std::string(33, 's'), ""));
  CHECK(secret(document, "") != print(document));
}
