#include "runtime/admin/docs_words.h"

#include <catch2/catch.hpp>

using gw::admin::field_words;

TEST_CASE("docs: a field becomes a sentence", "[docs]") {
  CHECK(field_words("cache.ttl", "5m") == "Answers may come from the cache, up to 5m old.");
  CHECK(field_words("cache.negative.404", "10s") == "Answers of status 404 are kept for 10s.");
  CHECK(field_words("rateLimit.perClient.limit", "100/min") == "At most 100/min.");
  CHECK(field_words("views.mobile.pick", "[\"id\"]") ==
        "For mobile only [\"id\"] is left of answers.");
}

TEST_CASE("docs: a name may have points in it", "[docs]") {
  CHECK(field_words("rateLimit.a.limit.b.limit", "1/s") == "At most 1/s.");
  CHECK(field_words("response.headers.set.x-a.b", "$1#") == "Answered with the field x-a.b: $1#.");
}

TEST_CASE("docs: a field without a sentence is shown as it is", "[docs]") {
  CHECK(field_words("cache.coalesce", "false") == "cache.coalesce: false.");
  CHECK(field_words("rateLimit..limit", "1/s") == "rateLimit..limit: 1/s.");
}
