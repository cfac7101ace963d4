// TLS from end to end in memory: our client against our server over two memory streams.
#include <catch2/catch.hpp>
#include <memory>

#include "runtime/net/memory_stream.h"
#include "runtime/net/testing/test_certificate.h"
#include "runtime/net/tls_client.h"
#include "runtime/net/tls_server.h"

using namespace gw;
using namespace gw::net;
using namespace gw::net::testing;

namespace {

const TlsCertificate& authority() {
  static const TlsCertificate kMade = make_certificate({.subject = "authority"});
  return kMade;
}

TlsCertificate issued(std::vector<std::string> names, KeyType key = KeyType::Ecdsa) {
  return make_certificate({.names = std::move(names), .key = key, .issuer = &authority()});
}

TlsServerOptions serving(std::vector<TlsCertificate> certificates) {
  TlsServerOptions options;
  options.certificates = std::move(certificates);
  return options;
}

std::shared_ptr<TlsServer> server_of(const TlsServerOptions& options,
                                     std::shared_ptr<TicketKeys> keys = nullptr) {
  if (keys == nullptr) keys = std::make_shared<TicketKeys>();
  std::string problem;
  auto made = TlsServer::make(options, std::move(keys), problem);
  CAPTURE(problem);
  REQUIRE(made);
  return *std::move(made);
}

std::unique_ptr<TlsClient> client_of(TlsClientOptions options = {}) {
  if (options.ca.empty()) options.ca = authority().chain;
  std::string problem;
  auto made = TlsClient::make(options, problem);
  CAPTURE(problem);
  REQUIRE(made);
  return *std::move(made);
}

// What one peer gets from its stream is what the other's stream gets, and back.
void connect(VirtualLoop& loop, MemoryPeer& a, MemoryPeer& b) {
  const auto carry = [&loop](MemoryPeer& from, MemoryPeer& to) {
    from.on_change([&loop, &from, &to] {
      const std::string bytes = from.take();
      if (!bytes.empty()) to.send(bytes);
      if (from.got_reset()) {
        to.reset();
      } else if (from.got_end()) {
        loop.post([&to] { to.finish(); });
      }
    });
  };
  carry(a, b);
  carry(b, a);
}

// Both ends of one connection.
struct Pair {
  Pair(TlsServer& server, TlsClient& client, const std::string& host = "a.example") {
    auto server_side = make_memory_stream(loop, server_peer);
    auto client_side = make_memory_stream(loop, client_peer);
    at_server = std::make_unique<TlsStream>(std::move(server_side), server.accept(), loop.buffers);
    at_client =
        std::make_unique<TlsStream>(std::move(client_side), client.connect(host), loop.buffers);
    connect(loop, server_peer, client_peer);
  }
  ~Pair() {
    at_client->close(true);
    at_server->close(true);
    loop.run();
  }
  // Whether both sides agree.
  bool shake_hands() {
    auto server_task = at_server->handshake();
    auto client_task = at_client->handshake();
    server_task.start();
    client_task.start();
    loop.run();
    if (!server_task.done() || !client_task.done()) {
      at_server->close(true);
      at_client->close(true);
      loop.run();
      return false;
    }
    const bool server_good = static_cast<bool>(server_task.result());
    const bool client_good = static_cast<bool>(client_task.result());
    return server_good && client_good;
  }
  std::string send(TlsStream& from, TlsStream& to, const std::string& text) {
    const Bytes piece = as_bytes(text);
    from.start_write(&piece, 1);
    std::string got;
    char buffer[4096];
    while (got.size() < text.size()) {
      if (!to.reading.pending) to.start_read({reinterpret_cast<std::byte*>(buffer), sizeof buffer});
      loop.run();
      if (to.reading.pending || to.reading.error != 0 || to.reading.bytes == 0) break;
      got.append(buffer, to.reading.bytes);
    }
    return got;
  }
  std::string certificate_seen() const {
    const X509* certificate = SSL_get0_peer_certificate(at_client->ssl());
    return certificate == nullptr ? "" : certificate_names(*certificate).front();
  }

