// Programs against everything that can happen to their words: refused, or harmless.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "compiler/schema/testing/every_keyword.h"
#include "compiler/schema/testing/program.h"

namespace gw::compiler::schema {
namespace {

constexpr std::string_view kInstances[] = {
    R"({"a":"2024-01-01","b":2,"c":{"x":[1,"y"]},"d":"p","e":"r","f":["s",1],"g":{"a":"x","b":1},"z":true})",
    R"([1,[2,{"a":"x"}],"s",null,1.5])",
    R"("x")",
    "1",
};

class Damage {
 public:
  Damage() : root_(program_.compile(kEveryKeyword)), words_(program_.pools.schema_programs) {
    REQUIRE(root_ != gw::schema::kNone);
    for (size_t i = 0; i < std::size(kInstances); ++i) REQUIRE(tapes_[i].parse(kInstances[i]));
  }
  std::vector<u32>& words() { return words_; }
  /// Whether verify_schemas() lets the words pass. Then every schema is evaluated: sanitizers
  /// watch.
  bool passes() {
    std::vector<u32> roots;
    const Result<void> verdict = gw::schema::verify_schemas(
        words_, program_.pools.strings.bytes(), program_.pools.regexes.records().size(), &roots);
    if (!verdict) {
      if (verdict.error().what != "schema programs") FAIL("refused without naming the section");
      return false;
    }
    gw::schema::Program program = program_.program();
    program.words = words_.data();
    for (const json::Tape& tape : tapes_) {
      gw::schema::ErrorList errors;
      (void)evaluator_.validate(program, roots[next_++ % roots.size()], tape, 0);
      const bool holds = evaluator_.validate(program, roots.front(), tape, 0, {}, &errors);
      if (holds != errors.all().empty()) FAIL("a refusal without a reason");
    }
    return true;
  }

 private:
  TestProgram program_;
  u32 root_;
  std::vector<u32> words_;
  json::Tape tapes_[std::size(kInstances)];
  gw::schema::Evaluator evaluator_;
  size_t next_ = 0;
};

}  // namespace

TEST_CASE("schema damage: every flipped bit is refused or harmless", "[schema][verify]") {
  Damage damage;
  CHECK(damage.passes());
  u32 passed = 0;
  u32 tried = 0;
  for (u32& word : damage.words()) {
    for (u32 bit = 0; bit < 32; ++bit, ++tried) {
      word ^= 1u << bit;
      passed += damage.passes() ? 1u : 0u;
      word ^= 1u << bit;
    }
  }
  CHECK(passed > tried / 20);  // numbers may change at will
  CHECK(passed < tried * 19 / 20);
}

TEST_CASE("schema damage: words that reach far are refused or harmless", "[schema][verify]") {
  Damage damage;
  const u32 size = static_cast<u32>(damage.words().size());
  for (size_t i = 0; i < size; ++i) {
    const u32 word = damage.words()[i];
    for (const u32 value : {0u, 1u, 2u, size - 1, size, size + 1, 0x7fffffffu, 0x80000000u,
                            0xfffffffeu, 0xffffffffu, word + 1, word - 1, word + 256, word - 256}) {
      damage.words()[i] = value;
      (void)damage.passes();
    }
    damage.words()[i] = word;
  }
  CHECK(damage.passes());
}

TEST_CASE("schema damage: every truncation is refused or whole", "[schema][verify]") {
  Damage damage;
  const std::vector<u32> whole = damage.words();
  u32 passed = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::span<const u32> part(whole.data(), size);
    passed += gw::schema::verify_schemas(part, std::string(1 << 16, '1'), 100) ? 1u : 0u;
  }
  // Only where a record ends, and none that stay name one that is gone.
  CHECK(passed < whole.size() / 10);
}

}  // namespace gw::compiler::schema
