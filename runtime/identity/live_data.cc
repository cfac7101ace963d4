#include "runtime/identity/live_data.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw {
namespace {

using policies::SchemeKind;
using policies::SchemeRecord;

constexpr u64 kMaxNetworkTextBytes = u64{256} << 20;

bool is_given(const table::LateString& text) {
  return text.late != table::kNone || text.value.offset != table::kNone;
}

std::string text_of(const BoundTable& table, const table::LateString& text) {
  return is_given(text) ? std::string(table.text(text)) : std::string();
}

jose::AlgorithmSet algorithms_of(const BoundTable& table, const SchemeRecord& record) {
  jose::AlgorithmSet set;
  for (const u32 number : table.view().policy_list<u32>(record.algorithms)) {
    const auto algorithm = jose::algorithm_of(policies::kAlgorithmWords[number]);
    if (algorithm) set.add(*algorithm);
  }
  return set;
}

// What OpenID Connect says the issuer is called (Discovery 1.0 section 4).
std::string issuer_of_discovery(std::string url) {
  constexpr std::string_view kSuffix = "/.well-known/openid-configuration";
  if (url.ends_with(kSuffix)) url.resize(url.size() - kSuffix.size());
  return url;
}

jose::JwtRules rules_of(const BoundTable& table, const SchemeRecord& record) {
  const table::TableView& view = table.view();
  jose::JwtRules rules;
  rules.issuer = text_of(table, record.issuer);
  if (rules.issuer.empty() && record.discovers != 0) {
    rules.issuer = issuer_of_discovery(text_of(table, record.discovery));
  }
  for (const auto& audience : view.policy_list<table::LateString>(record.audiences)) {
    rules.audiences.emplace_back(table.text(audience));
  }
  rules.algorithms = algorithms_of(table, record);
  rules.clock_skew_s = static_cast<u32>((table.number(record.clock_skew) + 999) / 1000);
  rules.type = view.text(record.type);
  for (const auto& claim : view.policy_list<policies::ClaimRecord>(record.claims)) {
    jose::ClaimRule rule;
    rule.pointer = jose::pointer_to(view.text(claim.name));
    rule.type = static_cast<jose::ClaimType>(claim.type);
    rule.required = claim.required != 0;
    for (const table::StringRef value : view.policy_list<table::StringRef>(claim.values)) {
      rule.values.emplace_back(view.text(value));
    }
    rules.claims.push_back(std::move(rule));
  }
  return rules;
}

u64 digest_of(const BoundTable& table, const SchemeRecord& record, const jose::JwtRules& rules) {
  std::string all = rules.issuer;
  if (static_cast<SchemeKind>(record.kind) == SchemeKind::Introspection) {  // who has said it
    const policies::IntrospectionRecord& asked = record.introspection;
    all += fmt::format("\n{}{}\n{}", table.text(table.view().upstreams()[asked.upstream].name),
                       table.text(asked.path), text_of(table, asked.client_id));
  }
  for (const std::string& audience : rules.audiences) all += "\n" + audience;
  all += fmt::format("\n{}\n{}\n{}", rules.clock_skew_s, rules.algorithms.bits(), rules.type);
  for (const jose::ClaimRule& claim : rules.claims) {
    all += fmt::format("\n{} {} {}", claim.pointer, static_cast<u32>(*claim.type), claim.required);
    for (const std::string& value : claim.values) all += "\t" + value;
  }
  return XXH3_64bits_withSeed(all.data(), all.size(), record.kind);
}

// Keys that are there without asking anybody. Null: there are none, or `problem` says why.
std::shared_ptr<const jose::KeySet> local_keys(const BoundTable& table, const SchemeRecord& record,
                                               std::string& problem) {
  if (is_given(record.secret)) {
    return jose::KeySet::of_secret(table.text(record.secret), {}, problem);
  }
  if (is_given(record.jwks.file)) {
    return jose::KeySet::parse(table.text(record.jwks.file), {}, problem);
  }
  if (record.jwks.keys.offset == table::kNone) return nullptr;
  const std::string document = fmt::format("{{\"keys\":{}}}", table.view().text(record.jwks.keys));
  return jose::KeySet::parse(document, {}, problem);
}

class LiveDataLoader {
 public:
  LiveDataLoader(const BoundTable& table, const ReferenceSource& references,
                 std::vector<std::string>& problems)
      : table_(table), references_(references), problems_(problems) {}

  std::shared_ptr<const LiveData> run() {
    data_->plans = table::ConsumerSet(table_.view().section(table::SectionKind::ConsumerPlans));
    load_consumers();
    check_plans();
    check_limits();
    for (const table::StringRef file : table_.view().network_files()) {
      data_->networks.push_back(load_networks(std::string(table_.text(file))));
    }
    for (const SchemeRecord& record : table_.view().schemes()) load_scheme(record);
    return data_;
  }

 private:
  bool offline() const { return !references_.env; }

  void load_consumers() {
    const table::TableView& view = table_.view();
    const table::StringRef file = view.gateway().consumer_file;
    if (file.offset == table::kNone) {
      data_->consumers = table::ConsumerSet(view.section(table::SectionKind::Consumers));
      return;
    }
    const std::string path(view.text(file));
    auto loaded = table::TableFile::load(path, table::TableKind::Consumers);
    if (!loaded) {
      problem("consumers", path, loaded.error());
      return;
    }
    data_->consumer_table = *loaded;
    const table::TableView data(data_->consumer_table->bytes());
    data_->consumers = table::ConsumerSet(data.section(table::SectionKind::Consumers));
  }

