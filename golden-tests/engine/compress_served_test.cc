// Encoded answers from bytes to bytes, over HTTP/1 and HTTP/2 in memory.
#include <catch2/catch.hpp>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/encoding/testing/pieces.h"
#include "runtime/server/testing/http2_client.h"
#include "runtime/server/testing/memory_gateway.h"

namespace gw {
namespace {

using encoding::Coding;
using encoding::testing::encode;
using encoding::testing::sample_json;
using server::testing::Http2Client;
using server::testing::MemoryGateway;

const std::shared_ptr<const BoundTable>& usual_table() {
  static const std::shared_ptr<const BoundTable> kTable = compiled_table(R"(
openapi: 3.1.0
info: {title: T, version: '1'}
x-gw:
  upstreams: {origin: {targets: [{url: 'http://origin.test'}]}}
  defaults: {upstream: origin, maxBody: 64KiB, timeout: 2s, retry: off, compress: {}, decompressRequests: true}
paths:
  /a:
    get: {operationId: a, responses: {default: {description: ok}}}
    post: {operationId: b, responses: {default: {description: ok}}}
  /events:
    get:
      operationId: events
      responses: {'200': {description: ok, content: {text/event-stream: {}}}}
)");
  return kTable;
}

struct Served {
  Served() : gateway(&run, usual_table().get()) {}
  MemoryGateway gateway;
};

std::string get(const std::string& path, const std::string& accepts) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + accepts + "\r\n\r\n";
}

std::string with_length(const std::string& body, const std::string& type = "application/json") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string chunk(const std::string& bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

// Of a body that need not be at its end.
std::string decoded(std::string_view name, const std::string& body) {
  for (const Coding coding : encoding::kPreferred) {
    if (name != encoding::coding_name(coding)) continue;
    const encoding::DecoderLease decoder(coding);
    std::string out;
    Bytes input = as_bytes(body);
    for (bool goes_on = true; goes_on;) {
      const Result<encoding::Progress> step = decoder->decode(input, decoder->buffer());
      if (!step) return "(broken)";
      out += as_text(Bytes(decoder->buffer()).first(step->written));
      goes_on = !input.empty() || step->written != 0;
    }
    return out;
  }
  return "(not encoded)";
}

const std::string kCoding[] = {"gzip", "br", "zstd"};

}  // namespace

TEST_CASE("compress, served: a small answer leaves with its length", "[engine][compress]") {
  const std::string coding = GENERATE(from_range(std::begin(kCoding), std::end(kCoding)));
  Served served;
  MemoryGateway& gateway = served.gateway;
  const std::string body = sample_json(3000);
  gateway.answer_text = with_length(body);
  auto client = gateway.connect();
  client->peer.send(get("/a", coding) + get("/a", "identity"));
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  const auto& answer = client->answer(0);
  CHECK(answer.field("content-encoding") == coding);
  CHECK(answer.field("content-length") == std::to_string(answer.body.size()));
  CHECK(answer.count("transfer-encoding") == 0);
  CHECK(answer.field("vary") == "Accept-Encoding");
  CHECK(decoded(coding, answer.body) == body);
  CHECK(gateway.log.at(0).response_bytes == answer.body.size());
  CHECK(client->answer(1).body == body);
  CHECK(client->reader.problem.empty());
}

TEST_CASE("compress, served: a large one is passed on piece by piece", "[engine][compress]") {
  const std::string coding = GENERATE(from_range(std::begin(kCoding), std::end(kCoding)));
  const bool in_chunks = GENERATE(false, true);
  CAPTURE(coding, in_chunks);
  Served served;
  MemoryGateway& gateway = served.gateway;
  const std::string body = sample_json(2'000'000);
  gateway.answer_text = with_length(body);
  if (in_chunks) {
    gateway.answer_text =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (size_t at = 0; at < body.size(); at += 5000) {
      gateway.answer_text += chunk(body.substr(at, 5000));
    }
    gateway.answer_text += "0\r\nX-Sum: 7\r\n\r\n";
  }
  auto client = gateway.connect();
  client->peer.send(get("/a", coding));
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).chunked);
  CHECK(client->answer(0).trailers.size() == (in_chunks ? 1 : 0));
  CHECK(client->answer(0).body.size() < body.size() / 3);
  CHECK(decoded(coding, client->answer(0).body) == body);
}

