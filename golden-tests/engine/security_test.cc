// Who may call: `security` of documents, through compiler and engine.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/identity/password_hash.h"
#include "runtime/jose/key_slot.h"
#include "runtime/jose/signing_key.h"
#include "runtime/limits/local_counters.h"

namespace gw {
namespace {

using engine::OfflineField;
using jose::Algorithm;
using jose::SigningKey;

// SHA-256 of "foo" and of "bar".
constexpr std::string_view kFoo =
    "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
constexpr std::string_view kBar =
    "sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9";
// bcrypt of "secret", cost 4.
const std::string& secret_hash() {
  static const std::string hash = identity::hash_password("secret");
  return hash;
}

constexpr std::string_view kSchemes = R"(
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-API-Key}
    queryKey: {type: apiKey, in: query, name: key}
    cookieKey: {type: apiKey, in: cookie, name: session}
    keptKey: {type: apiKey, in: header, name: X-Kept, x-gw: {forward: true}}
    basic: {type: http, scheme: basic}
    idp:
      type: http
      scheme: bearer
      x-gw:
        issuer: https://idp.example
        audiences: [shop, other]
        algorithms: [ES256]
        jwks: https://idp.example/keys
        claims: {tenant: {type: string}, level: {type: integer}}
    second:
      type: http
      scheme: bearer
      x-gw:
        issuer: https://second.example
        audiences: [shop]
        algorithms: [ES256]
        jwks: https://second.example/keys
        consumer: $jwt.client_id
)";

// A document whose only operation has this security and these x-gw fields.
std::string document(std::string_view security, std::string_view operation = "{}",
                     std::string_view consumers = {}, std::string_view parameters = "[]") {
  const std::string known =
      consumers.empty()
          ? fmt::format(
                "{{acme: {{keys: ['{}'], groups: [partners], metadata: {{tier: one}}}}, "
                "umbrella: {{keys: ['{}'], passwords: {{alice: '{}'}}}}}}",
                kFoo, kBar, secret_hash())
          : std::string(consumers);
  return fmt::format(R"(openapi: 3.1.0
info: {{title: Shop, version: 1.0.0}}
x-gw:
  upstreams: {{shop: {{targets: [{{url: 'http://127.0.0.1:9001'}}]}}}}
  defaults:
    upstream: shop
    request: {{headers: {{set: {{x-consumer: $consumer.name, x-subject: $jwt.sub}}}}}}
  consumers: {}
{}
paths:
  /orders/{{tenant}}:
    parameters: [{{name: tenant, in: path, required: true, schema: {{type: string}}}}]
    get:
      operationId: listOrders
      security: {}
      parameters: {}
      x-gw: {}
      responses: {{'200': {{description: ok}}}}
)",
                     known, kSchemes.substr(1), security, parameters, operation);
}

// The status of one GET with these fields.
u16 status(Trip& trip, const std::vector<OfflineField>& fields, const char* target = "/orders/t1") {
  trip.again();
  trip.start("GET", target, fields);
  REQUIRE(trip.done());
  return trip.responder.status;
}

const SigningKey& issuer_key() {
  static const SigningKey key = SigningKey::make(Algorithm::Es256);
  return key;
}
const SigningKey& second_key() {
  static const SigningKey key = SigningKey::make(Algorithm::Es256);
  return key;
}

std::shared_ptr<const jose::KeySet> key_set(const SigningKey& key, std::string_view id) {
  std::string problem;
  auto keys = jose::KeySet::parse(jose::key_set_of({key.jwk(id)}), {}, problem);
  REQUIRE(keys != nullptr);
  return keys;
}

// The table's data with keys for the issuers that it names.
void give_keys(Trip& trip) {
  auto data = std::make_shared<LiveData>(*trip.live);
  for (u32 i = 0; i < data->schemes.size(); ++i) {
    const std::string_view name = trip.table->text(trip.table->view().schemes()[i].name);
    if (name == "idp") data->schemes[i].keys = key_set(issuer_key(), "k1");
    if (name == "second") data->schemes[i].keys = key_set(second_key(), "k2");
  }
  trip.use(data);
}

constexpr i64 kNow = 1'700'000'000;

std::string token(const SigningKey& key, std::string_view id, std::string_view claims) {
  return key.token(Algorithm::Es256, fmt::format(R"({{"alg":"ES256","kid":"{}"}})", id), claims);
}
std::string idp_token(std::string_view more = "") {
  return token(issuer_key(), "k1",
               fmt::format(R"({{"iss":"https://idp.example","aud":"shop","sub":"u7","exp":{}{}}})",
                           kNow + 60, more));
}
OfflineField bearer(const std::string& token) { return {"authorization", "Bearer " + token}; }

