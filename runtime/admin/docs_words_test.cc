#include "runtime/admin/docs_words.h"

#include <catch2/catch.hpp>

using gw::admin::field_words;

TEST_CASE("docs: a field becomes a sentence", "[docs]") {
  CHECK(field_words("cache.ttl", "5m") == "Answers may come from the cache, up to 5m old.");
  CHECK(field_words("cache.negative.404", "10s") == "Answers of status 404 are kept for 10s.");
  CHECK(field_words("rateLimit.perClient.limit", "100/min") == "At most 100/min.");
  CHECK(field_words("views.mobile.pick", "[\"id\"]") ==
        "For mobile, answers have nothing but `id`.");
  CHECK(field_words("views.mobile.omit", "[\"note\"]") ==
        "For mobile, answers are without `note`.");
  CHECK(field_words("views.mobile.rename.a/b", "c") == "For mobile, answers have a/b as c.");
  CHECK(field_words("views.mobile.rateLimit.fast.limit", "1/s") == "For mobile: At most 1/s.");
}

TEST_CASE("docs: a name may have points in it", "[docs]") {
  CHECK(field_words("rateLimit.a.limit.b.limit", "1/s") == "At most 1/s.");
  CHECK(field_words("response.headers.set.x-a.b", "$1#") == "Answered with the field x-a.b: $1#.");
}

TEST_CASE("docs: lists are written as people do", "[docs]") {
  CHECK(field_words("cache.tags", R"(["a","b","c"])") == "Tagged `a`, `b` and `c`.");
  CHECK(field_words("retry.causes", R"(["5xx",429])") == "Sent again after `5xx` and `429`.");
  // What is no list of plain values stays as it is.
  CHECK(field_words("cache.tags", R"([{"a":1}])") == R"(Tagged [{"a":1}].)");
  CHECK(field_words("cache.tags", "[a") == "Tagged [a.");
  CHECK(field_words("cache.tags", "[]") == "Tagged [].");
}

TEST_CASE("docs: a field without a sentence is shown as it is", "[docs]") {
  CHECK(field_words("cache.coalesce", "false") == "cache.coalesce: false.");
  CHECK(field_words("rateLimit..limit", "1/s") == "rateLimit..limit: 1/s.");
}
