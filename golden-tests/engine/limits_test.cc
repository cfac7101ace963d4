// Limits through the real compiler and engine, on a fake clock.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/base/units.h"
#include "runtime/http/structured_field.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/observe/access_log.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto* kHead =
    "openapi: 3.1.0\n"
    "info: {title: T, version: '1'}\n"
    "x-gw:\n"
    "  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}\n";

std::shared_ptr<const BoundTable> table_of(const std::string& defaults,
                                           const std::string& paths = {},
                                           const ReferenceSource& references = {}) {
  const std::string any = "  /{rest+}: {x-gw: {anyMethod: {}}}\n";
  return compiled_table(std::string(kHead) + "  defaults: {upstream: origin, timeout: 5s" +
                            defaults + "}\npaths:\n" + (paths.empty() ? any : paths),
                        false, references);
}

// Requests one after the other, with the counters and the clock of one gateway.
class Client {
 public:
  explicit Client(std::shared_ptr<const BoundTable> table) : table_(std::move(table)) {}

  // The trip stays, for looking at; its counters are this client's.
  Trip& send(const char* method, const char* target,
             const std::vector<engine::OfflineField>& fields = {}) {
    begin(method, target, fields);
    REQUIRE(trip_->done());
    return *trip_;
  }
  Trip& begin(const char* method, const char* target,
              const std::vector<engine::OfflineField>& fields = {}) {
    trip_ = std::make_unique<Trip>(table_);
    trip_->env.counters = &counters;
    trip_->clock.advance(now_);
    trip_->clock.set_unix_ms(unix_ms + now_.count());
    if (!ip.empty()) {
      trip_->exchange.client_text = ip;
      http::parse_address(ip, trip_->exchange.client);
    }
    trip_->exchange.limit_overrides = overrides;
    trip_->start(method, target, fields);
    return *trip_;
  }
  // How much of the first limit is used, as metrics tell it.
  std::string_view used() const {
    return limits::kLimitUseNames[static_cast<size_t>(trip_->exchange.limits->outcomes[0].use)];
  }
  std::unique_ptr<Trip> take() { return std::move(trip_); }
  u16 status(const char* target = "/a", const std::vector<engine::OfflineField>& fields = {}) {
    return send("GET", target, fields).responder.status;
  }
  void advance(milliseconds by) { now_ += by; }
  void publish(std::shared_ptr<const BoundTable> table) { table_ = std::move(table); }

  limits::LocalCounters counters;
  std::string ip;
  i64 unix_ms = 0;
  std::vector<limits::LimitOverride> overrides;

 private:
  std::shared_ptr<const BoundTable> table_;
  milliseconds now_{0};
  std::unique_ptr<Trip> trip_;
};

}  // namespace

TEST_CASE("limits: each decision tells how much of the limit is used", "[limits]") {
  const auto used = [](const std::string& limit, int requests) {
    Client client(table_of(", " + limit));
    std::string all;
    for (int i = 0; i < requests; ++i) {
      client.send("GET", "/a");
      if (!all.empty()) all += ' ';
      all += client.used();
    }
    return all;
  };
  CHECK(used("rateLimit: {few: {key: $client.ip, limit: 5/h}}", 6) ==
        "0-50 0-50 50-80 80-95 95-100 over");
  // Of what may come at once, not of the rate.
  CHECK(used("rateLimit: {few: {key: $client.ip, limit: 100/h, burst: 2}}", 3) ==
        "50-80 95-100 over");
  CHECK(used("quota: {few: {key: $client.ip, limit: 2, per: day}}", 3) == "50-80 95-100 over");
  // In shadow mode the request goes on.
  CHECK(used("rateLimit: {few: {key: $client.ip, limit: 1/h, mode: shadow}}", 2) == "95-100 over");
  // One place is taken, and given back.
  CHECK(used("concurrency: {few: {key: $client.ip, limit: 4}}", 2) == "0-50 0-50");
}

