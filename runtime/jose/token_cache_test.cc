// A verdict is found again by the whole token, as long as it stands.
#include "runtime/jose/token_cache.h"
#include "runtime/base/testing/count_allocations.h"

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <new>

#include "runtime/base/random.h"

using namespace gw;
using namespace gw::jose;

namespace {

constexpr i64 kForever = 1'000'000'000'000;

ClaimsPtr claims_of(std::string_view subject) {
  return Claims::parse(fmt::format(R"({{"sub":"{}"}})", subject));
}

std::string subject_of(const ClaimsPtr& claims) {
  return claims ? std::string(claims->subject()) : "-";
}

}  // namespace

TEST_CASE("token cache: keeps a verdict by token, keys and rules", "[jose][cache]") {
  TokenCache cache({}, 7);
  CHECK(!cache.find("t", {1, 1}, 0));
  cache.insert("t", {1, 1}, claims_of("a"), kForever);
  CHECK(subject_of(cache.find("t", {1, 1}, 0)) == "a");
  CHECK(!cache.find("t", {2, 1}, 0));
  CHECK(!cache.find("t", {1, 2}, 0));
  CHECK(!cache.find("u", {1, 1}, 0));
  CHECK(!cache.find("", {1, 1}, 0));
  CHECK(!cache.find("tt", {1, 1}, 0));
  cache.insert("t", {2, 1}, claims_of("b"), kForever);
  cache.insert("t", {1, 1}, claims_of("c"), kForever);  // anew
  CHECK(cache.size() == 2);
  CHECK(subject_of(cache.find("t", {1, 1}, 0)) == "c");
  CHECK(subject_of(cache.find("t", {2, 1}, 0)) == "b");
  cache.clear();
  CHECK(!cache.find("t", {1, 1}, 0));
  CHECK(cache.held_bytes() == 0);
}

TEST_CASE("token cache: a verdict ends with its token", "[jose][cache]") {
  TokenCache cache({}, 7);
  cache.insert("t", {}, claims_of("a"), 1000);
  const ClaimsPtr held = cache.find("t", {}, 999);
  CHECK(held);
  CHECK(!cache.find("t", {}, 1000));
  CHECK(cache.size() == 0);
  CHECK(cache.held_bytes() == 0);
  CHECK(held->subject() == "a");  // a request that has it goes on
}

TEST_CASE("token cache: what was asked for stays, what was not leaves", "[jose][cache]") {
  TokenCache cache({.entries = 100}, 7);
  cache.insert("popular", {}, claims_of("p"), kForever);
  for (int i = 0; i < 10'000; ++i) {
    cache.insert(fmt::format("token {}", i), {}, claims_of("x"), kForever);
    CHECK(cache.size() <= 100);
    REQUIRE(cache.find("popular", {}, 0));
  }
}

TEST_CASE("token cache: bytes are bounded, one large token does not clear it", "[jose][cache]") {
  TokenCache cache({.entries = 1000, .bytes = 64 * 1024}, 7);
  for (int i = 0; i < 2000; ++i) {
    cache.insert(fmt::format("{:01000}", i), {}, claims_of("x"), kForever);
    CHECK(cache.held_bytes() <= 64 * 1024);
  }
  const u32 before = cache.size();
  CHECK(before > 40);
  cache.insert(std::string(8 * 1024, 'x'), {}, claims_of("x"), kForever);
  CHECK(cache.size() == before);
}

TEST_CASE("token cache: finding allocates nothing", "[jose][cache]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  TokenCache cache({}, 7);
  std::vector<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    tokens.push_back(fmt::format("{:0600}", i));
    cache.insert(tokens.back(), {1, 1}, Claims::parse(R"({"scope":"a b","r":{"s":["x"]}})"),
                 kForever);
  }
  const u64 before = g_allocations.load();
  u32 good = 0;
  for (const std::string& token : tokens) {
    const ClaimsPtr claims = cache.find(token, {1, 1}, 0);
    good += claims && has_word(claims->scopes(), "b") && claims->at("/r/s/0").text() == "x";
    good += !cache.find(token, {2, 1}, 0);
  }
  CHECK(g_allocations.load() - before == 0);
  CHECK(good == 200);
#endif
}

TEST_CASE("token cache: never says what a map would not", "[jose][cache]") {
  Xoshiro random(3);
  TokenCache cache({.entries = 37, .bytes = 1 << 20}, 11);
  struct Kept {
    std::string subject;
    i64 until;
  };
  std::map<std::pair<std::string, u64>, Kept> model;
  u32 hits = 0;
  for (i64 now = 0; now < 60'000; ++now) {
    const std::string token = fmt::format("t{}", random.next() % 60);
    const CacheScope scope{random.next() % 2, 5};
    if (random.next() % 3 == 0) {
      const Kept kept{fmt::format("s{}", random.next()),
                      now + static_cast<i64>(random.next() % 100)};
      model[{token, scope.keys}] = kept;
      cache.insert(token, scope, claims_of(kept.subject), kept.until);
      continue;
    }
    const ClaimsPtr found = cache.find(token, scope, now);
    if (!found) continue;
    ++hits;
    const auto known = model.find({token, scope.keys});
    REQUIRE(known != model.end());
    REQUIRE(subject_of(found) == known->second.subject);
    REQUIRE(now < known->second.until);
    REQUIRE(cache.size() <= 37);
  }
  CHECK(hits > 1000);
}
