// Signatures that are good, and everything that must not pass for one.
#include "runtime/jose/jws.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "runtime/jose/base64url.h"
#include "runtime/jose/signing_key.h"

using namespace gw;
using namespace gw::jose;

namespace {

AlgorithmSet all() {
  AlgorithmSet set;
  for (u32 i = 0; i < kAlgorithmCount; ++i) set.add(static_cast<Algorithm>(i));
  return set;
}

std::shared_ptr<const KeySet> keys_of(std::string_view document, bool secrets = false) {
  std::string problem;
  auto set = KeySet::parse(document, {.secrets = secrets}, problem);
  CAPTURE(problem);
  REQUIRE(set != nullptr);
  return set;
}

Failure failure_of(std::string_view token, const KeySet& keys, AlgorithmSet allowed = all()) {
  const VerifiedJws out = verify_jws(token, keys, allowed);
  CHECK(ERR_peek_error() == 0);
  if (out.failure != Failure::None) CHECK(out.payload.empty());
  return out.failure;
}

struct Signer {
  explicit Signer(Algorithm with) : algorithm(with), key(SigningKey::make(with)) {
    keys = keys_of(key.jwk("k"), is_hmac(with));
  }
  std::string token(std::string_view header, std::string_view payload = "{}") const {
    return key.token(algorithm, header, payload);
  }
  Algorithm algorithm;
  SigningKey key;
  std::shared_ptr<const KeySet> keys;
};

const Signer& es256() {
  static const Signer signer(Algorithm::Es256);
  return signer;
}
const Signer& rs256() {
  static const Signer signer(Algorithm::Rs256);
  return signer;
}

}  // namespace

TEST_CASE("jws: examples of RFC 7515, RFC 7520 and RFC 8037", "[jose][jws]") {
  struct Case {
    const char* what;
    const char* key;
    const char* token;
    bool secret;
  };
  const Case rows[] = {
      {"RFC 7515 A.1, HS256",
       R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcg)"
       R"(UuTwjAzZr1Z9CAow"})",
       "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
       "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
       "l"
       "fQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
       true},
      {"RFC 7515 A.2, RS256",
       R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4q)"
       R"(PCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0)"
       R"(LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo)"
       R"(5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyu)"
       R"(XpoQ","e":"AQAB"})",
       "eyJhbGciOiJSUzI1NiJ9."
       "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
       "l"
       "fQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
       "O8W2"
       "Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
       "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBM"
       "Hlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
       "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w"
       "9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
       false},
      {"RFC 7515 A.3, ES256",
       R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu)"
       R"(9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
       "eyJhbGciOiJFUzI1NiJ9."
       "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
       "l"
       "fQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
       false},
      {"RFC 7520 4.3, ES512",
       R"({"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521",)"
       R"("x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5c)"
       R"(j0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwl)"
       R"(GfP-HqHZR1"})",
       "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9."
       "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb25"
       "0"
       "byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2h"
       "l"
       "cmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4."
       "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-"
       "JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3"
       "mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
       false},
      {"RFC 8037 A.4, Ed25519",
       R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
       "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
       "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
       false}};
  for (const Case& row : rows) {
    DYNAMIC_SECTION(row.what) {
      const auto keys = keys_of(row.key, row.secret);
      CHECK(failure_of(row.token, *keys) == Failure::None);
      std::string changed = row.token;
      changed[changed.size() / 2] ^= 1;
      CHECK(failure_of(changed, *keys) != Failure::None);
    }
  }
}