  VirtualLoop loop;
  MemoryPeer server_peer;
  MemoryPeer client_peer;
  std::unique_ptr<TlsStream> at_server;
  std::unique_ptr<TlsStream> at_client;
};

}  // namespace

TEST_CASE("tls: carries bytes both ways", "[tls]") {
  const auto server = server_of(serving({issued({"DNS:a.example"})}));
  const auto client = client_of();
  Pair pair(*server, *client);
  REQUIRE(pair.shake_hands());
  CHECK(pair.send(*pair.at_client, *pair.at_server, "hello") == "hello");
  const std::string large(300'000, 'x');
  CHECK(pair.send(*pair.at_server, *pair.at_client, large) == large);
  CHECK(pair.send(*pair.at_client, *pair.at_server, large) == large);
  CHECK(pair.at_server->alpn() == "http/1.1");
}

TEST_CASE("tls: small pieces leave as one record", "[tls]") {
  const auto server = server_of(serving({issued({"DNS:a.example"})}));
  const auto client = client_of();
  Pair pair(*server, *client);
  REQUIRE(pair.shake_hands());
  const u64 before = pair.server_peer.total_received();
  const Bytes pieces[] = {as_bytes("HTTP/1.1 200 OK\r\n"), as_bytes("\r\n"), as_bytes("hello")};
  pair.at_server->start_write(pieces, 3);
  pair.loop.run();
  CHECK_FALSE(pair.at_server->writing.pending);
  CHECK(pair.at_server->writing.bytes == 24);
  CHECK(pair.server_peer.total_received() - before == 24 + 5 + 17);  // RFC 8446 section 5.2
}

TEST_CASE("tls: the name that is asked for chooses the certificate", "[tls]") {
  const auto server = server_of(serving(
      {issued({"DNS:a.example"}), issued({"DNS:*.b.example"}), issued({"DNS:x.b.example"})}));
  TlsClientOptions unverified;
  unverified.verify = false;
  const auto client = client_of(unverified);
  struct Case {
    const char* asked;
    const char* shown;
  };
  for (const Case& at : {Case{"a.example", "a.example"}, Case{"any.b.example", "*.b.example"},
                         Case{"x.b.example", "x.b.example"}, Case{"X.B.example", "x.b.example"},
                         Case{"two.any.b.example", "a.example"}, Case{"b.example", "a.example"},
                         Case{"unknown.example", "a.example"}, Case{"192.0.2.1", "a.example"}}) {
    CAPTURE(at.asked);
    Pair pair(*server, *client, at.asked);
    REQUIRE(pair.shake_hands());
    CHECK(pair.certificate_seen() == at.shown);
  }
}

TEST_CASE("tls: a request may only be for hosts of the certificate that was chosen", "[tls]") {
  const auto server =
      server_of(serving({issued({"DNS:a.example", "DNS:a2.example"}), issued({"DNS:b.example"})}));
  TlsClientOptions unverified;
  unverified.verify = false;
  const auto client = client_of(unverified);
  Pair named(*server, *client, "b.example");
  REQUIRE(named.shake_hands());
  CHECK(server->serves(*named.at_server->ssl(), "b.example"));
  CHECK_FALSE(server->serves(*named.at_server->ssl(), "a.example"));
  CHECK_FALSE(server->serves(*named.at_server->ssl(), "unknown.example"));  // served by the first
  Pair first(*server, *client, "a2.example");
  REQUIRE(first.shake_hands());
  CHECK(server->serves(*first.at_server->ssl(), "a.example"));
  CHECK(server->serves(*first.at_server->ssl(), "unknown.example"));
  Pair unnamed(*server, *client, "192.0.2.1");
  REQUIRE(unnamed.shake_hands());
  CHECK(server->serves(*unnamed.at_server->ssl(), "b.example"));
}

TEST_CASE("tls: RSA and ECDSA for one name live together", "[tls]") {
  const auto server = server_of(serving(
      {issued({"DNS:a.example"}, KeyType::Rsa), issued({"DNS:a.example"}, KeyType::Ecdsa)}));
  const auto client = client_of();
  for (const auto& [algorithms, type] :
       {std::pair{"RSA-PSS+SHA256", EVP_PKEY_RSA}, std::pair{"ECDSA+SHA256", EVP_PKEY_EC}}) {
    Pair pair(*server, *client);
    SSL_set1_sigalgs_list(pair.at_client->ssl(), algorithms);
    REQUIRE(pair.shake_hands());
    const X509* certificate = SSL_get0_peer_certificate(pair.at_client->ssl());
    CHECK(EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == type);
  }
}

TEST_CASE("tls: sessions are taken up again over all workers, until their key is forgotten",
          "[tls]") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  CAPTURE(version);
  const auto keys = std::make_shared<TicketKeys>();
  const TlsServerOptions options = serving({issued({"DNS:a.example"}), issued({"DNS:b.example"})});
  const auto one = server_of(options, keys);
  const auto other = server_of(options, keys);
  const auto client = client_of();
  const auto visit = [&](TlsServer& server, const char* host) {
    Pair pair(server, *client, host);
    SSL_set_max_proto_version(pair.at_client->ssl(), version);
    REQUIRE(pair.shake_hands());
    pair.send(*pair.at_server, *pair.at_client, "x");  // TLS 1.3 sends its ticket ahead of this
    return SSL_session_reused(pair.at_client->ssl()) == 1;
  };
  CHECK_FALSE(visit(*one, "a.example"));
  CHECK(visit(*other, "a.example"));
  CHECK_FALSE(visit(*one, "b.example"));
  CHECK(visit(*other, "b.example"));
  CHECK(visit(*one, "a.example"));
  CHECK(visit(*one, "a.example"));
  keys->rotate();
  CHECK(visit(*one, "a.example"));
  for (int i = 0; i < 3; ++i) keys->rotate();
  CHECK_FALSE(visit(*one, "a.example"));
}