  // The compiler has checked those in the document; a data table may name anything.
  void check_plans() {
    for (u32 i = 0; i < data_->consumers.profile_count(); ++i) {
      const std::string_view plan = data_->consumers.plan_of_profile(i);
      if (plan.empty() || data_->plans.find_name(plan) != table::kNoConsumer) continue;
      problems_.push_back(fmt::format("consumers: there is no plan `{}`", plan));
      return;
    }
  }

  // A limit that nothing counts by would limit nothing.
  void check_limits() {
    const auto overrides = data_->consumers.all_overrides();
    if (overrides.empty()) return;
    const table::TableView& view = table_.view();
    std::set<std::pair<u32, std::string_view>> known;
    for (const table::StepRecord& step : view.steps()) {
      if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::RateLimit) continue;
      const auto& record = view.policy_record<policies::RateLimitRecord>(step.record);
      for (const auto& limit : view.policy_list<policies::LimitRecord>(record.limits)) {
        known.insert({limit.kind, view.text(limit.name)});
      }
    }
    for (const table::ConsumerOverride& one : overrides) {
      const std::string_view name = data_->consumers.text(one.name);
      if (known.contains({static_cast<u32>(one.kind), name})) continue;
      problems_.push_back(
          fmt::format("consumers: no operation and no plan has a limit `{}`", name));
      return;
    }
  }

  std::shared_ptr<const NetworkData> load_networks(const std::string& path) {
    const auto content = table::read_file(path, kMaxNetworkTextBytes);
    if (!content) {
      problem("networks", path, content.error());
      return std::make_shared<const NetworkData>();
    }
    std::string why;
    auto networks = read_networks(*content, why);
    if (networks != nullptr) return networks;
    problems_.push_back(fmt::format("networks of {}: {}", path, why));
    return std::make_shared<const NetworkData>();
  }

  void load_scheme(const SchemeRecord& record) {
    SchemeData& scheme = data_->schemes.emplace_back();
    const auto kind = static_cast<SchemeKind>(record.kind);
    if (kind != SchemeKind::Jwt && kind != SchemeKind::Introspection) return;
    scheme.rules = rules_of(table_, record);
    scheme.rules_digest = digest_of(table_, record, scheme.rules);
    if (kind != SchemeKind::Jwt || offline()) return;
    std::string why;
    scheme.keys = local_keys(table_, record, why);
    if (why.empty()) return;
    problems_.push_back(
        fmt::format("security scheme `{}`: {}", table_.view().text(record.name), why));
  }

  void problem(std::string_view what, const std::string& path, const Error& error) {
    if (offline()) return;
    problems_.push_back(
        fmt::format("{} of {}: {}", what, path,
                    error.sys != 0 ? std::strerror(error.sys) : std::string(error.what)));
  }

  const BoundTable& table_;
  const ReferenceSource& references_;
  std::vector<std::string>& problems_;
  std::shared_ptr<LiveData> data_ = std::make_shared<LiveData>();
};

}  // namespace

std::shared_ptr<const LiveData> load_live_data(const BoundTable& table,
                                               const ReferenceSource& references,
                                               std::vector<std::string>& problems) {
  return LiveDataLoader(table, references, problems).run();
}

std::vector<std::string> live_files(const BoundTable& table) {
  std::vector<std::string> files;
  const table::StringRef consumers = table.view().gateway().consumer_file;
  if (consumers.offset != table::kNone) files.emplace_back(table.text(consumers));
  for (const table::StringRef file : table.view().network_files()) {
    files.emplace_back(table.text(file));
  }
  return files;
}

std::optional<jose::KeySourceOptions> key_source_of(const BoundTable& table, u32 scheme) {
  const SchemeRecord& record = table.view().schemes()[scheme];
  if (static_cast<SchemeKind>(record.kind) != SchemeKind::Jwt) return std::nullopt;
  jose::KeySourceOptions options;
  options.loopback_http = true;
  options.stale = std::chrono::milliseconds(table.number(record.stale));
  if (record.discovers != 0) {
    options.kind = jose::KeySourceKind::Discovery;
    options.location = text_of(table, record.discovery);
    options.issuer = text_of(table, record.issuer);
    return options;
  }
  if (is_given(record.jwks.url)) {
    options.kind = jose::KeySourceKind::Jwks;
    options.location = table.text(record.jwks.url);
    return options;
  }
  if (record.jwks.file.late == table::kNone) return std::nullopt;
  const std::optional<std::string> path = table.late_file(record.jwks.file.late);
  if (!path) return std::nullopt;
  options.kind = jose::KeySourceKind::File;
  options.location = *path;
  return options;
}

std::shared_ptr<const NetworkData> read_networks(std::string_view content, std::string& problem) {
  auto networks = std::make_shared<NetworkData>();
  const std::string_view magic(reinterpret_cast<const char*>(table::kMagic), sizeof table::kMagic);
  if (content.starts_with(magic)) {
    auto file = table::TableFile::from_bytes(as_bytes(content), table::TableKind::Networks);
    if (!file) {
      problem = file.error().what;
      return nullptr;
    }
    networks->data_table = *file;
    const table::TableView view(networks->data_table->bytes());
    networks->set = table::NetworkSet(view.section(table::SectionKind::NetworkSet));
    return networks;
  }
  std::vector<table::NetworkEntry> entries;
  if (!table::parse_network_lines(content, entries, problem)) return nullptr;
  networks->blob = table::build_network_set(std::move(entries));
  networks->set = table::NetworkSet(networks->blob);
  return networks;
}

}  // namespace gw
