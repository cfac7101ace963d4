#include "runtime/upstream/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace gw::upstream {
namespace {

using net::SrvRecord;

constexpr u64 kMostWeight = 1000;  // as in documents; the ring has points by weight

NameQuestion address_question(const DnsOptions& dns, const std::string& name) {
  return {.name = name,
          .srv = false,
          .family = dns.family,
          .min_refresh_ms = dns.min_refresh_ms,
          .max_refresh_ms = dns.max_refresh_ms};
}

NameQuestion question_of(const DnsOptions& dns) {
  NameQuestion question = address_question(dns, dns.name);
  question.srv = dns.srv;
  return question;
}

std::string address_text(const IpAddress& ip, u16 port) {
  return ip.v6 ? fmt::format("[{}]:{}", format_ip(ip), port)
               : fmt::format("{}:{}", format_ip(ip), port);
}

TargetConfig target_of(const DnsOptions& dns, const IpAddress& ip, u16 port) {
  TargetConfig target;
  target.address = address_text(ip, port);
  target.addresses = {socket_address(ip, port)};
  target.path_prefix = dns.path_prefix;
  target.tls = dns.tls;
  if (dns.tls) target.server_name = dns.server_name;
  return target;
}

// Weights as they are where that is possible; otherwise shares of the greatest.
void scale_weights(std::vector<std::pair<TargetConfig, u64>>& weighed) {
  u64 greatest = 0;
  for (const auto& [target, weight] : weighed) greatest = std::max(greatest, weight);
  for (auto& [target, weight] : weighed) {
    if (greatest > kMostWeight) weight = weight * kMostWeight / greatest;
    target.weight = static_cast<u32>(std::max<u64>(weight, 1));
  }
}

// One tier of services: those of the first priority, or all others.
void add_services(const UpstreamConfig& plan, const Resolver& resolver, bool backup,
                  std::vector<TargetConfig>& out) {
  const NameAnswer& services = resolver.answer(question_of(plan.dns));
  std::vector<std::pair<TargetConfig, u64>> weighed;
  bool shared = false;  // a host has several addresses: its weight must be divided
  for (const SrvRecord& service : services.services) {
    const auto& host = resolver.answer(address_question(plan.dns, service.target));
    shared |= host.addresses.size() > 1;
  }
  for (const SrvRecord& service : services.services) {
    if (backup != (service.priority != services.services.front().priority)) continue;
    const auto& host = resolver.answer(address_question(plan.dns, service.target));
    for (const IpAddress& ip : host.addresses) {
      TargetConfig target = target_of(plan.dns, ip, service.port);
      target.authority = fmt::format("{}:{}", service.target, service.port);
      target.backup = backup;
      const auto same = [&](const TargetConfig& other) { return other.address == target.address; };
      if (std::ranges::any_of(out, same)) continue;  // it is in the first tier
      const u64 weight =
          shared ? service.weight * kMostWeight / host.addresses.size() : u64{service.weight};
      const auto known = std::ranges::find_if(
          weighed, [&](const auto& entry) { return entry.first.address == target.address; });
      if (known != weighed.end()) {
        known->second += weight;
      } else if (out.size() + weighed.size() < kMaxAddressesOfName) {
        weighed.emplace_back(std::move(target), weight);
      }
    }
  }
  scale_weights(weighed);
  for (auto& [target, weight] : weighed) out.push_back(std::move(target));
}

std::vector<TargetConfig> discovered(const UpstreamConfig& plan, const Resolver& resolver) {
  std::vector<TargetConfig> out;
  if (plan.dns.srv) {
    add_services(plan, resolver, false, out);
    add_services(plan, resolver, true, out);
    return out;
  }
  for (const IpAddress& ip : resolver.answer(question_of(plan.dns)).addresses) {
    out.push_back(target_of(plan.dns, ip, plan.dns.port));
    std::string_view name = plan.dns.name;
    if (name.ends_with('.')) name.remove_suffix(1);
    out.back().authority = fmt::format("{}:{}", name, plan.dns.port);
  }
  return out;
}

// Questions that `plan` leads to, as far as is known.
void add_questions(const UpstreamConfig& plan, const Resolver& resolver,
                   std::set<NameQuestion>& out) {
  for (const TargetConfig& target : plan.targets) {
    if (!target.host.empty()) out.insert(address_question(plan.dns, target.host));
  }
  if (plan.dns.name.empty()) return;
  const NameQuestion question = question_of(plan.dns);
  out.insert(question);
  if (!plan.dns.srv || !resolver.is_watched(question)) return;
  for (const SrvRecord& service : resolver.answer(question).services) {
    out.insert(address_question(plan.dns, service.target));
  }
}

// Addresses of all targets, for the key and for the log.
std::vector<std::string> address_texts(const UpstreamConfig& config) {
  std::vector<std::string> out;
  for (const TargetConfig& target : config.targets) {
    if (target.host.empty()) {
      if (!config.dns.name.empty()) out.push_back(target.address);
      continue;
    }
    for (const SocketAddress& address : target.addresses) {
      out.push_back(
          fmt::format("{} at {}", target.address, format_ip(from_sockaddr(address.storage))));
    }
  }
  return out;
}

TargetsChange change_of(const UpstreamConfig& before, const UpstreamConfig& after) {
  TargetsChange change;
  change.upstream = after.name;
  std::vector<std::string> old_texts = address_texts(before);
  std::vector<std::string> new_texts = address_texts(after);
  std::ranges::sort(old_texts);
  std::ranges::sort(new_texts);
  change.count = new_texts.size();
  std::ranges::set_difference(new_texts, old_texts, std::back_inserter(change.added));
  std::ranges::set_difference(old_texts, new_texts, std::back_inserter(change.removed));
  return change;
}

bool is_same_source(const UpstreamConfig& a, const UpstreamConfig& b) {
  return a.name == b.name && a.dns == b.dns && !a.dns.name.empty();
}

std::string key_of(const UpstreamConfig& config) {
  std::string key = config.key;
  for (const TargetConfig& target : config.targets) {
    if (config.dns.name.empty()) continue;
    key += fmt::format("|{}*{}{}", target.address, target.weight, target.backup ? " backup" : "");
  }
  if (config.dns.name.empty()) {
    for (const std::string& text : address_texts(config)) key += "|" + text;
  }
  return key;
}

}  // namespace

