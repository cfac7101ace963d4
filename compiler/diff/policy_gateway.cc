// What belongs to no operation: upstreams, listeners, trusted proxies, consumers, what is switched
// off.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "runtime/base/address_prefix.h"
#include "runtime/base/units.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/table/consumer_set.h"

namespace gw::compiler::diff {
namespace {

using table::ConsumerSet;
using Override = PolicyCompare::Override;
using OrdinaryLimits = PolicyCompare::OrdinaryLimits;

struct Described {
  Fields fields;
  Place place;
};

// Greater, or not known to be smaller: a reference may stand for anything, and 0 for no limit.
bool is_raised(const FieldValue* before, const FieldValue* after, bool zero_is_none) {
  const bool known = before != nullptr && after != nullptr && before->number && after->number;
  if (!known) return true;
  if (zero_is_none && *before->number == 0) return false;
  if (zero_is_none && *after->number == 0) return true;
  return *after->number > *before->number;
}

// The URL in `targets.URL.weight`; "" of other fields.
std::string target_of(const std::string& field) {
  constexpr std::string_view kTargets = "targets.";
  const size_t end = field.rfind('.');
  if (!field.starts_with(kTargets) || end < kTargets.size()) return {};
  return field.substr(kTargets.size(), end - kTargets.size());
}

std::set<std::string> targets_of(const Fields& upstream) {
  std::set<std::string> out;
  for (const auto& [name, value] : upstream) out.insert(target_of(name));
  out.erase("");
  return out;
}

// Whether a network lies within one of others.
bool is_part_of(const std::string& network, const std::vector<std::string>& others) {
  u8 address[16];
  u32 bits = 0;
  if (!parse_network(network, address, bits)) return false;
  return std::ranges::any_of(others, [&](const std::string& other) {
    u8 wide[16];
    u32 wide_bits = 0;
    return parse_network(other, wide, wide_bits) && wide_bits <= bits &&
           same_prefix(address, wide, wide_bits);
  });
}

bool has_health(const Fields& upstream) {
  return upstream.contains("health.path") || text_of(upstream, "health.tcp") == "true";
}

// Digests of the keys of each consumer, put together; whether they are the same is all that shows.
std::map<std::string, std::string> keys_by_consumer(Bytes section, const ConsumerSet& consumers) {
  std::map<std::string, std::string> out;
  if (section.size() < sizeof(table::ConsumerHeader)) return out;
  table::ConsumerHeader header;
  std::memcpy(&header, section.data(), sizeof header);
  std::map<std::string, std::set<std::string>> digests;
  for (u32 i = 0; i < header.keys.count; ++i) {
    table::ConsumerKey key;
    std::memcpy(&key, section.data() + header.keys.offset + u64{i} * sizeof key, sizeof key);
    if (key.consumer == table::kNoConsumer) continue;
    digests[std::string(consumers.name(key.consumer))].emplace(
        reinterpret_cast<const char*>(key.digest), sizeof key.digest);
  }
  for (const auto& [name, all] : digests) {
    for (const std::string& digest : all) out[name] += digest;
  }
  return out;
}

std::string groups_text(const ConsumerSet& consumers, u32 consumer) {
  std::set<std::string> groups;
  for (u32 i = 0; i < consumers.group_count(consumer); ++i) {
    groups.emplace(consumers.group(consumer, i));
  }
  std::string out;
  for (const std::string& group : groups) out += (out.empty() ? "" : ", ") + group;
  return out;
}

// A reference is shown as what it stands for, where that is known.
Override measure_of(const Side& side, const table::LateNumber& limit, bool is_rate) {
  std::optional<u64> value = limit.value;
  if (limit.late != table::kNone) {
    const auto text = side.resolved(limit.late);
    if (!text) return {side.bound().late_source(limit.late), std::nullopt};
    value = is_rate ? parse_rate(*text) : parse_count(*text);
    if (!value) return {*text, std::nullopt};
  }
  if (!is_rate) return {std::to_string(*value), static_cast<double>(*value)};
  const Rate rate = unpack_rate(*value);
  return {format_rate(*value), static_cast<double>(rate.count) / rate.seconds};
}

// With its burst, where it has one.
Override override_of(const Side& side, const table::ConsumerOverride& entry) {
  Override out = measure_of(side, entry.limit, entry.kind == table::OverrideKind::Rate);
  if (entry.burst.value == 0 && entry.burst.late == table::kNone) return out;
  out.text += fmt::format(", burst {}", measure_of(side, entry.burst, false).text);
  return out;
}

// Which of two is the greater is not known of references and bursts: the worse is assumed.
std::string_view change_of(const Override& was, const Override& is) {
  const bool lowered = was.measure && is.measure && *is.measure < *was.measure;
  return lowered ? "limit-lowered" : "limit-raised";
}

// By `rateLimit.NAME` and so on; made once for all consumers.
const OrdinaryLimits& ordinary_limits(const Side& side, std::optional<OrdinaryLimits>& made) {
  if (made) return *made;
  OrdinaryLimits& out = made.emplace();
  const table::TableView& view = side.view();
  for (const table::StepRecord& step : view.steps()) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::RateLimit) continue;
    const auto& record = view.policy_record<policies::RateLimitRecord>(step.record);
    for (const auto& limit : view.policy_list<policies::LimitRecord>(record.limits)) {
      const bool is_rate = limit.kind == static_cast<u32>(policies::LimitKind::Rate);
      const std::string name =
          fmt::format("{}.{}", policies::kLimitKindWords[limit.kind], side.text(limit.name));
      const double value = measure_of(side, limit.limit, is_rate).measure.value_or(-1);
      const auto [entry, fresh] = out.try_emplace(name, PolicyCompare::Ordinary{value, value});
      PolicyCompare::Ordinary& all = entry->second;
      all.least = std::min(all.least, value);
      all.most = std::max(all.most, value);
      all.known = all.known && value >= 0;
    }
  }
  return out;
}

