// Traffic that is split between upstreams, and copied to others.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/server/publication.h"

namespace gw {
namespace {

std::shared_ptr<const BoundTable> table_of(const std::string& fields,
                                           const ReferenceSource& references = {}) {
  return compiled_table(
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n  upstreams:\n"
      "    old: {targets: ['http://127.0.0.1:9001']}\n"
      "    new: {targets: ['http://127.0.0.1:9002']}\n"
      "    next: {targets: ['http://127.0.0.1:9003']}\n"
      "paths:\n  /{rest+}:\n    x-gw:\n      anyMethod: {}\n" +
          fields,
      false, references);
}

std::string upstream_of(const BoundTable& table, u32 index) {
  return std::string(table.text(table.view().upstreams()[index].name));
}

// Which upstream a request with this user meets.
std::string asked(const std::shared_ptr<const BoundTable>& table,
                  const std::vector<engine::OfflineField>& fields) {
  Trip trip(table);
  trip.start("GET", "/a", fields);
  return upstream_of(*table, trip.fetcher.sent.at(0).upstream);
}

std::vector<std::string> by_user(const std::shared_ptr<const BoundTable>& table, int users) {
  std::vector<std::string> out;
  for (int i = 0; i < users; ++i) out.push_back(asked(table, {{"x-user", std::to_string(i)}}));
  return out;
}

constexpr const char* kKey = "key: '{$request.header.x-user}'";

std::shared_ptr<const BoundTable> split_table(const std::string& split) {
  return table_of("      upstream: {name: old, split: {" + split + "}, " + kKey + "}\n");
}

// What would have been sent to mirrors.
struct Copies final : Mirrors {
  struct Copy {
    u32 upstream;
    std::string method, path, user, body;
  };
  void send(const Exchange& exchange, const FetchOptions& options, Bytes body) override {
    const http::RequestHead& head = exchange.upstream_request;
    const http::Field* user = head.fields.find("x-user");
    seen.push_back({options.upstream, std::string(head.method_text), std::string(head.path),
                    user == nullptr ? "" : std::string(user->value), std::string(as_text(body))});
    repeats += options.retry_times;
  }
  std::vector<Copy> seen;
  u32 repeats = 0;
};

}  // namespace

TEST_CASE("split: each upstream takes its share of the keys", "[engine][split]") {
  constexpr int kUsers = 4'000;
  std::map<std::string, int> counts;
  for (const std::string& name : by_user(split_table("new: 20%, next: 5%"), kUsers)) ++counts[name];
  // Within four standard deviations of a fair draw.
  CHECK(counts["new"] > 800 - 102);
  CHECK(counts["new"] < 800 + 102);
  CHECK(counts["next"] > 200 - 56);
  CHECK(counts["next"] < 200 + 56);
  CHECK(counts["old"] == kUsers - counts["new"] - counts["next"]);
}

TEST_CASE("split: a share that is raised moves nobody back", "[engine][split]") {
  constexpr int kUsers = 1'000;
  const std::vector<std::string> steps = {"new: 1%, next: 5%", "new: 10%, next: 5%",
                                          "new: 30%, next: 5%", "new: 30%, next: 40%",
                                          "new: 60%, next: 40%"};
  std::vector<std::string> before = by_user(split_table("new: 0%, next: 0%"), kUsers);
  CHECK(std::ranges::count(before, "old") == kUsers);
  for (const std::string& step : steps) {
    const std::vector<std::string> now = by_user(split_table(step), kUsers);
    for (size_t i = 0; i < now.size(); ++i) {
      if (before[i] == "old") continue;
      REQUIRE(now[i] != "old");
    }
    before = now;
  }
  // All have gone over.
  CHECK(std::ranges::count(before, "old") == 0);
}

TEST_CASE("split: a value meets the same upstream each time", "[engine][split]") {
  const auto table = split_table("new: 50%");
  for (int i = 0; i < 50; ++i) {
    const std::vector<engine::OfflineField> user = {{"x-user", std::to_string(i)}};
    const std::string first = asked(table, user);
    for (int again = 0; again < 5; ++again) REQUIRE(asked(table, user) == first);
  }
}

TEST_CASE("split: without a key, or a value for it, each request is drawn", "[engine][split]") {
  const std::string key = GENERATE(std::string(), std::string(", ") + kKey);
  const auto table = table_of("      upstream: {name: old, split: {new: 30%}" + key + "}\n");
  Trip trip(table);
  int taken = 0;
  for (int i = 0; i < 1'000; ++i) {
    trip.exchange.reset();
    trip.exchange.table = table.get();
    trip.fetcher.sent.clear();
    trip.start("GET", "/a");
    taken += upstream_of(*table, trip.fetcher.sent.at(0).upstream) == "new" ? 1 : 0;
  }
  CHECK(taken > 300 - 58);
  CHECK(taken < 300 + 58);
}

TEST_CASE("split: of several keys the first that is there counts", "[engine][split]") {
  const auto table = table_of(
      "      upstream: {name: old, split: {new: 50%},"
      " key: ['{$request.header.x-user}', '{$request.header.x-device}']}\n");
  const auto by_one = split_table("new: 50%");
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    const std::string alone = asked(by_one, {{"x-user", value}});
    CHECK(asked(table, {{"x-user", value}, {"x-device", "d"}}) == alone);
    CHECK(asked(table, {{"x-device", value}}) == alone);
  }
}