struct TokenTrip : Trip {
  explicit TokenTrip(const std::string& text) : Trip(compiled_table(text)) {
    give_keys(*this);
    clock.set_unix_ms(kNow * 1000);
  }
};

std::vector<std::string> challenges(const Trip& trip) {
  std::vector<std::string> all;
  for (const OfflineField& field : trip.responder.fields) {
    if (field.name == "www-authenticate") all.push_back(field.value);
  }
  return all;
}

}  // namespace

TEST_CASE("security: a key is asked for, found by its hash, and goes no further", "[security]") {
  Trip trip(compiled_table(document("[{key: []}]")));
  CHECK(status(trip, {}) == 401);
  CHECK(challenges(trip) == std::vector<std::string>{R"(ApiKey name="x-api-key", in="header")"});
  CHECK(trip.exchange.error.code == Errc::Unauthenticated);
  CHECK(status(trip, {{"X-API-Key", "fo"}}) == 401);
  CHECK(status(trip, {{"X-API-Key", ""}}) == 401);
  CHECK(status(trip, {{"X-API-Key", "foo"}, {"X-API-Key", "foo"}}) == 401);
  CHECK(trip.fetcher.sent.empty());

  CHECK(status(trip, {{"X-API-Key", "foo"}, {"x-consumer", "admin"}}) == 200);
  REQUIRE(trip.fetcher.sent.size() == 1);
  CHECK(trip.sent_field("x-api-key") == "(none)");
  CHECK(trip.sent_field("x-consumer") == "acme");
  CHECK(trip.sent_field("x-subject") == "(none)");
}

TEST_CASE("security: what a client says of itself never passes for what was proved", "[security]") {
  TokenTrip trip(document("[{key: []}, {idp: []}]"));
  CHECK(status(trip, {bearer(idp_token()), {"x-consumer", "acme"}, {"x-subject", "root"}}) == 200);
  CHECK(trip.sent_field("x-consumer") == "(none)");
  CHECK(trip.sent_field("x-subject") == "u7");
}

TEST_CASE("security: keys in query and cookie leave the rest as it is", "[security]") {
  Trip query(compiled_table(document("[{queryKey: []}]")));
  CHECK(status(query, {}, "/orders/t1?a=1&key=foo&b=%20") == 200);
  CHECK(query.fetcher.sent[0].target == "/orders/t1?a=1&b=%20");
  CHECK(status(query, {}, "/orders/t1?k%65y=foo") == 200);
  CHECK(query.fetcher.sent[1].target == "/orders/t1");
  CHECK(status(query, {}, "/orders/t1?key=foo&key=foo") == 401);
  CHECK(status(query, {}, "/orders/t1?akey=foo") == 401);

  Trip cookie(compiled_table(document("[{cookieKey: []}]")));
  CHECK(status(cookie, {{"cookie", "a=1; session=foo; b=2"}}) == 200);
  CHECK(cookie.sent_field("cookie") == "a=1; b=2");
  CHECK(status(cookie, {{"cookie", "session=foo"}}) == 200);
  CHECK(status(cookie, {{"cookie", "xsession=foo"}}) == 401);
  CHECK(status(cookie, {{"cookie", "session=foo;session=bar"}}) == 401);

  Trip kept(compiled_table(document("[{keptKey: []}]")));
  CHECK(status(kept, {{"x-kept", "foo"}}) == 200);
  CHECK(kept.sent_field("x-kept") == "foo");
}

TEST_CASE("security: one alternative is enough, and of an alternative every scheme", "[security]") {
  Trip either(compiled_table(document("[{key: []}, {basic: []}]")));
  const OfflineField alice{"authorization", "Basic YWxpY2U6c2VjcmV0"};  // alice:secret
  CHECK(status(either, {{"x-api-key", "foo"}}) == 200);
  CHECK(status(either, {alice}) == 200);
  CHECK(either.fetcher.sent.size() == 2);
  // A wrong credential does not spoil a right one.
  CHECK(status(either, {{"x-api-key", "nope"}, alice}) == 200);
  CHECK(status(either, {{"x-api-key", "nope"}}) == 401);
  CHECK(challenges(either).size() == 2);

  Trip both(compiled_table(document("[{key: [], basic: []}]")));
  CHECK(status(both, {{"x-api-key", "foo"}}) == 401);
  CHECK(status(both, {alice}) == 401);
  CHECK(status(both, {{"x-api-key", "bar"}, alice}) == 200);
  // Two schemes that speak of different consumers prove neither.
  CHECK(status(both, {{"x-api-key", "foo"}, alice}) == 401);
}