using Overrides = std::map<std::string, Override>;

Overrides overrides_of(const Side& side, const ConsumerSet& consumers, u32 consumer) {
  static constexpr std::string_view kKinds[] = {"rateLimit", "quota", "concurrency"};
  Overrides out;
  for (const table::ConsumerOverride& entry : consumers.overrides(consumer)) {
    const std::string name =
        fmt::format("{}.{}", kKinds[static_cast<u32>(entry.kind)], consumers.text(entry.name));
    out[name] = override_of(side, entry);
  }
  return out;
}

}  // namespace

void PolicyCompare::gateway(const Matches& matches) {
  subjects_.clear();
  upstreams(matches);
  schemes();
  listeners();
  networks();
  notes(matches);
  consumers();
  defaults();
}

void PolicyCompare::upstreams(const Matches& matches) {
  const auto collect = [](const Side& side) {
    std::map<std::string, Described> out;
    for (const policies::UpstreamRecord& record : side.view().upstreams()) {
      out[side.text(record.name)] = {fields_of(side, policies::kUpstreamSpec, &record),
                                     side.place(record.source)};
    }
    return out;
  };
  std::map<std::string, std::vector<SubjectRef>> users;
  for (const Match& match : matches.pairs) {
    const u32 index = new_.view().plans()[new_.route(match.new_route).plan].upstream;
    if (index == table::kNone) continue;
    users[new_.text(new_.view().upstreams()[index].name)].push_back(new_.subject(match.new_route));
  }
  const auto before = collect(old_);
  const auto after = collect(new_);
  for (const auto& [name, was] : before) {
    where_ = fmt::format("upstream `{}`", name);
    old_place_ = was.place;
    const auto is = after.find(name);
    if (is == after.end()) {
      new_place_ = {};
      add("upstream-removed", fmt::format("the upstream `{}` is gone", name));
      continue;
    }
    new_place_ = is->second.place;
    subjects_ = users[name];
    upstream(name, was.fields, is->second.fields);
    subjects_.clear();
  }
  for (const auto& [name, is] : after) {
    if (before.contains(name)) continue;
    where_ = fmt::format("upstream `{}`", name);
    old_place_ = {};
    new_place_ = is.place;
    add("upstream-added", fmt::format("the upstream `{}` is new", name));
  }
  where_.clear();
}

