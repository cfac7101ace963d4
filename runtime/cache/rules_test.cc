// The rules against a model that is written down from RFC 9111 in another way: as what must not
// happen, over messages that are put together at random.
#include "runtime/cache/rules.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace gw::cache {
namespace {

constexpr i64 kNowMs = 1'700'000'000'000;

struct Message {
  Message() : fields(arena) {}
  void add(std::string_view name, std::string_view value) {
    fields.add(arena.copy(name), arena.copy(value));
  }
  Arena arena;
  http::FieldList fields;
};

Verdict judged(u16 status, std::initializer_list<std::pair<const char*, const char*>> answer,
               Wishes wishes = {},
               std::initializer_list<std::pair<const char*, const char*>> request = {}) {
  Message asked;
  Message told;
  for (const auto& [name, value] : request) asked.add(name, value);
  for (const auto& [name, value] : answer) told.add(name, value);
  return judge_answer(http::Method::Get, asked.fields, read_directives(asked.fields), status,
                      told.fields, {.answered_unix_ms = kNowMs, .delay_ms = 0}, wishes);
}

}  // namespace

TEST_CASE("rules: how long an answer is fresh", "[cache]") {
  Wishes ttl;
  ttl.ttl_ms = 30'000;
  CHECK(judged(200, {{"cache-control", "max-age=60"}}).freshness.lifetime_ms == 60'000);
  CHECK(judged(200, {{"cache-control", "max-age=60, s-maxage=5"}}).freshness.lifetime_ms == 5'000);
  CHECK(judged(200, {{"cache-control", "max-age=60"}}, ttl).freshness.lifetime_ms == 60'000);
  CHECK(judged(200, {}, ttl).freshness.lifetime_ms == 30'000);
  CHECK(judged(200, {}).refusal == Refusal::NoTime);
  CHECK(judged(200, {{"expires", "Tue, 14 Nov 2023 22:14:20 GMT"}}).freshness.lifetime_ms ==
        60'000);
  CHECK(judged(200, {{"expires", "Tue, 14 Nov 2023 22:14:20 GMT"},
                     {"date", "Tue, 14 Nov 2023 22:12:20 GMT"}})
            .freshness.lifetime_ms == 120'000);
  CHECK(judged(200, {{"expires", "0"}, {"etag", "\"a\""}}, ttl).freshness.lifetime_ms == 0);
  Wishes override = ttl;
  override.override = true;
  CHECK(judged(200, {{"cache-control", "max-age=60, no-cache"}}, override).freshness.lifetime_ms ==
        30'000);
  CHECK_FALSE(judged(200, {{"cache-control", "no-cache"}}, override).freshness.always_ask);
  CHECK(judged(200, {{"cache-control", "no-store"}}, override).refusal == Refusal::NoStore);
  Wishes guess;
  guess.heuristic = true;
  CHECK(judged(200, {{"last-modified", "Tue, 14 Nov 2023 20:33:20 GMT"}}, guess)
            .freshness.lifetime_ms == 600'000);
  CHECK(judged(200, {{"last-modified", "Tue, 14 Nov 2003 20:33:20 GMT"}}, guess)
            .freshness.lifetime_ms == kMaxHeuristicMs);
}

TEST_CASE("rules: how old an answer is when it comes", "[cache]") {
  const auto age = [](std::initializer_list<std::pair<const char*, const char*>> answer) {
    Wishes wishes;
    wishes.ttl_ms = 1'000'000;
    return judged(200, answer, wishes).freshness.age_ms;
  };
  CHECK(age({}) == 0);
  CHECK(age({{"age", "10"}}) == 10'000);
  CHECK(age({{"age", "-10"}}) == 0);
  CHECK(age({{"date", "Tue, 14 Nov 2023 22:13:00 GMT"}}) == 20'000);
  CHECK(age({{"date", "Tue, 14 Nov 2023 22:13:00 GMT"}, {"age", "50"}}) == 50'000);
  CHECK(age({{"date", "Tue, 14 Nov 2033 22:13:00 GMT"}}) == 0);
}

TEST_CASE("rules: windows of stale use", "[cache]") {
  Wishes wishes;
  wishes.ttl_ms = 10'000;
  wishes.stale_while_revalidate_ms = 5'000;
  wishes.stale_if_error_ms = 60'000;
  const auto windows = [&](const char* control) {
    const Freshness found = judged(200, {{"cache-control", control}}, wishes).freshness;
    return std::pair(found.stale_while_revalidate_ms, found.stale_if_error_ms);
  };
  using Pair = std::pair<i64, i64>;
  CHECK(windows("max-age=10") == Pair(5'000, 60'000));
  CHECK(windows("max-age=10, stale-while-revalidate=1") == Pair(1'000, 60'000));
  CHECK(windows("max-age=10, must-revalidate") == Pair(0, 0));
  CHECK(windows("max-age=10, proxy-revalidate, stale-if-error=9") == Pair(0, 0));
  CHECK(windows("s-maxage=10") == Pair(0, 0));
  CHECK(windows("s-maxage=10, stale-if-error=9") == Pair(0, 9'000));
}

TEST_CASE("rules: a 304 renews what is stored", "[cache]") {
  Message stored;
  stored.add("etag", "\"1\"");
  stored.add("content-type", "text/plain");
  stored.add("x-old", "1");
  stored.add("cache-control", "max-age=5");
  Message fresh;
  fresh.add("cache-control", "max-age=9");
  fresh.add("content-type", "text/html");
  fresh.add("x-new", "2");
  fresh.add("age", "3");
  Message out;
  update_fields(stored.fields, fresh.fields, out.fields);
  CHECK(out.fields.value(http::FieldId::CacheControl) == "max-age=9");
  CHECK(out.fields.value(http::FieldId::ContentType) == "text/plain");
  CHECK(out.fields.value(http::FieldId::Etag) == "\"1\"");
  CHECK(out.fields.find("x-old") != nullptr);
  CHECK(out.fields.find("x-new") != nullptr);
  CHECK_FALSE(out.fields.has(http::FieldId::Age));
}

TEST_CASE("rules: messages at random against what the RFC forbids", "[cache]") {
  u64 state = 1;
  const auto random = [&](u64 below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % below;
  };
  const auto has = [](const std::vector<std::string>& words, std::string_view word) {
    for (const std::string& one : words) {
      if (one == word) return true;
    }
    return false;
  };
  static constexpr const char* kWords[] = {"no-store", "no-cache",        "private",
                                           "public",   "must-revalidate", "proxy-revalidate"};
  for (int i = 0; i < 50'000; ++i) {
    Message request;
    Message answer;
    std::vector<std::string> says;
    std::string control;
    for (const char* word : kWords) {
      if (random(6) != 0) continue;
      says.emplace_back(word);
      control += std::string(word) + ", ";
    }
    i64 told = -1;  // seconds, of the directive that counts
    if (random(2) == 0) {
      told = static_cast<i64>(random(50));
      control += "max-age=" + std::to_string(told) + ", ";
    }
    const bool shared_time = random(3) == 0;
    if (shared_time) {
      told = static_cast<i64>(random(50));
      control += "s-maxage=" + std::to_string(told) + ", ";
    }
    if (!control.empty()) answer.add("cache-control", control);
    const bool cookie = random(10) == 0;
    if (cookie) answer.add("set-cookie", "a=b");
    const bool validator = random(2) == 0;
    if (validator) answer.add("etag", "\"e\"");
    const i64 age = static_cast<i64>(random(20));
    if (age != 0) answer.add("age", std::to_string(age));
    const bool credentials = random(3) == 0;
    if (credentials) request.add("authorization", "x");
    static constexpr u16 kStatuses[] = {200, 200, 200, 206, 304, 302, 404, 500};
    const u16 status = kStatuses[random(std::size(kStatuses))];
    Wishes wishes;
    if (random(2) == 0) wishes.ttl_ms = static_cast<i64>(random(40)) * 1000;
    wishes.stale_while_revalidate_ms = static_cast<i64>(random(2)) * 5'000;
    wishes.stale_if_error_ms = static_cast<i64>(random(2)) * 9'000;
    wishes.for_everybody = random(3) == 0;
    wishes.client_bypass = random(2) == 0;
    Directives asks;
    asks.no_cache = random(5) == 0;

    CAPTURE(control, status, age, credentials, cookie);
    const Verdict verdict = judge_answer(http::Method::Get, request.fields, asks, status,
                                         answer.fields, {kNowMs, 0}, wishes);
    const bool kept = verdict.refusal == Refusal::None;
    // Section 3: what a shared cache must not store.
    if (has(says, "no-store") || has(says, "private") || cookie) REQUIRE_FALSE(kept);
    if (status == 206 || status == 304) REQUIRE_FALSE(kept);
    const bool for_all = has(says, "public") || has(says, "must-revalidate") || shared_time;
    if (credentials && !wishes.for_everybody && !for_all) REQUIRE_FALSE(kept);
    // Nobody has said how long, and the status says nothing of itself.
    if (told < 0 && !wishes.ttl_ms && !has(says, "no-cache")) REQUIRE_FALSE(kept);
    // ... and what it should: anything with time left that none of these forbid.
    const i64 lifetime = told >= 0 ? told * 1000 : wishes.ttl_ms ? *wishes.ttl_ms + age * 1000 : 0;
    const bool forbidden = has(says, "no-store") || has(says, "private") || cookie ||
                           status == 206 || status == 304 ||
                           (credentials && !wishes.for_everybody && !for_all);
    if (!forbidden && !has(says, "no-cache") && lifetime > age * 1000) REQUIRE(kept);
    if (!kept) continue;

    for (i64 now = 0; now < 80'000; now += 1'000) {
      const i64 current = age * 1000 + now;
      const Reuse use = judge_use(verdict.freshness, current, asks, wishes);
      // Section 4: fresh, or allowed to be stale, or asked about.
      if (has(says, "no-cache")) REQUIRE(use == Reuse::Ask);
      if (wishes.client_bypass && asks.no_cache) REQUIRE(use == Reuse::Ask);
      if (use == Reuse::Fresh) REQUIRE(current < lifetime);
      const bool strict = has(says, "must-revalidate") || has(says, "proxy-revalidate") ||
                          has(says, "no-cache") || shared_time;
      if (use == Reuse::StaleOnce) {
        REQUIRE_FALSE(strict);
        REQUIRE(current < lifetime + wishes.stale_while_revalidate_ms);
      }
      if (may_cover_error(verdict.freshness, current) && current >= lifetime) {
        REQUIRE_FALSE(strict);
        REQUIRE(current < lifetime + wishes.stale_if_error_ms);
      }
    }
  }
}

}  // namespace gw::cache
