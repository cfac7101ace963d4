// Small requests of the control side: what is asked, what is believed, when it ends.
#include "runtime/upstream/http_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "runtime/net/testing/test_certificate.h"
#include "runtime/net/tls_server.h"
#include "runtime/net/worker_loop.h"
#include "runtime/upstream/socket_connector.h"
#include "runtime/upstream/testing/memory_connector.h"
#include "runtime/upstream/testing/scripted_dns.h"
#include "runtime/upstream/testing/tls_target.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using namespace std::chrono_literals;
using net::MemoryPeer;
using Outcome = MemoryConnector::Outcome;

namespace {

struct Bench {
  Bench() {
    dns.set_addresses("idp.test", {"192.0.2.1"}, 60);
    connector.on_accept = [this](MemoryPeer peer) {
      peers.push_back(std::make_unique<MemoryPeer>(std::move(peer)));
      MemoryPeer* mine = peers.back().get();
      mine->on_change([this, mine] {
        if (mine->received().find("\r\n\r\n") == std::string::npos) return;
        requests.push_back(mine->take());
        if (close) {
          mine->send_and_close(answer);
        } else if (!answer.empty()) {
          mine->send_pieces(answer, piece_bytes);
        }
      });
    };
  }
  ~Bench() {
    while (!client.stop()) loop.advance(100ms);
    for (auto& peer : peers) peer->on_change(nullptr);
  }
  void begin(net::HttpCall call) {
    client.send(std::move(call), [this](net::HttpReply got) {
      reply = std::move(got);
      ++replies;
    });
  }
  net::HttpReply& get(const std::string& url = "http://idp.test/keys") {
    begin({.url = url});
    CHECK(replies == 0);
    loop.run();
    return reply;
  }
  net::HttpReply& answered(const std::string& text) {
    answer = text;
    return get();
  }

  net::VirtualLoop loop;
  ScriptedDns dns{loop};
  MemoryConnector connector{loop};
  std::vector<std::unique_ptr<MemoryPeer>> peers;
  std::vector<std::string> requests;
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  size_t piece_bytes = 1 << 20;
  bool close = false;
  net::HttpReply reply;
  u32 replies = 0;
  HttpClient client{loop, dns, connector};
};

}  // namespace

TEST_CASE("http client: asks and reads the whole answer", "[upstream][client]") {
  Bench at;
  at.answer =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: public\r\n"
      "cache-control: max-age=60\r\nAge: 7\r\nContent-Length: 5\r\n\r\nhello";
  const auto& reply = at.get("http://idp.test:8080/keys?a=b");
  CHECK(at.replies == 1);
  CHECK(reply.problem.empty());
  CHECK(reply.status == 200);
  CHECK(reply.body == "hello");
  CHECK(reply.content_type == "application/json");
  CHECK(reply.cache_control == "public, max-age=60");
  CHECK(reply.age == "7");
  CHECK(at.requests == std::vector<std::string>{
                           "GET /keys?a=b HTTP/1.1\r\nHost: idp.test:8080\r\nUser-Agent: gwctl\r\n"
                           "Accept: application/json\r\nConnection: close\r\n\r\n"});
}

TEST_CASE("http client: POST, and fields of the caller", "[upstream][client]") {
  Bench at;
  net::HttpCall call{.url = "http://idp.test/introspect"};
  call.fields = {{"Authorization", "Basic eDp5"},
                 {"Content-Type", "application/x-www-form-urlencoded"}};
  call.post = "token=abc";
  at.begin(call);
  at.loop.run();
  CHECK(at.reply.body == "{}");
  CHECK(at.requests.at(0) ==
        "POST /introspect HTTP/1.1\r\nHost: idp.test\r\nUser-Agent: gwctl\r\n"
        "Accept: application/json\r\nConnection: close\r\nAuthorization: Basic eDp5\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\ntoken=abc");
  call.fields = {{"X", "a\r\nHost: evil"}};
  at.begin(call);
  at.loop.run();
  CHECK(at.reply.problem == "a field of the request would break its line");
  CHECK(at.requests.size() == 1);
}