TEST_CASE("compress, served: events reach who listens at once", "[engine][compress]") {
  const std::string coding = GENERATE(from_range(std::begin(kCoding), std::end(kCoding)));
  CAPTURE(coding);
  Served served;
  MemoryGateway& gateway = served.gateway;
  gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  auto client = gateway.connect();
  client->peer.send(get("/events", coding));
  gateway.loop.run();
  REQUIRE(client->reader.messages.size() == 1);
  CHECK(client->reader.messages[0].field("content-encoding") == coding);
  std::string sent;
  for (const char* event : {"data: one\n\n", "data: two\n\n", "data: three\n\n"}) {
    sent += event;
    gateway.origin.at(0)->peer.send(chunk(event));
    gateway.loop.run();
    CHECK(decoded(coding, client->reader.messages[0].body) == sent);
  }
  gateway.origin[0]->peer.send("0\r\n\r\n");
  gateway.loop.run();
  CHECK(client->answers() == 1);
  CHECK(gateway.pool().idle_count() == 1);
}

TEST_CASE("compress, served: who leaves in the middle leaves nothing behind",
          "[engine][compress]") {
  Served served;
  MemoryGateway& gateway = served.gateway;
  gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
      chunk("data: one\n\n");
  {
    auto warm = gateway.connect();
    warm->peer.send(get("/events", "gzip"));
    gateway.loop.run();
  }
  CHECK(gateway.comes_to_rest());
  const size_t idle = encoding::idle_contexts();
  CHECK(idle > 0);
  {
    auto client = gateway.connect();
    client->peer.send(get("/events", "gzip"));
    gateway.loop.run();
    CHECK(encoding::idle_contexts() == idle - 1);
  }
  CHECK(gateway.comes_to_rest());
  CHECK(encoding::idle_contexts() == idle);
}

TEST_CASE("compress, served: an answer that breaks off is no whole one", "[engine][compress]") {
  Served served;
  MemoryGateway& gateway = served.gateway;
  gateway.answer = [](server::testing::OriginConnection& connection,
                      const server::testing::WireMessage&) {
    connection.peer.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" +
        chunk(sample_json(3000)));
    connection.peer.close();
  };
  auto client = gateway.connect();
  client->peer.send(get("/a", "gzip"));
  gateway.loop.run();
  CHECK(client->answers() == 0);
  CHECK(client->peer.closed());
}

TEST_CASE("compress, served: HEAD tells no length that GET would not have", "[engine][compress]") {
  Served served;
  MemoryGateway& gateway = served.gateway;
  gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3000\r\n\r\n";
  auto client = gateway.connect();
  client->reader.heads = {true};
  client->peer.send("HEAD /a HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).field("content-encoding") == "br");
  CHECK(client->answer(0).count("content-length") == 0);
}

TEST_CASE("compress, served: over HTTP/2", "[engine][compress]") {
  const std::string coding = GENERATE(from_range(std::begin(kCoding), std::end(kCoding)));
  const size_t bytes = GENERATE(size_t{3000}, size_t{500'000});
  CAPTURE(coding, bytes);
  Served served;
  MemoryGateway& gateway = served.gateway;
  const std::string body = sample_json(bytes);
  gateway.answer_text = with_length(body);
  Http2Client client(gateway.connect_peer());
  client.greet();
  client.headers(1,
                 {{":method", "GET"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/a"},
                  {"accept-encoding", coding}},
                 true);
  gateway.loop.run();
  const auto& answer = client.answers.at(1);
  REQUIRE(answer.ended);
  CHECK(answer.field("content-encoding") == coding);
  CHECK(decoded(coding, answer.body) == body);
  CHECK(client.problem.empty());
}

TEST_CASE("decompressRequests, served: a stream is decoded as it comes", "[engine][compress]") {
  const Coding coding = GENERATE(Coding::Gzip, Coding::Brotli, Coding::Zstd);
  const size_t bytes = GENERATE(size_t{10}, size_t{60'000});
  Served served;
  MemoryGateway& gateway = served.gateway;
  const std::string text = sample_json(bytes);
  const std::string body = encode(coding, text);
  auto client = gateway.connect();
  client->peer.send_pieces("POST /a HTTP/1.1\r\nHost: a\r\nContent-Encoding: " +
                               std::string(encoding::coding_name(coding)) + "\r\nContent-Length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body,
                           700);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 200);
  REQUIRE(gateway.requests() == 1);
  const auto& request = gateway.origin.at(0)->reader.messages[0];
  CHECK(request.body == text);
  CHECK(request.count("content-encoding") == 0);
  CHECK(gateway.log.at(0).request_bytes == body.size());
}

}  // namespace gw
