// Questions to a real server on loopback, which answers by a script.
#include "runtime/net/dns_client.h"

#include <catch2/catch.hpp>
#include <map>

#include "runtime/net/testing/dns_server.h"
#include "runtime/net/worker_loop.h"

using namespace gw;
using namespace gw::net;
using namespace gw::net::testing;

namespace {

// The loop runs on the test's thread until all questions are answered.
struct Asking {
  Asking() : client(loop) {}
  DnsReply ask(const std::string& name, DnsType type) {
    DnsReply out;
    client.ask(name, type, [&](DnsReply reply) {
      out = std::move(reply);
      loop.stop();
    });
    loop.run();
    loop.io().restart();
    return out;
  }
  WorkerLoop loop;
  AresClient client;
};

std::string answer_a(const DnsQuestion& question) {
  if (question.type != DnsType::A) return dns_answer(question.name, question.type, {});
  return dns_answer(question.name, question.type, {address_record(question.name, "192.0.2.7", 5)});
}

}  // namespace

TEST_CASE("dns client: asks the given server for each type", "[net][dns]") {
  DnsServer server([](const DnsQuestion& question) {
    std::vector<DnsRecord> records;
    if (question.type == DnsType::A) {
      records = {alias_record(question.name, "b.test", 7), address_record("b.test", "192.0.2.1")};
    } else if (question.type == DnsType::Aaaa) {
      records = {address_record(question.name, "2001:db8::1")};
    } else {
      records = {srv_record(question.name, {1, 2, 8080, "b.test"})};
    }
    return dns_answer(question.name, question.type, records);
  });
  Asking asking;
  asking.client.use({server.address()});
  const DnsReply v4 = asking.ask("a.test", DnsType::A);
  CHECK(v4.status == DnsStatus::Answered);
  REQUIRE(v4.answer.addresses.size() == 1);
  CHECK(format_ip(v4.answer.addresses[0]) == "192.0.2.1");
  CHECK(v4.answer.ttl_s == 7);
  const DnsReply v6 = asking.ask("a.test", DnsType::Aaaa);
  REQUIRE(v6.answer.addresses.size() == 1);
  CHECK(format_ip(v6.answer.addresses[0]) == "2001:db8::1");
  const DnsReply services = asking.ask("_http._tcp.a.test", DnsType::Srv);
  REQUIRE(services.answer.services.size() == 1);
  CHECK(services.answer.services[0] == SrvRecord{1, 2, 8080, "b.test"});
  CHECK(server.questions().size() == 3);
}

TEST_CASE("dns client: an answer that is cut off is asked for over TCP", "[net][dns]") {
  DnsServer server([](const DnsQuestion& question) {
    if (!question.tcp) return dns_answer(question.name, question.type, {}, 0, true);
    std::vector<DnsRecord> records;
    for (int i = 0; i < 250; ++i) {
      records.push_back(address_record(question.name, "10.0.0." + std::to_string(i)));
    }
    return dns_answer(question.name, question.type, records);
  });
  Asking asking;
  asking.client.use({server.address()});
  const DnsReply reply = asking.ask("a.test", DnsType::A);
  CHECK(reply.status == DnsStatus::Answered);
  CHECK(reply.answer.addresses.size() == 250);
  REQUIRE(server.questions().size() == 2);
  CHECK(server.questions()[1].tcp);
}

TEST_CASE("dns client: says what went wrong", "[net][dns]") {
  struct Case {
    const char* what;
    std::function<std::string(const DnsQuestion&)> script;
    DnsStatus status;
  };
  const Case cases[] = {
      {"no such name",
       [](const DnsQuestion& q) { return dns_answer(q.name, q.type, {}, kNoSuchName); },
       DnsStatus::NoRecord},
      {"no record", [](const DnsQuestion& q) { return dns_answer(q.name, q.type, {}); },
       DnsStatus::NoRecord},
      {"another's record",
       [](const DnsQuestion& q) {
         return dns_answer(q.name, q.type, {address_record("b.test", "192.0.2.1")});
       },
       DnsStatus::NoRecord},
      {"failure",
       [](const DnsQuestion& q) { return dns_answer(q.name, q.type, {}, kServerFailure); },
       DnsStatus::Failed},
      {"a record that is cut short",
       [](const DnsQuestion& q) {
         std::string all = dns_answer(q.name, q.type, {address_record(q.name, "192.0.2.1")});
         return all.substr(0, all.size() - 2);
       },
       DnsStatus::Malformed},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.what) {
      DnsServer server(row.script);
      Asking asking;
      asking.client.use({server.address()});
      CHECK(asking.ask("a.test", DnsType::A).status == row.status);
    }
  }
}

TEST_CASE("dns client: another server takes over, questions to the old one still end",
          "[net][dns]") {
  DnsServer first(answer_a);
  DnsServer second(answer_a);
  Asking asking;
  asking.client.use({first.address()});
  u32 replies = 0;
  const auto done = [&](const DnsReply& reply) {
    CHECK(reply.status == DnsStatus::Answered);
    if (++replies == 2) asking.loop.stop();
  };
  asking.client.ask("a.test", DnsType::A, done);
  asking.client.use({second.address()});
  asking.client.ask("b.test", DnsType::A, done);
  asking.loop.run();
  CHECK(replies == 2);
  REQUIRE(first.questions().size() == 1);
  CHECK(first.questions()[0].name == "a.test");
  REQUIRE(second.questions().size() == 1);
  CHECK(second.questions()[0].name == "b.test");
}

TEST_CASE("dns client: questions that are under way end with it, unanswered", "[net][dns]") {
  DnsServer server([](const DnsQuestion&) { return std::string(); });
  bool called = false;
  {
    Asking asking;
    asking.client.use({server.address()});
    asking.client.ask("a.test", DnsType::A, [&](const DnsReply&) { called = true; });
  }
  CHECK_FALSE(called);
}

TEST_CASE("dns client: localhost needs no server", "[net][dns]") {
  DnsServer server(answer_a);
  Asking asking;
  asking.client.use({server.address()});
  for (const char* name : {"localhost", "a.localhost"}) {
    CAPTURE(name);
    const std::vector<IpAddress> found = asking.client.known_locally(name);
    REQUIRE_FALSE(found.empty());
    const std::string first = format_ip(found.front());
    CHECK((first == "127.0.0.1" || first == "::1"));
  }
  CHECK(asking.client.known_locally("a.test").empty());
  CHECK(server.questions().empty());
}