UpstreamConfig with_targets(const UpstreamConfig& plan, const Resolver& resolver) {
  UpstreamConfig out = plan;
  if (!plan.dns.name.empty()) out.targets = discovered(plan, resolver);
  for (TargetConfig& target : out.targets) {
    if (target.host.empty()) continue;
    target.addresses.clear();
    for (const IpAddress& ip : resolver.answer(address_question(plan.dns, target.host)).addresses) {
      target.addresses.push_back(socket_address(ip, target.port));
    }
    if (target.addresses.empty()) target.weight = 0;
  }
  out.key = key_of(out);
  return out;
}

Discovery::Discovery(net::EventLoop& loop, Random& random, net::DnsClient& client)
    : resolver_(loop, random, client) {
  resolver_.on_change = [this] {
    const bool was_ready = ready_;
    const bool changed = update();
    if ((changed || ready_ != was_ready) && on_change) on_change();
  };
}

void Discovery::watch(std::vector<UpstreamConfig> plans) {
  std::vector<UpstreamConfig> upstreams;
  for (const UpstreamConfig& plan : plans) {
    UpstreamConfig& added = upstreams.emplace_back(plan);
    for (TargetConfig& target : added.targets) {
      if (!target.host.empty()) target.weight = 0;
    }
    const auto known = std::ranges::find_if(
        upstreams_, [&](const UpstreamConfig& other) { return is_same_source(other, plan); });
    if (known == upstreams_.end()) continue;
    added.targets = known->targets;
    added.key = key_of(added);
  }
  plans_ = std::move(plans);
  upstreams_ = std::move(upstreams);
  static_cast<void>(update());
}

bool Discovery::is_settled(const UpstreamConfig& plan) const {
  std::set<NameQuestion> questions;
  add_questions(plan, resolver_, questions);
  return std::ranges::all_of(
      questions, [&](const NameQuestion& question) { return resolver_.answer(question).asked; });
}

bool Discovery::update() {
  std::set<NameQuestion> questions;
  for (const UpstreamConfig& plan : plans_) add_questions(plan, resolver_, questions);
  resolver_.watch(questions);
  bool changed = false;
  ready_ = true;
  for (size_t i = 0; i < plans_.size(); ++i) {
    if (!is_settled(plans_[i])) {
      ready_ = false;
      // Of a set of services that has changed all hosts must be known before it counts.
      if (plans_[i].dns.srv && !upstreams_[i].targets.empty()) continue;
    }
    UpstreamConfig now = with_targets(plans_[i], resolver_);
    const bool lost = now.targets.empty() && !upstreams_[i].targets.empty();
    if (lost || now.key == upstreams_[i].key) continue;
    if (on_targets) {
      const TargetsChange change = change_of(upstreams_[i], now);
      if (!change.added.empty() || !change.removed.empty()) on_targets(change);
    }
    upstreams_[i] = std::move(now);
    changed = true;
  }
  return changed;
}

}  // namespace gw::upstream
