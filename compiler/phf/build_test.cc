#include "compiler/phf/build.h"

#include <catch2/catch.hpp>
#include <map>

#include "runtime/table/phf.h"

using namespace gw;

TEST_CASE("phf: every key finds its index and nothing else does", "[phf]") {
  for (const u32 count : {0u, 1u, 2u, 3u, 7u, 100u, 1000u, 100'000u}) {
    CAPTURE(count);
    std::map<std::string, u32> expected;
    std::vector<std::string> keys;
    for (u32 i = 0; i < count; ++i) {
      keys.push_back("/path/" + std::to_string(i * 7919));
      expected[keys.back()] = i;
    }
    const auto blob = compiler::phf::build(keys);
    REQUIRE(blob);
    REQUIRE(verify_phf(*blob));
    const Phf phf(blob->data());
    REQUIRE(phf.key_count() == count);
    u32 wrong = 0;
    for (const auto& [key, index] : expected) wrong += phf.find(key) != index ? 1u : 0u;
    for (u32 i = 0; i < 1000; ++i) {
      wrong += phf.find("/other/" + std::to_string(i)) != kNoKey ? 1u : 0u;
    }
    CHECK(wrong == 0);
    CHECK(compiler::phf::build(keys) == blob);
  }
}

TEST_CASE("phf: a key that occurs twice is refused", "[phf]") {
  CHECK_FALSE(compiler::phf::build(std::vector<std::string>{"a", "b", "a"}));
  CHECK(compiler::phf::build(std::vector<std::string>{""}));
}

TEST_CASE("phf: verify refuses truncations and survives changed bytes", "[phf]") {
  const auto good = *compiler::phf::build(std::vector<std::string>{"a", "b", "c", "d", "e"});
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(verify_phf(Bytes(good).first(size)));
  }
  for (size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] ^= std::byte{0xff};
    if (!verify_phf(bad)) continue;
    const u32 found = Phf(bad.data()).find("c");
    CHECK((found == kNoKey || found < 5));
  }
}