TEST_CASE("tls: versions, names and issuers that do not fit end the handshake", "[tls]") {
  const auto client = client_of();
  SECTION("a certificate for another name") {
    const auto server = server_of(serving({issued({"DNS:b.example"})}));
    Pair pair(*server, *client);
    CHECK_FALSE(pair.shake_hands());
  }
  SECTION("a certificate for another address") {
    const auto server = server_of(serving({issued({"IP:192.0.2.1"})}));
    Pair right(*server, *client, "192.0.2.1");
    CHECK(right.shake_hands());
    Pair wrong(*server, *client, "192.0.2.2");
    CHECK_FALSE(wrong.shake_hands());
  }
  SECTION("an expired certificate") {
    const auto server = server_of(serving(
        {make_certificate({.names = {"DNS:a.example"}, .issuer = &authority(), .expired = true})}));
    Pair pair(*server, *client);
    CHECK_FALSE(pair.shake_hands());
  }
  SECTION("an unknown issuer") {
    const auto server = server_of(serving({make_certificate({.names = {"DNS:a.example"}})}));
    Pair pair(*server, *client);
    CHECK_FALSE(pair.shake_hands());
  }
  SECTION("TLS 1.1") {
    const auto server = server_of(serving({issued({"DNS:a.example"})}));
    Pair pair(*server, *client);
    SSL_set_min_proto_version(pair.at_client->ssl(), TLS1_VERSION);
    SSL_set_max_proto_version(pair.at_client->ssl(), TLS1_1_VERSION);
    CHECK_FALSE(pair.shake_hands());
  }
  SECTION("TLS 1.2 where 1.3 is asked for") {
    TlsServerOptions options = serving({issued({"DNS:a.example"})});
    options.min_version = TlsVersion::Tls13;
    const auto server = server_of(options);
    Pair pair(*server, *client);
    SSL_set_max_proto_version(pair.at_client->ssl(), TLS1_2_VERSION);
    CHECK_FALSE(pair.shake_hands());
  }
}

TEST_CASE("tls: ALPN offers HTTP/2 where it is served, and refuses strangers", "[tls]") {
  TlsServerOptions options = serving({issued({"DNS:a.example"})});
  const bool http2 = GENERATE(true, false);
  options.http2 = http2;
  const auto server = server_of(options);
  TlsClientOptions offering;
  offering.http2 = true;
  const auto client = client_of(offering);
  Pair pair(*server, *client);
  REQUIRE(pair.shake_hands());
  CHECK(pair.at_server->alpn() == (http2 ? "h2" : "http/1.1"));
  Pair stranger(*server, *client);
  const unsigned char name[] = "\x04smtp";
  SSL_set_alpn_protos(stranger.at_client->ssl(), name, 5);
  CHECK_FALSE(stranger.shake_hands());
}

