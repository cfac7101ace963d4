#include "runtime/schema/formats.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace gw::schema {
namespace {

struct Case {
  std::string_view format;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"date-time",
       {"2024-02-29T12:00:00Z", "1990-12-31T23:59:60Z", "1963-06-19t08:30:06.28+05:30"},
       {"2023-02-29T12:00:00Z", "2024-01-01 12:00:00Z", "2024-01-01T12:00:00",
        "2024-1-01T00:00:00Z", "1990-12-31T23:58:60Z", "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00+24:00", ""}},
      {"date",
       {"2000-02-29", "2024-12-31"},
       {"1900-02-29", "2024-13-01", "2024-04-31", "20240101"}},
      {"time", {"23:59:59.1Z", "00:00:00-00:00"}, {"00:00:00", "00:00:00.Z", "1:00:00Z"}},
      {"duration", {"P1Y2M3DT4H5M6S", "PT36H", "P2W"}, {"P", "PT", "P1YT", "P1Y2W", "P1Y2D", "1D"}},
      {"uuid", {"2EB8AA08-aa98-11ea-b4aa-73b441d16380"}, {"2eb8aa08aa9811eab4aa73b441d16380", ""}},
      {"email",
       {"a@b.example", "\"a b\"@c.example", "a+b@[127.0.0.1]", "a@[IPv6:::1]"},
       {"a", "@b", "a@", "a..b@c", ".a@c", "a b@c", "a@b_c", "a@[1.2.3]", "\"a\"b\"@c"}},
      {"hostname",
       {"a", "a-b.example", "1.example", "xn--ll-0ea"},
       {"", ".", "a.", "-a", "a-", "a_b", "a..b", "xn--X", "xn--l-gda", "ab--c",
        std::string(64, 'a')}},
      {"ipv4",
       {"0.0.0.0", "255.255.255.255"},
       {"256.0.0.1", "01.2.3.4", "1.2.3", "1.2.3.4.5", "a"}},
      {"ipv6",
       {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"},
       {":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1%eth0",
        "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.400"}},
      {"uri",
       {"http://a.example/b?c=d#e", "urn:a:b", "http://[::1]:80/", "mailto:a@b"},
       {"/a", "a", "http://a b", "http://[::1", "1a:b", "http://a/%zz", "http://a:x/", "a:[b]"}},
      {"uri-reference", {"", "/a", "a/b:c", "//h/p", "?q", "#f"}, {"\\a", "a b", "1:2", "#a#b"}},
      {"uri-template", {"", "/a/{b}", "{?x,y*}", "{v:12}"}, {"{", "}", "{}", "{a", "{a:0}", "a b"}},
      {"json-pointer", {"", "/", "/a~0b/~1"}, {"a", "/~", "/~2"}},
      {"relative-json-pointer",
       {"0", "12/a", "0#", "1+2/a", "1-2#"},
       {"", "01", "-1", "0##", "1+0"}},
      {"regex",
       {"", "^a+?$", "(?:a|b){2,3}", "[a-z\\d]", "\\u{1f600}", "(?<n>a)\\k<n>", "(a)\\1", "\\p{L}",
        "(?=a)b", "[^]", "[]", "a{0}"},
       {"(", ")", "[", "]", "a{2,1}", "*", "a**", "\\", "\\a", "[b-a]", "\\1", "\\k<n>", "{", "a{",
        "(?<1>a)", "(?i)a", "\\Z", "[\\d-z]", "^*"}},
      {"byte", {"", "aGk=", "YQ==", "YWJj"}, {"a", "aGk", "a=bc", "a-b_", "===="}},
      {"int32",
       {"0", "2147483647", "-2147483648", "1e3", "1.0"},
       {"2147483648", "-2147483649", "1.5"}},
      {"int64",
       {"9223372036854775807", "-9223372036854775808"},
       {"9223372036854775808", "1e19", "0.5"}},
      {"float", {"1.5", "3.4e38", "1e-60"}, {"3.5e38", "-1e39"}},
      {"double", {"1.7e308", "1e-400", "0"}, {"1.8e308", "1e400"}},
  };
  return all;
}

}  // namespace

TEST_CASE("formats: each accepts what its document says, and nothing else", "[schema][format]") {
  for (const Case& c : cases()) {
    Format format{};
    REQUIRE(find_format(c.format, format));
    CHECK(format_name(format) == c.format);
    for (const std::string& text : c.valid) {
      CAPTURE(c.format, text);
      CHECK(has_format(format, text));
    }
    for (const std::string& text : c.invalid) {
      CAPTURE(c.format, text);
      CHECK_FALSE(has_format(format, text));
    }
  }
  CHECK(cases().size() == static_cast<size_t>(kLastFormat) + 1);
}

TEST_CASE("formats: others are unknown", "[schema][format]") {
  Format format{};
  CHECK_FALSE(find_format("", format));
  CHECK_FALSE(find_format("slug", format));
  CHECK_FALSE(find_format("Date", format));
}

TEST_CASE("formats: nothing may stand before or behind", "[schema][format]") {
  for (const Case& c : cases()) {
    Format format{};
    REQUIRE(find_format(c.format, format));
    // Of these any character is a part, or the empty text is one.
    if (c.format.ends_with("json-pointer") || c.format == "regex" || is_number_format(format))
      continue;
    for (const std::string& text : c.valid) {
      CAPTURE(c.format, text);
      CHECK_FALSE(has_format(format, text + "\n"));
      CHECK_FALSE(has_format(format, text + std::string(1, '\0')));
      CHECK_FALSE(has_format(format, " " + text));
    }
  }
}

}  // namespace gw::schema
