// When names are asked for, and what is kept of the answers.
#include "runtime/upstream/resolver.h"

#include <catch2/catch.hpp>

#include "runtime/base/random.h"
#include "runtime/upstream/testing/scripted_dns.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using namespace std::chrono_literals;
using net::DnsStatus;
using net::DnsType;

namespace {

struct Fixed final : Random {
  u64 next() override { return source.next(); }
  Xoshiro source{7};
};

struct Bench {
  Bench() {
    resolver.has_route = [this](const IpAddress& ip) { return !ip.v6 || v6_route; };
    resolver.on_change = [this] { ++changes; };
    resolver.on_name = [this](const NameChange& change) {
      log.push_back(std::string(change.name) + (change.failing ? " fails: " : " is back") +
                    std::string(change.reason) + (change.known ? ", known" : ""));
    };
  }
  void watch(const NameQuestion& question) {
    resolver.watch({question});
    loop.run();
  }
  std::string addresses(const NameQuestion& question) const {
    std::string out;
    for (const auto& ip : resolver.answer(question).addresses) out += format_ip(ip) + " ";
    return out;
  }

  net::VirtualLoop loop;
  ScriptedDns dns{loop};
  Fixed random;
  Resolver resolver{loop, random, dns};
  u32 changes = 0;
  bool v6_route = true;
  std::vector<std::string> log;
};

const NameQuestion kName{.name = "a.test"};

}  // namespace

TEST_CASE("resolver: asks again when the TTL is over, and tells changes only",
          "[upstream][resolver]") {
  Bench at;
  at.dns.set_addresses("a.test", {"10.0.0.2", "10.0.0.1", "10.0.0.2"}, 30);
  at.watch(kName);
  CHECK(at.addresses(kName) == "10.0.0.1 10.0.0.2 ");
  CHECK(at.changes == 1);
  CHECK(at.dns.asked["a.test"] == 2);  // A and AAAA
  at.loop.advance(29s);
  CHECK(at.dns.asked["a.test"] == 2);
  at.dns.set_addresses("a.test", {"10.0.0.1", "10.0.0.2"}, 30);  // in another order
  at.loop.advance(2s);
  CHECK(at.dns.asked["a.test"] == 4);
  CHECK(at.changes == 1);
  at.dns.set_addresses("a.test", {"10.0.0.3"}, 30);
  at.loop.advance(31s);
  CHECK(at.addresses(kName) == "10.0.0.3 ");
  CHECK(at.changes == 2);
}

TEST_CASE("resolver: no TTL is shorter or longer than it may be", "[upstream][resolver]") {
  struct Case {
    const char* what;
    u32 ttl_s;
    NameQuestion question;
    std::chrono::milliseconds not_before;
    std::chrono::milliseconds by;
  };
  NameQuestion hasty = kName;
  hasty.min_refresh_ms = hasty.max_refresh_ms = 0;  // of a table that nobody compiled
  NameQuestion crossed = kName;
  crossed.min_refresh_ms = 20'000;
  crossed.max_refresh_ms = 10'000;  // of references
  for (const Case& row :
       {Case{"zero", 0, kName, 900ms, 1100ms}, Case{"huge", 1'000'000, kName, 299s, 301s},
        Case{"no bounds", 0, hasty, 80ms, 150ms}, Case{"crossed bounds", 5, crossed, 19s, 21s}}) {
    DYNAMIC_SECTION(row.what) {
      Bench at;
      at.dns.set_addresses("a.test", {"10.0.0.1"}, row.ttl_s);
      at.watch(row.question);
      at.loop.advance(row.not_before);
      CHECK(at.dns.asked["a.test"] == 2);
      at.loop.advance(row.by - row.not_before);
      CHECK(at.dns.asked["a.test"] == 4);
    }
  }
}

TEST_CASE("resolver: a failure keeps the last good answer, is said once, and retried ever later",
          "[upstream][resolver]") {
  for (const DnsStatus status :
       {DnsStatus::TimedOut, DnsStatus::Failed, DnsStatus::NoRecord, DnsStatus::Malformed}) {
    DYNAMIC_SECTION(net::dns_status_text(status)) {
      Bench at;
      at.dns.set_addresses("a.test", {"10.0.0.1", "2001:db8::1"}, 5);
      at.watch(kName);
      at.dns.set_status("a.test", status);
      at.loop.advance(5100ms);
      CHECK(at.dns.asked["a.test"] == 4);
      at.loop.advance(600ms);  // the pause is a second, a quarter more or less
      CHECK(at.dns.asked["a.test"] == 4);
      at.loop.advance(700ms);
      CHECK(at.dns.asked["a.test"] == 6);
      at.loop.advance(10min);
      // Half a minute between two tries at last.
      CHECK(at.dns.asked["a.test"] / 2 >= 3 + 4 + 14);
      CHECK(at.dns.asked["a.test"] / 2 <= 3 + 5 + 28);
      CHECK(at.addresses(kName) == "10.0.0.1 2001:db8::1 ");
      CHECK(at.changes == 1);
      CHECK(at.log ==
            std::vector<std::string>{"a.test fails: " + std::string(net::dns_status_text(status)) +
                                     ", known"});
      at.dns.set_addresses("a.test", {"10.0.0.1", "2001:db8::1"}, 5);
      at.loop.advance(40s);
      REQUIRE(at.log.size() == 2);
      CHECK(at.log[1] == "a.test is back");
      CHECK(at.changes == 1);
    }
  }
}

