// What is on the way of a request allocates nothing once its buffers are warm.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "compiler/schema/testing/every_keyword.h"
#include "compiler/schema/testing/program.h"
#include "runtime/base/testing/count_allocations.h"
#include "runtime/json/tape_builder.h"

namespace gw::compiler::schema {

TEST_CASE("schema: a warm tape and evaluator allocate nothing", "[schema][allocation]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace operator new");
#else
  TestProgram test;
  const u32 root = test.compile(kEveryKeyword);
  REQUIRE(root != gw::schema::kNone);
  const gw::schema::Program program = test.program();
  std::string many = R"({"a":"2024-01-01","b":2,"f":["s",1,{"b":3,"a":[1]},{"a":[1.0],"b":4}])";
  for (int i = 0; i < 40; ++i) many += ",\"\\u006b" + std::to_string(i) + "\":\"\\u0061\"";
  many += "}";
  json::Tape tape;
  gw::schema::Evaluator evaluator;
  const auto once = [&] {
    bool good = tape.parse(many).has_value();
    (void)evaluator.validate(program, root, tape, 0);
    json::TapeBuilder builder(tape);
    builder.object();
    builder.key("a");
    builder.string("2024-01-01");
    builder.key("b");
    builder.number("2");
    builder.end();
    good &= builder.finish().has_value();
    (void)evaluator.validate(program, root, tape, 0);
    return good;
  };
  REQUIRE(once());
  const u64 before = g_allocations.load();
  bool good = true;
  for (int i = 0; i < 100; ++i) good &= once();
  const u64 after = g_allocations.load();
  CHECK(good);
  CHECK(after == before);
#endif
}

}  // namespace gw::compiler::schema