TEST_CASE("security: {} lets in who brings nothing, and nobody who brings something wrong",
          "[security]") {
  for (const char* security : {"[{}, {key: []}]", "[{key: []}, {}]"}) {
    CAPTURE(security);
    Trip trip(compiled_table(document(security)));
    CHECK(status(trip, {}) == 200);
    CHECK(trip.sent_field("x-consumer") == "(none)");
    CHECK(status(trip, {{"x-api-key", "nope"}}) == 401);
    CHECK(status(trip, {{"x-api-key", "foo"}}) == 200);
    CHECK(trip.fetcher.sent[1].fields.back().value == "acme");
  }
  Trip open(compiled_table(document("[]")));
  CHECK(status(open, {{"x-api-key", "nope"}}) == 200);
}

TEST_CASE("security: passwords by their hash", "[security]") {
  Trip trip(compiled_table(document("[{basic: []}]")));
  const auto with = [&](const char* credential) {
    return status(trip, {{"authorization", credential}});
  };
  CHECK(with("Basic YWxpY2U6c2VjcmV0") == 200);
  CHECK(trip.sent_field("authorization") == "(none)");
  CHECK(trip.sent_field("x-consumer") == "umbrella");
  CHECK(with("basic   YWxpY2U6c2VjcmV0") == 200);
  CHECK(with("Basic YWxpY2U6d3Jvbmc=") == 401);  // alice:wrong
  CHECK(challenges(trip) == std::vector<std::string>{R"(Basic realm="Shop", charset="UTF-8")"});
  CHECK(with("Basic Ym9iOnNlY3JldA==") == 401);  // bob:secret
  CHECK(with("Basic YWxpY2U=") == 401);          // no colon
  CHECK(with("Basic !!!!") == 401);
  CHECK(with("Basic ") == 401);
  CHECK(with("Bearer YWxpY2U6c2VjcmV0") == 401);
}

TEST_CASE("security: a password that was right is known for a while, and only that", "[security]") {
  PasswordCache cache(1);
  CHECK_FALSE(cache.has("a", "b", "h", 0));
  cache.add("a", "b", "h", 0);
  CHECK(cache.has("a", "b", "h", PasswordCache::kLifeMs - 1));
  CHECK_FALSE(cache.has("a", "b", "h", PasswordCache::kLifeMs));
  CHECK_FALSE(cache.has("a", "c", "h", 1));
  CHECK_FALSE(cache.has("ab", "", "h", 1));
  CHECK_FALSE(cache.has("a", "b", "other hash", 1));
}

