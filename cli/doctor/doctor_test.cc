#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "cli/doctor/certificates.h"
#include "cli/doctor/machine.h"
#include "cli/doctor/places.h"
#include "cli/doctor/upstreams.h"
#include "runtime/net/testing/dns_server.h"
#include "runtime/net/testing/test_certificate.h"
#include "runtime/server/listener.h"
#include "runtime/server/state_directory.h"

using namespace gw;
using namespace gw::cli::doctor;

namespace {

constexpr i64 kNow = 1'790'000'000;

// A machine on which nothing is wrong.
MachineFacts healthy() {
  MachineFacts facts;
  facts.user = 1000;
  facts.descriptors = {.before = 1024, .now = 1024, .hard = 524'288};
  facts.allowed_cpus = 4;
  facts.unix_s = kNow;
  facts.clock_synchronised = true;
  facts.huge_pages = "madvise";
  facts.backlog = 4096;
  return facts;
}

Findings judge(const MachineFacts& facts) {
  Findings out;
  judge_machine(facts, out);
  return out;
}

// The one that is no Ok; a test fails where there is not exactly one.
Finding only(const Findings& findings) {
  Finding found;
  size_t number = 0;
  for (const Finding& finding : findings) {
    if (finding.verdict == Verdict::Ok) continue;
    CAPTURE(finding.check, finding.found);
    found = finding;
    CHECK_FALSE(finding.help.empty());
    ++number;
  }
  CHECK(number == 1);
  return found;
}

bool all_ok(const Findings& findings) {
  for (const Finding& finding : findings) {
    if (finding.verdict != Verdict::Ok) return false;
  }
  return !findings.empty();
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "gwctl-doctor-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Listening {
  Listening() : descriptor(*server::open_listener("127.0.0.1:0")) {}
  std::string address() const { return server::bound_address(descriptor.get()); }
  UniqueDescriptor descriptor;
};

upstream::UpstreamConfig upstream_of(const std::vector<std::string>& addresses) {
  upstream::UpstreamConfig config;
  config.name = "users";
  for (const std::string& address : addresses) {
    config.targets.emplace_back().address = address;
  }
  REQUIRE(upstream::read_addresses(config).has_value());
  return config;
}

}  // namespace

TEST_CASE("doctor: a healthy machine has nothing to be looked at", "[doctor]") {
  CHECK(all_ok(judge(healthy())));
  CHECK_FALSE(judge(machine_facts()).empty());
}

TEST_CASE("doctor: each fact of a machine is judged by itself", "[doctor]") {
  struct Case {
    const char* check;
    Verdict verdict;
    void (*change)(MachineFacts&);
  };
  const Case cases[] = {
      {"descriptors", Verdict::Warn, [](MachineFacts& f) { f.descriptors.hard = 4095; }},
      {"descriptors", Verdict::Fail, [](MachineFacts& f) { f.descriptors.hard = 1023; }},
      {"processors", Verdict::Warn, [](MachineFacts& f) { f.cgroup.cpus = 0.5; }},
      {"memory", Verdict::Warn, [](MachineFacts& f) { f.cgroup.memory_bytes = u64{100} << 20; }},
      {"memory", Verdict::Fail, [](MachineFacts& f) { f.cgroup.memory_bytes = u64{16} << 20; }},
      {"clock", Verdict::Fail, [](MachineFacts& f) { f.unix_s = 0; }},
      {"clock", Verdict::Fail, [](MachineFacts& f) { f.unix_s = 5'000'000'000; }},
      {"clock", Verdict::Warn, [](MachineFacts& f) { f.clock_synchronised = false; }},
      {"reuse_port", Verdict::Fail, [](MachineFacts& f) { f.reuse_port = false; }},
      {"huge_pages", Verdict::Warn, [](MachineFacts& f) { f.huge_pages = "always"; }},
      {"backlog", Verdict::Warn, [](MachineFacts& f) { f.backlog = 128; }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.check);
    MachineFacts facts = healthy();
    c.change(facts);
    const Finding finding = only(judge(facts));
    CHECK(finding.check == c.check);
    CHECK(finding.verdict == c.verdict);
  }
}

TEST_CASE("doctor: what is unknown, or limits nothing, is no fault", "[doctor]") {
  MachineFacts facts = healthy();
  facts.user = 0;
  facts.clock_synchronised = std::nullopt;
  facts.huge_pages = "";
  facts.backlog = 0;
  facts.cgroup = {.cpus = 2.5, .memory_bytes = u64{1} << 30};
  CHECK(all_ok(judge(facts)));
  facts.huge_pages = "never";
  CHECK(all_ok(judge(facts)));
}

TEST_CASE("doctor: a port is free, taken, or the running gateway's", "[doctor]") {
  Findings out;
  judge_listener("127.0.0.1:0", {}, out);
  CHECK(all_ok(out));

  const Listening taken;
  out.clear();
  judge_listener(taken.address(), {}, out);
  CHECK(only(out).verdict == Verdict::Fail);

  out.clear();
  judge_listener(taken.address(), {.found = true, .listening = {taken.address()}}, out);
  CHECK(all_ok(out));
}

TEST_CASE("doctor: addresses that nobody can listen at", "[doctor]") {
  for (const char* address : {"192.0.2.1:8080", "127.0.0.1", "127.0.0.1:99999", "here", "",
                              "unix:/nonexistent/folder/socket"}) {
    CAPTURE(address);
    Findings out;
    judge_listener(address, {}, out);
    CHECK(only(out).check == "listen");
  }
}

TEST_CASE("doctor: a state directory is had, missing, somebody's, or open to others", "[doctor]") {
  const Folder folder;
  const std::string path = folder / "state";
  Findings out;
  judge_state_directory(path, {}, out);
  CHECK(all_ok(out));
  CHECK_FALSE(std::filesystem::exists(path));
  out.clear();
  judge_state_directory(folder / "no/such/folder", {}, out);
  CHECK(only(out).verdict == Verdict::Fail);
  {
    const auto held = server::StateDirectory::open(path);
    REQUIRE(held.has_value());
    out.clear();
    judge_state_directory(path, {}, out);
    CHECK(only(out).verdict == Verdict::Fail);
    out.clear();
    judge_state_directory(path, {.found = true}, out);
    CHECK(all_ok(out));
  }
  out.clear();
  judge_state_directory(path, {}, out);
  CHECK(all_ok(out));
  REQUIRE(::chmod(path.c_str(), 0777) == 0);
  out.clear();
  judge_state_directory(path, {}, out);
  CHECK(only(out).verdict == Verdict::Fail);
}

TEST_CASE("doctor: orders are taken at a socket of one's own, or with a token", "[doctor]") {
  const Folder folder;
  Findings out;
  judge_admin("unix:" + (folder / "run/admin.sock"), false, {}, out);
  judge_admin("unix:" + (folder / "admin.sock"), false, {}, out);
  judge_admin("127.0.0.1:0", true, {}, out);
  judge_admin("unix:/nonexistent/x/y", false, {.found = true}, out);
  CHECK(all_ok(out));
  for (const std::string& address :
       {std::string("127.0.0.1:0"), std::string("unix:/nonexistent/a/b/admin.sock")}) {
    out.clear();
    judge_admin(address, false, {}, out);
    CHECK(only(out).check == "admin");
  }
  REQUIRE(::mkdir((folder / "open").c_str(), 0755) == 0);
  REQUIRE(::chmod((folder / "open").c_str(), 0777) == 0);
  out.clear();
  judge_admin("unix:" + (folder / "open/admin.sock"), false, {}, out);
  CHECK(only(out).found.find("others") != std::string::npos);
}

TEST_CASE("doctor: a certificate is good from its beginning to its end", "[doctor]") {
  constexpr i64 kDay = 86'400;
  const net::CertificateFacts facts{
      .name = "api.example", .begins_unix_s = kNow, .expires_unix_s = kNow + 90 * kDay};
  struct Case {
    i64 now;
    const char* found;
    Verdict verdict;
  };
  for (const Case& c : {Case{kNow - 1, "not valid yet", Verdict::Fail},
                        Case{kNow + 90 * kDay, "has ended", Verdict::Fail},
                        Case{kNow + 90 * kDay - 1, "in 0 days", Verdict::Warn},
                        Case{kNow + 89 * kDay, "in 1 day", Verdict::Warn},
                        Case{kNow + 76 * kDay, "in 14 days", Verdict::Ok}}) {
    CAPTURE(c.now);
    Findings out;
    judge_validity("0.0.0.0:443", facts, c.now, out);
    REQUIRE(out.size() == 1);
    CHECK(out[0].found.find(c.found) != std::string::npos);
    CHECK(out[0].found.find("api.example") != std::string::npos);
    CHECK(out[0].verdict == c.verdict);
    CHECK(out[0].help.empty() == (c.verdict == Verdict::Ok));
  }
}

TEST_CASE("doctor: a certificate is read, and compared with its key", "[doctor]") {
  const net::TlsCertificate good = net::testing::make_certificate({.names = {"DNS:api.example"}});
  const net::CertificateFacts facts = net::certificate_facts(good.chain);
  const i64 begins = facts.begins_unix_s;
  CHECK(begins > 0);
  CHECK(begins < facts.expires_unix_s);
  Findings out;
  judge_certificate("x", good, begins, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].verdict != Verdict::Fail);

  const net::TlsCertificate other = net::testing::make_certificate({});
  for (const net::TlsCertificate& bad :
       {net::TlsCertificate{good.chain, other.key}, net::TlsCertificate{"", good.key},
        net::TlsCertificate{good.chain, "SECRET"}}) {
    out.clear();
    judge_certificate("x", bad, begins, out);
    CHECK(only(out).found.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("doctor: a server is reached, refused, unknown, or no server at all", "[doctor]") {
  using net::testing::DnsQuestion;
  constexpr std::chrono::seconds kPatience{20};
  const Listening there;
  std::string closed;
  {
    const Listening gone;
    closed = gone.address();
  }
  const std::string port = std::to_string(server::bound_port(there.descriptor.get()));
  // Two addresses, the first of which refuses: one is enough.
  net::testing::DnsServer names([](const DnsQuestion& question) -> std::string {
    if (question.name != "keys.example") {
      return net::testing::dns_answer(question.name, question.type, {}, net::testing::kNoSuchName);
    }
    if (question.type != net::DnsType::A) {
      return net::testing::dns_answer(question.name, question.type, {});
    }
    return net::testing::dns_answer(question.name, question.type,
                                    {net::testing::address_record(question.name, "127.0.0.2"),
                                     net::testing::address_record(question.name, "127.0.0.1")});
  });
  struct Case {
    std::string url;
    const char* found;  // null: it is reached
  };
  for (const Case& c : {Case{"http://" + there.address() + "/keys", nullptr},
                        Case{"http://keys.example:" + port + "/keys", nullptr},
                        Case{"http://" + closed, "Connection refused; so much for that"},
                        Case{"https://missing.example/keys", "so much for that"},
                        Case{"ftp://keys.example/", "not an http or https URL"}}) {
    CAPTURE(c.url);
    for (const Verdict verdict : {Verdict::Warn, Verdict::Fail}) {
      Findings out;
      judge_servers({{"issuer", c.url, verdict, "so much for that"}}, {names.address()}, kPatience,
                    out);
      REQUIRE(out.size() == 1);
      CHECK(out[0].check == "issuer");
      CHECK(out[0].found.find(c.url) != std::string::npos);
      CHECK((out[0].verdict == Verdict::Ok) == (c.found == nullptr));
      if (c.found == nullptr) continue;
      CHECK(only(out).verdict == verdict);
      CHECK(out[0].found.find(c.found) != std::string::npos);
    }
  }
}

TEST_CASE("doctor: an upstream of which nothing can be reached fails", "[doctor]") {
  constexpr std::chrono::milliseconds kPatience{20'000};
  std::string closed;
  {
    const Listening gone;
    closed = gone.address();
  }
  const Listening there;
  Findings out;
  judge_upstreams({upstream_of({there.address()})}, {}, kPatience, out);
  CHECK(all_ok(out));
  out.clear();
  judge_upstreams({upstream_of({closed})}, {}, kPatience, out);
  CHECK(only(out).verdict == Verdict::Fail);
  out.clear();
  judge_upstreams({upstream_of({closed, there.address()})}, {}, kPatience, out);
  CHECK(only(out).verdict == Verdict::Warn);
}

TEST_CASE("doctor: names are asked for where the gateway asks", "[doctor]") {
  using net::testing::DnsQuestion;
  const Listening there;
  const u16 port = server::bound_port(there.descriptor.get());
  net::testing::DnsServer names([](const DnsQuestion& question) -> std::string {
    if (question.name == "silent.example") return {};
    if (question.name != "users.example") {
      return net::testing::dns_answer(question.name, question.type, {}, net::testing::kNoSuchName);
    }
    if (question.type != net::DnsType::A) {
      return net::testing::dns_answer(question.name, question.type, {});
    }
    return net::testing::dns_answer(question.name, question.type,
                                    {net::testing::address_record(question.name, "127.0.0.1")});
  });
  const std::string at = ":" + std::to_string(port);
  Findings out;
  judge_upstreams({upstream_of({"users.example" + at})}, {names.address()},
                  std::chrono::seconds(20), out);
  CHECK(all_ok(out));
  out.clear();
  judge_upstreams({upstream_of({"missing.example" + at})}, {names.address()},
                  std::chrono::seconds(20), out);
  CHECK(only(out).found.find("missing.example") != std::string::npos);
  out.clear();
  judge_upstreams({upstream_of({"silent.example" + at})}, {names.address()},
                  std::chrono::milliseconds(50), out);
  CHECK(only(out).check == "name");
}
