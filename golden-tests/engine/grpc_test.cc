// What the gateway itself says to clients that speak gRPC.
#include <catch2/catch.hpp>
#include <chrono>

#include "runtime/engine/grpc.h"

namespace gw {
namespace {

using engine::parse_grpc_timeout;
using std::chrono::milliseconds;

milliseconds timeout_of(std::string_view text) {
  milliseconds out{-1};
  return parse_grpc_timeout(text, out) ? out : milliseconds(-1);
}

Exchange& answer(Exchange& exchange, std::string_view type, u16 status) {
  exchange.reset();
  exchange.request.fields.add("content-type", type);
  exchange.response.status = status;
  exchange.response.fields.add("content-type", "application/problem+json");
  exchange.response.fields.add("x-kept", "1");
  exchange.response.framing = http::Framing::Length;
  exchange.response.content_length = 4;
  exchange.local_body = "text";
  return exchange;
}

}  // namespace

TEST_CASE("grpc: timeouts", "[engine][grpc]") {
  CHECK(timeout_of("1S") == milliseconds(1000));
  CHECK(timeout_of("250m") == milliseconds(250));
  CHECK(timeout_of("2M") == milliseconds(120'000));
  CHECK(timeout_of("1H") == milliseconds(3'600'000));
  CHECK(timeout_of("1500u") == milliseconds(2));
  CHECK(timeout_of("1n") == milliseconds(1));
  CHECK(timeout_of("0S") == milliseconds(0));
  CHECK(timeout_of("99999999H") == milliseconds(365ULL * 86'400'000));
  for (const char* bad : {"", "S", "1", "1s", "100000000S", "-1S", "1.5S", " 1S", "1S "}) {
    CAPTURE(bad);
    CHECK(timeout_of(bad) == milliseconds(-1));
  }
}

TEST_CASE("grpc: who speaks it", "[engine][grpc]") {
  const std::pair<const char*, bool> types[] = {{"application/grpc", true},
                                                {"application/grpc+proto", true},
                                                {"Application/gRPC;charset=x", true},
                                                {"application/grpc-web", false},
                                                {"application/grpc-web+proto", false},
                                                {"application/json", false},
                                                {"", false}};
  for (const auto& [type, expected] : types) {
    CAPTURE(type);
    Exchange exchange;
    exchange.request.fields.add("content-type", type);
    CHECK(engine::is_grpc(exchange.request) == expected);
  }
}

TEST_CASE("grpc: errors of the gateway", "[engine][grpc]") {
  Exchange exchange;
  const std::pair<u16, const char*> statuses[] = {{400, "13"}, {401, "16"}, {403, "7"},
                                                  {404, "12"}, {413, "8"},  {429, "14"},
                                                  {502, "14"}, {503, "14"}};
  for (const auto& [status, expected] : statuses) {
    CAPTURE(status);
    engine::answer_as_grpc(answer(exchange, "application/grpc", status));
    const http::ResponseHead& response = exchange.response;
    CHECK(response.status == 200);
    CHECK(response.fields.find("grpc-status")->value == expected);
    CHECK(response.fields.find("grpc-message")->value == http::reason_phrase(status));
    CHECK(response.fields.value(http::FieldId::ContentType) == "application/grpc");
    CHECK(response.fields.find("x-kept") != nullptr);
    CHECK(response.framing == http::Framing::None);
    CHECK(exchange.local_body.empty());
  }
  answer(exchange, "application/grpc", 504).error.code = Errc::UpstreamTimeout;
  engine::answer_as_grpc(exchange);
  CHECK(exchange.response.fields.find("grpc-status")->value == "4");
  answer(exchange, "application/grpc", 408).error.code = Errc::RequestTimeout;
  engine::answer_as_grpc(exchange);
  CHECK(exchange.response.fields.find("grpc-status")->value == "4");
  // Others get what they would have got.
  engine::answer_as_grpc(answer(exchange, "application/json", 503));
  CHECK(exchange.response.status == 503);
  CHECK(exchange.local_body == "text");
  engine::answer_as_grpc(answer(exchange, "application/grpc", 204));
  CHECK(exchange.response.status == 204);
}

TEST_CASE("grpc: an answer that breaks off behind its head", "[engine][grpc]") {
  Exchange exchange;
  const auto ended = [&](const char* asked, const char* answered, http::FieldList& trailers) {
    answer(exchange, asked, 200).error.code = Errc::PeerClosed;
    exchange.response.fields.set(http::FieldId::ContentType, answered);
    return engine::end_as_grpc(exchange, 502, trailers);
  };
  http::FieldList trailers(exchange.arena);
  CHECK_FALSE(ended("application/grpc", "application/json", trailers));
  CHECK_FALSE(ended("application/json", "application/grpc", trailers));
  CHECK(trailers.size() == 0);
  REQUIRE(ended("application/grpc", "application/grpc+proto", trailers));
  CHECK(trailers.find("grpc-status")->value == "14");
  CHECK(trailers.find("grpc-message")->value == "Bad Gateway");
}

}  // namespace gw
