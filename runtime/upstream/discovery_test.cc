// From what DNS says to the targets of an upstream.
#include "runtime/upstream/discovery.h"

#include <catch2/catch.hpp>

#include "runtime/base/random.h"
#include "runtime/upstream/balancer.h"
#include "runtime/upstream/testing/scripted_dns.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using namespace std::chrono_literals;
using net::DnsStatus;

namespace {

struct Fixed final : Random {
  u64 next() override { return source.next(); }
  Xoshiro source{7};
};

UpstreamConfig dns_plan(bool srv = false) {
  UpstreamConfig plan;
  plan.name = "orders";
  plan.key = "orders";
  plan.dns.name = srv ? "_http._tcp.orders.test" : "orders.test";
  plan.dns.port = 8080;
  plan.dns.srv = srv;
  return plan;
}

UpstreamConfig host_plan(std::initializer_list<const char*> addresses) {
  UpstreamConfig plan;
  plan.name = "orders";
  plan.key = "orders";
  for (const char* address : addresses) plan.targets.emplace_back().address = address;
  REQUIRE(read_addresses(plan));
  return plan;
}

struct Bench {
  Bench() {
    discovery.resolver().has_route = [](const IpAddress&) { return true; };
    discovery.on_change = [this] { ++changes; };
    discovery.on_targets = [this](const TargetsChange& change) {
      std::string line = change.upstream + " " + std::to_string(change.count);
      for (const std::string& added : change.added) line += " +" + added;
      for (const std::string& removed : change.removed) line += " -" + removed;
      log.push_back(line);
    };
  }
  void watch(const UpstreamConfig& plan) {
    discovery.watch({plan});
    loop.run();
  }
  const UpstreamConfig& upstream() const { return discovery.upstreams().at(0); }
  // `address*weight`, with `!` for a backup.
  std::string targets() const {
    std::string out;
    for (const TargetConfig& target : upstream().targets) {
      out += target.address + "*" + std::to_string(target.weight) + (target.backup ? "! " : " ");
    }
    return out;
  }

  net::VirtualLoop loop;
  ScriptedDns dns{loop};
  Fixed random;
  Discovery discovery{loop, random, dns};
  u32 changes = 0;
  std::vector<std::string> log;
};

}  // namespace

TEST_CASE("discovery: each address of a name is a target", "[upstream][discovery]") {
  Bench at;
  at.dns.set_addresses("orders.test", {"10.0.0.2", "10.0.0.1", "2001:db8::1"}, 30);
  UpstreamConfig plan = dns_plan();
  plan.dns.tls = true;
  plan.dns.server_name = "orders.test";
  plan.dns.path_prefix = "/v1";
  at.watch(plan);
  CHECK(at.discovery.is_ready());
  CHECK(at.targets() == "10.0.0.1:8080*1 10.0.0.2:8080*1 [2001:db8::1]:8080*1 ");
  for (const TargetConfig& target : at.upstream().targets) {
    CHECK(target.authority == "orders.test:8080");
    CHECK(target.tls);
    CHECK(target.server_name == "orders.test");
    CHECK(target.path_prefix == "/v1");
    REQUIRE(target.addresses.size() == 1);
    CHECK(target.address.find(format_ip(from_sockaddr(target.addresses[0].storage))) !=
          std::string::npos);
  }
}

TEST_CASE("discovery: a change after the TTL gives other targets and another key",
          "[upstream][discovery]") {
  Bench at;
  at.dns.set_addresses("orders.test", {"10.0.0.1", "10.0.0.2"}, 30);
  at.watch(dns_plan());
  const std::string key = at.upstream().key;
  at.log.clear();
  at.dns.set_addresses("orders.test", {"10.0.0.2", "10.0.0.3"}, 30);
  at.loop.advance(31s);
  CHECK(at.targets() == "10.0.0.2:8080*1 10.0.0.3:8080*1 ");
  CHECK(at.upstream().key != key);
  CHECK(at.log == std::vector<std::string>{"orders 2 +10.0.0.3:8080 -10.0.0.1:8080"});
  CHECK(at.changes == 2);
  at.dns.set_status("orders.test", DnsStatus::NoRecord);
  at.loop.advance(5min);
  CHECK(at.targets() == "10.0.0.2:8080*1 10.0.0.3:8080*1 ");
  CHECK(at.changes == 2);
}