TEST_CASE("limits: a burst, then 429 with what a client needs to know", "[engine][limits]") {
  Client client(table_of(", rateLimit: {perClient: {key: $client.ip, limit: 30/min, burst: 2}}"));
  Trip* trip = &client.send("GET", "/a");
  CHECK(trip->responder.status == 200);
  CHECK(trip->field("ratelimit-policy") == R"("perClient";q=30;w=60)");
  CHECK(trip->field("ratelimit") == R"("perClient";r=1;t=2)");
  CHECK(trip->field("retry-after") == "(none)");
  CHECK(client.send("GET", "/a").field("ratelimit") == R"("perClient";r=0;t=4)");
  client.advance(milliseconds(100));
  trip = &client.send("GET", "/a");
  CHECK(trip->responder.status == 429);
  CHECK(trip->field("content-type") == "application/problem+json");
  CHECK(trip->responder.body.find("too-many-requests") != std::string::npos);
  CHECK(trip->field("retry-after") == "2");  // 1.9 s, rounded up
  CHECK(trip->field("ratelimit") == R"("perClient";r=0;t=2)");
  CHECK(trip->exchange.limits->refused_by == "perClient");
  std::string line;
  observe::append_access_line(trip->exchange, nullptr, 0, 0, line);
  CHECK(line.find(R"("status":429)") != std::string::npos);
  CHECK(line.find(R"("limit":"perClient")") != std::string::npos);
  CHECK(trip->fetcher.sent.empty());
  client.advance(milliseconds(1'899));
  CHECK(client.status() == 429);
  client.advance(milliseconds(1));
  CHECK(client.status() == 200);
  CHECK(client.status() == 429);
}

TEST_CASE("limits: another client is not held, one of the same IPv6 network is",
          "[engine][limits]") {
  Client client(table_of(", rateLimit: {x: {key: $client.ip, limit: 1/h}}"));
  CHECK(client.status() == 200);
  CHECK(client.status() == 429);
  client.ip = "192.0.2.8";
  CHECK(client.status() == 200);
  client.ip = "2001:db8:1:2::1";
  CHECK(client.status() == 200);
  client.ip = "2001:db8:1:2:ffff::9";
  CHECK(client.status() == 429);
  client.ip = "2001:db8:1:3::1";
  CHECK(client.status() == 200);
}

TEST_CASE("limits: as many bits of an IPv6 address as said", "[engine][limits]") {
  Client client(table_of(", rateLimit: {x: {key: $client.ip, limit: 1/h, ipv6Prefix: 52}}"));
  client.ip = "2001:db8:1:1000::";
  CHECK(client.status() == 200);
  client.ip = "2001:db8:1:1fff::";
  CHECK(client.status() == 429);
  client.ip = "2001:db8:1:2000::";
  CHECK(client.status() == 200);
}

TEST_CASE("limits: of a list of keys the first that is there; without any they share one",
          "[engine][limits]") {
  Client client(
      table_of(", rateLimit: {x: {key: [$request.header.a, $request.header.b], limit: 1/h}}"));
  CHECK(client.status("/a", {{"a", "1"}}) == 200);
  CHECK(client.status("/a", {{"a", "1"}, {"b", "2"}}) == 429);
  CHECK(client.status("/a", {{"b", "1"}}) == 200);  // another key, of the same text
  CHECK(client.status("/a", {{"b", "1"}}) == 429);
  CHECK(client.status() == 200);
  client.ip = "192.0.2.8";
  CHECK(client.status() == 429);
}

TEST_CASE("limits: values of a key do not run into each other", "[engine][limits]") {
  Client client(
      table_of(", rateLimit: {x: {key: '{$request.header.a}{$request.header.b}', limit: 1/h}}"));
  CHECK(client.status("/a", {{"a", "x"}, {"b", "yz"}}) == 200);
  CHECK(client.status("/a", {{"a", "xy"}, {"b", "z"}}) == 200);
  CHECK(client.status("/a", {{"a", "x"}, {"b", "yz"}}) == 429);
}

TEST_CASE("limits: only for the requests of `when`, at the cost that is said", "[engine][limits]") {
  Client client(table_of(", rateLimit: {x: {limit: 10/h, cost: 5, when: {header: {kind: dear}}}}"));
  for (int i = 0; i < 20; ++i) CHECK(client.status() == 200);
  CHECK(client.status("/a", {{"kind", "dear"}}) == 200);
  CHECK(client.status("/a", {{"kind", "dear"}}) == 200);
  CHECK(client.status("/a", {{"kind", "dear"}}) == 429);
  CHECK(client.send("GET", "/a").field("ratelimit") == "(none)");
}

TEST_CASE("limits: who is refused by one is not charged by another", "[engine][limits]") {
  Client client(
      table_of(", rateLimit: {all: {limit: 10/h}, each: {key: $client.ip, limit: 2/h}},"
               " quota: {daily: {limit: 100, per: day}}"));
  for (int i = 0; i < 30; ++i) client.status();  // two come through
  client.ip = "192.0.2.8";
  Trip& trip = client.send("GET", "/a");
  CHECK(trip.responder.status == 200);
  CHECK(trip.field("ratelimit") == R"("all";r=7;t=1080, "each";r=1;t=1800, "daily";r=97;t=86400)");
  CHECK(trip.field("ratelimit-policy") ==
        R"("all";q=10;w=3600, "each";q=2;w=3600, "daily";q=100;w=86400)");
}

TEST_CASE("limits: the fields are read back as the lists that the draft describes",
          "[engine][limits]") {
  namespace structured = http::structured;
  Client client(
      table_of(", rateLimit: {a.b: {limit: 3/min}}, concurrency: {'9-x': {limit: 2}},"
               " quota: {daily: {limit: 1000000000, per: day}, monthly: {limit: 7, per: month}}"));
  Trip& trip = client.send("GET", "/a");
  const std::string policy_text(trip.field("ratelimit-policy"));
  const std::string state_text(trip.field("ratelimit"));
  Arena arena;
  const auto policies = structured::parse_list(policy_text, arena);
  const auto states = structured::parse_list(state_text, arena);
  REQUIRE(policies);
  REQUIRE(states);
  REQUIRE(policies->size() == 4);
  REQUIRE(states->size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    const structured::Member& policy = (*policies)[i];
    const structured::Member& state = (*states)[i];
    CAPTURE(policy_text, state_text, i);
    CHECK(policy.value.type == structured::Type::String);
    CHECK(policy.value == state.value);  // one name in both
    const structured::BareItem* quota = structured::find(policy.parameters, "q");
    const structured::BareItem* left = structured::find(state.parameters, "r");
    REQUIRE((quota != nullptr && left != nullptr));
    CHECK(quota->type == structured::Type::Integer);
    CHECK(left->type == structured::Type::Integer);
    CHECK((left->number >= 0 && left->number <= quota->number));
    const structured::BareItem* window = structured::find(policy.parameters, "w");
    if (window != nullptr) CHECK(window->number > 0);
    const structured::BareItem* reset = structured::find(state.parameters, "t");
    if (reset != nullptr) CHECK(reset->number > 0);
    const structured::BareItem* unit = structured::find(policy.parameters, "qu");
    const bool concurrent = policy.value.text == "9-x";
    CHECK((unit != nullptr) == concurrent);
    if (concurrent) CHECK(*unit == structured::BareItem::string("concurrent-requests"));
    if (policy.value.text == "daily") CHECK(quota->number == 1'000'000'000);
    if (policy.value.text == "monthly") CHECK(window == nullptr);
    // Whom a limit counts by is nothing for answers.
    CHECK(structured::find(policy.parameters, "pk") == nullptr);
    CHECK(structured::find(state.parameters, "pk") == nullptr);
  }
}

TEST_CASE("limits: Retry-After is when all of them would let it pass", "[engine][limits]") {
  Client client(table_of(", rateLimit: {a: {limit: 1/s}, b: {limit: 1/min}, c: {limit: 1000/s}}"));
  CHECK(client.status() == 200);
  CHECK(client.send("GET", "/a").field("retry-after") == "60");
}

TEST_CASE("limits: shadow mode counts and refuses nothing", "[engine][limits]") {
  Client client(table_of(", rateLimit: {trial: {limit: 1/h, mode: shadow}, real: {limit: 3/h}}"));
  CHECK(client.status() == 200);
  Trip& trip = client.send("GET", "/a");
  CHECK(trip.responder.status == 200);
  CHECK(trip.exchange.limits->would_refuse == "trial");
  std::string line;
  observe::append_access_line(trip.exchange, nullptr, 0, 0, line);
  CHECK(line.find(R"("shadow_limit":"trial")") != std::string::npos);
  CHECK(trip.field("ratelimit").find("trial") == std::string::npos);
  CHECK(client.counters.counts().shadowed == 1);
  CHECK(client.status() == 200);
  CHECK(client.status() == 429);
}

TEST_CASE("limits: headers off, and in place of the upstream's", "[engine][limits]") {
  Client quiet(table_of(", rateLimit: {x: {limit: 1/h, headers: off}}"));
  CHECK(quiet.send("GET", "/a").field("ratelimit") == "(none)");
  CHECK(quiet.send("GET", "/a").field("retry-after") == "3600");

  Client client(table_of(", rateLimit: {x: {limit: 5/h}}"));
  Trip trip(table_of(", rateLimit: {x: {limit: 5/h}}"));
  trip.fetcher.script = {{.fields = {{"RateLimit", "\"theirs\";r=1"}}}};
  trip.start("GET", "/a");
  CHECK(trip.field("ratelimit") == R"("x";r=4;t=720)");
}

TEST_CASE("limits: what levels inherit is shared, with `scope: operation` each counts for itself",
          "[engine][limits]") {
  const std::string paths =
      "  /a: {get: {operationId: a, responses: {'200': {description: ok}}}}\n"
      "  /b: {get: {operationId: b, responses: {'200': {description: ok}}}}\n"
      "  /dear: {get: {operationId: dear, x-gw: {rateLimit: {x: {cost: 2}}},"
      " responses: {'200': {description: ok}}}}\n"
      "  /own: {get: {operationId: own, x-gw: {rateLimit: {x: off, y: {limit: 1/h}}},"
      " responses: {'200': {description: ok}}}}\n";
  Client shared(table_of(", rateLimit: {x: {limit: 5/h}}", paths));
  CHECK(shared.status("/a") == 200);
  CHECK(shared.status("/b") == 200);
  CHECK(shared.status("/dear") == 200);
  CHECK(shared.status("/dear") == 429);
  CHECK(shared.status("/a") == 200);
  CHECK(shared.status("/b") == 429);
  CHECK(shared.status("/own") == 200);
  CHECK(shared.status("/own") == 429);
  Client apart(table_of(", rateLimit: {x: {limit: 2/h, scope: operation}}", paths));
  CHECK(apart.status("/a") == 200);
  CHECK(apart.status("/a") == 200);
  CHECK(apart.status("/a") == 429);
  CHECK(apart.status("/b") == 200);
}

TEST_CASE("limits: a policy that several use has one counter, a name at two paths has two",
          "[engine][limits]") {
  const std::string text = std::string(kHead) +
                           "  defaults: {upstream: origin, timeout: 5s}\n"
                           "  policies: {few: {rateLimit: {x: {limit: 2/h}}}}\n"
                           "paths:\n"
                           "  /a: {x-gw: {use: few, anyMethod: {}}}\n"
                           "  /b: {x-gw: {use: [few], anyMethod: {}}}\n"
                           "  /c: {x-gw: {rateLimit: {x: {limit: 1/h}}, anyMethod: {}}}\n"
                           "  /d: {x-gw: {rateLimit: {x: {limit: 1/h}}, anyMethod: {}}}\n";
  Client client(compiled_table(text));
  CHECK(client.status("/a") == 200);
  CHECK(client.status("/b") == 200);
  CHECK(client.status("/a") == 429);
  CHECK(client.status("/c") == 200);
  CHECK(client.status("/d") == 200);
  CHECK(client.status("/c") == 429);
}

TEST_CASE("limits: of two policies, and of an operation, all hold", "[engine][limits]") {
  const std::string text =
      std::string(kHead) +
      "  defaults: {upstream: origin, timeout: 5s}\n"
      "  policies: {one: {rateLimit: {x: {limit: 9/h}}}, two: {rateLimit: {y: {limit: 8/h}}}}\n"
      "paths:\n"
      "  /a: {x-gw: {use: [one, two], rateLimit: {z: {limit: 7/h}}, anyMethod: {}}}\n";
  Client client(compiled_table(text));
  CHECK(client.send("GET", "/a").field("ratelimit") ==
        R"("x";r=8;t=400, "y";r=7;t=450, "z";r=6;t=515)");
}

TEST_CASE("limits: counters outlive a table, and know another key", "[engine][limits]") {
  const std::string limit = ", rateLimit: {x: {key: $client.ip, limit: 1/h}}";
  Client client(table_of(limit));
  CHECK(client.status() == 200);
  client.publish(table_of(limit + ", maxBody: 5MiB"));
  CHECK(client.status() == 429);
  client.publish(table_of(", rateLimit: {x: {key: $request.host, limit: 1/h}}"));
  CHECK(client.status() == 200);
  client.publish(table_of(limit));
  CHECK(client.status() == 429);
}

TEST_CASE("limits: a quota of a raised limit remembers what was used", "[engine][limits]") {
  Client client(table_of(", quota: {x: {limit: 1, per: month}}"));
  CHECK(client.status() == 200);
  CHECK(client.status() == 429);
  client.publish(table_of(", quota: {x: {limit: 3, per: month}}"));
  CHECK(client.status() == 200);
  CHECK(client.status() == 200);
  Trip& trip = client.send("GET", "/a");
  CHECK(trip.responder.status == 429);
  CHECK(trip.field("retry-after") == "2678400");  // 31 days
  CHECK(trip.field("ratelimit-policy") == R"("x";q=3)");
}

TEST_CASE("limits: a quota begins anew with the hour of the clock", "[engine][limits]") {
  Client client(table_of(", quota: {x: {limit: 1, per: hour}}"));
  client.unix_ms = 3'599'500;
  CHECK(client.status() == 200);
  CHECK(client.send("GET", "/a").field("retry-after") == "1");
  client.advance(milliseconds(500));
  CHECK(client.status() == 200);
}

TEST_CASE("limits: so many at a time, until they end", "[engine][limits]") {
  Client client(table_of(", concurrency: {x: {limit: 1}}"));
  Trip& slow = client.begin("GET", "/a");
  REQUIRE(slow.done());  // the script answers at once; now one that takes its time
  CHECK(slow.field("ratelimit-policy") == R"("x";q=1;qu="concurrent-requests")");
  CHECK(slow.field("ratelimit") == R"("x";r=0)");
  std::unique_ptr<Trip> first = std::make_unique<Trip>(table_of(", concurrency: {x: 1}"));
  first->env.counters = &client.counters;
  first->fetcher.script = {{.after = seconds(2)}};
  first->start("GET", "/a");
  REQUIRE_FALSE(first->done());
  Trip& second = client.send("GET", "/a");
  CHECK(second.responder.status == 429);
  CHECK(second.field("retry-after") == "1");
  SECTION("one that is answered") { first->clock.advance(seconds(2)); }
  SECTION("one that breaks off") { first.reset(); }
  CHECK(client.status() == 200);
}

TEST_CASE("limits: a refused request holds no place and uses up nothing", "[engine][limits]") {
  Client client(table_of(", concurrency: {x: 1}, rateLimit: {y: {key: $client.ip, limit: 1/h}}"));
  CHECK(client.status() == 200);
  for (int i = 0; i < 5; ++i) CHECK(client.status() == 429);
  client.ip = "192.0.2.8";
  CHECK(client.status() == 200);
}

TEST_CASE("limits: the measure of a consumer takes the place of the operation's",
          "[engine][limits]") {
  Client client(
      table_of(", rateLimit: {partner: {limit: 1/h}, other: {limit: 5/h}},"
               " quota: {partner: {limit: 9, per: day}}"));
  client.overrides = {{.name = "partner",
                       .kind = static_cast<u32>(policies::LimitKind::Rate),
                       .limit = pack_rate({3, 3'600}),
                       .burst = 2}};
  Trip& trip = client.send("GET", "/a");
  CHECK(trip.field("ratelimit-policy") ==
        R"("other";q=5;w=3600, "partner";q=3;w=3600, "partner";q=9;w=86400)");
  CHECK(client.status() == 200);
  CHECK(client.status() == 429);
  client.overrides.clear();
  CHECK(client.status() == 200);  // its own counter, by its own measure
  CHECK(client.status() == 429);
}

TEST_CASE("limits: a limit that is known only when the table is loaded", "[engine][limits]") {
  ReferenceSource references;
  references.env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "RATE") return "2/h";
    return std::nullopt;
  };
  Client client(table_of(", rateLimit: {x: {limit: '{$env.RATE}'}}", {}, references));
  CHECK(client.status() == 200);
  CHECK(client.status() == 200);
  CHECK(client.status() == 429);
}

TEST_CASE("limits: who looks for paths that are not there is limited, too", "[engine][limits]") {
  const std::string paths =
      "  /a: {get: {operationId: a, responses: {'200': {description: ok}}}}\n";
  Client client(table_of(", rateLimit: {x: {key: $client.ip, limit: 3/h}}", paths));
  CHECK(client.status("/b") == 404);
  CHECK(client.status("/c") == 404);
  CHECK(client.status("/a") == 200);
  Trip& trip = client.send("GET", "/d");
  CHECK(trip.responder.status == 429);
  CHECK(trip.field("ratelimit") == R"("x";r=0;t=1200)");
}

TEST_CASE("limits: without counters what is limited is refused", "[engine][limits]") {
  Trip trip(table_of(", rateLimit: {x: {limit: 3/h}}"));
  trip.env.counters = nullptr;
  trip.start("GET", "/a");
  CHECK(trip.responder.status == 503);
  CHECK(trip.fetcher.sent.empty());
}

// Two requests a millisecond for a minute: whatever the rate, no second sees more than it allows.
TEST_CASE("limits: never too much in any window, through the engine", "[engine][limits]") {
  Client client(table_of(", rateLimit: {x: {limit: 5/s, burst: 3}}"));
  std::vector<i64> admitted;
  for (i64 ms = 0; ms < 3'000; ++ms) {
    if (ms % 7 < 3 && client.status() == 200) admitted.push_back(ms);
    client.advance(milliseconds(1));
  }
  CHECK(admitted.size() >= 15);
  for (size_t i = 0; i < admitted.size(); ++i) {
    for (size_t j = i; j < admitted.size(); ++j) {
      const i64 most = 3 + (admitted[j] - admitted[i]) / 200;
      CHECK(static_cast<i64>(j - i + 1) <= most);
    }
  }
}

}  // namespace gw
