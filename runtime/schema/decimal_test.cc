#include "runtime/schema/decimal.h"

#include <catch2/catch.hpp>
#include <string>

namespace gw::schema {
namespace {

int order(std::string_view a, std::string_view b) {
  const int result = compare(parse_decimal(a), parse_decimal(b));
  return result < 0 ? -1 : result > 0 ? 1 : 0;
}
bool integer(std::string_view text) { return parse_decimal(text).is_integer(); }

}  // namespace

TEST_CASE("decimal: numbers compare by what they say", "[schema][decimal]") {
  for (const auto& [a, b] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"1", "1.0"},
           {"100", "1e2"},
           {"0.001", "1E-3"},
           {"-0", "0"},
           {"0e9", "0.00"},
           {"12.50", "1.25e1"},
           {"123456789012345678901234567890", "1.2345678901234567890123456789e29"},
           {"1e-400", "10e-401"},
           {"1e99999999999999999999", "1e099999999999999999999"}}) {
    CAPTURE(a, b);
    CHECK(order(a, b) == 0);
    CHECK(order(b, a) == 0);
    std::string left;
    std::string right;
    append_canonical(parse_decimal(a), left);
    append_canonical(parse_decimal(b), right);
    CHECK(left == right);
  }
  const std::string_view rising[] = {"-1e99999999999999999999",
                                     "-1e400",
                                     "-10",
                                     "-9.99",
                                     "-1",
                                     "-0.5",
                                     "-1e-400",
                                     "0",
                                     "1e-99999999999999999999",
                                     "1e-400",
                                     "0.05",
                                     "0.5",
                                     "0.50001",
                                     "1",
                                     "1.01",
                                     "9",
                                     "10",
                                     "10.1",
                                     "9007199254740992",
                                     "9007199254740993",
                                     "1e400",
                                     "1.1e400",
                                     "1e99999999999999999999"};
  for (size_t i = 0; i < std::size(rising); ++i) {
    for (size_t j = 0; j < std::size(rising); ++j) {
      CAPTURE(rising[i], rising[j]);
      CHECK(order(rising[i], rising[j]) == (i < j ? -1 : i > j ? 1 : 0));
    }
  }
}

TEST_CASE("decimal: integers are told by value", "[schema][decimal]") {
  for (const std::string_view yes : {"0", "-7", "1.0", "1e2", "1.25e2", "120e-1", "1e999999"}) {
    CAPTURE(yes);
    CHECK(integer(yes));
  }
  for (const std::string_view no : {"0.5", "1.25e1", "1e-1", "125e-1", "12.50"}) {
    CAPTURE(no);
    CHECK_FALSE(integer(no));
  }
}

TEST_CASE("decimal: multiples are exact", "[schema][decimal]") {
  CHECK(is_multiple(parse_decimal("0.0075"), 1, -4));
  CHECK_FALSE(is_multiple(parse_decimal("0.00751"), 1, -4));
  CHECK(is_multiple(parse_decimal("4.35"), 1, -2));
  CHECK(is_multiple(parse_decimal("-4.5"), 15, -1));
  CHECK_FALSE(is_multiple(parse_decimal("35"), 15, -1));
  CHECK(is_multiple(parse_decimal("1e308"), 5, -1));
  CHECK_FALSE(is_multiple(parse_decimal("1e308"), 123456789, -9));
  CHECK(is_multiple(parse_decimal("0"), 7, 3));
  CHECK(is_multiple(parse_decimal("340282366920938463463374607431768211456"), 65536, 0));
  CHECK_FALSE(is_multiple(parse_decimal("340282366920938463463374607431768211455"), 65536, 0));
  CHECK(is_multiple(parse_decimal("70"), 70, 0));
  CHECK_FALSE(is_multiple(parse_decimal("7"), 70, 0));
}

TEST_CASE("decimal: small integers", "[schema][decimal]") {
  i64 value = 0;
  CHECK(small_integer("-123456789012345678", value));
  CHECK(value == -123456789012345678);
  CHECK_FALSE(small_integer("1234567890123456789", value));
  CHECK_FALSE(small_integer("1.0", value));
  CHECK_FALSE(small_integer("1e2", value));
}

}  // namespace gw::schema
