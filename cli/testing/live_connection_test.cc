// Connections of --live, against a server of this process.
#include "cli/testing/live_connection.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "runtime/net/testing/test_certificate.h"

namespace gw::cli::tests {
namespace {

using net::TlsCertificate;
using net::testing::make_certificate;

enum class End { Proper, Cut };

// Takes one connection, shows `certificate`, says "hello" to whoever has sent something, and ends.
class Server {
 public:
  Server(const TlsCertificate& certificate, End end) : end_(end) {
    std::signal(SIGPIPE, SIG_IGN);  // as main() does
    context_.reset(SSL_CTX_new(TLS_server_method()));
    net::LoadedCertificate loaded;
    std::string problem;
    REQUIRE(net::load_certificate(certificate, loaded, problem));
    REQUIRE(net::use_certificate(*context_, loaded, problem));
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 1) == 0);
    socklen_t bytes = sizeof address;
    REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() { join(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  u16 port = 0;
  // Of the client; to be looked at after join().
  std::string received;
  std::string server_name;

 private:
  void serve() {
    const UniqueDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const net::SslHandle ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), socket.get());
    const bool agreed = SSL_accept(ssl.get()) == 1;
    if (const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name)) {
      server_name = name;
    }
    if (!agreed) return;
    char buffer[256];
    const int bytes = SSL_read(ssl.get(), buffer, sizeof buffer);
    if (bytes <= 0) return;
    received.assign(buffer, static_cast<size_t>(bytes));
    SSL_write(ssl.get(), "hello", 5);
    if (end_ == End::Proper) SSL_shutdown(ssl.get());
  }

  const End end_;
  net::SslContext context_;
  UniqueDescriptor listener_;
  std::thread thread_;
};

std::unique_ptr<net::TlsClient> client_that_trusts(const TlsCertificate& root) {
  net::TlsClientOptions options;
  options.ca = root.chain;
  std::string problem;
  auto made = net::TlsClient::make(options, problem);
  REQUIRE(made);
  return std::move(*made);
}

}  // namespace

TEST_CASE("live connection: says what is wrong with a certificate, and sends nothing to it",
          "[cli][test]") {
  const TlsCertificate root = make_certificate({.subject = "root"});
  const TlsCertificate other = make_certificate({.subject = "other"});
  const auto issued = [&](std::vector<std::string> names, bool expired = false) {
    return make_certificate({.names = std::move(names), .issuer = &root, .expired = expired});
  };
  struct Case {
    std::string_view what;
    TlsCertificate shown;
    const TlsCertificate* trusted;
    std::string name;
    std::string_view problem;  // "": none
  };
  const Case cases[] = {
      {"its name", issued({"DNS:a.test"}), &root, "a.test", ""},
      {"a name below its wildcard", issued({"DNS:*.w.test"}), &root, "a.w.test", ""},
      {"its address", issued({"IP:127.0.0.1"}), &root, "127.0.0.1", ""},
      {"another root", issued({"DNS:a.test"}), &other, "a.test",
       "TLS as `a.test` has failed: unknown issuer: none of the roots vouches for the certificate "
       "for `a.test`"},
      {"signed by itself", make_certificate({.names = {"DNS:a.test"}}), &root, "a.test",
       "TLS as `a.test` has failed: unknown issuer: "},
      {"another name", issued({"DNS:a.test", "DNS:b.test"}), &root, "c.test",
       "TLS as `c.test` has failed: name mismatch: its certificate is for `a.test`, `b.test`, not "
       "for `c.test`"},
      {"two labels below its wildcard", issued({"DNS:*.w.test"}), &root, "a.b.w.test",
       "TLS as `a.b.w.test` has failed: name mismatch: "},
      {"another address", issued({"IP:127.0.0.2"}), &root, "127.0.0.1",
       "TLS as `127.0.0.1` has failed: name mismatch: "},
      {"a name that is an address", issued({"DNS:127.0.0.1"}), &root, "127.0.0.1",
       "TLS as `127.0.0.1` has failed: name mismatch: "},
      {"expired", issued({"DNS:a.test"}, true), &root, "a.test",
       "TLS as `a.test` has failed: expired: the certificate for `a.test` ended on 20"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.what) {
      Server server(c.shown, End::Proper);
      const auto tls = client_that_trusts(*c.trusted);
      std::string text;
      {
        LiveConnection connection;
        const bool opened = connection.open("127.0.0.1", server.port, tls.get(), c.name);
        CAPTURE(connection.problem());
        CHECK(opened == c.problem.empty());
        CHECK(connection.problem().starts_with(c.problem));
        if (opened) {
          connection.write("secret");
          while (connection.read_more(text)) {
          }
          CHECK(connection.problem().empty());
        }
      }
      server.join();
      CHECK(server.received == (c.problem.empty() ? "secret" : ""));
      CHECK(text == (c.problem.empty() ? "hello" : ""));
      CHECK(server.server_name == (c.name == "127.0.0.1" ? "" : c.name));
    }
  }
}

TEST_CASE("live connection: an end that TLS does not vouch for is a problem", "[cli][test]") {
  const TlsCertificate root = make_certificate({.names = {"DNS:a.test"}});
  Server server(root, End::Cut);
  const auto tls = client_that_trusts(root);
  LiveConnection connection;
  REQUIRE(connection.open("127.0.0.1", server.port, tls.get(), "a.test"));
  connection.write("secret");
  std::string text;
  while (connection.read_more(text)) {
  }
  CHECK(text == "hello");
  CHECK(connection.problem() == "TLS was cut off: unexpected eof while reading");
}

TEST_CASE("live connection: nobody there, and a name that is none", "[cli][test]") {
  UniqueDescriptor bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));  // and not listening
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(bound.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t bytes = sizeof address;
  REQUIRE(::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
  const u16 port = ntohs(address.sin_port);
  LiveConnection refused;
  CHECK_FALSE(refused.open("127.0.0.1", port, nullptr, ""));
  CHECK(refused.problem() ==
        "cannot reach 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  LiveConnection nowhere;
  CHECK_FALSE(nowhere.open("no name", 80, nullptr, ""));
  CHECK(nowhere.problem().starts_with("cannot reach no name:80: "));
}

}  // namespace gw::cli::tests
