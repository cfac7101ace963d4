// Property: nobody makes a token that is accepted without the key; what is accepted says what was
// signed, and its claims can be walked whatever they are.
// Input: a byte that chooses, then either a whole token, or header and payload with a line feed
// between, which are signed here.
#include <openssl/err.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime/jose/base64url.h"
#include "runtime/jose/jwt.h"
#include "runtime/jose/signing_key.h"

using namespace gw;
using namespace gw::jose;

namespace {

constexpr i64 kNow = 1'700'000'000'000;

void require(bool good) {
  if (!good) std::abort();
}

struct Fixture {
  Fixture() {
    std::string problem;
    secret = KeySet::of_secret(std::string(64, 'k'), "k", problem);
    published = KeySet::parse(
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})",
        {}, problem);
    require(secret != nullptr && published != nullptr);
    rules.algorithms = {Algorithm::Hs256, Algorithm::Es256, Algorithm::Rs256};
    rules.claims = {{.pointer = "/a/0/b", .values = {"x"}}};
  }
  SigningKey key = SigningKey::from_secret(std::string(64, 'k'));
  std::shared_ptr<const KeySet> secret;
  std::shared_ptr<const KeySet> published;
  JwtRules rules;
};

size_t count(JsonValue value) {
  size_t values = 1;
  for (JsonValue item = value.first(); item.present(); item = item.next()) values += count(item);
  return values;
}

void look_at_claims(std::string_view payload, const JwtRules& rules) {
  const ClaimsPtr claims = Claims::parse(payload);
  if (!claims) return;
  require(count(claims->root()) <= payload.size());
  require(claims->held_bytes() <= 13 * payload.size() + 200);
  i64 valid_until_ms = 0;
  if (check_claims(*claims, "", rules, kNow, valid_until_ms) == Failure::None) {
    require(valid_until_ms > kNow && valid_until_ms <= 253'402'300'799'000);
  }
  for (ClaimWords words(claims->scopes()); words.next();) {
    require(words.word().size() <= payload.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixture at;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 0) {
    // The one token of RFC 7515 for this key is in nobody's reach but as it stands.
    const VerifiedJws jws = verify_jws(text, *at.published, at.rules.algorithms);
    if (jws.failure == Failure::None) require(text.starts_with("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOi"));
    require(verify_jws(text, *at.secret, {Algorithm::Es256, Algorithm::Rs256}).failure !=
            Failure::None);
  } else {
    const size_t line = text.find('\n');
    if (line == std::string_view::npos) return 0;
    const std::string_view payload = text.substr(line + 1);
    const std::string token = at.key.token(Algorithm::Hs256, text.substr(0, line), payload);
    const VerifiedJws jws = verify_jws(token, *at.secret, at.rules.algorithms);
    require((jws.failure == Failure::None) == (jws.payload == payload && !payload.empty()) ||
            payload.empty());
    require(verify_jws(token, *at.published, at.rules.algorithms).failure != Failure::None);
    look_at_claims(payload, at.rules);
  }
  require(ERR_peek_error() == 0);
  return 0;
}
