// Answers that are encoded for clients that can read it, and request bodies that are decoded.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "golden-tests/engine/trip.h"
#include "runtime/encoding/testing/pieces.h"
#include "runtime/server/testing/http2_client.h"
#include "runtime/server/testing/memory_gateway.h"

namespace gw {
namespace {

using encoding::Coding;
using encoding::testing::encode;
using encoding::testing::sample_json;
using engine::OfflineField;
using engine::ScriptedAnswer;
using server::testing::MemoryGateway;

std::string document(const std::string& fields, const std::string& operation = "") {
  return "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
         "x-gw:\n  upstreams: {origin: {targets: [{url: 'http://origin.test'}]}}\n"
         "  defaults: {upstream: origin, maxBody: 64KiB, timeout: 2s, " +
         fields +
         "}\n"
         "paths:\n  /a:\n    get:\n      operationId: a\n      responses: {default: {description: "
         "ok}}\n    post:\n      operationId: post\n" +
         operation + "      responses: {default: {description: ok}}\n" +
         "  /local:\n    get:\n      operationId: local\n      x-gw: {respond: {status: 200, body: "
         "{text: '" +
         std::string(2000, 'x') + "'}}}\n      responses: {'200': {description: ok}}\n";
}

const char* kCompress = "compress: {minSize: 100B}";

const std::shared_ptr<const BoundTable>& usual_table() {
  static const std::shared_ptr<const BoundTable> kTable = compiled_table(document(kCompress));
  return kTable;
}

ScriptedAnswer json_answer(std::vector<OfflineField> more = {}, u16 status = 200) {
  ScriptedAnswer answer;
  answer.status = status;
  answer.fields = {{"Content-Type", "application/json"}};
  answer.fields.insert(answer.fields.end(), more.begin(), more.end());
  answer.body = sample_json(3000);
  return answer;
}

std::string plain(const Trip& trip) { return trip.responder.plain_body(); }

struct Answered : Trip {
  Answered(const ScriptedAnswer& answer, const std::vector<OfflineField>& fields,
           const char* method = "GET", std::shared_ptr<const BoundTable> with = usual_table())
      : Trip(std::move(with)) {
    fetcher.script = {answer};
    start(method, "/a", fields);
    REQUIRE(done());
    REQUIRE(responder.ended);
  }
};

const std::vector<OfflineField> kAcceptsAll = {{"Accept-Encoding", "gzip, deflate, br, zstd"}};

}  // namespace

TEST_CASE("compress: an answer is encoded as its client likes it best", "[engine][compress]") {
  struct Case {
    std::string accepts;
    std::string coding;
  };
  const auto [accepts, coding] =
      GENERATE(Case{"gzip", "gzip"}, Case{"gzip, br", "br"}, Case{"gzip, br, zstd", "zstd"},
               Case{"gzip;q=1, br;q=0.5", "gzip"}, Case{"deflate", "(none)"},
               Case{"identity", "(none)"}, Case{"gzip;q=0", "(none)"});
  CAPTURE(accepts);
  const Answered trip(json_answer(), {{"Accept-Encoding", accepts}});
  CHECK(trip.field("content-encoding") == coding);
  CHECK(trip.field("vary") == "Accept-Encoding");
  CHECK(plain(trip) == sample_json(3000));
  if (coding != "(none)") CHECK(trip.responder.body.size() < 1000);
  // What the client said goes upstream: an upstream that encodes is left to it.
  CHECK(trip.sent_field("accept-encoding") == accepts);
}

TEST_CASE("compress: the head says nothing of the bytes as they were", "[engine][compress]") {
  const Answered trip(json_answer({{"ETag", "\"v1\""},
                                   {"Accept-Ranges", "bytes"},
                                   {"Content-MD5", "x"},
                                   {"Content-Digest", "sha-256=:x:"},
                                   {"Repr-Digest", "sha-256=:x:"},
                                   {"Vary", "Origin"},
                                   {"X-Other", "stays"}}),
                      kAcceptsAll);
  CHECK(trip.field("etag") == "W/\"v1\"");
  for (const char* name : {"accept-ranges", "content-md5", "content-digest", "repr-digest"}) {
    CHECK(trip.field(name) == "(none)");
  }
  CHECK(trip.field("x-other") == "stays");
  u32 vary = 0;
  for (const OfflineField& field : trip.responder.fields) {
    vary += http::equal_fold(field.name, "vary") ? 1U : 0U;
  }
  CHECK(vary == 2);
}

TEST_CASE("compress: an answer that is not encoded keeps its head", "[engine][compress]") {
  const Answered trip(json_answer({{"ETag", "\"v1\""}, {"Accept-Ranges", "bytes"}}), {});
  CHECK(trip.field("etag") == "\"v1\"");
  CHECK(trip.field("accept-ranges") == "bytes");
  CHECK(trip.field("vary") == "Accept-Encoding");
  CHECK(trip.responder.body == sample_json(3000));
}

TEST_CASE("compress: what is left as it is, whatever the client accepts", "[engine][compress]") {
  struct Case {
    const char* why;
    ScriptedAnswer answer;
    std::vector<OfflineField> request = {};
    std::string vary = "(none)";
  };
  // Of an answer that is a part caches learn what the whole depends on (RFC 9110 section 15.3.7).
  const std::string whole = "Accept-Encoding";
  ScriptedAnswer image = json_answer();
  image.fields[0].value = "image/png";
  ScriptedAnswer grpc = json_answer();
  grpc.fields[0].value = "application/grpc+json";
  ScriptedAnswer untyped = json_answer();
  untyped.fields.clear();
  ScriptedAnswer small = json_answer();
  small.body = std::string(99, 'x');
  const std::vector<Case> cases = {
      {"the upstream has encoded it", json_answer({{"Content-Encoding", "gzip"}})},
      {"nobody may change it", json_answer({{"Cache-Control", "public, no-transform"}})},
      {"the client wants it unchanged", json_answer(), {{"Cache-Control", "no-transform"}}},
      {"it is all of a body",
       json_answer({{"Content-Range", "bytes 0-2999/3000"}}, 206),
       {},
       whole},
      {"it is a part", json_answer({{"Content-Range", "bytes 0-2999/*"}}, 206), {}, whole},
      {"it is a part of a small body", json_answer({{"Content-Range", "bytes 0-9/99"}}, 206)},
      {"its type is not listed", image},
      {"its messages have an encoding", grpc},
      {"its type is not known", untyped},
      {"it is small", small},
  };
  for (const Case& row : cases) {
    CAPTURE(row.why);
    std::vector<OfflineField> fields = kAcceptsAll;
    fields.insert(fields.end(), row.request.begin(), row.request.end());
    const Answered trip(row.answer, fields);
    CHECK(trip.responder.body == row.answer.body);
    CHECK(trip.field("vary") == row.vary);
  }
}

TEST_CASE("compress: Vary is said once, and not beside a star", "[engine][compress]") {
  CHECK(Answered(json_answer({{"Vary", "accept-encoding"}}), kAcceptsAll).field("vary") ==
        "accept-encoding");
  CHECK(Answered(json_answer({{"Vary", "*"}}), kAcceptsAll).field("vary") == "*");
}

TEST_CASE("compress: HEAD is told what GET would be", "[engine][compress]") {
  const Answered trip(json_answer({{"ETag", "\"v1\""}}), kAcceptsAll, "HEAD");
  CHECK(trip.field("content-encoding") == "zstd");
  CHECK(trip.field("etag") == "W/\"v1\"");
  CHECK(trip.field("vary") == "Accept-Encoding");
}

TEST_CASE("compress: 304 names the ETag that the client has", "[engine][compress]") {
  const auto etag_of = [](const std::string& asked) {
    ScriptedAnswer unchanged;
    unchanged.status = 304;
    unchanged.fields = {{"ETag", "\"v1\""}};
    std::vector<OfflineField> fields = kAcceptsAll;
    fields.push_back({"If-None-Match", asked});
    const Answered trip(unchanged, fields);
    CHECK(trip.sent_field("if-none-match") == asked);
    CHECK(trip.responder.status == 304);
    // It need not say what it is about.
    CHECK(trip.field("vary") == "Accept-Encoding");
    return trip.field("etag");
  };
  CHECK(etag_of("W/\"v1\"") == "W/\"v1\"");
  CHECK(etag_of("\"v0\", W/\"v1\"") == "W/\"v1\"");
  CHECK(etag_of("\"v1\"") == "\"v1\"");
  CHECK(etag_of("*") == "\"v1\"");
}

TEST_CASE("compress: answers of the gateway itself are encoded as well", "[engine][compress]") {
  Trip trip(usual_table());
  trip.start("GET", "/local", kAcceptsAll);
  REQUIRE(trip.done());
  CHECK(trip.field("content-encoding") == "zstd");
  CHECK(plain(trip) == "{\"text\":\"" + std::string(2000, 'x') + "\"}");
  // Problems are short.
  trip.again();
  trip.start("GET", "/nowhere", kAcceptsAll);
  CHECK(trip.responder.status == 404);
  CHECK(trip.field("content-encoding") == "(none)");
}

TEST_CASE("compress: types, encodings and their order are the operator's", "[engine][compress]") {
  const auto with = [](const std::string& fields) { return compiled_table(document(fields)); };
  ScriptedAnswer image = json_answer();
  image.fields[0].value = "Image/X-Icon; a=b";
  CHECK(Answered(image, kAcceptsAll, "GET", with("compress: {types: ['image/x-icon']}"))
            .field("content-encoding") == "zstd");
  CHECK(Answered(json_answer(), kAcceptsAll, "GET", with("compress: {types: ['text/*']}"))
            .field("content-encoding") == "(none)");
  CHECK(Answered(json_answer(), kAcceptsAll, "GET", with("compress: [gzip, br]"))
            .field("content-encoding") == "gzip");
  CHECK(Answered(json_answer(), {{"Accept-Encoding", "zstd"}}, "GET", with("compress: br"))
            .field("content-encoding") == "(none)");
  CHECK(Answered(json_answer(), kAcceptsAll, "GET", with("compress: {minSize: 3001B}"))
            .field("content-encoding") == "(none)");
  CHECK(Answered(json_answer(), kAcceptsAll, "GET", with("retry: off")).field("vary") == "(none)");
  const Answered small(json_answer(), kAcceptsAll, "GET", with("compress: {level: small}"));
  const Answered fast(json_answer(), kAcceptsAll, "GET", with("compress: {level: fast}"));
  CHECK(plain(small) == plain(fast));
  CHECK(small.responder.body.size() < fast.responder.body.size());
}

namespace {

const std::string kJudged =
    "      requestBody: {required: true, content: {application/json: {schema: {type: object, "
    "required: [a], properties: {a: {type: string}}}}}}\n";

struct Posted : Trip {
  Posted(const std::shared_ptr<const BoundTable>& with, const std::string& body,
         const std::string& coding)
      : Trip(with) {
    std::vector<OfflineField> fields = {{"Content-Type", "application/json"}};
    if (!coding.empty()) fields.push_back({"Content-Encoding", coding});
    fetcher.script = {{.status = 200}};
    start("POST", "/a", fields, body);
    REQUIRE(done());
  }
};

}  // namespace

TEST_CASE("validate: an encoded body is judged decoded, and sent as it came",
          "[engine][validate][compress]") {
  const auto with = compiled_table(document("validate: enforce", kJudged));
  const std::string coding = GENERATE("gzip", "br", "zstd", "x-gzip");
  const Coding used = coding == "br"     ? Coding::Brotli
                      : coding == "zstd" ? Coding::Zstd
                                         : Coding::Gzip;
  CAPTURE(coding);
  const std::string good = encode(used, R"({"a":"b"})");
  const Posted fine(with, good, coding);
  CHECK(fine.responder.status == 200);
  REQUIRE(fine.fetcher.sent.size() == 1);
  CHECK(fine.fetcher.sent[0].body == good);
  CHECK(fine.sent_field("content-encoding") == coding);

  CHECK(Posted(with, encode(used, R"({"a":1})"), coding).responder.status == 400);
  CHECK(Posted(with, good.substr(0, good.size() - 2), coding).responder.status == 400);
  CHECK(Posted(with, R"({"a":"b"})", coding).responder.status == 400);
  const std::string bomb = encode(used, "{\"a\":\"" + std::string(1 << 20, 'x') + "\"}");
  REQUIRE(bomb.size() < 8192);
  const Posted refused(with, bomb, coding);
  CHECK(refused.responder.status == 413);
  CHECK(refused.fetcher.sent.empty());
}

TEST_CASE("validate: a coding that is not known is answered with those that are",
          "[engine][validate][compress]") {
  const auto with = compiled_table(document("validate: enforce", kJudged));
  for (const char* coding : {"deflate", "gzip, gzip", "aes128gcm"}) {
    CAPTURE(coding);
    const Posted refused(with, "{}", coding);
    CHECK(refused.responder.status == 415);
    CHECK(refused.field("accept-encoding") == "zstd, br, gzip");
    CHECK(refused.fetcher.sent.empty());
  }
}

TEST_CASE("decompressRequests: upstreams get plain bodies", "[engine][compress]") {
  const bool judged = GENERATE(false, true);
  CAPTURE(judged);
  const auto with = compiled_table(document(
      std::string("decompressRequests: true, validate: ") + (judged ? "enforce" : "{request: off}"),
      kJudged));
  const std::string text = "{\"a\":\"" + std::string(500, 'x') + "\"}";
  SECTION("an encoded one is decoded") {
    const Coding coding = GENERATE(Coding::Gzip, Coding::Brotli, Coding::Zstd);
    const Posted trip(with, encode(coding, text), std::string(encoding::coding_name(coding)));
    CHECK(trip.responder.status == 200);
    REQUIRE(trip.fetcher.sent.size() == 1);
    CHECK(trip.fetcher.sent[0].body == text);
    CHECK(trip.sent_field("content-encoding") == "(none)");
    CHECK(trip.sent_field("content-length") == "(none)");
  }
  SECTION("a plain one is left alone") {
    const Posted trip(with, text, "");
    REQUIRE(trip.fetcher.sent.size() == 1);
    CHECK(trip.fetcher.sent[0].body == text);
  }
  SECTION("a bomb is refused") {
    const Posted trip(with, encode(Coding::Gzip, std::string(10 << 20, ' ')), "gzip");
    CHECK(trip.responder.status == 413);
  }
  SECTION("what is no such body is refused") {
    const Posted trip(with, text, "gzip");
    CHECK(trip.responder.status == 400);
  }
  SECTION("a coding that is not known is refused") {
    const Posted trip(with, text, "deflate");
    CHECK(trip.responder.status == 415);
    CHECK(trip.field("accept-encoding") == "zstd, br, gzip");
  }
}

TEST_CASE("validate: an encoded answer is judged decoded", "[engine][validate][compress]") {
  const auto with = [](const std::string& fields) {
    return compiled_table(
        "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
        "x-gw:\n  upstreams: {origin: {targets: [{url: 'http://origin.test'}]}}\n"
        "  defaults: {upstream: origin, maxBody: 64KiB, timeout: 2s, validate: {response: "
        "enforce}" +
        fields +
        "}\n"
        "paths:\n  /a:\n    get:\n      operationId: a\n      responses: {'200': {description: ok, "
        "content: {application/json: {schema: {type: object, required: [a]}}}}}\n");
  };
  const Coding coding = GENERATE(Coding::Gzip, Coding::Brotli, Coding::Zstd);
  const std::string name(encoding::coding_name(coding));
  const std::string good = "{\"a\":\"" + std::string(2000, 'x') + "\"}";
  const auto answer = [&](const std::string& body) {
    ScriptedAnswer out;
    out.fields = {
        {"Content-Type", "application/json"}, {"Content-Encoding", name}, {"ETag", "\"v1\""}};
    out.body = body;
    return out;
  };
  CAPTURE(name);
  SECTION("a client that can read it gets it as it came") {
    const Answered trip(answer(encode(coding, good)), kAcceptsAll, "GET", with(""));
    CHECK(trip.responder.status == 200);
    CHECK(trip.sent_field("accept-encoding") == "identity");
    CHECK(trip.responder.body == encode(coding, good));
    CHECK(trip.field("content-encoding") == name);
    CHECK(trip.field("etag") == "\"v1\"");
  }
  SECTION("one that cannot gets it decoded") {
    const Answered trip(answer(encode(coding, good)), {}, "GET", with(""));
    CHECK(trip.responder.body == good);
    CHECK(trip.field("content-encoding") == "(none)");
    CHECK(trip.field("etag") == "W/\"v1\"");
  }
  SECTION("one that reads another coding gets that, where compress is set") {
    const char* other = coding == Coding::Gzip ? "br" : "gzip";
    const Answered trip(answer(encode(coding, good)), {{"Accept-Encoding", other}}, "GET",
                        with(", compress: {}"));
    CHECK(trip.field("content-encoding") == other);
    CHECK(plain(trip) == good);
  }
  SECTION("what breaks the contract, or cannot be decoded, is not passed on") {
    for (const std::string& body :
         {encode(coding, "{}"), encode(coding, good).substr(0, 20), good,
          encode(coding, "{\"a\":\"" + std::string(1 << 20, 'x') + "\"}")}) {
      const Answered trip(answer(body), kAcceptsAll, "GET", with(""));
      CHECK(trip.responder.status == 502);
    }
  }
}

}  // namespace gw