TEST_CASE("http client: every framing, in pieces of any size", "[upstream][client]") {
  const std::string body(3000, 'b');
  const auto [text, close] = GENERATE_COPY(
      std::pair(std::string("Content-Length: 3000\r\n\r\n") + body, false),
      std::pair(std::string("Transfer-Encoding: chunked\r\n\r\n7d0\r\n") + std::string(2000, 'b') +
                    "\r\n3e8\r\n" + std::string(1000, 'b') + "\r\n0\r\n\r\n",
                false),
      std::pair("\r\n" + body, true));
  Bench at;
  at.close = close;
  at.piece_bytes = GENERATE(size_t{1}, size_t{7}, size_t{100'000});
  CHECK(at.answered("HTTP/1.1 200 OK\r\n" + text).problem.empty());
  CHECK(at.reply.body == body);
}

TEST_CASE("http client: redirects and errors are answers", "[upstream][client]") {
  Bench at;
  CHECK(
      at.answered("HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n")
          .status == 302);
  at.replies = 0;
  CHECK(at.answered("HTTP/1.1 503 No\r\nContent-Length: 1\r\n\r\nx").status == 503);
  CHECK(at.reply.body == "x");
  CHECK(at.requests.size() == 2);
}

TEST_CASE("http client: what is no answer", "[upstream][client]") {
  struct Case {
    const char* answer;
    const char* problem;
    bool close;
  };
  const Case rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "the answer broke off", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", "the answer broke off",
       true},
      {"HTTP/1.1 200", "closed before an answer", true},
      {"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP", false},
      {"HTTP/1.1 103 Early\r\n\r\n", "the answer is not HTTP", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
       "the answer is not HTTP", false}};
  for (const Case& row : rows) {
    DYNAMIC_SECTION(row.answer) {
      Bench at;
      at.close = row.close;
      CHECK(at.answered(row.answer).problem == row.problem);
      CHECK(at.reply.body.empty());
      CHECK(at.reply.status == 0);
    }
  }
}

TEST_CASE("http client: bodies are bounded, whatever they announce", "[upstream][client]") {
  const std::string text =
      GENERATE(std::string("Content-Length: 101\r\n\r\n"),
               std::string("Content-Length: 99999999999\r\n\r\n"),
               std::string("Transfer-Encoding: chunked\r\n\r\n65\r\n"), std::string("\r\n"));
  Bench at;
  at.answer = "HTTP/1.1 200 OK\r\n" + text + std::string(101, 'x');
  net::HttpCall call{.url = "http://idp.test/"};
  call.max_body_bytes = 100;
  at.begin(call);
  at.loop.run();
  CHECK(at.reply.problem == "the answer is too large");
}

