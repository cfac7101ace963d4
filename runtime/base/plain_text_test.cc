#include "runtime/base/plain_text.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "runtime/base/random.h"

using namespace gw;

TEST_CASE("plain text: as byte by byte", "[base]") {
  Xoshiro random;
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random.next() % 40, 'a');
    for (char& c : text) c = static_cast<char>('!' + random.next() % 90);
    if (!text.empty() && round % 2 == 0) {
      text[random.next() % text.size()] = static_cast<char>(random.next() % 256);
    }
    CAPTURE(text);
    const auto end = std::ranges::find_if_not(text, is_plain);
    REQUIRE(plain_length(text) == static_cast<size_t>(end - text.begin()));
    std::string copy(text.size() + 1, '!');
    const bool plain = copy_plain(text, copy.data());
    REQUIRE(plain == (end == text.end()));
    if (plain) REQUIRE(copy == text + '!');  // and nothing beyond
  }
}
