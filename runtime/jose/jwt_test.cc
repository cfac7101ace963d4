// Claims against rules.
#include "runtime/jose/jwt.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "runtime/jose/signing_key.h"

using namespace gw;
using namespace gw::jose;

namespace {

constexpr i64 kNow = 1'700'000'000'000;  // ms

struct Issuer {
  SigningKey key = SigningKey::make(Algorithm::Es256);
  std::shared_ptr<const KeySet> keys;
  JwtRules rules;
  Issuer() {
    std::string problem;
    keys = KeySet::parse(key.jwk("k"), {}, problem);
    rules.algorithms = {Algorithm::Es256};
  }
  JwtResult verify(std::string_view payload, std::string_view type = "") const {
    const std::string typ = type.empty() ? "" : fmt::format(R"(,"typ":"{}")", type);
    const std::string header = fmt::format(R"({{"alg":"ES256"{}}})", typ);
    return verify_jwt(key.token(Algorithm::Es256, header, payload), *keys, rules, kNow);
  }
  Failure failure(std::string_view payload, std::string_view type = "") const {
    const JwtResult result = verify(payload, type);
    CHECK(static_cast<bool>(result.claims) == (result.failure == Failure::None));
    return result.failure;
  }
};

std::string dates(std::string_view exp, std::string_view more = "") {
  return fmt::format(R"({{"exp":{}{}}})", exp, more);
}

}  // namespace

