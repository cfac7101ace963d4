// Encoders and decoders at every split, with every buffer, against what is wrong.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "runtime/encoding/testing/pieces.h"

namespace gw::encoding {
namespace {

using testing::encode;
using testing::sample_json;

constexpr DecodeLimits kWide{.bytes = u64{1} << 30, .ratio = 1'000'000};

Coding any_coding() { return GENERATE(Coding::Gzip, Coding::Brotli, Coding::Zstd); }
Level any_level() { return GENERATE(Level::Fast, Level::Balanced, Level::Small); }

Result<std::string> decode(Coding coding, const std::string& body,
                           const DecodeLimits& limits = kWide) {
  Arena arena;
  const Result<Bytes> decoded = decode_whole(coding, as_bytes(body), limits, arena);
  if (!decoded) return fail(decoded.error());
  return std::string(as_text(*decoded));
}

// By hand, with a small output each time.
std::string encode_split(Coding coding, const std::string& text, size_t at, size_t room) {
  const EncoderLease encoder(coding, Level::Balanced, ~u64{0});
  std::string out;
  const auto put = [&](std::string_view piece, Flush flush) {
    Bytes input = as_bytes(piece);
    for (bool done = false; !done;) {
      const Result<Progress> step = encoder->encode(input, encoder->buffer().first(room), flush);
      REQUIRE(step);
      out += as_text(Bytes(encoder->buffer()).first(step->written));
      done = step->done;
    }
  };
  put(std::string_view(text).substr(0, at), Flush::Sync);
  put(std::string_view(text).substr(at), Flush::Finish);
  return out;
}

}  // namespace

TEST_CASE("encoders: what was encoded is decoded to the same", "[encoding]") {
  const Coding coding = any_coding();
  const Level level = any_level();
  const size_t bytes = GENERATE(size_t{0}, size_t{1}, size_t{130}, size_t{4096}, size_t{16'385},
                                size_t{300'000}, size_t{3'000'000});
  const std::string text = sample_json(bytes);
  const std::string body = encode(coding, text, level);
  CAPTURE(coding_name(coding), static_cast<int>(level), bytes, body.size());
  const Result<std::string> back = decode(coding, body);
  REQUIRE(back);
  CHECK(*back == text);
  if (bytes > 1000) CHECK(body.size() * 3 < bytes);
}

TEST_CASE("encoders: bytes without any order come back as well", "[encoding]") {
  const Coding coding = any_coding();
  std::mt19937_64 random(3);
  std::string text(200'000, '\0');
  for (char& c : text) c = static_cast<char>(random());
  const Result<std::string> back = decode(coding, encode(coding, text));
  REQUIRE(back);
  CHECK(*back == text);
}

TEST_CASE("encoders: a flush and a split at any place change nothing", "[encoding]") {
  const Coding coding = any_coding();
  const size_t room = GENERATE(size_t{kLeastRoom}, size_t{100}, size_t{4096});
  const std::string text = sample_json(300);
  for (size_t at = 0; at <= text.size(); ++at) {
    const Result<std::string> back = decode(coding, encode_split(coding, text, at, room));
    CAPTURE(coding_name(coding), room, at);
    REQUIRE(back);
    REQUIRE(*back == text);
  }
}

TEST_CASE("decoders: input in two parts at any place, output byte by byte", "[encoding]") {
  const Coding coding = any_coding();
  const std::string text = sample_json(500);
  const std::string body = encode(coding, text);
  for (size_t at = 0; at <= body.size(); ++at) {
    const DecoderLease decoder(coding);
    std::string out;
    bool done = false;
    for (const std::string& part : {body.substr(0, at), body.substr(at)}) {
      Bytes input = as_bytes(part);
      for (bool goes_on = !part.empty(); goes_on;) {
        const Result<Progress> step = decoder->decode(input, decoder->buffer().first(1));
        REQUIRE(step);
        out += as_text(Bytes(decoder->buffer()).first(step->written));
        done = step->done;
        goes_on = !input.empty() || step->written != 0;
      }
    }
    CAPTURE(coding_name(coding), at);
    REQUIRE(done);
    REQUIRE(out == text);
  }
}

TEST_CASE("decoders: every truncation is refused", "[encoding]") {
  const Coding coding = any_coding();
  const std::string body = encode(coding, sample_json(400));
  for (size_t bytes = 1; bytes < body.size(); ++bytes) {
    const Result<std::string> back = decode(coding, body.substr(0, bytes));
    CAPTURE(coding_name(coding), bytes);
    REQUIRE_FALSE(back);
    REQUIRE(back.error().code == Errc::BadRequest);
    REQUIRE(back.error().origin == Origin::Downstream);
  }
}

TEST_CASE("decoders: bytes behind the end are refused", "[encoding]") {
  const Coding coding = any_coding();
  const std::string body = encode(coding, "hello");
  CAPTURE(coding_name(coding));
  CHECK_FALSE(decode(coding, body + "x"));
  CHECK_FALSE(decode(coding, body + std::string(40, '\0')));
  CHECK_FALSE(decode(coding, "hello"));
}

TEST_CASE("decoders: members and frames that follow each other are one body", "[encoding]") {
  const Coding coding = GENERATE(Coding::Gzip, Coding::Zstd);
  const Result<std::string> back =
      decode(coding, encode(coding, "one, ") + encode(coding, "") + encode(coding, "two"));
  REQUIRE(back);
  CHECK(*back == "one, two");
}

TEST_CASE("decoders: no byte that is changed is missed where the coding has a checksum",
          "[encoding]") {
  const std::string text = sample_json(400);
  const std::string body = encode(Coding::Gzip, text);
  for (size_t at = 0; at < body.size(); ++at) {
    std::string wrong = body;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x10);
    const Result<std::string> back = decode(Coding::Gzip, wrong);
    // Some bits stand for nothing: the time, the system, what fills the last byte.
    if (back) CHECK(*back == text);
  }
}

TEST_CASE("decoders: a bomb ends at the limit and at the ratio", "[encoding]") {
  const Coding coding = any_coding();
  const std::string body = encode(coding, std::string(20 << 20, '0'), Level::Small);
  CAPTURE(coding_name(coding), body.size());
  Arena arena;
  SECTION("the limit") {
    const DecodeLimits limits{.bytes = 1 << 20, .ratio = 1'000'000};
    const Result<Bytes> decoded = decode_whole(coding, as_bytes(body), limits, arena);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == Errc::BodyTooLarge);
    CHECK(arena.held_bytes() < 8 << 20);
  }
  SECTION("the ratio") {
    const DecodeLimits limits{.bytes = u64{1} << 40, .origin = Origin::Upstream};
    const Result<Bytes> decoded = decode_whole(coding, as_bytes(body), limits, arena);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == Errc::BodyTooLarge);
    CHECK(decoded.error().origin == Origin::Upstream);
    // Brotli has taken few bytes by then.
    CHECK(arena.held_bytes() < 24 << 20);
  }
}

TEST_CASE("decoders: exactly the limit is let through", "[encoding]") {
  const Coding coding = any_coding();
  const std::string text = sample_json(100'000);
  const std::string body = encode(coding, text);
  CHECK(decode(coding, body, {.bytes = text.size()}));
  CHECK_FALSE(decode(coding, body, {.bytes = text.size() - 1}));
}

TEST_CASE("decoders: a window that is larger than the coding allows is refused", "[encoding]") {
  // A frame header with a window of 2^31 bytes, and one raw block (RFC 8878 section 3.1.1).
  const std::string huge("\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00\x41", 10);
  const Result<std::string> back = decode(Coding::Zstd, huge);
  REQUIRE_FALSE(back);
  CHECK(back.error().code == Errc::BadRequest);
}

TEST_CASE("contexts: what was returned is used again, whatever has become of its body",
          "[encoding]") {
  const Coding coding = any_coding();
  const std::string text = sample_json(10'000);
  const std::string body = encode(coding, text);
  CHECK(decode(coding, body).has_value());
  const size_t idle = idle_contexts();
  REQUIRE(idle >= 2);
  for (u32 round = 0; round < 20; ++round) {
    {
      // Left in the middle.
      const EncoderLease encoder(coding, Level::Fast, text.size());
      Bytes input = as_bytes(text);
      REQUIRE(encoder->encode(input, encoder->buffer().first(10), Flush::None));
      const DecoderLease decoder(coding);
      Bytes broken = as_bytes("no such thing");
      while (!broken.empty() && decoder->decode(broken, decoder->buffer())) {
      }
    }
    REQUIRE(encode(coding, text) == body);
    REQUIRE(*decode(coding, body) == text);
  }
  CHECK(idle_contexts() == idle);
}

TEST_CASE("contexts: no more are kept than a worker needs", "[encoding]") {
  std::vector<EncoderLease> leases;
  for (u32 i = 0; i < 40; ++i) leases.emplace_back(Coding::Gzip, Level::Fast, 1000);
  leases.clear();
  CHECK(idle_contexts() < 20);
}

}  // namespace gw::encoding
