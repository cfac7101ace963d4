#include "runtime/cache/directives.h"

#include <catch2/catch.hpp>

namespace gw::cache {
namespace {

Directives read(std::initializer_list<std::string_view> lines, std::string_view pragma = {}) {
  static Arena arena;
  http::FieldList fields(arena);
  for (const std::string_view line : lines) fields.add(http::FieldId::CacheControl, line);
  if (!pragma.empty()) fields.add(http::FieldId::Pragma, pragma);
  return read_directives(fields);
}

}  // namespace

TEST_CASE("directives: names in any case, values as tokens or quoted", "[cache]") {
  const Directives all =
      read({"No-Store , private=\"set-cookie, x\",max-age=\"60\"", "S-MaxAge = 5, PUBLIC,,"});
  CHECK(all.no_store);
  CHECK(all.is_private);
  CHECK(all.is_public);
  CHECK_FALSE(all.no_cache);
  CHECK(all.max_age == 60U);
  CHECK(all.s_maxage == 5U);
  CHECK(read({"x-max-age=5, max-agex=4, no-storeish"}).max_age == std::nullopt);
}

TEST_CASE("directives: of two the careful one, what cannot be read is none", "[cache]") {
  CHECK(read({"max-age=60", "max-age=5"}).max_age == 5U);
  CHECK(read({"max-age=5, max-age=60"}).max_age == 5U);
  CHECK(read({"max-age=-1"}).max_age == 0U);
  CHECK(read({"max-age"}).max_age == 0U);
  CHECK(read({"max-age=1.5"}).max_age == 0U);
  CHECK(read({"max-age=99999999999999999999"}).max_age == kMaxDeltaSeconds);
  // What looks like a directive inside a quoted string is none.
  CHECK_FALSE(read({R"(x="a, no-store", max-age=1)"}).no_store);
  CHECK_FALSE(read({R"(x="a\", no-store")"}).no_store);
  CHECK(read({R"(x="never ends, no-store)"}).no_store == false);
}

TEST_CASE("directives: Pragma counts where there is no Cache-Control", "[cache]") {
  CHECK(read({}, "no-cache").no_cache);
  CHECK_FALSE(read({"max-age=5"}, "no-cache").no_cache);
}

TEST_CASE("directives: dates in their three forms", "[cache]") {
  const i64 now = 1'700'000'000;  // November 2023
  CHECK(read_http_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == 784'111'777);
  CHECK(read_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == 784'111'777);
  CHECK(read_http_date("Sun Nov  6 08:49:37 1994", now) == 784'111'777);
  CHECK(read_http_date("Thu, 01 Jan 1970 00:00:00 GMT", now) == 0);
  CHECK(read_http_date("Thu, 29 Feb 2024 12:00:00 GMT", now) == 1'709'208'000);
  CHECK(read_http_date("Monday, 06-Nov-70 08:49:37 GMT", now) > now);  // 2070, not 1970
  for (const std::string_view bad :
       {"", "0", "-1", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun Nov  6 08:49:37 1994 ", "1994-11-06T08:49:37Z"}) {
    CAPTURE(bad);
    CHECK(read_http_date(bad, now) == std::nullopt);
  }
}

TEST_CASE("directives: elements of a list", "[cache]") {
  std::string_view rest = " a ,, b,\t,c";
  std::string found;
  for (std::string_view one; next_element(rest, one);) found += std::string(one) + "|";
  CHECK(found == "a|b|c|");
}

}  // namespace gw::cache