void PolicyCompare::upstream(const std::string&, const Fields& before, const Fields& after) {
  if (has_health(before) && !has_health(after)) {
    add("upstream-health-dropped", "its targets are not asked how they are any more");
  }
  const std::set<std::string> moved = targets(before, after);
  for (const std::string& name : names_of(before, after)) {
    const FieldValue* was = find(before, name);
    const FieldValue* is = find(after, name);
    if (was != nullptr && is != nullptr && was->text == is->text) continue;
    if (name.starts_with("health.") && has_health(before) != has_health(after)) continue;
    if (moved.contains(target_of(name))) continue;
    std::string_view id = "upstream-changed";
    if (name.starts_with("targets.") || name.starts_with("dns.")) id = "upstream-targets-changed";
    if (name == "tls.verify") {
      id = is != nullptr && is->text == "true" ? "tls-verification-on" : "tls-verification-off";
    }
    if (name == "tls.ca") id = "tls-weakened";  // other authorities are trusted
    if (name == "dns.scheme" && was != nullptr && was->text == "https") id = "upstream-plain-text";
    if (name.starts_with("limits.")) {
      id = is_raised(was, is, name != "limits.pending") ? "upstream-limit-raised"
                                                        : "upstream-limit-lowered";
    }
    add_change(id, name, was, is);
  }
}

// Targets that come and go, each told of once; returns their URLs.
std::set<std::string> PolicyCompare::targets(const Fields& before, const Fields& after) {
  const std::set<std::string> was = targets_of(before);
  const std::set<std::string> is = targets_of(after);
  std::set<std::string> moved;
  for (const std::string& url : was) {
    if (is.contains(url)) continue;
    moved.insert(url);
    add("upstream-targets-changed", fmt::format("`{}` is no target any more", url)).before = url;
  }
  const auto is_protected = [](const std::string& url) { return url.starts_with("https://"); };
  const bool was_protected = !was.empty() && std::ranges::all_of(was, is_protected);
  for (const std::string& url : is) {
    if (was.contains(url)) continue;
    moved.insert(url);
    const bool plain = was_protected && url.starts_with("http://");
    add(plain ? "upstream-plain-text" : "upstream-targets-changed",
        plain ? fmt::format("`{}` is a target now, in plain text", url)
              : fmt::format("`{}` is a target now", url))
        .after = url;
  }
  return moved;
}

void PolicyCompare::listeners() {
  const auto collect = [](const Side& side) {
    std::map<std::string, Described> out;
    for (const policies::ListenerRecord& record : side.view().listeners()) {
      Fields fields = fields_of(side, policies::kListenerSpec, &record);
      std::string address = text_of(fields, "address");
      out.emplace(std::move(address), Described{std::move(fields), side.place(record.source)});
    }
    return out;
  };
  const auto before = collect(old_);
  const auto after = collect(new_);
  for (const auto& [address, was] : before) {
    where_ = fmt::format("listener `{}`", address);
    old_place_ = was.place;
    const auto is = after.find(address);
    new_place_ = is == after.end() ? Place{} : is->second.place;
    if (is == after.end()) {
      add("listener-removed", "the gateway does not listen here any more");
    } else {
      listener(address, was.fields, is->second.fields);
    }
  }
  old_place_ = {};
  for (const auto& [address, is] : after) {
    if (before.contains(address)) continue;
    where_ = fmt::format("listener `{}`", address);
    new_place_ = is.place;
    add("listener-added", is.fields.contains("tls.cert")
                              ? "the gateway listens here, with TLS"
                              : "the gateway listens here, in plain text");
  }
  where_.clear();
}