TEST_CASE("discovery: without an address there is no target, and none is chosen",
          "[upstream][discovery]") {
  Bench at;
  SECTION("a name of its own") {
    at.dns.set_status("orders.test", DnsStatus::NoRecord);
    at.watch(dns_plan());
    CHECK(at.upstream().targets.empty());
  }
  SECTION("the host of a target") { at.watch(host_plan({"orders.test:80"})); }
  CHECK(at.discovery.is_ready());
  UpstreamConfig config = at.upstream();
  attach_new_state(config);
  Balancer balancer(config, at.random);
  CHECK(balancer.choose(at.loop.now(), {}) == Balancer::kNone);
  at.dns.set_addresses("orders.test", {"10.0.0.1"}, 30);
  at.loop.advance(2s);
  UpstreamConfig later = at.upstream();
  attach_new_state(later);
  Balancer second(later, at.random);
  CHECK(second.choose(at.loop.now(), {}) == 0);
}

TEST_CASE("discovery: hosts of targets follow DNS, numbers and paths are left alone",
          "[upstream][discovery]") {
  Bench at;
  at.dns.set_addresses("a.test", {"10.0.0.1"}, 30);
  UpstreamConfig plan = host_plan({"a.test:80", "127.0.0.1:81", "unix:/run/a.sock", "[::1]:82"});
  plan.targets[0].weight = 3;
  at.watch(plan);
  CHECK(at.targets() == "a.test:80*3 127.0.0.1:81*1 unix:/run/a.sock*1 [::1]:82*1 ");
  CHECK(format_ip(from_sockaddr(at.upstream().targets[0].addresses.at(0).storage)) == "10.0.0.1");
  const std::string key = at.upstream().key;
  at.dns.set_addresses("a.test", {"10.0.0.2"}, 30);
  at.loop.advance(31s);
  CHECK(format_ip(from_sockaddr(at.upstream().targets[0].addresses.at(0).storage)) == "10.0.0.2");
  CHECK(at.upstream().key != key);
  CHECK(at.log.back() == "orders 1 +a.test:80 at 10.0.0.2 -a.test:80 at 10.0.0.1");
  CHECK(at.dns.asked.size() == 1);  // of nothing else
}

TEST_CASE("discovery: one silent name does not keep the others back", "[upstream][discovery]") {
  Bench at;
  at.dns.silent.insert("a.test");
  at.dns.set_addresses("b.test", {"10.0.0.2"}, 30);
  at.watch(host_plan({"a.test:80", "b.test:80"}));
  CHECK_FALSE(at.discovery.is_ready());
  CHECK(at.targets() == "a.test:80*0 b.test:80*1 ");
  at.dns.release();
  at.loop.run();
  CHECK(at.discovery.is_ready());
}

