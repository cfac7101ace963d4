// What is spoken to targets with https: HTTP/2 where both sides agree on it by ALPN (RFC 9113
// section 3.2), HTTP/1.1 otherwise. Real handshakes, in memory.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runtime/net/testing/test_certificate.h"
#include "runtime/net/tls_client.h"
#include "runtime/net/tls_server.h"
#include "runtime/upstream/testing/fetch_bench.h"
#include "runtime/upstream/testing/http2_origin.h"
#include "runtime/upstream/testing/tls_target.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using net::MemoryPeer;
using net::VirtualLoop;

namespace {

enum class Offer : u8 { Http2, Http11, Nothing };

const net::TlsCertificate& certificate() {
  static const net::TlsCertificate kMade =
      net::testing::make_certificate({.names = {"DNS:origin.test"}});
  return kMade;
}

UpstreamConfig secure_config(Protocol protocol) {
  UpstreamConfig config = config_of(1);
  config.protocol = protocol;
  config.targets[0].tls = true;
  config.targets[0].server_name = "origin.test";
  auto options = std::make_shared<net::TlsClientOptions>();
  options->ca = certificate().chain;
  options->http2 = protocol == Protocol::Http2;
  config.tls = options;
  return config;
}

struct TlsBench {
  TlsBench(Protocol protocol, Offer offer) : TlsBench(secure_config(protocol), offer) {}
  TlsBench(const UpstreamConfig& config, Offer offer) : bench(config) {
    net::TlsServerOptions options;
    options.certificates = {certificate()};
    options.http2 = offer == Offer::Http2;
    std::string problem;
    auto made = net::TlsServer::make(options, std::make_shared<net::TicketKeys>(), problem);
    REQUIRE(made);
    server = *std::move(made);
    bench.connector.on_accept = [this, offer](MemoryPeer peer) {
      net::SslHandle ssl = server->accept();
      SSL_CTX* context = SSL_get_SSL_CTX(ssl.get());
      if (offer == Offer::Nothing) SSL_CTX_set_alpn_select_cb(context, nullptr, nullptr);
      targets.push_back(std::make_unique<TlsTarget>(bench.loop, std::move(ssl), std::move(peer)));
    };
  }
  ~TlsBench() {
    bench.pool->shut_down();
    bench.loop.run();
    targets.clear();
  }
  std::unique_ptr<Fetching> begin() { return bench.get(); }
  const std::string& received(size_t number) { return targets.at(number)->inside.received(); }
  void answer_http1(size_t number) {
    targets.at(number)->inside.take();
    targets.at(number)->inside.send(bench.answer);
    bench.loop.run();
  }

  FetchBench bench;
  std::unique_ptr<net::TlsServer> server;
  std::vector<std::unique_ptr<TlsTarget>> targets;
};

}  // namespace

TEST_CASE("alpn: both sides agree on HTTP/2", "[upstream][http2][tls]") {
  TlsBench at(Protocol::Http2, Offer::Http2);
  auto one = at.begin();
  auto two = at.begin();
  REQUIRE(at.targets.size() == 1);  // which they share
  CHECK(at.targets[0]->agreed() == "h2");
  Http2Origin origin(at.targets[0]->inside);
  origin.read();
  CHECK(origin.got_preface());
  const auto heads = origin.of(FrameType::Headers);
  REQUIRE(heads.size() == 2);
  CHECK(heads[0].field(":scheme") == "https");
  origin.send_settings();
  origin.answer(heads[1].stream, "second");
  origin.answer(heads[0].stream, "first");
  at.bench.loop.run();
  CHECK(one->body == "first");
  CHECK(two->body == "second");
}

TEST_CASE("alpn: a target that has HTTP/1.1 only is spoken to by that", "[upstream][http2][tls]") {
  const Offer offer = GENERATE(Offer::Http11, Offer::Nothing);
  CAPTURE(static_cast<int>(offer));
  TlsBench at(Protocol::Http2, offer);
  auto one = at.begin();
  auto two = at.begin();
  REQUIRE(at.targets.size() == 2);  // one request each
  CHECK(at.targets[0]->agreed() == (offer == Offer::Http11 ? "http/1.1" : ""));
  for (size_t number = 0; number < 2; ++number) {
    CHECK(at.received(number).starts_with("GET / HTTP/1.1\r\n"));
    at.answer_http1(number);
  }
  CHECK(one->body == "ok");
  CHECK(two->body == "ok");
  // They are kept, and taken up again.
  CHECK(at.bench.pool->idle_count() == 2);
  auto three = at.begin();
  CHECK(at.targets.size() == 2);
  at.answer_http1(at.received(0).empty() ? 1 : 0);
  CHECK(three->body == "ok");
}

TEST_CASE("alpn: gRPC is not spoken to a target that has HTTP/1.1 only", "[upstream][http2][tls]") {
  UpstreamConfig config = secure_config(Protocol::Http2);
  config.http2_only = true;
  TlsBench at(config, GENERATE(Offer::Http11, Offer::Nothing));
  const auto refused = at.begin();
  CHECK(refused->error.code == Errc::TlsFailed);
  CHECK(refused->error.retry == Retry::Safe);
  CHECK(at.received(0).empty());
  CHECK(at.bench.pool->config().state->connections.taken() == 0);
}

TEST_CASE("alpn: gRPC over TLS", "[upstream][http2][tls]") {
  UpstreamConfig config = secure_config(Protocol::Http2);
  config.http2_only = true;
  TlsBench at(config, Offer::Http2);
  auto call = at.begin();
  Http2Origin origin(at.targets.at(0)->inside);
  origin.read();
  origin.send_settings();
  origin.answer(1, "ok");
  at.bench.loop.run();
  CHECK(call->body == "ok");
}

TEST_CASE("alpn: an upstream of HTTP/1.1 does not offer HTTP/2", "[upstream][http2][tls]") {
  TlsBench at(Protocol::Http1, Offer::Http2);
  auto get = at.begin();
  REQUIRE(at.targets.size() == 1);
  CHECK(at.targets[0]->agreed() == "http/1.1");
  CHECK(at.received(0).starts_with("GET / HTTP/1.1\r\n"));
  at.answer_http1(0);
  CHECK(get->body == "ok");
}

TEST_CASE("alpn: a target that changes its mind", "[upstream][http2][tls]") {
  TlsBench at(Protocol::Http2, Offer::Http2);
  auto first = at.begin();
  REQUIRE(at.targets.size() == 1);
  Http2Origin origin(at.targets[0]->inside);
  origin.read();
  origin.send_settings();
  origin.answer(1, "by HTTP/2");
  origin.go_away(1);
  at.bench.loop.run();
  CHECK(first->body == "by HTTP/2");
  // Restarted without HTTP/2: what one connection has agreed on says nothing of the next.
  net::TlsServerOptions options;
  options.certificates = {certificate()};
  options.http2 = false;
  std::string problem;
  auto made = net::TlsServer::make(options, std::make_shared<net::TicketKeys>(), problem);
  REQUIRE(made);
  at.server = *std::move(made);
  auto next = at.begin();
  REQUIRE(at.targets.size() == 2);
  CHECK(at.targets[1]->agreed() == "http/1.1");
  at.answer_http1(1);
  CHECK(next->body == "ok");
}