TEST_CASE("split: a condition takes a request out of the draw", "[engine][split]") {
  const auto table = table_of(
      "      upstream:\n        name: old\n        split: {new: 100%, next: 0%}\n"
      "        force:\n          next: {header: {x-next: '1'}}\n"
      "          old: {header: {x-old: {present: true}}}\n");
  CHECK(asked(table, {}) == "new");
  CHECK(asked(table, {{"x-next", "1"}}) == "next");
  CHECK(asked(table, {{"x-next", "2"}}) == "new");
  CHECK(asked(table, {{"x-old", ""}}) == "old");
  // The first by name.
  CHECK(asked(table, {{"x-old", "1"}, {"x-next", "1"}}) == "next");
}

TEST_CASE("split: shares that turn out to be more than all are refused when the table is loaded",
          "[engine][split]") {
  const std::string share = GENERATE("40%", "41%");
  ReferenceSource references;
  references.env = [&](const std::string&) -> std::optional<std::string> { return share; };
  const auto table =
      table_of("      upstream: {name: old, split: {new: 60%, next: '{$env.NEXT}'}}\n", references);
  std::vector<std::string> problems;
  server::make_publication(table, problems);
  if (share == "40%") {
    CHECK(problems.empty());
    return;
  }
  REQUIRE(problems.size() == 1);
  CHECK(problems[0] == "split of upstream `old`: the shares of the others are 101% together");
}

TEST_CASE("mirror: a copy of what is sent, of bodies when they have passed", "[engine][mirror]") {
  const auto table = table_of(
      "      upstream: old\n      request: {headers: {set: {x-user: seven}}}\n"
      "      mirror: {new: 100%, next: {share: 100%, maxBody: 4B}}\n");
  Copies copies;
  Trip trip(table);
  trip.env.mirrors = &copies;
  SECTION("no body") {
    trip.start("GET", "/a/b");
    REQUIRE(copies.seen.size() == 2);
    CHECK(upstream_of(*table, copies.seen[0].upstream) == "new");
    CHECK(upstream_of(*table, copies.seen[1].upstream) == "next");
    CHECK(copies.seen[0].method == "GET");
    CHECK(copies.seen[0].path == "/a/b");
    CHECK(copies.seen[0].user == "seven");
    CHECK(copies.seen[0].body.empty());
  }
  SECTION("a body that both take") {
    trip.start("POST", "/a", {}, "four");
    REQUIRE(copies.seen.size() == 2);
    CHECK(copies.seen[0].body == "four");
    CHECK(copies.seen[1].body == "four");
  }
  SECTION("a body that is too long for one") {
    trip.start("POST", "/a", {}, "five!");
    REQUIRE(copies.seen.size() == 1);
    CHECK(copies.seen[0].body == "five!");
  }
  CHECK(trip.fetcher.sent.size() == 1);
  CHECK(copies.repeats == 0);
}

TEST_CASE("mirror: its share, and none where nothing is sent", "[engine][mirror]") {
  const auto table = table_of("      upstream: old\n      mirror: {new: 25%, next: 0%}\n");
  Copies copies;
  Trip trip(table);
  trip.env.mirrors = &copies;
  for (int i = 0; i < 1'000; ++i) {
    trip.exchange.reset();
    trip.exchange.table = table.get();
    trip.start("GET", "/a");
  }
  CHECK(copies.seen.size() > 250 - 55);
  CHECK(copies.seen.size() < 250 + 55);
  for (const Copies::Copy& copy : copies.seen) CHECK(upstream_of(*table, copy.upstream) == "new");
}

}  // namespace gw
