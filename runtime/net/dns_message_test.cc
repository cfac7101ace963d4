// Answers of name servers, right and wrong.
#include "runtime/net/dns_message.h"

#include <catch2/catch.hpp>

#include "runtime/net/testing/dns_server.h"

using namespace gw;
using namespace gw::net;
using namespace gw::net::testing;

namespace {

Result<DnsAnswer> parse(const std::string& message, DnsType type) {
  return parse_dns_answer(std::as_bytes(std::span(message)), type);
}

std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> out;
  for (const IpAddress& address : addresses) out.push_back(format_ip(address));
  return out;
}

}  // namespace

TEST_CASE("dns message: addresses of both families, the shortest TTL", "[net][dns]") {
  const auto v4 = parse(dns_answer("a.test", DnsType::A,
                                   {address_record("a.test", "192.0.2.1", 60),
                                    address_record("A.Test", "192.0.2.2", 30)}),
                        DnsType::A);
  REQUIRE(v4);
  CHECK(texts(v4->addresses) == std::vector<std::string>{"192.0.2.1", "192.0.2.2"});
  CHECK(v4->ttl_s == 30);
  const auto v6 = parse(
      dns_answer("a.test", DnsType::Aaaa, {address_record("a.test", "2001:db8::1", 0xffffffff)}),
      DnsType::Aaaa);
  REQUIRE(v6);
  CHECK(texts(v6->addresses) == std::vector<std::string>{"2001:db8::1"});
  CHECK(v6->ttl_s == 0);  // RFC 2181 section 8
}

TEST_CASE("dns message: follows aliases, in any order, and takes nothing else", "[net][dns]") {
  const auto answer = parse(
      dns_answer(
          "www.test", DnsType::A,
          {address_record("c.test", "192.0.2.3", 300), alias_record("b.test", "c.test", 20),
           address_record("evil.test", "192.0.2.66", 300), alias_record("www.test", "b.test", 50)}),
      DnsType::A);
  REQUIRE(answer);
  CHECK(texts(answer->addresses) == std::vector<std::string>{"192.0.2.3"});
  CHECK(answer->ttl_s == 20);
}

TEST_CASE("dns message: a circle of aliases ends without addresses", "[net][dns]") {
  const auto answer =
      parse(dns_answer("a.test", DnsType::A,
                       {alias_record("a.test", "b.test"), alias_record("b.test", "a.test")}),
            DnsType::A);
  REQUIRE(answer);
  CHECK(answer->addresses.empty());
}

TEST_CASE("dns message: services; `.`, port 0 and no host name are left out", "[net][dns]") {
  const std::string name = "_http._tcp.a.test";
  const auto answer =
      parse(dns_answer(
                name, DnsType::Srv,
                {srv_record(name, {1, 5, 8080, "B1.test"}, 9), srv_record(name, {0, 0, 80, ""}),
                 srv_record(name, {0, 0, 0, "b2.test"}), srv_record(name, {0, 0, 80, "b 3.test"})}),
            DnsType::Srv);
  REQUIRE(answer);
  REQUIRE(answer->services.size() == 1);
  CHECK(answer->services[0] == SrvRecord{1, 5, 8080, "b1.test"});
  CHECK(answer->ttl_s == 9);
}

TEST_CASE("dns message: a compressed name is followed backwards only", "[net][dns]") {
  std::string message = dns_answer("a.test", DnsType::A, {address_record("a.test", "192.0.2.1")});
  const std::string owner = dns_name("a.test");
  const size_t at = message.rfind(owner);
  std::string good = message;
  good.replace(at, owner.size(), "\xc0\x0c");
  const auto answer = parse(good, DnsType::A);
  REQUIRE(answer);
  CHECK(answer->addresses.size() == 1);
  for (const size_t target : {at, at + 1}) {  // to itself, and forwards
    std::string bad = message;
    bad.replace(at, owner.size(), {'\xc0', static_cast<char>(target)});
    CHECK_FALSE(parse(bad, DnsType::A));
  }
}

TEST_CASE("dns message: every truncation is refused, and no byte leads outside", "[net][dns]") {
  const std::string name = "_http._tcp.a.test";
  const std::string message =
      dns_answer(name, DnsType::Srv,
                 {alias_record(name, "b.test"), srv_record("b.test", {1, 2, 3, "c.test"})});
  REQUIRE(parse(message, DnsType::Srv));
  for (size_t bytes = 0; bytes < message.size(); ++bytes) {
    CAPTURE(bytes);
    // In memory of its own, so that AddressSanitizer sees a step too far.
    const std::vector<char> cut(message.begin(), message.begin() + static_cast<long>(bytes));
    CHECK_FALSE(parse_dns_answer(std::as_bytes(std::span(cut)), DnsType::Srv));
  }
  size_t still_good = 0;
  for (size_t at = 0; at < message.size(); ++at) {
    for (const char wrong : {'\0', '\x3f', '\x40', '\xc0', '\xff'}) {
      std::string changed = message;
      changed[at] = wrong;
      if (const auto answer = parse(changed, DnsType::Srv)) still_good += answer->services.size();
    }
  }
  CHECK(still_good > 0);  // ids, TTLs and the like
}

TEST_CASE("dns message: an address of the wrong length is no answer", "[net][dns]") {
  DnsRecord record = address_record("a.test", "192.0.2.1");
  record.data += "x";
  CHECK_FALSE(parse(dns_answer("a.test", DnsType::A, {record}), DnsType::A));
}
