// What becomes of credentials where an operation has several schemes: none that is one here goes
// on to the upstream, and a wrong one is never taken for none.
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/identity/live_data.h"
#include "runtime/identity/services.h"

namespace gw {
namespace {

// SHA-256 of `right`.
constexpr auto* kHead =
    "openapi: 3.1.0\n"
    "info: {title: T, version: '1'}\n"
    "x-gw:\n"
    "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n"
    "  defaults: {upstream: origin}\n"
    "  consumers: {acme: {keys: "
    "['sha256:27042f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd8563bad9']}}\n"
    "components:\n"
    "  securitySchemes:\n"
    "    one: {type: apiKey, in: header, name: X-One}\n"
    "    two: {type: apiKey, in: header, name: X-Two}\n"
    "    three: {type: apiKey, in: query, name: three}\n"
    "    four: {type: apiKey, in: cookie, name: four}\n"
    "    kept: {type: apiKey, in: header, name: X-Kept, x-gw: {forward: true}}\n"
    "paths:\n"
    "  /a:\n"
    "    get:\n"
    "      operationId: a\n"
    "      responses: {'200': {description: ok}}\n"
    "      security: ";

struct Call {
  Call(const std::string& security, const char* target,
       const std::vector<engine::OfflineField>& fields)
      : trip(compiled_table(kHead + security + "\n")) {
    std::vector<std::string> problems;
    data = load_live_data(*trip.table, ReferenceSource::process({}), problems);
    REQUIRE(problems.empty());
    identity.emplace(services, *data);
    trip.exchange.live = data.get();
    trip.env.identity = &*identity;
    trip.start("GET", target, fields);
    REQUIRE(trip.done());
  }
  u16 status() const { return trip.responder.status; }

  engine::OfflinePasswords passwords;
  IdentityServices services{1, passwords};
  std::shared_ptr<const LiveData> data;
  std::optional<IdentityEnv> identity;
  Trip trip;
};

}  // namespace

TEST_CASE("credentials: those of alternatives that were not needed go no further", "[identity]") {
  const Call call("[{one: []}, {two: []}, {three: []}, {four: []}, {kept: []}]",
                  "/a?x=1&three=wrong&y=2",
                  {{"host", "h"},
                   {"x-one", "right"},
                   {"x-two", "right"},
                   {"x-kept", "right"},
                   {"cookie", "a=1; four=right; b=2"}});
  REQUIRE(call.status() == 200);
  CHECK(call.trip.sent_field("x-one") == "(none)");
  CHECK(call.trip.sent_field("x-two") == "(none)");
  CHECK(call.trip.sent_field("x-kept") == "right");
  CHECK(call.trip.sent_field("cookie") == "a=1; b=2");
  CHECK(call.trip.fetcher.sent.at(0).target == "/a?x=1&y=2");
}

TEST_CASE("credentials: a query and cookies without any are left as they are", "[identity]") {
  const Call call("[{one: []}, {three: []}, {four: []}]", "/a?",
                  {{"host", "h"}, {"x-one", "right"}, {"cookie", "a=1;b=2"}});
  REQUIRE(call.status() == 200);
  CHECK(call.trip.sent_field("cookie") == "a=1;b=2");
  CHECK(call.trip.fetcher.sent.at(0).target == "/a?");
}

TEST_CASE("credentials: who brings a part of an alternative is not anonymous", "[identity]") {
  const std::string security = "[{one: [], two: []}, {}]";
  CHECK(Call(security, "/a", {{"host", "h"}}).status() == 200);
  CHECK(Call(security, "/a", {{"host", "h"}, {"x-one", "right"}, {"x-two", "right"}}).status() ==
        200);
  CHECK(Call(security, "/a", {{"host", "h"}, {"x-one", "right"}}).status() == 401);
  CHECK(Call(security, "/a", {{"host", "h"}, {"x-two", "right"}}).status() == 401);
  CHECK(Call(security, "/a", {{"host", "h"}, {"x-two", "wrong"}}).status() == 401);
}

}  // namespace gw