TEST_CASE("tls: client certificates", "[tls]") {
  TlsServerOptions options = serving({issued({"DNS:a.example"})});
  options.client_ca = authority().chain;
  TlsClientOptions with;
  with.identity = make_certificate({.subject = "device 7",
                                    .names = {"DNS:d7.example", "email:d7@example.com"},
                                    .issuer = &authority()});
  TlsClientOptions stranger;
  stranger.identity = make_certificate({.subject = "stranger"});
  struct Case {
    ClientCertificate mode;
    const TlsClientOptions* client;
    bool admitted;
  };
  const TlsClientOptions without;
  for (const Case& at : {Case{ClientCertificate::Required, &with, true},
                         Case{ClientCertificate::Required, &without, false},
                         Case{ClientCertificate::Required, &stranger, false},
                         Case{ClientCertificate::Optional, &with, true},
                         Case{ClientCertificate::Optional, &without, true},
                         Case{ClientCertificate::Optional, &stranger, false}}) {
    options.client_certificate = at.mode;
    const auto server = server_of(options);
    const auto client = client_of(*at.client);
    Pair pair(*server, *client);
    // In TLS 1.3 the client is done before the server has judged its certificate.
    const bool agreed = pair.shake_hands();
    CHECK(agreed == at.admitted);
    if (!agreed) continue;
    CHECK(sk_X509_NAME_num(SSL_get0_peer_CA_list(pair.at_client->ssl())) == 1);
    const auto peer = describe_peer(*pair.at_server->ssl());
    CHECK((peer != nullptr) == (at.client == &with));
    if (peer == nullptr) continue;
    CHECK(peer->subject == "CN=device 7");
    CHECK(peer->san == "DNS:d7.example,email:d7@example.com");
    CHECK(peer->fingerprint.size() == 64);
  }
}

TEST_CASE("tls: an end without close_notify is no end", "[tls]") {
  const auto server = server_of(serving({issued({"DNS:a.example"})}));
  const auto client = client_of();
  Pair pair(*server, *client);
  REQUIRE(pair.shake_hands());
  char byte;
  pair.at_server->start_read({reinterpret_cast<std::byte*>(&byte), 1});
  SECTION("said") {
    pair.at_client->shutdown_write();
    pair.loop.run();
    REQUIRE_FALSE(pair.at_server->reading.pending);
    CHECK(pair.at_server->reading.error == 0);
    CHECK(pair.at_server->reading.bytes == 0);
  }
  SECTION("unsaid") {
    pair.at_client->inner().shutdown_write();
    pair.loop.run();
    REQUIRE_FALSE(pair.at_server->reading.pending);
    CHECK(pair.at_server->reading.error == ECONNRESET);
  }
}