TEST_CASE("jws: every algorithm is verified by its key, and by nothing else", "[jose][jws]") {
  for (u32 i = 0; i < kAlgorithmCount; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    DYNAMIC_SECTION(algorithm_name(algorithm)) {
      const Signer signer(algorithm);
      const std::string header = fmt::format(R"({{"alg":"{}"}})", algorithm_name(algorithm));
      const std::string token = signer.token(header, R"({"a":1})");
      const VerifiedJws good = verify_jws(token, *signer.keys, {algorithm});
      CHECK(good.failure == Failure::None);
      CHECK(good.payload == R"({"a":1})");
      CHECK(good.algorithm == algorithm);
      AlgorithmSet others;
      for (u32 j = 0; j < kAlgorithmCount; ++j) {
        if (j != i) others.add(static_cast<Algorithm>(j));
      }
      CHECK(failure_of(token, *signer.keys, others) == Failure::AlgorithmNotAllowed);
      // The header promises another algorithm than the one that was used.
      for (u32 j = 0; j < kAlgorithmCount; ++j) {
        const auto claimed = static_cast<Algorithm>(j);
        if (claimed == algorithm) continue;
        if (is_eddsa(claimed) && is_eddsa(algorithm)) continue;  // names of one, tested below
        CAPTURE(algorithm_name(claimed));
        const auto lie = signer.token(fmt::format(R"({{"alg":"{}"}})", algorithm_name(claimed)));
        CHECK(failure_of(lie, *signer.keys) != Failure::None);
      }
      // Each bit of the signature counts.
      std::string signature;
      REQUIRE(base64url_decode(token.substr(token.rfind('.') + 1), signature));
      const std::string text = token.substr(0, token.rfind('.') + 1);
      for (size_t bit = 0; bit < signature.size() * 8; bit += 37) {
        std::string changed = signature;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
        CHECK(failure_of(text + base64url_encode(changed), *signer.keys) ==
              Failure::SignatureInvalid);
      }
      CHECK(failure_of(text + base64url_encode(signature + '\0'), *signer.keys) != Failure::None);
      CHECK(failure_of(text + base64url_encode(signature.substr(1)), *signer.keys) !=
            Failure::None);
    }
  }
  const SigningKey ed448 = SigningKey::make_ed448();
  CHECK(failure_of(ed448.token(Algorithm::EdDsa, R"({"alg":"EdDSA"})", "x"),
                   *keys_of(ed448.jwk("k"))) == Failure::None);
}

TEST_CASE("jws: Ed25519 and Ed448 are names of their own for EdDSA", "[jose][jws]") {
  const SigningKey small = SigningKey::make(Algorithm::Ed25519);
  const SigningKey large = SigningKey::make_ed448();
  const auto keys = keys_of(small.jwk("s"));
  const auto large_keys = keys_of(large.jwk("l"));
  const std::string specified = small.token(Algorithm::Ed25519, R"({"alg":"Ed25519"})", "x");
  const std::string general = small.token(Algorithm::EdDsa, R"({"alg":"EdDSA"})", "x");
  const std::string other = large.token(Algorithm::Ed448, R"({"alg":"Ed448"})", "x");
  CHECK(verify_jws(specified, *keys, {Algorithm::Ed25519}).failure == Failure::None);
  CHECK(verify_jws(general, *keys, {Algorithm::EdDsa}).failure == Failure::None);
  CHECK(verify_jws(other, *large_keys, {Algorithm::Ed448}).failure == Failure::None);
  // Who has allowed one name has not allowed the other.
  CHECK(verify_jws(specified, *keys, {Algorithm::EdDsa}).failure == Failure::AlgorithmNotAllowed);
  CHECK(verify_jws(general, *keys, {Algorithm::Ed25519}).failure == Failure::AlgorithmNotAllowed);
  CHECK(verify_jws(other, *large_keys, {Algorithm::EdDsa, Algorithm::Ed25519}).failure ==
        Failure::AlgorithmNotAllowed);
  // A name with the key of the other curve.
  const std::string crossed = large.token(Algorithm::Ed448, R"({"alg":"Ed25519","kid":"l"})", "x");
  CHECK(verify_jws(crossed, *large_keys, {Algorithm::Ed25519, Algorithm::Ed448}).failure ==
        Failure::KeyUnfit);
  for (const char* name : {"ed25519", "ED25519", "Ed25519ph", "ESP256", "ESB256"}) {
    CAPTURE(name);
    const std::string token =
        small.token(Algorithm::Ed25519, fmt::format(R"({{"alg":"{}"}})", name), "x");
    CHECK(verify_jws(token, *keys, all()).failure == Failure::AlgorithmNotAllowed);
  }
}

