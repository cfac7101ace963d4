#include "runtime/json/tape_builder.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>

namespace gw::json {
namespace {

std::string_view why_refused(const std::function<void(TapeBuilder&)>& calls,
                             TapeLimits limits = {}) {
  Tape tape;
  TapeBuilder builder(tape, limits);
  calls(builder);
  const auto result = builder.finish();
  CHECK_FALSE(result);
  CHECK(tape.empty());
  return result.error().what;
}

}  // namespace

TEST_CASE("json builder: makes the tape that the text would give", "[json]") {
  Tape built;
  TapeBuilder builder(built);
  builder.object();
  builder.key("tags");
  builder.array();
  builder.string("a\\n\"b");
  builder.number("-1.50");
  builder.end();
  builder.key("on");
  builder.boolean(true);
  builder.key("none");
  builder.null();
  builder.key("n");
  builder.number("12");
  builder.end();
  REQUIRE(builder.finish());

  Tape parsed;
  REQUIRE(parsed.parse(R"({"tags":["a\\n\"b",-1.50],"on":true,"none":null,"n":12})"));
  REQUIRE(built.size() == parsed.size());
  std::string buffer;
  std::string other_buffer;
  for (u32 i = 0; i < built.size(); ++i) {
    CAPTURE(i);
    CHECK(built.kind(i) == parsed.kind(i));
    CHECK(built.next(i) == parsed.next(i));
    CHECK(built.count(i) == parsed.count(i));
    CHECK((built.node(i).flags | kNodeEscaped) == (parsed.node(i).flags | kNodeEscaped));
    if (built.kind(i) < Kind::Array) {
      CHECK(built.string(i, buffer) == parsed.string(i, other_buffer));
    }
  }
  CHECK(built.text(built.resolve("/tags/1")) == "-1.50");
}

TEST_CASE("json builder: a scalar is a value", "[json]") {
  Tape tape;
  TapeBuilder builder(tape);
  builder.string("x");
  REQUIRE(builder.finish());
  CHECK(tape.text(0) == "x");
}

TEST_CASE("json builder: what is no value is refused at the end", "[json]") {
  using B = TapeBuilder;
  CHECK(why_refused([](B&) {}) == "the value is not complete");
  CHECK(why_refused([](B& b) { b.array(); }) == "the value is not complete");
  CHECK(why_refused([](B& b) { b.null(), b.null(); }) == "a second value");
  CHECK(why_refused([](B& b) { b.object(), b.null(); }) == "a member without a key");
  CHECK(why_refused([](B& b) { b.array(), b.key("a"); }) == "a key out of place");
  CHECK(why_refused([](B& b) { b.key("a"); }) == "a key out of place");
  CHECK(why_refused([](B& b) { b.object(), b.key("a"), b.key("b"); }) == "a key out of place");
  CHECK(why_refused([](B& b) { b.object(), b.key("a"), b.end(); }) == "an end out of place");
  CHECK(why_refused([](B& b) { b.end(); }) == "an end out of place");
  CHECK(why_refused([](B& b) { b.number("0x1"); }) == "not a number");
  CHECK(why_refused([](B& b) { b.number(""); }) == "not a number");
  CHECK(why_refused([](B& b) { b.string("\xff"); }) == "a text is not UTF-8");
  CHECK(why_refused([](B& b) { b.object(), b.key("\xff"); }) == "a name is not UTF-8");
  CHECK(why_refused([](B& b) {
          b.object(), b.key("a"), b.null(), b.key("a"), b.null(), b.end();
        }) == "an object has the same key twice");
  CHECK(why_refused([](B& b) { b.array(), b.array(); }, {.depth = 1}) ==
        "nested more deeply than the limit");
  CHECK(why_refused([](B& b) { b.array(), b.null(); }, {.nodes = 1}) ==
        "more values than the limit");
}

}  // namespace gw::json