void PolicyCompare::listener(const std::string&, const Fields& before, const Fields& after) {
  const bool was_tls = before.contains("tls.cert");
  const bool is_tls = after.contains("tls.cert");
  if (was_tls != is_tls) {
    add(is_tls ? "tls-added" : "tls-removed", is_tls ? "it speaks TLS" : "it speaks plain text");
    return;
  }
  static constexpr std::string_view kStrength[] = {
      "tls.minVersion", "tls.clientCertificate.mode",
      "tls.strictTransportSecurity.maxAge"};  // the larger the stricter
  for (const std::string& name : names_of(before, after)) {
    const FieldValue* was = find(before, name);
    const FieldValue* is = find(after, name);
    if (was != nullptr && is != nullptr && was->text == is->text) continue;
    std::string_view id = "listener-changed";
    if (std::ranges::find(kStrength, name) != std::end(kStrength)) {
      id = is_raised(was, is, false) ? "tls-strengthened" : "tls-weakened";
    }
    if (name == "tls.ciphers" || name == "tls.clientCertificate.ca" || name == "proxyProtocol" ||
        name == "redirectToHttps") {
      id = "tls-weakened";
    }
    if (name == "redirectToHttps" && is != nullptr && is->number.value_or(0) != 0) {
      id = "listener-changed";
    }
    // Of a path that has changed supervisors still ask the old one.
    if (name.starts_with("health.")) id = was != nullptr ? "probe-removed" : "probe-added";
    if (name == "proxyProtocol") {
      // Who connects says who the client is.
      id = is != nullptr && is->text == "true" ? "trusted-proxies-widened"
                                               : "trusted-proxies-narrowed";
    }
    add_change(id, name, was, is);
  }
}

void PolicyCompare::networks() {
  const auto text = [](const Side& side) {
    return networks_text(side, side.view().gateway().trusted_proxies);
  };
  const auto before = items_of(text(old_));
  const auto after = items_of(text(new_));
  where_ = "gateway";
  for (const std::string& network : after) {
    if (std::ranges::find(before, network) != before.end() || is_part_of(network, before)) continue;
    at_gateway_key("trustedProxies", network);
    add("trusted-proxies-widened", fmt::format("`{}` is trusted", network)).after = network;
  }
  for (const std::string& network : before) {
    if (std::ranges::find(after, network) != after.end() || is_part_of(network, after)) continue;
    at_gateway_key("trustedProxies", network);
    add("trusted-proxies-narrowed", fmt::format("`{}` is not trusted any more", network)).before =
        network;
  }
  const auto resolvers = [](const Side& side) {
    const policies::ResolversRecord record{side.view().gateway().resolvers};
    return text_of(fields_of(side, policies::kResolversSpec, &record), "resolvers");
  };
  if (resolvers(old_) != resolvers(new_)) {
    at_gateway_key("resolvers");
    Finding& finding = add("gateway-changed", "other servers are asked for names");
    finding.before = resolvers(old_);
    finding.after = resolvers(new_);
  }
  observation();
  at_gateway_key("");
  const auto mock = [](const Side& side) {
    return (side.view().gateway().flags & table::kGatewayMockAll) != 0;
  };
  if (mock(old_) != mock(new_)) {
    add("gateway-changed", mock(new_) ? "every operation answers from its examples"
                                      : "operations do not answer from their examples any more");
  }
  where_.clear();
}

void PolicyCompare::observation() {
  const auto fields = [](const Side& side) {
    const auto records =
        side.view().policy_list<policies::ObserveRecord>(side.view().gateway().observe);
    return records.empty() ? Fields{} : fields_of(side, policies::kObserveSpec, &records.front());
  };
  const Fields before = fields(old_);
  const Fields after = fields(new_);
  for (const std::string& name : names_of(before, after)) {
    const std::string was = text_of(before, name);
    const std::string is = text_of(after, name);
    if (was == is) continue;
    at_gateway_key("observe." + name);
    Finding& finding = add("observe-changed", fmt::format("`observe.{}` is another", name));
    finding.before = was;
    finding.after = is;
  }
}

