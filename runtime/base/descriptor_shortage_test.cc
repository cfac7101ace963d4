#include "runtime/base/descriptor_shortage.h"

#include <catch2/catch.hpp>
#include <cerrno>

using namespace gw;

TEST_CASE("shortage: one a second is told, with how many were not", "[base]") {
  OncePerSecond lines;
  CHECK(lines.pass(5).value() == 0);
  for (int i = 0; i < 7; ++i) CHECK_FALSE(lines.pass(5 + i * 100).has_value());
  CHECK_FALSE(lines.pass(1004).has_value());
  CHECK(lines.pass(1005).value() == 8);
  CHECK(lines.pass(2005).value() == 0);
}

TEST_CASE("shortage: what the other side does is none", "[base]") {
  CHECK(is_shortage(EMFILE));
  CHECK(is_shortage(ENFILE));
  CHECK_FALSE(is_shortage(ECONNREFUSED));
  CHECK_FALSE(is_shortage(ECONNABORTED));
  CHECK_FALSE(is_shortage(0));
}