TEST_CASE("discovery: services by priority and weight", "[upstream][discovery]") {
  struct Case {
    const char* what;
    std::vector<net::SrvRecord> services;
    const char* targets;
  };
  const Case cases[] = {
      {"weights as they are",
       {{10, 5, 81, "a.test"}, {10, 0, 82, "b.test"}},
       "10.0.0.2:82*1 10.0.0.1:81*5 "},
      {"higher priorities are backup",
       {{20, 1, 81, "a.test"}, {10, 1, 82, "b.test"}, {30, 4, 83, "a.test"}},
       "10.0.0.2:82*1 10.0.0.1:81*1! 10.0.0.1:83*4! "},
      {"great weights are scaled",
       {{0, 65535, 81, "a.test"}, {0, 6553, 82, "b.test"}, {0, 1, 83, "b.test"}},
       "10.0.0.2:83*1 10.0.0.2:82*99 10.0.0.1:81*1000 "},
      {"the addresses of a host share its weight",
       {{0, 2, 81, "a.test"}, {0, 1, 82, "two.test"}},
       "10.0.1.1:82*250 10.0.1.2:82*250 10.0.0.1:81*1000 "},
      {"one address twice counts once, with both weights",
       {{0, 2, 81, "a.test"}, {0, 3, 81, "same.test"}, {1, 1, 81, "same.test"}},
       "10.0.0.1:81*5 "},
      {"a host without addresses is left out",
       {{0, 1, 81, "none.test"}, {0, 1, 82, "b.test"}},
       "10.0.0.2:82*1 "},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.what) {
      Bench at;
      at.dns.set_services("_http._tcp.orders.test", row.services, 30);
      at.dns.set_addresses("a.test", {"10.0.0.1"}, 30);
      at.dns.set_addresses("same.test", {"10.0.0.1"}, 30);
      at.dns.set_addresses("b.test", {"10.0.0.2"}, 30);
      at.dns.set_addresses("two.test", {"10.0.1.1", "10.0.1.2"}, 30);
      at.watch(dns_plan(true));
      CHECK(at.discovery.is_ready());
      CHECK(at.targets() == row.targets);
    }
  }
}

TEST_CASE("discovery: a changed set of services counts when its hosts are known",
          "[upstream][discovery]") {
  Bench at;
  at.dns.set_services("_http._tcp.orders.test", {{0, 1, 81, "a.test"}}, 5);
  at.dns.set_addresses("a.test", {"10.0.0.1"}, 300);
  at.watch(dns_plan(true));
  CHECK(at.targets() == "10.0.0.1:81*1 ");
  CHECK(at.upstream().targets[0].authority == "a.test:81");
  at.dns.set_services("_http._tcp.orders.test", {{0, 1, 82, "b.test"}, {0, 2, 81, "c.test"}}, 5);
  at.dns.set_addresses("c.test", {"10.0.0.3"}, 300);
  at.dns.silent.insert("b.test");
  at.loop.advance(6s);
  CHECK(at.targets() == "10.0.0.1:81*1 ");
  at.dns.release();
  at.loop.run();
  CHECK(at.targets() == "10.0.0.3:81*2 ");
  // Nothing at all keeps the last set: services without hosts, hosts without addresses.
  at.dns.set_services("_http._tcp.orders.test", {{0, 1, 81, "d.test"}}, 5);
  at.loop.advance(30s);
  CHECK(at.targets() == "10.0.0.3:81*2 ");
}

TEST_CASE("discovery: another plan of the same names asks nobody again", "[upstream][discovery]") {
  Bench at;
  at.dns.set_addresses("orders.test", {"10.0.0.1"}, 30);
  at.watch(dns_plan());
  UpstreamConfig plan = dns_plan();
  plan.key = "other";
  at.discovery.watch({plan});
  CHECK(at.discovery.is_ready());
  CHECK(at.targets() == "10.0.0.1:8080*1 ");
  at.loop.run();
  CHECK(at.dns.asked["orders.test"] == 2);
}

TEST_CASE("discovery: what is known of a target that stays is known of it after",
          "[upstream][discovery]") {
  Bench at;
  StateRegistry registry;
  at.dns.set_addresses("orders.test", {"10.0.0.1", "10.0.0.2"}, 30);
  at.watch(dns_plan());
  UpstreamConfig before = at.upstream();
  registry.attach(before);
  before.targets[1].state->healthy = false;
  at.dns.set_addresses("orders.test", {"10.0.0.2", "10.0.0.3"}, 30);
  at.loop.advance(31s);
  UpstreamConfig after = at.upstream();
  registry.attach(after);
  CHECK(after.state == before.state);
  CHECK(after.targets[0].state == before.targets[1].state);
  CHECK_FALSE(after.targets[0].state->healthy);
  CHECK(after.targets[1].state->healthy);
  CHECK(after.targets[1].state != before.targets[0].state);
}