// What is not enforced, by what it is about. Operations that come or go say it themselves, and what
// is off is told of by the fields that it was off for.
void PolicyCompare::notes(const Matches& matches) {
  using Key = std::pair<std::string, std::string>;  // keyword, operation
  const auto collect = [](const Side& side) {
    std::map<Key, const table::NoteRecord*> out;
    for (const table::NoteRecord& note : side.view().notes()) {
      if (note.kind != table::NoteKind::Unenforced) continue;
      out.emplace(Key{side.text(note.subject), side.text(note.where)}, &note);
    }
    return out;
  };
  std::map<std::string, std::string> new_names;  // of matched operations, by their old ones
  std::map<std::string, SubjectRef> subjects;
  for (const Match& match : matches.pairs) {
    const SubjectRef& subject = new_.subject(match.new_route);
    new_names[old_.subject(match.old_route)->id] = subject->id;
    subjects.insert_or_assign(subject->id, subject);
  }
  std::map<Key, const table::NoteRecord*> before;
  for (const auto& [key, note] : collect(old_)) {
    const auto renamed = new_names.find(key.second);
    if (!key.second.empty() && renamed == new_names.end()) continue;
    before.emplace(Key{key.first, key.second.empty() ? "" : renamed->second}, note);
  }
  const auto tell = [&](const Key& key, bool is, const table::NoteRecord* note) {
    const Side& side = is ? new_ : old_;
    subjects_.clear();
    if (!key.second.empty()) subjects_.push_back(subjects.at(key.second));
    old_place_ = is ? Place{} : side.place(note->source);
    new_place_ = is ? side.place(note->source) : Place{};
    add(is ? "validation-unenforced" : "validation-tightened",
        fmt::format("`{}` {} left unenforced", key.first, is ? "is" : "is no longer"));
  };
  const auto after = collect(new_);
  for (const auto& [key, note] : after) {
    if (!key.second.empty() && !subjects.contains(key.second)) continue;
    if (!before.contains(key)) tell(key, true, note);
  }
  for (const auto& [key, note] : before) {
    if (!after.contains(key)) tell(key, false, note);
  }
  subjects_.clear();
}

void PolicyCompare::consumers() {
  struct Kind {
    table::SectionKind section;
    std::string_view noun;
  };
  static constexpr Kind kKinds[] = {{table::SectionKind::Consumers, "consumer"},
                                    {table::SectionKind::ConsumerPlans, "plan"}};
  for (const Kind& kind : kKinds) {
    const Bytes old_section = old_.view().section(kind.section);
    const Bytes new_section = new_.view().section(kind.section);
    const ConsumerSet before = old_section.empty() ? ConsumerSet() : ConsumerSet(old_section);
    const ConsumerSet after = new_section.empty() ? ConsumerSet() : ConsumerSet(new_section);
    const bool people = kind.section == table::SectionKind::Consumers;
    const auto old_keys = keys_by_consumer(old_section, before);
    const auto new_keys = keys_by_consumer(new_section, after);
    const auto key_of = [](const std::map<std::string, std::string>& keys,
                           const std::string& name) {
      const auto found = keys.find(name);
      return found == keys.end() ? std::string() : found->second;
    };
    for (u32 i = 0; i < before.size(); ++i) {
      const std::string name(before.name(i));
      where_ = fmt::format("{} `{}`", kind.noun, name);
      const u32 other = after.find_name(name);
      old_place_ = old_.place(before.place(i));
      new_place_ = other == table::kNoConsumer ? Place{} : new_.place(after.place(other));
      if (other == table::kNoConsumer) {
        people ? add("consumer-removed", "the consumer is gone")
               : add("consumer-plan-removed", "the plan is gone");
        continue;
      }
      if (groups_text(before, i) != groups_text(after, other)) {
        Finding& finding = add("consumer-groups-changed", "its groups are other ones");
        finding.before = groups_text(before, i);
        finding.after = groups_text(after, other);
      }
      if (people && before.plan(i) != after.plan(other)) {
        Finding& finding = add("consumer-changed", "its plan is another one");
        finding.before = before.plan(i);
        finding.after = after.plan(other);
        plan_limits(before.plan(i), after.plan(other));
      }
      if (key_of(old_keys, name) != key_of(new_keys, name)) {
        add("consumer-changed", "its keys are other ones");
      }
      own_limits(overrides_of(old_, before, i), overrides_of(new_, after, other), "");
    }
    old_place_ = {};
    for (u32 i = 0; i < after.size(); ++i) {
      if (before.find_name(after.name(i)) != table::kNoConsumer) continue;
      where_ = fmt::format("{} `{}`", kind.noun, after.name(i));
      new_place_ = new_.place(after.place(i));
      people ? add("consumer-added", "the consumer is new")
             : add("consumer-plan-added", "the plan is new");
    }
  }
  where_.clear();
}

