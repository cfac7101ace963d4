// What a document says about DNS, as the runtime takes it.
#include <catch2/catch.hpp>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/net/tls_client.h"
#include "runtime/server/publication.h"

namespace gw {
namespace {

ReferenceSource env_of(std::map<std::string, std::string> values) {
  ReferenceSource source = ReferenceSource::none();
  source.env = [values = std::move(values)](const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
  return source;
}

std::string document(const std::string& resolvers, const std::string& upstream) {
  return "openapi: 3.1.0\ninfo: {title: T, version: '1'}\nx-gw:\n  resolvers: " + resolvers +
         "\n  upstreams:\n    orders: " + upstream +
         "\n  defaults: {upstream: orders, timeout: 5s}\npaths:\n  /{rest+}:\n"
         "    x-gw: {anyMethod: true}\n";
}

struct Made {
  Made(const std::string& resolvers, const std::string& upstream,
       const std::map<std::string, std::string>& env = {}) {
    publication = server::make_publication(
        compiled_table(document(resolvers, upstream), false, env_of(env)), problems);
  }
  const upstream::UpstreamConfig& upstream() const { return publication.upstreams.at(0); }
  server::Publication publication;
  std::vector<std::string> problems;
};

}  // namespace

TEST_CASE("discovery: a name, with references resolved", "[engine][dns]") {
  const Made made(
      "['127.0.0.1', '$env.RESOLVER']",
      "{dns: {name: '$env.NAME', port: '$env.PORT', path: /v1, family: ipv6, "
      "refresh: {min: '$env.MIN', max: 1m}}}",
      {{"NAME", "orders.test"}, {"PORT", "8080"}, {"MIN", "2s"}, {"RESOLVER", "[::1]:54"}});
  REQUIRE(made.problems.empty());
  const upstream::DnsOptions& dns = made.upstream().dns;
  CHECK(dns.name == "orders.test");
  CHECK(dns.port == 8080);
  CHECK_FALSE(dns.srv);
  CHECK_FALSE(dns.tls);
  CHECK(dns.path_prefix == "/v1");
  CHECK(dns.family == upstream::AddressFamily::V6);
  CHECK(dns.min_refresh_ms == 2000);
  CHECK(dns.max_refresh_ms == 60'000);
  CHECK(made.upstream().targets.empty());
  const auto& resolvers = made.publication.resolvers;
  REQUIRE(resolvers.size() == 2);
  CHECK(format_ip(resolvers[0].address) == "127.0.0.1");
  CHECK(resolvers[0].port == 53);
  CHECK(format_ip(resolvers[1].address) == "::1");
  CHECK(resolvers[1].port == 54);
}

TEST_CASE("discovery: what the certificate must be for", "[engine][dns]") {
  struct Case {
    const char* upstream;
    const char* server_name;
  };
  const Case cases[] = {
      {"{dns: {name: orders.test., port: 443, scheme: https}}", "orders.test"},
      {"{dns: {name: _https._tcp.orders.test, srv: true, scheme: https}}", "orders.test"},
      {"{dns: {name: _https._tcp.orders.test, srv: true, scheme: https}, "
       "tls: {serverName: orders.example}}",
       "orders.example"},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.upstream) {
      const Made made("'127.0.0.1'", row.upstream);
      REQUIRE(made.problems.empty());
      CHECK(made.upstream().dns.server_name == row.server_name);
      REQUIRE(made.upstream().tls != nullptr);
      CHECK(made.upstream().tls->verify);
    }
  }
}

TEST_CASE("discovery: the slash at the end of a path is not doubled", "[engine][dns]") {
  const auto prefix = [](const std::string& path) {
    const Made made("'127.0.0.1'", "{dns: {name: a.test, port: 80, path: " + path + "}}");
    return made.upstream().dns.path_prefix;
  };
  CHECK(prefix("/") == "");
  CHECK(prefix("/v1") == "/v1");
  CHECK(prefix("/v1/") == "/v1");
}

TEST_CASE("discovery: another name, port or scheme is another upstream to connections",
          "[engine][dns]") {
  const auto key = [](const std::string& dns) {
    return Made("'127.0.0.1'", "{dns: " + dns + "}").upstream().key;
  };
  const std::string first = key("{name: a.test, port: 80}");
  CHECK(first == key("{name: a.test, port: 80, refresh: {min: 2s}}"));
  for (const char* other :
       {"{name: b.test, port: 80}", "{name: a.test, port: 81}", "{name: a.test, srv: true}",
        "{name: a.test, port: 80, scheme: https}", "{name: a.test, port: 80, family: ipv4}",
        "{name: a.test, port: 80, path: /v1}"}) {
    CAPTURE(other);
    CHECK(first != key(other));
  }
}

TEST_CASE("discovery: a reference that is no name, or no server, refuses the table",
          "[engine][dns]") {
  const Made name("'127.0.0.1'", "{dns: {name: '$env.NAME', port: 80}}", {{"NAME", "10.0.0.1"}});
  REQUIRE(name.problems.size() == 1);
  CHECK(name.problems[0] == "upstream `orders`: dns: the name is not one of a host");
  const Made server("'$env.RESOLVER'", "{dns: {name: a.test, port: 80}}",
                    {{"RESOLVER", "dns.test"}});
  REQUIRE(server.problems.size() == 1);
  CHECK(server.problems[0] == "resolvers: this is not the address of a name server");
}

}  // namespace gw
