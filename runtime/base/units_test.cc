#include "runtime/base/units.h"

#include <catch2/catch.hpp>

namespace gw {

TEST_CASE("units: rates", "[units]") {
  CHECK(parse_rate("5/s") == pack_rate({5, 1}));
  CHECK(parse_rate("100/min") == pack_rate({100, 60}));
  CHECK(parse_rate("1000/h") == pack_rate({1000, 3'600}));
  CHECK(parse_rate("4294967295/day") == pack_rate({4'294'967'295, 86'400}));
  for (const char* wrong : {"", "/", "5", "5/", "/s", "0/s", "-1/s", "5/m", "5/hour", "5 /s",
                            "5/ s", "1.5/s", "4294967296/s", "5/s/s"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_rate(wrong).has_value());
  }
  for (const char* text : {"5/s", "100/min", "1000/h", "10/day"}) {
    CHECK(format_rate(*parse_rate(text)) == text);
  }
  CHECK(unpack_rate(0).count == 1);  // whatever is stored, nothing is divided by zero
  CHECK(unpack_rate(0).seconds == 86'400);
}

TEST_CASE("units: origins", "[units]") {
  std::string_view problem;
  for (const char* origin :
       {"https://shop.example", "http://localhost:3000", "https://[2001:db8::1]:8443",
        "capacitor://localhost", "chrome-extension://abcdef", "http://a:443", "https://a:80"}) {
    CAPTURE(origin, problem);
    CHECK(parse_origin(origin, false, problem));
  }
  for (const char* wrong :
       {"", "*", "null", "shop.example", "://a", "https://", "https:///a", "https://a/",
        "https://a/b", "https://a?b", "https://u@a", "HTTPS://a", "https://A", "https://:80",
        "https://a:443", "http://a:80", "https://a b", "https://.a", "https://\xc3\xa4"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_origin(wrong, true, problem));
    CHECK_FALSE(problem.empty());
  }
  CHECK(parse_origin("https://*.shop.example", true, problem));
  CHECK_FALSE(parse_origin("https://*.shop.example", false, problem));
  for (const char* wrong :
       {"https://*", "https://*.", "https://a.*.b", "https://*a.b", "*://a.b", "https://*.*.a"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_origin(wrong, true, problem));
  }
}

TEST_CASE("units: durations, sizes and shares read and print alike", "[base][units]") {
  CHECK(parse_duration("5s") == 5000u);
  CHECK(parse_duration("250ms") == 250u);
  CHECK(parse_duration("1m30s") == 90'000u);
  CHECK(parse_duration("1d") == 86'400'000u);
  for (const char* wrong : {"", "5", "s", "5 s", "1s1m", "-1s", "5x", "1.5s", "99999999999999d"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
  CHECK(parse_bytes("64KiB") == 65536u);
  CHECK(parse_bytes("1MB") == 1'000'000u);
  CHECK(parse_bytes("0B") == 0u);
  CHECK_FALSE(parse_bytes("64"));
  CHECK_FALSE(parse_bytes("64kb"));
  CHECK(parse_percent("20%") == 2000u);
  CHECK(parse_percent("0.5%") == 50u);
  CHECK(parse_percent("0.25%") == 25u);
  CHECK_FALSE(parse_percent("20"));
  CHECK_FALSE(parse_percent("1.%"));

  CHECK(format_duration(90'000) == "90s");
  CHECK(format_duration(5000) == "5s");
  CHECK(format_duration(1) == "1ms");
  CHECK(format_bytes(65536) == "64KiB");
  CHECK(format_bytes(0) == "0B");
  CHECK(format_percent(2000) == "20%");
  CHECK(format_percent(25) == "0.25%");
}

TEST_CASE("units: networks are kept with their host bits cleared", "[base][units]") {
  u8 address[16];
  u32 bits = 0;
  REQUIRE(parse_network("10.1.2.3/8", address, bits));
  CHECK(bits == 104);
  CHECK(format_network(address, bits) == "10.0.0.0/8");
  REQUIRE(parse_network("2001:db8::1", address, bits));
  CHECK(format_network(address, bits) == "2001:db8::1");
  REQUIRE(parse_network("::/0", address, bits));
  CHECK(bits == 0);
  CHECK_FALSE(parse_network("10.0.0.0/33", address, bits));
  CHECK_FALSE(parse_network("example.com", address, bits));
}

TEST_CASE("units: upstream URLs say what is wrong with them", "[base][units]") {
  std::string_view problem;
  const auto url = parse_http_url("http://[::1]:9001/v1", problem);
  REQUIRE(url);
  CHECK(url->host == "::1");
  CHECK(url->port == 9001);
  CHECK(url->path == "/v1");
  CHECK(parse_http_url("https://a.example", problem)->port == 443);
  CHECK(url->prefix() == "/v1");
  CHECK(parse_http_url("http://a/v1/", problem)->prefix() == "/v1");
  CHECK(parse_http_url("http://a/", problem)->prefix().empty());
  CHECK(parse_http_url("http://a", problem)->prefix().empty());
  for (const char* wrong : {"a:1", "ftp://a", "http://", "http://a:0", "http://a:99999",
                            "http://u@a/", "http://a/?q", "http://a b/"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_http_url(wrong, problem));
    CHECK_FALSE(problem.empty());
  }
}

}  // namespace gw
