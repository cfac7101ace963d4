// Assertions. GW_CHECK stays on in every build: it guards invariants whose breach would corrupt
// memory or leak data. assert() is for the rest.
#pragma once
#include <cassert>
#include <cstdio>
#include <cstdlib>

namespace gw {

[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "gwctl: bug: check `%s` does not hold at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace gw

#define GW_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::gw::check_failed(#expression, __FILE__, __LINE__))