// The key of RFC 8037 appendix A.1 and the payload of A.4. The first token is that of A.4; RFC 9864
// has no example, so the second is the same by the other name, signed by another implementation.
TEST_CASE("jws: EdDSA and Ed25519 as others sign them", "[jose][jws]") {
  const auto keys =
      keys_of(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  REQUIRE(keys != nullptr);
  const std::string general =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  const std::string specified =
      "eyJhbGciOiJFZDI1NTE5In0.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
      "UxhIYLHGg39NVCLpQAVD_UcfOmnGSCzLFZoXYkLiIbFccmOb_qObsgjzLKsfJw-4NlccUgvYrEHrRbNV0HcZAQ";
  const VerifiedJws one = verify_jws(general, *keys, {Algorithm::EdDsa});
  CHECK(one.failure == Failure::None);
  CHECK(one.payload == "Example of Ed25519 signing");
  const VerifiedJws other = verify_jws(specified, *keys, {Algorithm::Ed25519});
  CHECK(other.failure == Failure::None);
  CHECK(other.algorithm == Algorithm::Ed25519);
  // The signature covers the name.
  const std::string swapped =
      specified.substr(0, specified.rfind('.')) + general.substr(general.rfind('.'));
  CHECK(verify_jws(swapped, *keys, all()).failure == Failure::SignatureInvalid);
}

TEST_CASE("jws: `none` in every spelling is no algorithm", "[jose][jws][attack]") {
  for (const std::string name : {"none", "None", "NONE", "nOnE", "", " none", "none ", "null",
                                 "RS256 ", "rs256", "RS-256", "RS256\\u0000"}) {
    CAPTURE(name);
    const std::string text = base64url_encode(fmt::format(R"({{"alg":"{}"}})", name)) + ".e30.";
    CHECK(failure_of(text, *rs256().keys) == Failure::Malformed);  // without a signature
    CHECK(failure_of(text + "AA", *rs256().keys) == Failure::AlgorithmNotAllowed);
  }
  for (const char* header : {"{}", R"({"alg":null})", R"({"alg":["RS256"]})", R"({"alg":0})", "[]",
                             "7", "", R"({"alg":"RS256")", R"({"alg":"RS256"}x)"}) {
    CAPTURE(header);
    CHECK(failure_of(base64url_encode(header) + ".e30.AA", *rs256().keys) != Failure::None);
  }
}

TEST_CASE("jws: a public key is never taken for a secret", "[jose][jws][attack]") {
  // The classic: HS256 with the text of the public key as secret (RFC 8725 section 2.1).
  const std::string header = R"({"alg":"HS256","kid":"k"})";
  for (const std::string& secret : {rs256().key.pem(), rs256().key.jwk("k")}) {
    const std::string token = SigningKey::from_secret(secret).token(Algorithm::Hs256, header, "{}");
    CHECK(failure_of(token, *rs256().keys) == Failure::KeyUnfit);
    CHECK(failure_of(token, *keys_of(rs256().key.pem())) == Failure::KeyUnfit);
  }
}

TEST_CASE("jws: what the header says of keys is not believed", "[jose][jws][attack]") {
  const SigningKey evil = SigningKey::make(Algorithm::Es256);
  for (const std::string& more :
       {R"("jwk":)" + evil.jwk("k"), std::string(R"("jku":"http://127.0.0.1:1/")"),
        std::string(R"("x5u":"http://127.0.0.1:1/")"), std::string(R"("x5c":["AAAA"])")}) {
    const std::string header = R"({"alg":"ES256","kid":"k",)" + more + "}";
    CHECK(failure_of(evil.token(Algorithm::Es256, header, "{}"), *es256().keys) ==
          Failure::SignatureInvalid);
    CHECK(failure_of(es256().token(header), *es256().keys) == Failure::None);  // ignored
  }
}

TEST_CASE("jws: a strange `kid` is a name and nothing more", "[jose][jws][attack]") {
  for (const std::string id :
       {"../../../../dev/null", "/etc/passwd", "k' OR '1'='1", "k\\u0000", "K", "", "k|id", "*"}) {
    CAPTURE(id);
    const std::string header = fmt::format(R"({{"alg":"ES256","kid":"{}"}})", id);
    CHECK(failure_of(es256().token(header), *es256().keys) == Failure::KeyUnknown);
  }
  const std::string longest = fmt::format(R"({{"alg":"ES256","kid":"{}"}})", std::string(256, 'k'));
  CHECK(failure_of(es256().token(longest), *es256().keys) == Failure::KeyUnknown);
  const std::string longer = fmt::format(R"({{"alg":"ES256","kid":"{}"}})", std::string(257, 'k'));
  CHECK(failure_of(es256().token(longer), *es256().keys) == Failure::HeaderInvalid);
  CHECK(failure_of(es256().token(R"({"alg":"ES256","kid":["k"]})"), *es256().keys) ==
        Failure::HeaderInvalid);
}

TEST_CASE("jws: extensions are refused, known ones as well", "[jose][jws][attack]") {
  for (const char* more : {R"("crit":["exp"])", R"("crit":[])", R"("crit":"b64")",
                           R"("b64":false,"crit":["b64"])", R"("b64":true)", R"("b64":false)"}) {
    CAPTURE(more);
    const std::string header = fmt::format(R"({{"alg":"ES256",{}}})", more);
    CHECK(failure_of(es256().token(header), *es256().keys) == Failure::ExtensionUnknown);
  }
}

TEST_CASE("jws: a member twice in the header is refused", "[jose][jws][attack]") {
  for (const char* header :
       {R"({"alg":"ES256","alg":"ES256"})", R"({"alg":"none","alg":"ES256"})",
        R"({"alg":"ES256","kid":"k","k\u0069d":"k"})", R"({"alg":"ES256","x":{"a":1,"a":1}})"}) {
    CAPTURE(header);
    CHECK(failure_of(es256().token(header), *es256().keys) == Failure::HeaderInvalid);
  }
}

TEST_CASE("jws: zeros and DER are no signatures of ECDSA", "[jose][jws][attack]") {
  const std::string text = base64url_encode(R"({"alg":"ES256"})") + ".e30.";
  std::string one(32, 0);
  one.back() = 1;
  const std::string zero(32, 0);
  for (const std::string& raw : {zero + zero, zero + one, one + zero, std::string(64, '\xff')}) {
    CHECK(failure_of(text + base64url_encode(raw), *es256().keys) == Failure::SignatureInvalid);
  }
  // What OpenSSL itself would take.
  const std::string raw = es256().key.sign(Algorithm::Es256, text.substr(0, text.size() - 1));
  CHECK(failure_of(text + base64url_encode(raw), *es256().keys) == Failure::None);
  const auto integer = [](std::string bytes) {
    while (bytes.size() > 1 && bytes[0] == 0) bytes.erase(0, 1);
    if ((static_cast<u8>(bytes[0]) & 0x80U) != 0) bytes.insert(0, 1, '\0');
    return std::string{'\x02', static_cast<char>(bytes.size())} + bytes;
  };
  const std::string body = integer(raw.substr(0, 32)) + integer(raw.substr(32));
  const std::string der = std::string{'\x30', static_cast<char>(body.size())} + body;
  CHECK(failure_of(text + base64url_encode(der), *es256().keys) == Failure::SignatureInvalid);
}

TEST_CASE("jws: another form of the same bytes is another token", "[jose][jws][attack]") {
  const std::string token = es256().token(R"({"alg":"ES256"})", "ab");
  REQUIRE(failure_of(token, *es256().keys) == Failure::None);
  const size_t dot = token.find('.');
  const size_t last_dot = token.rfind('.');
  std::string payload_bits = token;
  payload_bits[last_dot - 1] = static_cast<char>(payload_bits[last_dot - 1] + 1);
  CHECK(failure_of(payload_bits, *es256().keys) != Failure::None);
  std::string signature_bits = token;  // 64 bytes: four bits are left over
  signature_bits.back() = static_cast<char>(signature_bits.back() + 1);
  CHECK(failure_of(signature_bits, *es256().keys) == Failure::Malformed);
  CHECK(failure_of(token + "=", *es256().keys) == Failure::Malformed);
  CHECK(failure_of(token + "==", *es256().keys) == Failure::Malformed);
  CHECK(failure_of(token + "\n", *es256().keys) == Failure::Malformed);
  CHECK(failure_of(" " + token, *es256().keys) == Failure::Malformed);
  std::string cut = token;
  CHECK(failure_of(cut.insert(dot, "="), *es256().keys) == Failure::Malformed);
  // Bits left over under a good signature: whoever signs may still not do that.
  const std::string text = base64url_encode(R"({"alg":"ES256"})") + ".YWJ";
  const std::string loose = text + "." + base64url_encode(es256().key.sign(Algorithm::Es256, text));
  CHECK(failure_of(loose, *es256().keys) == Failure::Malformed);
}

TEST_CASE("jws: zeros at the front of an RSA signature are part of it", "[jose][jws][attack]") {
  // OpenSSL itself verifies such a signature of PSS without them.
  for (const Algorithm algorithm : {Algorithm::Rs256, Algorithm::Ps256}) {
    CAPTURE(algorithm_name(algorithm));
    const std::string header = fmt::format(R"({{"alg":"{}"}})", algorithm_name(algorithm));
    std::string text;
    std::string signature;
    for (int i = 0; i < 20'000 && (signature.empty() || signature[0] != 0); ++i) {  // one in 256
      text = base64url_encode(header) + "." + base64url_encode(std::to_string(i));
      signature = rs256().key.sign(algorithm, text);
    }
    REQUIRE(signature[0] == 0);
    const auto with = [&](const std::string& bytes) {
      return failure_of(text + "." + base64url_encode(bytes), *rs256().keys);
    };
    CHECK(with(signature) == Failure::None);
    CHECK(with(signature.substr(1)) == Failure::SignatureInvalid);
    CHECK(with(std::string(1, 0) + signature) == Failure::SignatureInvalid);
  }
}

TEST_CASE("jws: other serialisations are refused", "[jose][jws][attack]") {
  const std::string token = es256().token(R"({"alg":"ES256"})");
  CHECK(failure_of(token + ".a", *es256().keys) == Failure::Malformed);
  CHECK(failure_of(token + ".a.b", *es256().keys) == Failure::Encrypted);
  CHECK(failure_of(token.substr(0, token.rfind('.')), *es256().keys) == Failure::Malformed);
  CHECK(failure_of(token.substr(0, token.rfind('.') + 1), *es256().keys) == Failure::Malformed);
  CHECK(failure_of("..", *es256().keys) == Failure::Malformed);
  CHECK(failure_of("", *es256().keys) == Failure::Malformed);
  CHECK(failure_of(R"({"payload":"e30","protected":"","signature":""})", *es256().keys) ==
        Failure::Malformed);
}

TEST_CASE("jws: sizes are bounded", "[jose][jws][attack]") {
  const std::string header = R"({"alg":"ES256"})";
  const std::string small = es256().token(header);
  const auto payload_for = [&](size_t bytes) {  // a token of exactly so many bytes
    return std::string((bytes - small.size() + 3) / 4 * 3, 'x');
  };
  std::string token = es256().token(header, payload_for(8 * 1024));
  while (token.size() > 8 * 1024) token = es256().token(header, payload_for(token.size() - 4));
  CHECK(failure_of(token, *es256().keys) == Failure::None);
  CHECK(failure_of(es256().token(header, std::string(8 * 1024, 'x')), *es256().keys) ==
        Failure::TooLarge);
  CHECK(failure_of(std::string(100'000'000, '.'), *es256().keys) == Failure::TooLarge);
  const std::string long_header =
      fmt::format(R"({{"alg":"ES256","x":"{}"}})", std::string(4096, 'x'));
  CHECK(failure_of(es256().token(long_header), *es256().keys) == Failure::TooLarge);
  CHECK(verify_jws(es256().token(long_header), *es256().keys, all(),
                   {.token_bytes = 16 * 1024, .header_bytes = 8 * 1024})
            .failure == Failure::None);
}

TEST_CASE("jws: one id may stand for several keys", "[jose][jws]") {
  const Signer& signer = es256();
  const SigningKey other = SigningKey::make(Algorithm::Es256);
  const auto keys = keys_of(key_set_of({other.jwk("k"), signer.key.jwk("k"), other.jwk("z")}));
  CHECK(failure_of(signer.token(R"({"alg":"ES256","kid":"k"})"), *keys) == Failure::None);
  CHECK(failure_of(signer.token(R"({"alg":"ES256"})"), *keys) == Failure::None);
  CHECK(failure_of(signer.token(R"({"alg":"ES256","kid":"z"})"), *keys) ==
        Failure::SignatureInvalid);
  CHECK(failure_of(signer.token(R"({"alg":"ES256","kid":"y"})"), *keys) == Failure::KeyUnknown);
  // A key that has no id is meant by none; a new one may be.
  const auto nameless = keys_of(other.jwk(""));
  CHECK(failure_of(signer.token(R"({"alg":"ES256","kid":"y"})"), *nameless) == Failure::KeyUnknown);
  CHECK(failure_of(signer.token(R"({"alg":"ES256"})"), *nameless) == Failure::SignatureInvalid);
}

TEST_CASE("jws: keys are shared by any number of threads", "[jose][jws][threads]") {
  const Signer ps256(Algorithm::Ps256);
  const std::string tokens[] = {es256().token(R"({"alg":"ES256"})"),
                                rs256().token(R"({"alg":"RS256"})"),
                                ps256.token(R"({"alg":"PS256"})")};
  const KeySet* keys[] = {es256().keys.get(), rs256().keys.get(), ps256.keys.get()};
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (size_t j = 0; j < 150; ++j) {
        good += verify_jws(tokens[j % 3], *keys[j % 3], all()).failure == Failure::None;
        good += verify_jws(tokens[j % 3], *keys[(j + 1) % 3], all()).failure == Failure::None;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 600);
}
