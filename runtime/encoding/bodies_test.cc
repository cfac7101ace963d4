#include <catch2/catch.hpp>
#include <string>

#include "runtime/encoding/testing/pieces.h"

namespace gw::encoding {
namespace {

using testing::cut;
using testing::encode;
using testing::PieceBody;
using testing::read_all;
using testing::ReadAll;
using testing::sample_json;

constexpr DecodeLimits kWide{.bytes = u64{1} << 30};

Coding any_coding() { return GENERATE(Coding::Gzip, Coding::Brotli, Coding::Zstd); }

ReadAll decoded_pieces(Coding coding, const std::string& body, size_t bytes,
                       const DecodeLimits& limits, size_t max_bytes = 64 * 1024) {
  PieceBody pieces(cut(body, bytes), false);
  DecodedBody decoded;
  REQUIRE(decoded.begin(coding, limits, pieces));
  return read_all(decoded, max_bytes);
}

}  // namespace

TEST_CASE("encoded body: pieces of any size give one body", "[encoding]") {
  const Coding coding = any_coding();
  const bool waits = GENERATE(false, true);
  const size_t bytes = GENERATE(size_t{1}, size_t{100}, size_t{50'000}, size_t{200'000});
  const std::string text = sample_json(bytes == 1 ? 500 : 200'000);
  PieceBody pieces(cut(text, bytes), waits);
  EncodedBody encoded;
  REQUIRE(encoded.begin(coding, Level::Fast, pieces));
  const ReadAll all = read_all(encoded, 1000);
  CAPTURE(coding_name(coding), waits, bytes);
  CHECK(all.error.code == Errc::None);
  CHECK(decoded_pieces(coding, all.text, 333, kWide).text == text);
}

TEST_CASE("encoded body: what has come does not wait for what has not", "[encoding]") {
  const Coding coding = any_coding();
  PieceBody events({"data: one\n\n", "data: two\n\n", "data: three\n\n"}, true);
  EncodedBody encoded;
  REQUIRE(encoded.begin(coding, Level::Fast, events));
  CHECK(encoded.must_wait());
  const DecoderLease decoder(coding);
  std::string seen;
  const std::vector<std::string> expected = {"data: one\n\n", "data: one\n\ndata: two\n\n",
                                             "data: one\n\ndata: two\n\ndata: three\n\n"};
  for (size_t i = 0; i < expected.size(); ++i) {
    auto task = encoded.next(64 * 1024);
    task.start();
    const Result<http::BodyChunk> piece = task.result();
    REQUIRE(piece);
    CHECK(events.given() == i + 1);
    Bytes input = piece->bytes;
    while (!input.empty()) {
      const Result<Progress> step = decoder->decode(input, decoder->buffer());
      REQUIRE(step);
      seen += as_text(Bytes(decoder->buffer()).first(step->written));
    }
    CHECK(seen == expected[i]);
    CHECK(piece->end == (i == 2));
    CHECK(encoded.must_wait() == (i != 2));
  }
}

TEST_CASE("encoded body: pieces that nobody waits for are put together", "[encoding]") {
  const Coding coding = any_coding();
  const std::string text = sample_json(100'000);
  PieceBody pieces(cut(text, 100), false);
  EncodedBody encoded;
  REQUIRE(encoded.begin(coding, Level::Fast, pieces));
  CHECK(read_all(encoded).pieces <= 2);
}

TEST_CASE("encoded body: a small one in memory leaves in one piece", "[encoding]") {
  const Coding coding = any_coding();
  const size_t bytes = GENERATE(size_t{0}, size_t{130}, size_t{60'000}, size_t{2'000'000});
  const std::string text = sample_json(bytes);
  http::MemoryBody memory(as_bytes(text));
  EncodedBody encoded;
  REQUIRE(encoded.begin(coding, Level::Fast, memory));
  http::BodyChunk whole;
  const bool taken = encoded.take_buffered(whole);
  CAPTURE(coding_name(coding), bytes);
  CHECK(taken == (bytes < 2'000'000));
  const std::string body = taken ? std::string(as_text(whole.bytes)) : read_all(encoded).text;
  CHECK((!taken || whole.end));
  CHECK(decoded_pieces(coding, body, 10'000, kWide).text == text);
}

TEST_CASE("encoded body: trailers pass, and so do errors", "[encoding]") {
  const Coding coding = any_coding();
  Arena arena;
  http::FieldList trailers(arena);
  PieceBody pieces({"a", "b"}, true);
  pieces.trailers = &trailers;
  EncodedBody encoded;
  REQUIRE(encoded.begin(coding, Level::Fast, pieces));
  for (bool end = false; !end;) {
    auto task = encoded.next(100);
    task.start();
    const Result<http::BodyChunk> piece = task.result();
    REQUIRE(piece);
    end = piece->end;
    CHECK(piece->trailers == (end ? &trailers : nullptr));
  }
  // Cut off bytes fail in the decoder, and the encoder behind it tells of it.
  PieceBody broken({encode(coding, "hello").substr(0, 5)}, false);
  DecodedBody decoded;
  REQUIRE(decoded.begin(coding, {.bytes = 100, .origin = Origin::Upstream}, broken));
  EncodedBody again;
  REQUIRE(again.begin(coding, Level::Fast, decoded));
  const ReadAll all = read_all(again);
  CHECK(all.error.code == Errc::UpstreamInvalid);
  CHECK(all.error.origin == Origin::Upstream);
}

TEST_CASE("bodies: digests in trailers end with the bytes that they are of", "[encoding]") {
  Arena arena;
  http::FieldList trailers(arena);
  trailers.add("Content-Digest", "sha-256=:x:");
  trailers.add("X-Sum", "7");
  const auto names_of = [&](http::BodySource& body) {
    std::string names;
    for (bool end = false; !end;) {
      auto task = body.next(1000);
      task.start();
      const Result<http::BodyChunk> piece = task.result();
      REQUIRE(piece);
      end = piece->end;
      if (!end) continue;
      for (const http::Field& field : *piece->trailers) names += std::string(field.name) + " ";
    }
    return names;
  };
  PieceBody plain({"a", "b"}, true);
  plain.trailers = &trailers;
  EncodedBody encoded;
  REQUIRE(encoded.begin(Coding::Gzip, Level::Fast, plain));
  CHECK(names_of(encoded) == "X-Sum ");
  PieceBody packed({encode(Coding::Gzip, "ab")}, true);
  packed.trailers = &trailers;
  DecodedBody decoded;
  REQUIRE(decoded.begin(Coding::Gzip, kWide, packed));
  CHECK(names_of(decoded) == "X-Sum ");
}

TEST_CASE("decoded body: at every split, with every size of pieces", "[encoding]") {
  const Coding coding = any_coding();
  const std::string text = sample_json(2'000);
  const std::string body = encode(coding, text);
  for (size_t bytes = 1; bytes <= body.size(); bytes += bytes < 40 ? 1 : 37) {
    CAPTURE(coding_name(coding), bytes);
    REQUIRE(decoded_pieces(coding, body, bytes, kWide).text == text);
    REQUIRE(decoded_pieces(coding, body, bytes, kWide, 3).text == text);
    const ReadAll cut_off = decoded_pieces(coding, body.substr(0, body.size() - 1), bytes, kWide);
    REQUIRE(cut_off.error.code == Errc::BadRequest);
    REQUIRE(decoded_pieces(coding, body + "!", bytes, kWide).error.code == Errc::BadRequest);
  }
  CHECK(decoded_pieces(coding, "", 1, kWide).text.empty());
  CHECK(decoded_pieces(coding, "", 1, kWide).error.code == Errc::None);
}

TEST_CASE("decoded body: a bomb is too large before it is large", "[encoding]") {
  const Coding coding = any_coding();
  const std::string body = encode(coding, std::string(20 << 20, '0'), Level::Small);
  const ReadAll limited = decoded_pieces(coding, body, 1000, {.bytes = 1 << 20, .ratio = 1 << 30});
  CHECK(limited.error.code == Errc::BodyTooLarge);
  CHECK(limited.error.origin == Origin::Downstream);
  CHECK(limited.text.size() <= 1 << 20);
  const ReadAll rated = decoded_pieces(coding, body, 1000, kWide);
  CHECK(rated.error.code == Errc::BodyTooLarge);
  CHECK(rated.text.size() <= std::max<u64>(kRatioFloorBytes, body.size() * kMaxRatio));
}

}  // namespace gw::encoding