TEST_CASE("security: tokens by signature, issuer, audience and time", "[security]") {
  TokenTrip trip(document("[{idp: []}]"));
  CHECK(status(trip, {bearer(idp_token())}) == 200);
  CHECK(trip.sent_field("x-subject") == "u7");
  CHECK(trip.sent_field("authorization") != "(none)");  // tokens go on unless told otherwise
  CHECK(status(trip, {bearer(idp_token())}) == 200);    // from the cache

  CHECK(status(trip, {}) == 401);
  CHECK(challenges(trip) == std::vector<std::string>{R"(Bearer realm="Shop")"});
  const auto refused = [&](std::string_view claims, std::string_view reason) {
    CAPTURE(claims);
    CHECK(status(trip, {bearer(token(issuer_key(), "k1", claims))}) == 401);
    const auto all = challenges(trip);
    REQUIRE(all.size() == 1);
    CAPTURE(all[0]);
    CHECK(all[0].find(R"(error="invalid_token")") != std::string::npos);
    CHECK(all[0].find(reason) != std::string::npos);
  };
  const std::string exp = fmt::format(R"(,"exp":{})", kNow + 60);
  refused(R"({"iss":"https://idp.example","aud":"shop"})", "exp");
  refused(R"({"iss":"https://idp.example","aud":"shop","exp":1})", "expired");
  refused(R"({"iss":"https://evil.example","aud":"shop")" + exp + "}", "issuer");
  refused(R"({"iss":"https://idp.example","aud":"nobody")" + exp + "}", "audience");
  refused(R"({"iss":"https://idp.example","aud":"shop","level":"high")" + exp + "}", "claim");
  // Signed by somebody else under this key's name.
  CHECK(status(trip, {bearer(token(second_key(), "k1",
                                   R"({"iss":"https://idp.example","aud":"shop")" + exp + "}"))}) ==
        401);
  CHECK(status(trip, {bearer("a.b.c")}) == 401);
  CHECK(status(trip, {bearer(idp_token()), bearer(idp_token())}) == 401);

  // The token of a moment ago is not believed for longer than it says.
  trip.clock.set_unix_ms((kNow + 60 + 31) * 1000);
  CHECK(status(trip, {bearer(idp_token())}) == 401);
}

TEST_CASE("security: tokens in a field of their own, a cookie or the query", "[security]") {
  const auto trip_with = [](std::string_view token) {
    std::string text = document("[{idp: []}]");
    const std::string place = "        algorithms: [ES256]\n";
    text.insert(text.find(place) + place.size(), fmt::format("        {}\n", token));
    return text;
  };
  TokenTrip field(trip_with("token: {in: header, name: X-Token}"));
  CHECK(status(field, {{"x-token", idp_token()}}) == 200);
  CHECK(status(field, {{"x-token", "Bearer " + idp_token()}}) == 200);
  CHECK(status(field, {bearer(idp_token())}) == 401);

  TokenTrip cookie(trip_with("token: {in: cookie, name: session}\n        forward: false"));
  CHECK(status(cookie, {{"cookie", "a=1; session=" + idp_token()}}) == 200);
  CHECK(cookie.sent_field("cookie") == "a=1");

  TokenTrip query(trip_with("token: {in: query, name: access_token}\n        forward: false"));
  CHECK(status(query, {}, ("/orders/t1?access_token=" + idp_token()).c_str()) == 200);
  CHECK(query.fetcher.sent[0].target == "/orders/t1");
  CHECK(status(query, {bearer(idp_token())}) == 401);
}

TEST_CASE("security: without keys the answer is 503, never a pass", "[security]") {
  Trip trip(compiled_table(document("[{idp: []}]")));
  CHECK(status(trip, {bearer("a.b.c")}) == 503);
  CHECK(trip.exchange.error.code == Errc::IdentityUnknown);
  CHECK(status(trip, {}) == 401);
  // Another alternative still holds.
  Trip other(compiled_table(document("[{idp: []}, {key: []}]")));
  CHECK(status(other, {bearer("a.b.c"), {"x-api-key", "foo"}}) == 200);
}

TEST_CASE("security: a key that is not known is waited for as long as it is fetched",
          "[security]") {
  using std::chrono::milliseconds;
  Trip trip(compiled_table(document("[{idp: []}]")));
  trip.clock.set_unix_ms(kNow * 1000);
  const auto slot = std::make_shared<jose::KeySlot>();
  u32 fetches = 0;
  slot->listen([&] { ++fetches; });
  auto data = std::make_shared<LiveData>(*trip.live);
  for (u32 i = 0; i < data->schemes.size(); ++i) {
    const std::string_view name = trip.table->text(trip.table->view().schemes()[i].name);
    if (name == "idp") data->schemes[i].slot = slot;
  }
  slot->publish(key_set(second_key(), "other"));
  trip.use(data);
  trip.start("GET", "/orders/t1", {bearer(idp_token())});
  REQUIRE(fetches == 1);
  trip.clock.advance(milliseconds(300));
  REQUIRE_FALSE(trip.done());
  SECTION("the same keys again: refused at once, not after the longest wait") {
    slot->answer(slot->asked());
    trip.clock.advance(milliseconds(20));
    REQUIRE(trip.done());
    CHECK(trip.responder.status == 401);
    // The next one does not wait at all.
    slot->wait_until(INT64_MAX);
    trip.again();
    trip.start("GET", "/orders/t1", {bearer(idp_token())});
    REQUIRE(trip.done());
    CHECK(trip.responder.status == 401);
    CHECK(fetches == 1);
  }
  SECTION("the key is there: let in") {
    slot->publish(key_set(issuer_key(), "k1"));
    slot->answer(slot->asked());
    trip.clock.advance(milliseconds(20));
    REQUIRE(trip.done());
    CHECK(trip.responder.status == 200);
  }
  SECTION("no answer: refused after two seconds") {
    trip.clock.advance(milliseconds(1'690));
    REQUIRE_FALSE(trip.done());
    trip.clock.advance(milliseconds(30));
    REQUIRE(trip.done());
    CHECK(trip.responder.status == 401);
  }
}

TEST_CASE("security: two issuers side by side", "[security]") {
  TokenTrip trip(document("[{idp: []}, {second: []}]"));
  const std::string second =
      token(second_key(), "k2",
            fmt::format(R"({{"iss":"https://second.example","aud":"shop","sub":"s1",)"
                        R"("client_id":"acme","exp":{}}})",
                        kNow + 60));
  CHECK(status(trip, {bearer(idp_token())}) == 200);
  CHECK(status(trip, {bearer(second)}) == 200);
  CHECK(trip.fetcher.sent[1].fields.size() > 0);
  CHECK(trip.exchange.identity.consumer != table::kNoConsumer);
  CHECK(trip.live->consumers.name(trip.exchange.identity.consumer) == "acme");

  TokenTrip one(document("[{idp: []}]"));
  CHECK(status(one, {bearer(second)}) == 401);
}

TEST_CASE("security: scopes that are missing are named", "[security]") {
  TokenTrip trip(document("[{idp: ['orders:read', 'orders:list']}]"));
  CHECK(status(trip, {bearer(idp_token())}) == 403);
  CHECK(challenges(trip) ==
        std::vector<std::string>{R"(Bearer realm="Shop", error="insufficient_scope", )"
                                 R"(scope="orders:read orders:list")"});
  CHECK(status(trip, {bearer(idp_token(R"(,"scope":"orders:read")"))}) == 403);
  CHECK(status(trip, {bearer(idp_token(R"(,"scope":"orders:reader orders:list")"))}) == 403);
  CHECK(status(trip, {bearer(idp_token(R"(,"scope":"orders:list orders:read x")"))}) == 200);
  CHECK(status(trip, {bearer(idp_token(R"(,"scope":["orders:list","orders:read"])"))}) == 200);

  // Of keys a scope is a group (a role, in the words of OpenAPI 3.1).
  Trip key(compiled_table(document("[{key: [partners]}]")));
  CHECK(status(key, {{"x-api-key", "foo"}}) == 200);
  CHECK(status(key, {{"x-api-key", "bar"}}) == 403);
}

TEST_CASE("access: allow and deny by address, group, claim and metadata", "[security]") {
  Trip address(compiled_table(document("[{key: []}]", "{deny: {ip: 192.0.2.0/24}}")));
  // Before authentication: whoever is shut out learns nothing.
  CHECK(status(address, {}) == 403);
  CHECK(challenges(address).empty());

  Trip group(compiled_table(document("[{key: []}]", "{allow: {consumer: {group: partners}}}")));
  CHECK(status(group, {{"x-api-key", "foo"}}) == 200);
  CHECK(status(group, {{"x-api-key", "bar"}}) == 403);
  CHECK(group.exchange.error.code == Errc::Forbidden);

  Trip metadata(compiled_table(
      document("[{key: []}]", "{allow: {consumer: {metadata: {tier: {prefix: on}}}}}")));
  CHECK(status(metadata, {{"x-api-key", "foo"}}) == 200);
  CHECK(status(metadata, {{"x-api-key", "bar"}}) == 403);

  TokenTrip claim(document("[{idp: []}]", "{allow: {jwt: {tenant: {present: true}}}}"));
  CHECK(status(claim, {bearer(idp_token())}) == 403);
  CHECK(status(claim, {bearer(idp_token(R"(,"tenant":"t1")"))}) == 200);

  TokenTrip deep(document("[{idp: []}]", "{allow: {jwt: {'/groups': [admins, owners]}}}"));
  CHECK(status(deep, {bearer(idp_token(R"(,"groups":["users"])"))}) == 403);
  CHECK(status(deep, {bearer(idp_token(R"(,"groups":["users","owners"])"))}) == 200);

  // An absent value is let through by no rule, and by no `not` of deny either.
  TokenTrip none(document("[{idp: []}]", "{deny: {jwt: {tenant: {not: t1}}}}"));
  CHECK(status(none, {bearer(idp_token())}) == 403);
}

TEST_CASE("access: a parameter must equal what the token says", "[security]") {
  const std::string text = document("[{idp: []}]");
  std::string with = text;
  const std::string plain = "{name: tenant, in: path, required: true, schema: {type: string}}";
  with.replace(with.find(plain), plain.size(),
               "{name: tenant, in: path, required: true, schema: {type: string}, "
               "x-gw: {equals: $jwt.tenant}}");
  TokenTrip trip(with);
  CHECK(status(trip, {bearer(idp_token(R"(,"tenant":"t1")"))}) == 200);
  CHECK(status(trip, {bearer(idp_token(R"(,"tenant":"t2")"))}) == 403);
  CHECK(status(trip, {bearer(idp_token())}) == 403);
  CHECK(status(trip, {bearer(idp_token(R"(,"tenant":"t1")"))}, "/orders/%741") == 200);
}

TEST_CASE("security: limits of a consumer come before those of his plan and the operation",
          "[security]") {
  const std::string consumers = fmt::format(
      "{{acme: {{keys: ['{}'], plan: gold, rateLimit: {{calls: {{limit: 3/h}}}}}}, umbrella: "
      "{{keys: ['{}'], plan: gold}}, initech: {{keys: "
      "['sha256:baa5a0964d3320fbc0c6a922140453c8513ea24ab8fd0577034804a967248096']}}}}\n  plans: "
      "{{gold: {{rateLimit: {{calls: {{limit: 2/h}}}}}}}}",
      kFoo, kBar);
  Trip trip(compiled_table(document(
      "[{key: []}]", "{rateLimit: {calls: {key: $consumer.name, limit: 1/h}}}", consumers)));
  limits::LocalCounters counters;
  trip.env.counters = &counters;
  const auto admitted = [&](const char* key) {
    u32 count = 0;
    while (count < 10 && status(trip, {{"x-api-key", key}}) == 200) ++count;
    return count;
  };
  CHECK(admitted("foo") == 3);
  CHECK(admitted("bar") == 2);
  CHECK(admitted("baz") == 1);
  CHECK(status(trip, {}) == 401);  // a limit of consumers does not hold who is none
}

TEST_CASE("security: limits of plans and consumers may come from the environment", "[security]") {
  const std::string consumers = fmt::format(
      "{{acme: {{keys: ['{}'], plan: gold, rateLimit: {{calls: {{limit: '{{$env.ACME}}', burst: "
      "'{{$env.BURST:-2}}'}}}}}}, umbrella: {{keys: ['{}'], plan: gold}}}}\n  plans: {{gold: "
      "{{rateLimit: {{calls: {{limit: $env.GOLD}}}}, quota: {{all: {{limit: $env.QUOTA, per: "
      "day}}}}}}}}",
      kFoo, kBar);
  const std::string text =
      document("[{key: []}]", "{rateLimit: {calls: {key: $consumer.name, limit: 1/h}}}", consumers);
  std::map<std::string, std::string> values = {{"ACME", "9/h"}, {"GOLD", "4/h"}, {"QUOTA", "3"}};
  ReferenceSource references;
  references.env = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
  SECTION("they count as if they were written") {
    Trip trip(compiled_table(text, false, references));
    limits::LocalCounters counters;
    trip.env.counters = &counters;
    trip.clock.set_unix_ms(kNow * 1000);
    const auto admitted = [&](const char* key) {
      u32 count = 0;
      while (count < 20 && status(trip, {{"x-api-key", key}}) == 200) ++count;
      return count;
    };
    CHECK(admitted("foo") == 2);  // the burst
    CHECK(admitted("bar") == 3);  // the quota of the plan, below its rate
  }
  SECTION("what does not fit refuses the table, by its name") {
    const auto [name, value, field] =
        GENERATE(std::tuple("GOLD", "many", "plans.gold.rateLimit.calls.limit"),
                 std::tuple("GOLD", "0/h", "plans.gold.rateLimit.calls.limit"),
                 std::tuple("QUOTA", "18446744073709551615", "plans.gold.quota.all.limit"),
                 std::tuple("ACME", "", "consumers.acme.rateLimit.calls.limit"),
                 std::tuple("BURST", "0", "consumers.acme.rateLimit.calls.burst"));
    CAPTURE(name, value);
    values[name] = value;
    std::vector<ReferenceProblem> problems;
    CHECK_FALSE(BoundTable::bind(compiled_file(text), references, problems));
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].field == field);
  }
}

TEST_CASE("security: a plan's own limits hold for all that a consumer calls", "[security]") {
  const std::string consumers = fmt::format(
      "{{acme: {{keys: ['{}'], plan: gold}}, umbrella: {{keys: ['{}']}}}}\n  plans: {{gold: "
      "{{quota: {{calls: {{limit: 2, per: day}}}}}}}}",
      kFoo, kBar);
  Trip trip(compiled_table(document("[{key: []}]", "{}", consumers)));
  limits::LocalCounters counters;
  trip.env.counters = &counters;
  trip.clock.set_unix_ms(kNow * 1000);
  CHECK(status(trip, {{"x-api-key", "foo"}}) == 200);
  CHECK(status(trip, {{"x-api-key", "foo"}}) == 200);
  CHECK(status(trip, {{"x-api-key", "foo"}}) == 429);
  for (u32 i = 0; i < 5; ++i) CHECK(status(trip, {{"x-api-key", "bar"}}) == 200);
  trip.clock.set_unix_ms((kNow + 86'400) * 1000);
  CHECK(status(trip, {{"x-api-key", "foo"}}) == 200);
}

TEST_CASE("security: client certificates name consumers", "[security]") {
  const std::string text = fmt::format(R"(openapi: 3.1.0
info: {{title: Shop, version: 1.0.0}}
x-gw:
  listeners:
    - address: 127.0.0.1:8443
      tls:
        cert: '$file./cert'
        key: '$file./cert'
        clientCertificate: {{ca: '$file./cert', mode: optional}}
  upstreams: {{shop: {{targets: [{{url: 'http://127.0.0.1:9001'}}]}}}}
  defaults: {{upstream: shop}}
  consumers:
    acme: {{certificates: [{{san: 'DNS:acme.example'}}]}}
    umbrella: {{certificates: [{{fingerprint: {}}}]}}
    initech: {{certificates: [{{subject: 'CN=initech'}}]}}
security: [{{tls: []}}]
components:
  securitySchemes: {{tls: {{type: mutualTLS, x-gw: {{consumer: {{required: true}}}}}}}}
paths: {{/orders/t1: {{get: {{operationId: list, responses: {{'200': {{description: ok}}}}}}}}}}
)",
                                       std::string(64, 'a'));
  ReferenceSource references;
  references.env = [](const std::string&) { return std::optional<std::string>(); };
  references.file = [](const std::string&) {
    return Result<std::string>(std::string("-----BEGIN CERTIFICATE-----"));
  };
  Trip trip(compiled_table(text, false, references));
  PeerCertificate certificate;
  const auto call = [&](const PeerCertificate* with) {
    trip.again();
    trip.exchange.client_certificate = with;
    trip.start("GET", "/orders/t1");
    REQUIRE(trip.done());
    return trip.responder.status;
  };
  CHECK(call(nullptr) == 401);
  certificate = {.subject = "CN=nobody", .san = "DNS:x.example", .fingerprint = "bb"};
  CHECK(call(&certificate) == 401);
  certificate.san = "DNS:x.example,DNS:acme.example";
  CHECK(call(&certificate) == 200);
  CHECK(trip.live->consumers.name(trip.exchange.identity.consumer) == "acme");
  certificate.fingerprint = std::string(64, 'a');  // nearer than a name
  CHECK(call(&certificate) == 200);
  CHECK(trip.live->consumers.name(trip.exchange.identity.consumer) == "umbrella");
  certificate = {.subject = "CN=initech", .san = "", .fingerprint = "bb"};
  CHECK(call(&certificate) == 200);
}

TEST_CASE("security: tokens that say nothing are asked about", "[security]") {
  std::string text = document("[{opaque: ['orders:read']}]");
  text.replace(text.find("    basic: {type: http"), 0,
               "    opaque: {type: http, scheme: bearer, x-gw: {issuer: 'https://idp.example', "
               "audiences: [shop], introspection: {upstream: shop, path: /introspect, clientId: "
               "gw, clientSecret: '{$env.S:-geheim/+}', cache: 10s}}}\n");
  ReferenceSource references;
  references.env = [](const std::string&) { return std::optional<std::string>(); };
  Trip trip(compiled_table(text, false, references));
  trip.clock.set_unix_ms(kNow * 1000);
  const auto answer = [&](std::string body, u16 code = 200) {
    trip.fetcher.script.push_back({.status = code, .body = std::move(body)});
  };
  const std::string good =
      fmt::format(R"({{"active":true,"iss":"https://idp.example","aud":"shop","sub":"u1","exp":{},)"
                  R"("scope":"orders:read"}})",
                  kNow + 5);
  answer(good);
  answer("upstream");
  CHECK(status(trip, {bearer("opaque-1")}) == 200);
  REQUIRE(trip.fetcher.sent.size() == 2);
  const auto& asked = trip.fetcher.sent[0];
  CHECK(asked.method == "POST");
  CHECK(asked.target == "/introspect");
  CHECK(asked.body == "token_type_hint=access_token&token=opaque-1");
  const auto credential = std::ranges::find(asked.fields, "authorization", &OfflineField::name);
  REQUIRE(credential != asked.fields.end());
  CHECK(credential->value == "Basic Z3c6Z2VoZWltJTJGJTJC");  // gw:geheim%2F%2B
  CHECK(trip.fetcher.sent[1].fields.back().value == "u1");

  answer("upstream");  // the verdict is kept
  CHECK(status(trip, {bearer("opaque-1")}) == 200);
  CHECK(trip.fetcher.sent.size() == 3);
  trip.clock.set_unix_ms((kNow + 36) * 1000);  // but not beyond the token, with its skew
  answer(R"({"active":false})");
  CHECK(status(trip, {bearer("opaque-1")}) == 401);

  answer("oops", 500);
  CHECK(status(trip, {bearer("opaque-2")}) == 503);
  answer("no json");
  CHECK(status(trip, {bearer("opaque-2")}) == 503);
  answer(R"({"active":"true"})");
  CHECK(status(trip, {bearer("opaque-2")}) == 503);
  answer(R"({"active":true,"iss":"https://evil.example","aud":"shop"})");
  CHECK(status(trip, {bearer("opaque-2")}) == 401);
  trip.fetcher.script.push_back({.failure = Errc::ConnectFailed});
  CHECK(status(trip, {bearer("opaque-2")}) == 503);
}

TEST_CASE("authorizer: a service decides, last of all", "[security]") {
  std::string text = document("[{key: []}]",
                              "{authorizer: {upstream: judge, path: /judge, send: [x-team], "
                              "receive: [x-role], cache: 10s}}");
  text.replace(text.find("upstreams: {"), 12,
               "upstreams: {judge: {targets: [{url: 'http://127.0.0.1:9002'}]}, ");
  Trip trip(compiled_table(text));
  trip.clock.set_unix_ms(kNow * 1000);
  const std::vector<OfflineField> request{
      {"x-api-key", "foo"}, {"x-team", "blue"}, {"x-role", "admin"}, {"host", "shop.example"}};
  trip.fetcher.script = {{.status = 200, .fields = {{"x-role", "clerk"}, {"x-other", "1"}}},
                         {.status = 200}};
  CHECK(status(trip, request, "/orders/t1?a=b") == 200);
  REQUIRE(trip.fetcher.sent.size() == 2);
  const auto sent = [&](size_t index, std::string_view name) {
    for (const OfflineField& field : trip.fetcher.sent[index].fields) {
      if (field.name == name) return field.value;
    }
    return std::string("(none)");
  };
  CHECK(trip.fetcher.sent[0].target == "/judge");
  CHECK(sent(0, "x-forwarded-method") == "GET");
  CHECK(sent(0, "x-forwarded-uri") == "/orders/t1?a=b");
  CHECK(sent(0, "x-forwarded-host") == "shop.example");
  CHECK(sent(0, "x-team") == "blue");
  CHECK(sent(0, "x-role") == "(none)");
  CHECK(sent(0, "x-api-key") == "(none)");
  CHECK(sent(1, "x-role") == "clerk");
  CHECK(sent(1, "x-other") == "(none)");

  // The same question of the same caller is not asked again, another one is.
  CHECK(status(trip, request, "/orders/t1?a=b") == 200);
  CHECK(trip.fetcher.sent.size() == 3);
  CHECK(sent(2, "x-role") == "clerk");
  trip.fetcher.script.push_back({.status = 403});
  trip.again();
  trip.fetcher.sent.clear();
  CHECK(status(trip, {{"x-api-key", "bar"}, {"x-team", "blue"}}, "/orders/t1?a=b") == 403);
  CHECK(trip.fetcher.sent.size() == 1);
  // Whoever has no key does not get so far.
  CHECK(status(trip, {}) == 401);
  CHECK(trip.fetcher.sent.size() == 1);
}

TEST_CASE("authorizer: what it refuses is refused, and its silence as well", "[security]") {
  const auto trip_with = [](std::string_view more) {
    std::string text = document(
        "[]", fmt::format("{{authorizer: {{upstream: shop, receive: [x-role]{}}}}}", more));
    return compiled_table(text);
  };
  Trip trip(trip_with(""));
  trip.fetcher.script.push_back(
      {.status = 401, .fields = {{"www-authenticate", "Judge realm=\"x\""}}});
  CHECK(status(trip, {}) == 401);
  CHECK(challenges(trip) == std::vector<std::string>{"Judge realm=\"x\""});
  trip.fetcher.script.push_back({.status = 302});
  CHECK(status(trip, {}) == 403);
  trip.fetcher.script.push_back({.status = 500});
  CHECK(status(trip, {}) == 503);
  trip.fetcher.script.push_back({.failure = Errc::ConnectFailed});
  CHECK(status(trip, {}) == 503);
  CHECK(trip.exchange.error.code == Errc::IdentityUnknown);

  trip.again();
  trip.fetcher.script.push_back({.status = 200, .after = std::chrono::milliseconds(300)});
  trip.start("GET", "/orders/t1");
  CHECK_FALSE(trip.done());
  trip.clock.advance(std::chrono::milliseconds(250));
  REQUIRE(trip.done());
  CHECK(trip.responder.status == 503);

  Trip open(trip_with(", onError: allow"));
  open.fetcher.script = {{.status = 500}, {.status = 200}};
  CHECK(status(open, {{"x-role", "admin"}}) == 200);
  CHECK(open.fetcher.sent.size() == 2);
  for (const OfflineField& field : open.fetcher.sent[1].fields) CHECK(field.name != "x-role");
}

}  // namespace gw
