// What leads a request to the same target again: the key of its balancing, and the sticky cookie.
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"

namespace gw {
namespace {

std::shared_ptr<const BoundTable> table_of(const std::string& upstream_fields) {
  return compiled_table(
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n  upstreams:\n    origin:\n"
      "      targets: ['http://127.0.0.1:9001', 'http://127.0.0.1:9002']\n" +
      upstream_fields + "paths:\n  /{rest+}:\n    x-gw: {upstream: origin, anyMethod: {}}\n");
}

FetchOptions asked(const std::shared_ptr<const BoundTable>& table,
                   const std::vector<engine::OfflineField>& fields) {
  Trip trip(table);
  trip.start("GET", "/a", fields);
  return trip.fetcher.sent.at(0).options;
}

constexpr const char* kSticky = "      sticky: {cookie: at}\n";

// The cookie that an answer of the target with this token sets.
std::string cookie_after(const std::shared_ptr<const BoundTable>& table, u64 token,
                         const std::string& brought, bool https = false) {
  Trip trip(table);
  trip.fetcher.script = {{.target_token = token}};
  trip.https = https;
  trip.start("GET", "/a", {{"cookie", brought}});
  return trip.field("set-cookie");
}

}  // namespace

TEST_CASE("affinity: equal values of the key hash alike", "[engine][affinity]") {
  const auto table = table_of("      balance: {by: ringHash, key: '{$request.header.x-user}'}\n");
  const FetchOptions one = asked(table, {{"x-user", "1"}});
  CHECK(one.hashed);
  CHECK(asked(table, {{"x-user", "1"}, {"x-other", "2"}}).balance_hash == one.balance_hash);
  CHECK(asked(table, {{"x-user", "2"}}).balance_hash != one.balance_hash);
  // Without a value chance decides.
  CHECK_FALSE(asked(table, {}).hashed);
}

TEST_CASE("affinity: the cookie that a client brings", "[engine][affinity]") {
  const auto table = table_of(kSticky);
  CHECK(asked(table, {{"cookie", "a=b; at=00000000000000ff; c=d"}}).sticky_token == 0xff);
  for (const char* other : {"at=ff", "at=00000000000000fg", "at=00000000000000ff0",
                            "at=", "At=00000000000000ff", "a=b"}) {
    CAPTURE(other);
    CHECK(asked(table, {{"cookie", other}}).sticky_token == 0);
  }
  CHECK(asked(table_of(""), {{"cookie", "at=00000000000000ff"}}).sticky_token == 0);
}

TEST_CASE("affinity: the cookie that an answer sets", "[engine][affinity]") {
  const auto table = table_of(kSticky);
  CHECK(cookie_after(table, 0xabc, "") == "at=0000000000000abc; Path=/; HttpOnly; SameSite=Lax");
  // Another target has answered.
  CHECK(cookie_after(table, 0xabc, "at=0000000000000001") ==
        "at=0000000000000abc; Path=/; HttpOnly; SameSite=Lax");
  CHECK(cookie_after(table, 0xabc, "at=0000000000000abc") == "(none)");
  CHECK(cookie_after(table, 0xabc, "", true) ==
        "at=0000000000000abc; Path=/; HttpOnly; SameSite=Lax; Secure");
  CHECK(cookie_after(table, 0, "") == "(none)");
  CHECK(cookie_after(table_of(""), 0xabc, "") == "(none)");
}

}  // namespace gw
