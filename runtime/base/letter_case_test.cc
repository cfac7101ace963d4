#include "runtime/base/letter_case.h"

#include <catch2/catch.hpp>

using namespace gw;

TEST_CASE("letter case: only the letters of ASCII have one", "[base]") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    CAPTURE(byte);
    CHECK(to_lower(c) == (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c));
  }
  CHECK(lower_case("X-\xc3\x84-Id@[`{") == "x-\xc3\x84-id@[`{");
  CHECK(lower_case("").empty());
}

TEST_CASE("letter case: names are equal whatever it is", "[base]") {
  CHECK(equal_ignoring_case("ETag", "etag"));
  CHECK(!equal_ignoring_case("ETag", "etags"));
  CHECK(!equal_ignoring_case("E\x54\x41@", "eta`"));
  CHECK(equal_ignoring_case("", ""));
}