TEST_CASE("jwt: `exp` is required and ends the token, the skew later", "[jose][jwt]") {
  Issuer at;
  CHECK(at.failure("{}") == Failure::ExpiryMissing);
  CHECK(at.failure(dates("1700000001")) == Failure::None);
  CHECK(at.failure(dates("1699999971")) == Failure::None);  // 29 s ago
  CHECK(at.failure(dates("1699999970")) == Failure::Expired);
  CHECK(at.failure(dates("1699999970.001")) == Failure::None);
  CHECK(at.failure(dates("1.7000000010e9")) == Failure::None);
  CHECK(at.failure(dates("0")) == Failure::Expired);
  CHECK(at.failure(dates("-1")) == Failure::Expired);
  CHECK(at.failure(dates("-1e300")) == Failure::Expired);
  CHECK(at.verify(dates("1700000001")).valid_until_ms == kNow + 31'000);
  at.rules.clock_skew_s = 0;
  CHECK(at.failure(dates("1700000000")) == Failure::Expired);
  CHECK(at.failure(dates("1700000000.5")) == Failure::None);
  at.rules.require_expiry = false;
  CHECK(at.failure("{}") == Failure::None);
  CHECK(at.failure(dates("1")) == Failure::Expired);
}

TEST_CASE("jwt: dates are numbers of any size", "[jose][jwt][attack]") {
  const Issuer at;
  for (const char* far : {"1e18", "99999999999999999999", "9223372036854775807",
                          "18446744073709551616", "1e300", "1.5e100"}) {
    CAPTURE(far);
    const JwtResult result = at.verify(dates(far));
    CHECK(result.failure == Failure::None);
    CHECK(result.valid_until_ms == 253'402'300'799'000);
    CHECK(at.failure(dates("1800000000", fmt::format(R"(,"nbf":{})", far))) ==
          Failure::NotYetValid);
    CHECK(at.failure(dates("1800000000", fmt::format(R"(,"nbf":-{})", far))) == Failure::None);
  }
  for (const char* none :
       {"\"1800000000\"", "null", "true", "[1800000000]", "{}", "1e400", "-1e999999"}) {
    CAPTURE(none);
    CHECK(at.failure(dates(none)) == Failure::ClaimsInvalid);
    CHECK(at.failure(dates("1800000000", fmt::format(R"(,"nbf":{})", none))) ==
          Failure::ClaimsInvalid);
    CHECK(at.failure(dates("1800000000", fmt::format(R"(,"iat":{})", none))) ==
          Failure::ClaimsInvalid);
  }
}

TEST_CASE("jwt: neither before its time nor from the future", "[jose][jwt]") {
  const Issuer at;
  for (const auto& [name, failure] :
       {std::pair("nbf", Failure::NotYetValid), std::pair("iat", Failure::IssuedInFuture)}) {
    CAPTURE(name);
    const auto with = [&, claim = name](const char* value) {
      return dates("1800000000", fmt::format(R"(,"{}":{})", claim, value));
    };
    CHECK(at.failure(with("1700000000")) == Failure::None);
    CHECK(at.failure(with("1700000030")) == Failure::None);
    CHECK(at.failure(with("1700000030.001")) == failure);
    CHECK(at.failure(with("1700000031")) == failure);
    CHECK(at.failure(with("0")) == Failure::None);
  }
}

TEST_CASE("jwt: the issuer is the one, to the letter", "[jose][jwt][attack]") {
  Issuer at;
  at.rules.issuer = "https://idp.example";
  const auto of = [](std::string_view iss) {
    return fmt::format(R"({{"exp":1800000000,"iss":{}}})", iss);
  };
  CHECK(at.failure(of(R"("https://idp.example")")) == Failure::None);
  CHECK(at.failure(of(R"("https:\/\/idp.example")")) == Failure::None);  // the same text
  for (const char* other :
       {R"("https://idp.example/")", R"("https://IDP.example")", R"("http://idp.example")",
        R"("https://idp.example.evil")", R"("https://idp.example\u0000")", R"("")", "null",
        R"(["https://idp.example"])", R"({"https://idp.example":1})"}) {
    CAPTURE(other);
    CHECK(at.failure(of(other)) == Failure::IssuerWrong);
  }
  CHECK(at.failure(dates("1800000000")) == Failure::IssuerWrong);
}

TEST_CASE("jwt: one of the audiences is meant", "[jose][jwt][attack]") {
  Issuer at;
  at.rules.audiences = {"shop", "orders"};
  const auto of = [](std::string_view aud) {
    return fmt::format(R"({{"exp":1800000000,"aud":{}}})", aud);
  };
  for (const char* good : {R"("shop")", R"("orders")", R"(["a","orders"])", R"([1,null,"shop"])"}) {
    CAPTURE(good);
    CHECK(at.failure(of(good)) == Failure::None);
  }
  for (const char* bad : {R"("shop ")", R"("Shop")", R"("shop orders")", "[]", "null",
                          R"([["shop"]])", R"({"shop":true})", R"("")"}) {
    CAPTURE(bad);
    CHECK(at.failure(of(bad)) == Failure::AudienceWrong);
  }
  CHECK(at.failure(dates("1800000000")) == Failure::AudienceWrong);
}

TEST_CASE("jwt: `typ` as RFC 9068 has it", "[jose][jwt][attack]") {
  Issuer at;
  at.rules.type = "at+jwt";
  const std::string payload = dates("1800000000");
  for (const char* good : {"at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"}) {
    CHECK(at.failure(payload, good) == Failure::None);
  }
  for (const char* bad : {"", "JWT", "id+jwt", "application/", "application/application/at+jwt"}) {
    CAPTURE(bad);
    CHECK(at.failure(payload, bad) == Failure::TypeWrong);
  }
  at.rules.type.clear();
  CHECK(at.failure(payload, "whatever") == Failure::None);
}

TEST_CASE("jwt: required claims", "[jose][jwt]") {
  Issuer at;
  at.rules.claims = {{.pointer = "/tenant", .values = {}},
                     {.pointer = "/realm_access/roles", .values = {"admin", "ops"}},
                     {.pointer = "/level", .values = {"2"}}};
  const auto of = [](std::string_view tenant, std::string_view roles, std::string_view level) {
    return fmt::format(
        R"({{"exp":1800000000,"tenant":{},"realm_access":{{"roles":{}}},"level":{}}})", tenant,
        roles, level);
  };
  CHECK(at.failure(of(R"("t")", R"(["user","ops"])", "2")) == Failure::None);
  CHECK(at.failure(of("false", R"("admin")", R"("2")")) == Failure::None);
  CHECK(at.failure(of("null", R"("admin")", "2")) == Failure::ClaimMissing);
  CHECK(at.failure(of("1", "[]", "2")) == Failure::ClaimWrong);
  CHECK(at.failure(of("1", R"([["admin"]])", "2")) == Failure::ClaimWrong);
  CHECK(at.failure(of("1", R"({"admin":true})", "2")) == Failure::ClaimWrong);
  CHECK(at.failure(of("1", R"(["admin"])", "2.0")) == Failure::ClaimWrong);
  CHECK(at.failure(dates("1800000000")) == Failure::ClaimMissing);
}

TEST_CASE("jwt: claims that are no object, or say a thing twice", "[jose][jwt][attack]") {
  const Issuer at;
  for (const char* payload :
       {"", "[]", "7", "\"text\"", "null", R"({"exp":1800000000,"exp":1})",
        R"({"exp":1,"exp":1800000000})", R"({"exp":1800000000,"a":{"b":1,"b":2}})",
        R"({"exp":1800000000,"sub":"a","s\u0075b":"b"})", R"({"exp":1800000000}{})",
        "{\"exp\":1800000000,\"sub\":\"\xff\"}", "eyJhbGciOiJub25lIn0.e30."}) {
    CAPTURE(payload);
    CHECK(at.failure(payload) == Failure::ClaimsInvalid);
  }
}

TEST_CASE("jwt: what fails first is the signature", "[jose][jwt]") {
  const Issuer at;
  const Issuer other;
  const std::string token = other.key.token(Algorithm::Es256, R"({"alg":"ES256"})", "nonsense");
  CHECK(verify_jwt(token, *at.keys, at.rules, kNow).failure == Failure::SignatureInvalid);
  JwtRules none = at.rules;
  none.algorithms = {};
  CHECK(verify_jwt(at.key.token(Algorithm::Es256, R"({"alg":"ES256"})", "{}"), *at.keys, none, kNow)
            .failure == Failure::AlgorithmNotAllowed);
}

TEST_CASE("claims: look-ups", "[jose][jwt]") {
  const ClaimsPtr claims = Claims::parse(
      R"({"sub":"u1","scope":"read  write","groups":["a",1,true,null,{"b":1},"c"],"n":1.50,)"
      R"("realm_access":{"roles":["admin"]},"https://x.test/t":"deep","a~b":2})");
  REQUIRE(claims);
  CHECK(claims->subject() == "u1");
  CHECK(claims->find("n").text() == "1.50");
  CHECK(claims->at("/realm_access/roles/0").text() == "admin");
  CHECK(claims->at(pointer_to("https://x.test/t")).text() == "deep");
  CHECK(claims->at(pointer_to("a~b")).text() == "2");
  CHECK(!claims->find("nothing").present());
  CHECK(has_word(claims->scopes(), "read"));
  CHECK(has_word(claims->scopes(), "write"));
  CHECK(!has_word(claims->scopes(), "rea"));
  CHECK(!has_word(claims->scopes(), ""));
  std::string words;
  for (ClaimWords at(claims->find("groups")); at.next();) words += std::string(at.word()) + ";";
  CHECK(words == "a;1;true;c;");
  CHECK(!ClaimWords(claims->find("realm_access")).next());
  CHECK(!ClaimWords(claims->find("nothing")).next());
  CHECK(has_word(Claims::parse(R"({"scp":["x","y z"]})")->scopes(), "y z"));
  CHECK(has_word(Claims::parse(R"({"scp":"x y"})")->scopes(), "y"));
  CHECK(Claims::parse(R"({"sub":7})")->subject().empty());
}

TEST_CASE("claims: live as long as somebody holds them", "[jose][jwt]") {
  ClaimsPtr kept;
  {
    const ClaimsPtr first = Claims::parse(R"({"sub":"a long enough subject to be on the heap"})");
    ClaimsPtr second = first;
    kept = std::move(second);
    CHECK(!second);  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
  }
  CHECK(kept->subject() == "a long enough subject to be on the heap");
  const ClaimsPtr& same = kept;
  kept = same;
  CHECK(kept->subject().size() == 39);
}

TEST_CASE("failures: each has a text that may stand in a challenge", "[jose][jwt]") {
  for (u32 i = 1; i <= static_cast<u32>(Failure::KeysUnavailable); ++i) {
    const std::string_view text = failure_text(static_cast<Failure>(i));
    CHECK(!text.empty());
    for (const char c : text) CHECK((c >= ' ' && c <= '~' && c != '"' && c != '\\'));
  }
}