TEST_CASE("resolver: a name that never resolved says so, and does later", "[upstream][resolver]") {
  Bench at;
  at.dns.set_status("a.test", DnsStatus::NoRecord);
  at.watch(kName);
  CHECK(at.resolver.answer(kName).asked);
  CHECK(at.changes == 1);  // it has had an outcome
  CHECK(at.log == std::vector<std::string>{"a.test fails: no such name or record"});
  at.dns.set_addresses("a.test", {"10.0.0.1"}, 5);
  at.loop.advance(1300ms);
  CHECK(at.addresses(kName) == "10.0.0.1 ");
  CHECK(at.changes == 2);
}

TEST_CASE("resolver: of a family that fails the last addresses stay", "[upstream][resolver]") {
  Bench at;
  at.dns.set_addresses("a.test", {"10.0.0.1", "2001:db8::1"}, 5);
  at.watch(kName);
  at.dns.set_addresses("a.test", {"10.0.0.2"}, 5);
  at.dns.replies[{"a.test", DnsType::Aaaa}].status = DnsStatus::TimedOut;
  at.loop.advance(6s);
  CHECK(at.addresses(kName) == "10.0.0.2 2001:db8::1 ");
  at.dns.replies[{"a.test", DnsType::Aaaa}].status = DnsStatus::NoRecord;
  at.loop.advance(6s);
  CHECK(at.addresses(kName) == "10.0.0.2 ");  // it says so: there is none
  CHECK(at.log.empty());
}

TEST_CASE("resolver: takes the families that are wanted and can be reached",
          "[upstream][resolver]") {
  Bench at;
  at.dns.set_addresses("a.test", {"10.0.0.1", "2001:db8::1"}, 5);
  NameQuestion question = kName;
  SECTION("both") {
    at.watch(question);
    CHECK(at.addresses(question) == "10.0.0.1 2001:db8::1 ");
  }
  SECTION("IPv4") {
    question.family = AddressFamily::V4;
    at.watch(question);
    CHECK(at.addresses(question) == "10.0.0.1 ");
    CHECK(at.dns.asked["a.test"] == 1);
  }
  SECTION("IPv6") {
    question.family = AddressFamily::V6;
    at.watch(question);
    CHECK(at.addresses(question) == "2001:db8::1 ");
  }
  SECTION("no route to IPv6") {
    at.v6_route = false;
    at.watch(question);
    CHECK(at.addresses(question) == "10.0.0.1 ");
  }
  SECTION("no route to any") {
    at.v6_route = false;
    question.family = AddressFamily::V6;
    at.watch(question);
    CHECK(at.addresses(question) == "2001:db8::1 ");
  }
}

TEST_CASE("resolver: what the machine knows comes first", "[upstream][resolver]") {
  Bench at;
  at.dns.local["a.test"] = {*parse_ip("127.0.0.1")};
  at.watch(kName);
  CHECK(at.addresses(kName) == "127.0.0.1 ");
  CHECK(at.dns.asked["a.test"] == 0);
  at.dns.local["a.test"] = {*parse_ip("127.0.0.2")};
  at.loop.advance(11s);
  CHECK(at.addresses(kName) == "127.0.0.2 ");
}

TEST_CASE("resolver: keeps a bounded number of addresses, always the same",
          "[upstream][resolver]") {
  Bench at;
  net::DnsReply many{.status = DnsStatus::Answered, .answer = {}};
  for (u32 i = 0; i < 4000; ++i) {
    IpAddress ip;
    ip.bytes = {10, 0, static_cast<u8>((3999 - i) / 250), static_cast<u8>((3999 - i) % 250)};
    many.answer.addresses.push_back(ip);
  }
  many.answer.ttl_s = 5;
  at.dns.replies[{"a.test", DnsType::A}] = many;
  at.dns.replies[{"a.test", DnsType::Aaaa}].status = DnsStatus::NoRecord;
  at.watch(kName);
  REQUIRE(at.resolver.answer(kName).addresses.size() == kMaxAddressesOfName);
  CHECK(at.addresses(kName).starts_with("10.0.0.0 10.0.0.1 "));
  std::ranges::reverse(many.answer.addresses);
  at.dns.replies[{"a.test", DnsType::A}] = many;
  at.loop.advance(6s);
  CHECK(at.changes == 1);
}

TEST_CASE("resolver: few questions are under way at a time, all get their turn",
          "[upstream][resolver]") {
  Bench at;
  std::set<NameQuestion> questions;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "n" + std::to_string(i) + ".test";
    questions.insert({.name = name});
    at.dns.set_addresses(name, {"10.0.0.1"}, 60);
    at.dns.silent.insert(name);
  }
  at.resolver.watch(questions);
  at.loop.run();
  CHECK(at.dns.held.size() == 128);  // two for each of 64 names
  at.dns.release();
  at.loop.run();
  for (const NameQuestion& question : questions) CHECK(at.resolver.answer(question).asked);
}

TEST_CASE("resolver: a name that is no longer watched is not asked for, late replies are nothing",
          "[upstream][resolver]") {
  Bench at;
  at.dns.set_addresses("a.test", {"10.0.0.1"}, 5);
  at.dns.silent.insert("b.test");
  const NameQuestion other{.name = "b.test"};
  at.resolver.watch({kName, other});
  at.loop.run();
  at.resolver.watch({kName});
  at.dns.release();
  at.loop.advance(20s);
  CHECK_FALSE(at.resolver.is_watched(other));
  CHECK(at.dns.asked["b.test"] == 2);
  CHECK(at.dns.asked["a.test"] == 8);
}