TEST_CASE("tls: a peer that does not read holds the writer back", "[tls]") {
  const auto server = server_of(serving({issued({"DNS:a.example"})}));
  const auto client = client_of();
  Pair pair(*server, *client);
  REQUIRE(pair.shake_hands());
  pair.server_peer.on_change({});  // what is sent to the client stays on the way
  pair.server_peer.set_window(10'000);
  const std::string text(500'000, 'x');
  const Bytes piece = as_bytes(text);
  pair.at_server->start_write(&piece, 1);
  pair.loop.run();
  REQUIRE(pair.at_server->writing.pending);
  CHECK(pair.server_peer.received().size() <= 10'000);
  size_t taken = 0;
  for (int i = 0; i < 200 && pair.at_server->writing.pending; ++i) {
    taken += pair.server_peer.take().size();
    pair.loop.run();
  }
  CHECK_FALSE(pair.at_server->writing.pending);
  CHECK(pair.at_server->writing.error == 0);
  CHECK(taken > 400'000);
}

TEST_CASE("tls: plain HTTP and garbage end the handshake", "[tls]") {
  const auto server = server_of(serving({issued({"DNS:a.example"})}));
  VirtualLoop loop;
  MemoryPeer peer;
  TlsStream stream(make_memory_stream(loop, peer), server->accept(), loop.buffers);
  auto task = stream.handshake();
  task.start();
  SECTION("HTTP") {
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    loop.run();
    REQUIRE(task.done());
    CHECK(task.result().error().code == Errc::TlsFailed);
    CHECK(stream.peer_speaks_http());
    CHECK(peer.total_received() == 0);
  }
  SECTION("garbage") {
    peer.send("\x16\x03\x01\xff\xff garbage");
    loop.run();
    peer.finish();
    loop.run();
    REQUIRE(task.done());
    CHECK_FALSE(stream.peer_speaks_http());
  }
  SECTION("silence, and a deadline") {
    loop.run();
    CHECK_FALSE(task.done());
    stream.cancel();
    loop.run();
    REQUIRE(task.done());
    CHECK(task.result().error().code == Errc::Cancelled);
  }
  stream.close(true);
  loop.run();
}

TEST_CASE("tls: an operation that fails, whichever, ends both sides", "[tls]") {
  const auto server = server_of(serving({issued({"DNS:a.example"})}));
  const auto client = client_of();
  bool hit = true;
  for (u64 nth = 1; hit; ++nth) {
    CAPTURE(nth);
    REQUIRE(nth < 100);
    FaultPlan faults{.countdown = nth, .error = ECONNRESET};
    VirtualLoop loop;
    MemoryPeer server_peer;
    MemoryPeer client_peer;
    TlsStream at_server(make_memory_stream(loop, server_peer, &faults), server->accept(),
                        loop.buffers);
    TlsStream at_client(make_memory_stream(loop, client_peer), client->connect("a.example"),
                        loop.buffers);
    connect(loop, server_peer, client_peer);
    auto server_task = at_server.handshake();
    auto client_task = at_client.handshake();
    server_task.start();
    client_task.start();
    loop.run();
    bool agreed = false;
    if (server_task.done()) agreed = static_cast<bool>(server_task.result());
    if (agreed) {
      char buffer[64];
      at_server.start_read({reinterpret_cast<std::byte*>(buffer), sizeof buffer});
      const Bytes piece = as_bytes("answer");
      at_server.start_write(&piece, 1);
      loop.run();
    }
    at_server.close(false);
    at_client.close(false);
    loop.run();
    CHECK(server_task.done());
    CHECK(client_task.done());
    CHECK_FALSE(at_server.reading.pending);
    CHECK_FALSE(at_server.writing.pending);
    hit = faults.hit;
  }
}

TEST_CASE("tls: settings that cannot be used are refused with their reason", "[tls]") {
  const TlsCertificate good = issued({"DNS:a.example"});
  const TlsCertificate other = issued({"DNS:b.example"});
  struct Case {
    const char* name;
    TlsServerOptions options;
    const char* reason;
  };
  TlsServerOptions ciphers = serving({good});
  ciphers.ciphers = "NONSENSE";
  TlsServerOptions clients = serving({good});
  clients.client_certificate = ClientCertificate::Required;
  TlsServerOptions bad_ca = clients;
  bad_ca.client_ca = "nothing";
  const Case cases[] = {
      {"none", serving({}), "no certificate"},
      {"no PEM", serving({{"text", good.key}}), "not one in PEM"},
      {"no key", serving({{good.chain, "text"}}), "private key"},
      {"a key of another", serving({{good.chain, other.key}}), "does not belong"},
      {"ciphers", ciphers, "`ciphers`"},
      {"no CA", clients, "no CA"},
      {"bad CA", bad_ca, "no certificate in PEM"},
  };
  for (const Case& at : cases) {
    CAPTURE(at.name);
    std::string problem;
    const auto made = TlsServer::make(at.options, std::make_shared<TicketKeys>(), problem);
    CHECK_FALSE(made);
    CHECK(problem.find(at.reason) != std::string::npos);
    CHECK(problem.find("PRIVATE") == std::string::npos);
  }
}
