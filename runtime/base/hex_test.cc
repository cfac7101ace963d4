#include "runtime/base/hex.h"

#include <catch2/catch.hpp>
#include <string>

using namespace gw;

TEST_CASE("hex: digits of both cases, and no others", "[base]") {
  const std::string small = "0123456789abcdef";
  const std::string large = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    CAPTURE(byte);
    const size_t lower = small.find(c);
    const size_t upper = large.find(c);
    const size_t either = lower != small.npos ? lower : upper;
    CHECK(lower_hex_value(c) == (lower == small.npos ? -1 : static_cast<int>(lower)));
    CHECK(hex_value(c) == (either == small.npos ? -1 : static_cast<int>(either)));
  }
}

TEST_CASE("hex: eight bytes are written as one by one", "[base]") {
  for (u32 first = 0; first < 256; first += 16) {
    std::array<u8, 16> bytes{};
    std::string expected;
    for (u32 i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<u8>(first + i);
      char digits[2];
      write_hex_byte(bytes[i], digits);
      CHECK(hex_byte({digits, 2}, 0) == bytes[i]);
      expected.append(digits, 2);
    }
    std::string written(2 * bytes.size() + 1, '!');
    write_hex(bytes, written.data());
    CHECK(written == expected + '!');
  }
}

TEST_CASE("hex: bytes are two digits, and nothing is read behind the end", "[base]") {
  CHECK(hex_byte("fF0", 0) == 0xff);
  CHECK(hex_byte("fF0", 1) == 0xf0);
  CHECK(hex_byte("fF0", 2) == -1);
  CHECK(hex_byte("fF0", 3) == -1);
  CHECK(hex_byte("fF0", 4) == -1);
  CHECK(hex_byte("fF0", std::string_view::npos) == -1);
  CHECK(hex_byte("0g", 0) == -1);
  CHECK(hex_byte("g0", 0) == -1);
}

TEST_CASE("hex: an escape is a percent sign and two digits", "[base]") {
  CHECK(percent_byte("a%2Fb", 1) == '/');
  CHECK(percent_byte("a%2Fb", 0) == -1);
  CHECK(percent_byte("%2", 0) == -1);
  CHECK(percent_byte("%", 0) == -1);
  CHECK(percent_byte("%%41", 0) == -1);
  CHECK(percent_byte("%00", 0) == 0);
  CHECK(percent_byte("", 0) == -1);
}
