// Bodies that are judged before they are forwarded, from bytes to bytes: in memory, and over
// loopback.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/server/gateway.h"
#include "runtime/server/publication.h"
#include "runtime/server/testing/http2_client.h"
#include "runtime/server/testing/memory_gateway.h"

namespace gw {
namespace {

using server::testing::Http2Answer;
using server::testing::Http2Client;
using server::testing::MemoryGateway;

std::shared_ptr<const BoundTable> table_of(const std::string& action) {
  return compiled_table(
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n  upstreams: {origin: {targets: [{url: '" +
      std::string(action.empty() ? "http://origin.test" : "http://127.0.0.1:9") +
      "'}]}}\n"
      "  defaults: {upstream: origin, maxBody: 64KiB, timeout: {total: 2s}, retry: off,"
      " validate: {request: enforce, response: enforce}}\n"
      "paths:\n  /a:\n    post:\n      operationId: a\n" +
      action +
      "      requestBody:\n        required: true\n        content:\n"
      "          application/json: {schema: {type: object, required: [a],"
      " properties: {a: {type: string}}}}\n"
      "      responses: {default: {description: ok, content: {text/plain: {schema: {type: string,"
      " maxLength: 5}}}}}\n");
}

std::string in_chunks(const std::string& body, size_t chunk) {
  std::string text;
  char size[20];
  for (size_t at = 0; at < body.size(); at += chunk) {
    const std::string part = body.substr(at, chunk);
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    text += size + part + "\r\n";
  }
  return text + "0\r\nX-Trailer: t\r\n\r\n";
}

const std::string kHead = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";

std::string chunked(const std::string& body, size_t chunk) {
  return kHead + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, chunk);
}
std::string with_length(const std::string& body) {
  return kHead + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string json_of(size_t bytes) { return "{\"a\":\"" + std::string(bytes, 'x') + "\"}"; }

const std::string kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

struct Served {
  Served() : table(table_of("")), gateway(&run, table.get()) { gateway.answer_text = kAnswer; }
  std::shared_ptr<const BoundTable> table;
  MemoryGateway gateway;
};

// The same, and a client of HTTP/2.
struct Served2 : Served {
  Served2() : client(gateway.connect_peer()) {
    client.greet();
    gateway.loop.run();
  }
  // A POST whose body comes in frames of `frame` bytes; declared: with content-length.
  void post(u32 id, const std::string& body, size_t frame, bool declared) {
    server::testing::HeaderFields more = {{"content-type", "application/json"}};
    if (declared) more.emplace_back("content-length", std::to_string(body.size()));
    client.post(id, "/a", more);
    for (size_t at = 0; at < body.size(); at += frame) {
      client.data(id, body.substr(at, frame), at + frame >= body.size());
      gateway.loop.run();
    }
    CHECK(client.problem.empty());
  }
  Http2Client client;
};

}  // namespace

TEST_CASE("validate, served: what was judged is what is sent, however it came",
          "[engine][validate]") {
  const bool is_chunked = GENERATE(false, true);
  const size_t bytes = GENERATE(size_t{1}, size_t{5000}, size_t{60000});
  CAPTURE(is_chunked, bytes);
  Served served;
  auto client = served.gateway.connect();
  const std::string body = json_of(bytes);
  client->peer.send_pieces(is_chunked ? chunked(body, 700) : with_length(body), 900);
  served.gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 200);
  CHECK(client->answer(0).body == "ok");
  REQUIRE(served.gateway.requests() == 1);
  CHECK(served.gateway.origin.at(0)->reader.messages[0].body == body);
  CHECK(served.gateway.log.at(0).request_bytes == body.size());
}

TEST_CASE("validate, served: a refused body leaves the connection usable", "[engine][validate]") {
  Served served;
  auto client = served.gateway.connect();
  client->peer.send_pieces(chunked("{\"a\":1}", 3) + with_length("{}") + with_length(json_of(9)),
                           11);
  served.gateway.loop.run();
  REQUIRE(client->answers() == 3);
  CHECK(client->answer(0).status() == 400);
  CHECK(client->answer(0).body.find(R"("pointer":"/a","keyword":"type")") != std::string::npos);
  CHECK(client->answer(1).status() == 400);
  CHECK(client->answer(2).status() == 200);
  CHECK(served.gateway.requests() == 1);
}

TEST_CASE("validate, served: nothing beyond maxBody is kept", "[engine][validate]") {
  Served served;
  auto client = served.gateway.connect();
  client->peer.send_pieces(chunked(json_of(70000), 1000), 3000);
  served.gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 413);
  CHECK(served.gateway.requests() == 0);
}

TEST_CASE("validate, served: a body that trickles in ends with the deadline",
          "[engine][validate]") {
  Served served;
  auto client = served.gateway.connect();
  client->peer.send(kHead + "Content-Length: 100\r\n\r\n{");
  for (int i = 0; i < 30 && client->answers() == 0; ++i) {
    served.gateway.loop.advance(std::chrono::milliseconds(100));
    client->peer.send(" ");
  }
  served.gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 408);
  CHECK(served.gateway.requests() == 0);
}

TEST_CASE("validate, served: an answer that breaks the contract", "[engine][validate]") {
  Served served;
  served.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nlong\r\n4\r\nlong\r\n0\r\n\r\n";
  auto client = served.gateway.connect();
  client->peer.send(with_length(json_of(1)));
  served.gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 502);
  CHECK(client->answer(0).body.find("long") == std::string::npos);
}

TEST_CASE("validate, served: over HTTP/2, what was judged is what is sent", "[engine][validate]") {
  const bool declared = GENERATE(false, true);
  const size_t bytes = GENERATE(size_t{1}, size_t{5000}, size_t{60000});
  CAPTURE(declared, bytes);
  Served2 served;
  const std::string body = json_of(bytes);
  served.post(1, body, 900, declared);
  const Http2Answer& answer = served.client.answer(1);
  CHECK(answer.ended);
  CHECK(answer.status() == 200);
  CHECK(answer.body == "ok");
  REQUIRE(served.gateway.requests() == 1);
  CHECK(served.gateway.origin.at(0)->reader.messages[0].body == body);
  CHECK(served.gateway.log.at(0).request_bytes == body.size());
}

TEST_CASE("validate, served: over HTTP/2, a refused body is explained and its neighbours go on",
          "[engine][validate]") {
  Served2 served;
  // One stream waits for the rest of its body while others are refused.
  served.client.post(1, "/a", {{"content-type", "application/json"}});
  served.client.data(1, "{\"a\":", false);
  served.post(3, "{\"a\":1}", 3, true);
  served.post(5, "{}", 1, false);
  served.post(7, "{\"a\":\"x\"", 4, false);  // no JSON
  served.client.data(1, "\"x\"}", true);
  served.gateway.loop.run();
  const Http2Answer& wrong_type = served.client.answer(3);
  CHECK(wrong_type.ended);
  CHECK(wrong_type.reset == server::testing::h2::kNone);
  CHECK(wrong_type.status() == 400);
  CHECK(wrong_type.field("content-type") == "application/problem+json");
  CHECK(wrong_type.body.find(R"("type":"urn:gwctl:problem:)") != std::string::npos);
  CHECK(wrong_type.body.find(R"("pointer":"/a","keyword":"type")") != std::string::npos);
  CHECK(served.client.answer(5).status() == 400);
  CHECK(served.client.answer(5).body.find(R"("keyword":"required")") != std::string::npos);
  CHECK(served.client.answer(7).status() == 400);
  CHECK(served.client.answer(1).status() == 200);
  CHECK(served.client.goaway_code() == server::testing::h2::kNone);
  REQUIRE(served.gateway.requests() == 1);
  CHECK(served.gateway.origin.at(0)->reader.messages[0].body == "{\"a\":\"x\"}");
}

TEST_CASE("validate, served: over HTTP/2, nothing beyond maxBody is kept", "[engine][validate]") {
  const bool declared = GENERATE(false, true);
  CAPTURE(declared);
  Served2 served;
  served.post(1, json_of(70000), 8000, declared);
  CHECK(served.client.answer(1).status() == 413);
  CHECK(served.gateway.requests() == 0);
}

TEST_CASE("validate, served: over HTTP/2, a client that leaves is no request",
          "[engine][validate]") {
  Served2 served;
  served.client.post(1, "/a", {{"content-type", "application/json"}});
  served.client.data(1, "{\"a\":", false);
  served.gateway.loop.run();
  served.client.rst_stream(1);
  served.gateway.loop.run();
  CHECK(served.gateway.requests() == 0);
  REQUIRE(served.gateway.log.size() == 1);
  CHECK(served.gateway.log[0].client_gone);
}

TEST_CASE("validate, served: over loopback, in chunks", "[engine][validate]") {
  std::vector<std::string> problems;
  server::Publication publication =
      server::make_publication(table_of("      x-gw: {respond: {status: 202}}\n"), problems);
  REQUIRE(problems.empty());
  server::GatewayOptions options;
  options.listen = {"127.0.0.1:0"};
  options.workers = 1;
  options.run = &run;
  server::Gateway gateway(options);
  REQUIRE(gateway.start(std::move(publication)));
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(gateway.listeners().port(0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const timeval limit{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string text = chunked(json_of(30000), 1000) + chunked("{\"a\":[]}", 2);
  for (size_t at = 0; at < text.size(); at += 4000) {
    const std::string piece = text.substr(at, 4000);
    REQUIRE(::send(socket, piece.data(), piece.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(piece.size()));
  }
  std::string answers;
  char buffer[4096];
  while (answers.find("\"keyword\":\"type\"") == std::string::npos) {
    const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    answers.append(buffer, static_cast<size_t>(got));
  }
  ::close(socket);
  gateway.drain(0);
  gateway.wait();
  CHECK(answers.starts_with("HTTP/1.1 202"));
  CHECK(answers.find("HTTP/1.1 400") != std::string::npos);
}

}  // namespace gw
