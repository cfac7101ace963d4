#include "runtime/http/http1_chunked.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace gw;
using namespace gw::http;

namespace {

struct Decoded {
  bool good = true;
  bool end = false;
  std::string body;
  std::string rest;
};

// Feeds `text` in pieces of `piece` bytes and decodes each in place.
Decoded decode(const std::string& text, size_t piece) {
  ChunkedDecoder decoder;
  Decoded out;
  size_t at = 0;
  while (at < text.size() && !out.end) {
    std::string part = text.substr(at, piece);
    ChunkedDecoder::Step step;
    if (!decoder.decode(part.data(), part.size(), part.data(), part.size(), step)) {
      out.good = false;
      return out;
    }
    out.body.append(part, 0, step.produced);
    out.end = step.end;
    at += step.consumed;
  }
  out.rest = text.substr(at);
  return out;
}

}  // namespace

// Digits were once counted over the whole message: a body of some thousand chunks was refused.
TEST_CASE("chunked: size lines are judged one by one", "[http][chunked]") {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "0010\r\n0123456789abcdef\r\n";
  const Decoded out = decode(text + "0\r\n\r\n", 4096);
  CHECK(out.end);
  CHECK(out.body.size() == 80'000);
  CHECK(decode(std::string(31, '0') + "1\r\nx\r\n0\r\n\r\n", 7).end);
  CHECK_FALSE(decode(std::string(32, '0') + "1\r\nx\r\n0\r\n\r\n", 7).good);
}

TEST_CASE("chunked: bodies come out whole however they are split", "[http][chunked]") {
  const std::string text =
      "4\r\nWiki\r\n05;a=b;c=\"d\\\"\"\r\npedia\r\nA\r\n0123456789\r\n0\r\n\r\nnext";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    CAPTURE(piece);
    const Decoded out = decode(text, piece);
    REQUIRE(out.good);
    REQUIRE(out.end);
    REQUIRE(out.body == "Wikipedia0123456789");
    REQUIRE(out.rest == "next");
  }
}

TEST_CASE("chunked: what could be read in two ways is refused", "[http][chunked]") {
  const std::vector<std::string> bad = {
      "\r\n",
      "x\r\n",
      "-1\r\n",
      "+1\r\n",
      "0x1\r\na\r\n",
      " 1\r\na\r\n",
      "1 \r\na\r\n",
      "1\t\r\na\r\n",
      "1\na\r\n",
      "1\ra\r\n",
      "1\r\na\n",
      "1\r\nab\r\n",
      "1\r\na\r0",
      "1;\r\na\r\n",
      "1;=b\r\na\r\n",
      "1;a=\r\na\r\n",
      "1;a=\"b\r\na\r\n",
      "1;a=\"b\nc\"\r\na\r\n",
      "1;a\nb\r\na\r\n",
      "1;a=b c\r\na\r\n",
      "1,\r\na\r\n",
      "1_0\r\na\r\n",
      "ffffffffffffffff\r\n",
      "10000000000000000\r\n",
      std::string("1\0\r\na\r\n", 8),
      "0\r\nA: b\n\r\n",
      "0\r\nA: b\rX\r\n\r\n",
      "0\r\nA: b\r\n c\r\n\r\n",
      "0\r\n\rX",
      "0\r\n\n",
      "1;" + std::string(5000, 'a') + "\r\na\r\n",
      std::string(5000, '0') + "1\r\na\r\n",
      "0\r\nA: " + std::string(9000, 'a') + "\r\n\r\n",
  };
  for (const std::string& text : bad) {
    CAPTURE(text.substr(0, 40));
    for (const size_t piece : {size_t{1}, size_t{3}, text.size()}) {
      CHECK_FALSE(decode(text, piece).good);
    }
  }
  std::string many = "0\r\n";
  for (int i = 0; i < 33; ++i) many += "A: b\r\n";
  CHECK_FALSE(decode(many + "\r\n", many.size()).good);
}

TEST_CASE("chunked: extensions are limited over all chunks", "[http][chunked]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "1;abcdefgh\r\na\r\n";
  CHECK_FALSE(decode(text + "0\r\n\r\n", 1000).good);
}

// Guards against one limit for the digits of all size lines: streams ended after a thousand chunks.
TEST_CASE("chunked: a stream may have very many chunks", "[http][chunked]") {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "000a\r\n0123456789\r\n";
  const Decoded out = decode(text + "0\r\n\r\n", 16 * 1024);
  CHECK(out.good);
  CHECK(out.end);
  CHECK(out.body.size() == 200'000);
  CHECK(decode(std::string(31, '0') + "1\r\na\r\n0\r\n\r\n", 7).end);
  CHECK_FALSE(decode(std::string(32, '0') + "1\r\na\r\n0\r\n\r\n", 7).good);
}

TEST_CASE("chunked: trailers are parsed, and those of framing left out", "[http][chunked]") {
  ChunkedDecoder decoder;
  ChunkedDecoder::Step step;
  std::string text = "0\r\nX-Sum:  abc \r\nContent-Length: 5\r\nHost: b\r\n\r\n";
  REQUIRE(decoder.decode(text.data(), text.size(), text.data(), text.size(), step));
  REQUIRE(step.end);
  Arena arena;
  FieldList trailers(arena);
  REQUIRE(decoder.parse_trailers(trailers));
  REQUIRE(trailers.size() == 1);
  CHECK(trailers.begin()->name == "X-Sum");
  CHECK(trailers.begin()->value == "abc");
  decoder.reset();
  text = "0\r\nno colon\r\n\r\n";
  REQUIRE(decoder.decode(text.data(), text.size(), text.data(), text.size(), step));
  CHECK_FALSE(decoder.parse_trailers(trailers));
}