TEST_CASE("http client: everything together has one deadline", "[upstream][client]") {
  Bench at;
  SECTION("no connection") { at.connector.script = {Outcome::Hang}; }
  SECTION("no answer") { at.answer = ""; }
  SECTION("half a head") { at.answer = "HTTP/1.1 200 OK\r\n"; }
  SECTION("half a body") { at.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"; }
  SECTION("a late connection, and no answer") {
    at.connector.script = {Outcome::AcceptLater};
    at.answer = "";
  }
  SECTION("no handshake") {
    at.begin({.url = "https://idp.test/"});
    at.loop.advance(5100ms);
    CHECK(at.reply.problem == "no answer in time");
    at.replies = 0;
    at.answer = "";
  }
  at.get();
  CHECK(at.replies == 0);
  at.loop.advance(4900ms);
  CHECK(at.replies == 0);
  at.loop.advance(200ms);
  CHECK(at.replies == 1);
  CHECK(at.reply.problem == "no answer in time");
}

TEST_CASE("http client: a server that drips does not hold it", "[upstream][client]") {
  Bench at;
  at.answer = "HTTP/1.1 200 OK\r\n\r\n";
  at.get();
  for (int i = 0; i < 100 && at.replies == 0; ++i) {
    at.peers.at(0)->send("x");
    at.loop.advance(100ms);
  }
  CHECK(at.reply.problem == "no answer in time");
}

TEST_CASE("http client: names", "[upstream][client]") {
  Bench at;
  SECTION("by name servers") {
    CHECK(at.get().status == 200);
    CHECK(at.dns.asked["idp.test"] == 2);
  }
  SECTION("by the machine itself") {
    at.dns.local["idp.test"] = {*parse_ip("127.0.0.1")};
    CHECK(at.get().status == 200);
    CHECK(at.dns.asked.empty());
  }
  SECTION("an address") {
    CHECK(at.get("http://192.0.2.7:81/").status == 200);
    CHECK(at.dns.asked.empty());
    CHECK(at.connector.targets == std::vector<std::string>{"192.0.2.7:81"});
  }
  SECTION("none") {
    at.dns.set_status("idp.test", net::DnsStatus::NoRecord);
    CHECK(at.get().problem == "no such name or record");
  }
  SECTION("nothing in it") {
    at.dns.set_addresses("idp.test", {}, 60);
    CHECK(at.get().problem == "no such name or record");
    at.dns.replies[{"idp.test", net::DnsType::A}].status = net::DnsStatus::Answered;
    at.dns.replies[{"idp.test", net::DnsType::Aaaa}].status = net::DnsStatus::Answered;
    at.replies = 0;
    CHECK(at.get().problem == "the name has no address that there is a route to");
  }
  SECTION("a server of names that is silent") {
    at.dns.silent = {"idp.test"};
    at.get();
    at.loop.advance(6s);
    at.dns.set_addresses("idp.test", {"192.0.2.1"}, 60);
    at.dns.release();
    at.loop.run();
    CHECK(!at.reply.problem.empty());
  }
  SECTION("nobody is there") {
    at.connector.script = {Outcome::Refuse};
    CHECK(!at.get().problem.empty());
  }
  for (const char* url :
       {"", "idp.test", "ftp://idp.test/", "http://u@idp.test/", "http://idp.test/#a",
        "http://idp.test/a b", "http://idp.test/\r\nX: y", "unix:/run/socket"}) {
    CAPTURE(url);
    at.replies = 0;
    const u32 before = at.connector.attempts;
    CHECK(at.get(url).problem == "not a URL of http or https");
    CHECK(at.connector.attempts == before);
  }
}

TEST_CASE("http client: may be stopped at any point, and tells nobody then", "[upstream][client]") {
  Bench at;
  bool begun = true;
  SECTION("before it begins") { begun = false; }
  SECTION("while a name is looked up") { at.dns.silent = {"idp.test"}; }
  SECTION("while it connects") { at.connector.script = {Outcome::AcceptLater}; }
  SECTION("while it waits") { at.answer = ""; }
  SECTION("while a body comes") { at.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"; }
  at.begin({.url = "http://idp.test/"});
  if (begun) at.loop.run();
  CHECK(at.replies == 0);
  while (!at.client.stop()) at.loop.advance(100ms);
  at.dns.release();
  at.loop.advance(10s);
  CHECK(at.replies == 0);
}

TEST_CASE("http client: whatever fails, it says so once", "[upstream][client]") {
  const bool half_done = GENERATE(false, true);
  u32 failed = 0;
  for (u64 nth = 1;; ++nth) {
    CAPTURE(nth, half_done);
    Bench at;
    at.piece_bytes = 20;
    at.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    net::FaultPlan faults{.countdown = nth, .error = ECONNRESET, .half_done = half_done};
    at.connector.faults = &faults;
    at.get();
    at.loop.advance(6s);
    CHECK(at.replies == 1);
    if (!faults.hit) {
      CHECK(at.reply.body == "hello");
      break;
    }
    CHECK(!at.reply.problem.empty());
    CHECK(at.reply.body.empty());
    ++failed;
  }
  CHECK(failed > 4);
}

TEST_CASE("http client: what calls back may ask again", "[upstream][client]") {
  Bench at;
  std::string order;
  at.client.send({.url = "http://idp.test/1"}, [&](const net::HttpReply&) {
    order += "1";
    at.client.send({.url = "http://idp.test/2"}, [&](const net::HttpReply&) { order += "2"; });
  });
  at.loop.run();
  CHECK(order == "12");
}

TEST_CASE("http client: no more than so many at a time", "[upstream][client]") {
  Bench at;
  at.answer = "";
  for (size_t i = 0; i < HttpClient::kMaxUnderWay; ++i) at.begin({.url = "http://idp.test/"});
  at.loop.run();
  at.begin({.url = "http://idp.test/"});
  CHECK(at.replies == 0);
  at.loop.run();
  CHECK(at.replies == 1);
  CHECK(at.reply.problem == "too many requests at a time");
}

TEST_CASE("http client: over sockets of this machine", "[upstream][client]") {
  const std::string body(300'000, 'b');  // more than a socket takes at once
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener, name, length) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  REQUIRE(::getsockname(listener, name, &length) == 0);
  std::thread origin([&] {
    const int connection = ::accept(listener, nullptr, nullptr);
    char request[4096];
    if (::recv(connection, request, sizeof request, 0) > 0) {
      const std::string text = "HTTP/1.1 200 OK\r\n\r\n" + body;
      for (size_t at = 0; at < text.size();) {
        const ssize_t sent = ::send(connection, &text[at], text.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) break;
        at += static_cast<size_t>(sent);
      }
    }
    ::close(connection);
  });
  net::HttpReply reply;
  {
    net::WorkerLoop loop;
    net::AresClient dns(loop);
    SocketConnector connector(loop);
    HttpClient client(loop, dns, connector);
    client.send({.url = fmt::format("http://localhost:{}/", ntohs(address.sin_port))},
                [&](net::HttpReply got) {
                  reply = std::move(got);
                  loop.stop();
                });
    loop.run();
    CHECK(client.stop());
  }
  ::shutdown(listener, SHUT_RDWR);  // wakes an accept() that nobody came to
  origin.join();
  ::close(listener);
  CHECK(reply.problem.empty());
  CHECK(reply.body == body);
}

namespace {

// The issuer behind TLS, with a certificate for `name`.
struct TlsBench {
  explicit TlsBench(const char* name, bool expired = false) {
    const net::TlsCertificate issuer = net::testing::make_certificate({.subject = "issuer"});
    net::TlsServerOptions options;
    options.certificates = {
        net::testing::make_certificate({.names = {name}, .issuer = &issuer, .expired = expired})};
    std::string problem;
    auto made = net::TlsServer::make(options, std::make_shared<net::TicketKeys>(), problem);
    REQUIRE(made);
    server = *std::move(made);
    auto trust = std::make_shared<net::TlsClientOptions>();
    trust->ca = issuer.chain;
    tls = trust;
    at.connector.on_accept = [this](MemoryPeer peer) {
      targets.push_back(std::make_unique<TlsTarget>(at.loop, server->accept(), std::move(peer)));
      TlsTarget* mine = targets.back().get();
      mine->inside.on_change([mine] {
        if (mine->inside.received().find("\r\n\r\n") == std::string::npos) return;
        mine->inside.take();
        mine->inside.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
      });
    };
  }
  ~TlsBench() {
    while (!at.client.stop()) at.loop.advance(100ms);
    targets.clear();
  }
  net::HttpReply& get(bool trusted = true) {
    net::HttpCall call{.url = "https://idp.test/keys"};
    if (trusted) call.tls = tls;
    at.begin(call);
    at.loop.run();
    return at.reply;
  }

  Bench at;
  std::unique_ptr<net::TlsServer> server;
  std::shared_ptr<const net::TlsClientOptions> tls;
  std::vector<std::unique_ptr<TlsTarget>> targets;
};

}  // namespace

TEST_CASE("http client: TLS with a certificate of the host", "[upstream][client][tls]") {
  TlsBench bench("DNS:idp.test");
  CHECK(bench.get().body == "secret");
  CHECK(bench.get().body == "secret");
  CHECK(bench.at.replies == 2);
}

TEST_CASE("http client: TLS with any other certificate is none", "[upstream][client][tls]") {
  SECTION("of another host") {
    TlsBench bench("DNS:other.test");
    CHECK(bench.get().problem == "TLS handshake with the target failed");
  }
  SECTION("of nobody who is trusted") {
    TlsBench bench("DNS:idp.test");
    CHECK(bench.get(false).problem == "TLS handshake with the target failed");
  }
  SECTION("of the past") {
    TlsBench bench("DNS:idp.test", true);
    CHECK(bench.get().problem == "TLS handshake with the target failed");
  }
}
