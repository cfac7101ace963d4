// One text for each value, and nothing else.
#include "runtime/jose/base64url.h"

#include <catch2/catch.hpp>

#include "runtime/base/random.h"

using namespace gw;
using namespace gw::jose;

TEST_CASE("base64url: what is encoded comes back", "[jose][base64url]") {
  Xoshiro random(1);
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes(size, 0);
    for (char& c : bytes) c = static_cast<char>(random.next());
    const std::string text = base64url_encode(bytes);
    std::string decoded;
    REQUIRE(base64url_decode(text, decoded));
    CHECK(decoded == bytes);
    CHECK(base64url_decoded_bytes(text.size()) == size);
  }
}

TEST_CASE("base64url: vectors of RFC 4648 section 10, without padding", "[jose][base64url]") {
  const std::pair<std::string, std::string> rows[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xef\xbf", "_--_"}};
  for (const auto& [bytes, text] : rows) {
    CHECK(base64url_encode(bytes) == text);
    std::string decoded;
    CHECK(base64url_decode(text, decoded));
    CHECK(decoded == bytes);
  }
}

TEST_CASE("base64url: everything else is refused", "[jose][base64url]") {
  for (const std::string text :
       {"Z", "Zm9vZ", "Zg==", "Zm8=", "Zm9v=", "Zm9v\n", " Zm9v", "Zm 9v", "Zm+v", "Zm/v", "Zm9v.",
        "Zh", "Zn", "Zm9", "Zm9vYmF", "Zm\xc3\xa4v", "Z\xff==", "-\x80"}) {
    CAPTURE(text);
    std::string decoded;
    CHECK(!base64url_decode(text, decoded));
  }
  std::string decoded;
  CHECK(!base64url_decode(std::string_view("Zm\0v", 4), decoded));
}

TEST_CASE("base64url: of all short texts those decode that encoding makes", "[jose][base64url]") {
  std::string decoded;
  for (u32 value = 0; value < 1U << 16; ++value) {
    const char text[] = {static_cast<char>(value >> 8), static_cast<char>(value)};
    if (!base64url_decode({text, 2}, decoded)) continue;
    CHECK(base64url_encode(decoded) == std::string_view(text, 2));
  }
}
