// A client of name servers by a script, on a clock that the test moves.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/net/dns_client.h"
#include "runtime/net/virtual_loop.h"

namespace gw::upstream::testing {

/// Answers by what has been said of a name and type; of any other: the server fails.
class ScriptedDns final : public net::DnsClient {
 public:
  explicit ScriptedDns(net::VirtualLoop& loop) : loop_(loop) {}

  void ask(const std::string& name, net::DnsType type, Done done) override {
    ++asked[name];
    if (silent.contains(name)) {
      held.emplace_back(name, std::move(done));
      return;
    }
    loop_.post([done = std::move(done), reply = replies[{name, type}]] { done(reply); });
  }
  std::vector<IpAddress> known_locally(const std::string& name) override {
    const auto found = local.find(name);
    return found == local.end() ? std::vector<IpAddress>{} : found->second;
  }

  void set_addresses(const std::string& name, const std::vector<const char*>& texts, u32 ttl_s) {
    net::DnsReply v4{.status = net::DnsStatus::NoRecord, .answer = {}};
    net::DnsReply v6 = v4;
    for (const char* text : texts) {
      const IpAddress ip = *parse_ip(text);
      net::DnsReply& reply = ip.v6 ? v6 : v4;
      reply.status = net::DnsStatus::Answered;
      reply.answer.addresses.push_back(ip);
      reply.answer.ttl_s = ttl_s;
    }
    replies[{name, net::DnsType::A}] = v4;
    replies[{name, net::DnsType::Aaaa}] = v6;
  }
  void set_services(const std::string& name, std::vector<net::SrvRecord> services, u32 ttl_s) {
    net::DnsReply reply{.status = net::DnsStatus::Answered, .answer = {}};
    reply.answer.services = std::move(services);
    reply.answer.ttl_s = ttl_s;
    replies[{name, net::DnsType::Srv}] = reply;
  }
  void set_status(const std::string& name, net::DnsStatus status) {
    for (const net::DnsType type : {net::DnsType::A, net::DnsType::Aaaa, net::DnsType::Srv}) {
      replies[{name, type}] = {.status = status, .answer = {}};
    }
  }
  /// What was asked of silent names ends: no answer in time.
  void release() {
    silent.clear();
    for (auto& [name, done] : std::exchange(held, {})) {
      net::DnsReply reply;
      reply.status = net::DnsStatus::TimedOut;
      loop_.post([done = std::move(done), reply] { done(reply); });
    }
  }

  std::map<std::pair<std::string, net::DnsType>, net::DnsReply> replies;
  std::map<std::string, std::vector<IpAddress>> local;
  std::set<std::string> silent;  // no reply comes
  std::map<std::string, u32> asked;
  std::vector<std::pair<std::string, Done>> held;

 private:
  net::VirtualLoop& loop_;
};

}  // namespace gw::upstream::testing