// What a consumer, or a plan, has instead of what operations have. Where only one side has it, it
// is compared with those.
void PolicyCompare::own_limits(const std::map<std::string, Override>& before,
                               const std::map<std::string, Override>& after, std::string_view by) {
  const auto tell = [&](std::string_view id, std::string message) -> Finding& {
    return add(id, std::move(message) + std::string(by));
  };
  for (const auto& [name, is] : after) {
    const auto was = before.find(name);
    if (was == before.end()) {
      const auto& limits = ordinary_limits(old_, old_limits_);
      const auto others = limits.find(name);
      const bool lowered = others != limits.end() && others->second.known && is.measure &&
                           *is.measure <= others->second.least;
      tell(lowered ? "limit-lowered" : "limit-raised",
           fmt::format("`{}` is {} now, whatever operations have", name, is.text))
          .after = is.text;
    } else if (was->second.text != is.text) {
      Finding& finding = tell(change_of(was->second, is), fmt::format("`{}` was {} and is {}", name,
                                                                      was->second.text, is.text));
      finding.before = was->second.text;
      finding.after = is.text;
    }
  }
  for (const auto& [name, was] : before) {
    if (after.contains(name)) continue;
    const auto& limits = ordinary_limits(new_, new_limits_);
    const auto others = limits.find(name);
    const bool lowered = others != limits.end() && others->second.known && was.measure &&
                         others->second.most <= *was.measure;
    tell(lowered ? "limit-lowered" : "limit-raised",
         fmt::format("`{}`, which was {}, is that of operations now", name, was.text))
        .before = was.text;
  }
}

void PolicyCompare::plan_limits(std::string_view before, std::string_view after) {
  const auto limits = [](const Side& side, std::string_view plan) {
    const Bytes section = side.view().section(table::SectionKind::ConsumerPlans);
    const ConsumerSet plans = section.empty() ? ConsumerSet() : ConsumerSet(section);
    const u32 index = plans.find_name(plan);
    return index == table::kNoConsumer ? Overrides{} : overrides_of(side, plans, index);
  };
  own_limits(limits(old_, before), limits(new_, after), ", by its plan");
}

// What holds for requests that no operation takes.
void PolicyCompare::defaults() {
  const table::GatewayRecord& before = old_.view().gateway();
  const table::GatewayRecord& after = new_.view().gateway();
  at_gateway_key("");
  old_route_ = new_route_ = table::kNone;
  where_ = "requests without an operation";
  if (before.default_plan != table::kNone && after.default_plan != table::kNone) {
    const size_t first = findings_.size();
    plans(before.default_plan, after.default_plan, before.default_settings, after.default_settings);
    // What is said of operations need not be said again.
    const std::span<const Finding> others(findings_.data(), first);
    const auto said = [&](const Finding& finding) {
      return std::ranges::any_of(others, [&](const Finding& other) {
        return other.id == finding.id && other.message == finding.message;
      });
    };
    const auto begin = findings_.begin() + static_cast<std::ptrdiff_t>(first);
    findings_.erase(std::remove_if(begin, findings_.end(), said), findings_.end());
  }
  if (old_.text(before.consumer_file) != new_.text(after.consumer_file)) {
    where_ = "gateway";
    at_gateway_key("consumers");
    Finding& finding = add("consumer-changed", "consumers come from another file");
    finding.before = old_.text(before.consumer_file);
    finding.after = new_.text(after.consumer_file);
  }
  cache_memory(before, after);
  where_.clear();
}

}  // namespace gw::compiler::diff
