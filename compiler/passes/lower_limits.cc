#include "compiler/passes/lower_limits.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "compiler/passes/passes.h"
#include "compiler/xgw/node_json.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using policies::LimitKind;

constexpr size_t kMaxNameBytes = 64;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// Names stand in structured fields (RFC 9651) and in logs.
bool is_limit_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

// The place that declares a limit first, seen from the widest level: its counter belongs there. A
// level that switches the limit off ends what came before.
class DeclaringPlace {
 public:
  DeclaringPlace(const Module& module, const GatewayOperation& operation, std::string_view field,
                 std::string_view name)
      : module_(module), operation_(operation), field_(field), name_(name) {}

  std::string find(const Levels& levels) {
    for (size_t i = 0; i < levels.levels.size(); ++i) {
      const NodeRef node = levels.levels[i].node;
      if (!node || !node.is_map()) continue;
      for_each_policy(operation_, node, [&](const UsedPolicy& policy) {
        look_at(policy.node,
                fmt::format("policy/{}/{}", policy.is_own ? operation_.unit->service : "",
                            policy.name));
      });
      look_at(node, name_of_level(i));
    }
    return place_;
  }

 private:
  void look_at(NodeRef level, const std::string& place) {
    const NodeRef limits = child(level, field_);
    if (!limits) return;
    const NodeRef own = child(limits, name_);
    if (is_off(limits) || (own && is_off(own))) {
      place_.clear();
    } else if (own && place_.empty()) {
      place_ = place;
    }
  }

  std::string name_of_level(size_t level) const {
    const Unit& unit = *operation_.unit;
    switch (level) {
      case 0:
        return gateway_name();
      case 1:
        return fmt::format("service/{}", unit.service);
      case 2:
        return fmt::format("document/{}", unit.service);
      case 3:
        return fmt::format("path/{}/{}", unit.service, operation_.path);
      default:
        return fmt::format("operation/{}", operation_.id);
    }
  }

  // Several gateway documents of one table have nothing to do with each other.
  std::string gateway_name() const {
    u32 number = 1;
    for (const Unit& unit : module_.gateway.units) {
      if (!unit.service.empty()) continue;
      if (unit.gateway == operation_.unit->gateway) break;
      ++number;
    }
    return number == 1 ? "gateway" : fmt::format("gateway/{}", number);
  }

  const Module& module_;
  const GatewayOperation& operation_;
  std::string_view field_;
  std::string_view name_;
  std::string place_;
};

class LimitLowerer {
 public:
  LimitLowerer(Module& module, const GatewayOperation& operation, const Levels& levels,
               const Effective& fields)
      : module_(module),
        pools_(module.table.pools),
        operation_(operation),
        levels_(levels),
        fields_(fields) {}

  void add(LimitKind kind, table::Extent choices) {
    const std::string_view field = policies::kLimitKindWords[static_cast<u32>(kind)];
    for (const LimitChoice& choice : list_of<LimitChoice>(pools_, choices)) {
      const std::string_view name =
          std::string_view(pools_.strings.bytes()).substr(choice.name.offset, choice.name.bytes);
      const Effective* written = fields_.find(field)->find(name);
      if (written == nullptr) continue;
      add_one(kind, field, std::string(name), choice, *written);
    }
  }

  LoweredLimits finish() {
    std::ranges::sort(result_.all, {}, [](const LoweredLimit& limit) {
      return std::pair{limit.record.kind, limit.name};
    });
    return std::move(result_);
  }

 private:
  void add_one(LimitKind kind, std::string_view field, const std::string& name,
               const LimitChoice& choice, const Effective& written) {
    if (!is_limit_name(name)) {
      report(module_, "extension-value", Severity::Error, written.span(),
             fmt::format("`{}` is no name for a limit", name), "of this one",
             "names are up to 64 letters, digits, `-`, `_` and `.`: answers and logs tell them");
      return;
    }
    const Effective* key = written.find("key");
    LoweredLimit limit{
        .record = {.name = choice.name,
                   .id_low = 0,
                   .id_high = 0,
                   .keys = choice.key,
                   .limit = choice.limit,
                   .burst = kind == LimitKind::Rate ? choice.burst : table::LateNumber{},
                   .kind = static_cast<u32>(kind),
                   .when = choice.when,
                   .cost = kind == LimitKind::Concurrency ? 1 : choice.cost,
                   .mode = choice.mode,
                   .overflow = choice.overflow,
                   .headers = choice.headers,
                   .ipv6_prefix = choice.ipv6_prefix,
                   .period = choice.per},
        .field = field,
        .name = name_in_document(field, name),
        .span = written.span(),
        .key_span = key == nullptr ? Span{} : key->span(),
        .key = key == nullptr || !key->node ? "" : to_json(key->node),
        .needs_identity = needs_identity(choice)};
    give_identity(limit, choice.scope == policies::kScopeOperation);
    refuse_what_cannot_be(limit);
    result_.all.push_back(std::move(limit));
  }

  // Lives as long as the documents, other than the pool's.
  std::string_view name_in_document(std::string_view field, std::string_view name) const {
    for (const Effective::Entry& entry : fields_.find(field)->entries) {
      if (entry.name == name) return entry.name;
    }
    return {};
  }

  void give_identity(LoweredLimit& limit, bool of_operation) {
    std::string place =
        of_operation ? fmt::format("operation/{}", operation_.id)
                     : DeclaringPlace(module_, operation_, limit.field, limit.name).find(levels_);
    // With another key the same numbers would mean something else.
    const std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", limit.field, place, limit.name,
                                         limit.key, limit.record.ipv6_prefix, limit.record.period);
    const XXH128_hash_t digest = XXH3_128bits(text.data(), text.size());
    limit.record.id_low = digest.low64;
    limit.record.id_high = digest.high64;
    if (of_operation) result_.depends_on_operation = true;
  }

  bool needs_identity(const LimitChoice& choice) const {
    for (const table::Extent key : list_of<table::Extent>(pools_, choice.key)) {
      for (u32 i = 0; i < key.count; ++i) {
        if (table::is_known_late(pools_.expressions.records()[key.offset + i].source)) return true;
      }
    }
    if (choice.when == table::kNone) return false;
    for (u32 i = choice.when;; ++i) {
      const table::ConditionRecord& condition = pools_.conditions.records()[i];
      for (u32 test = 0; test < condition.tests.count; ++test) {
        const auto& tests = pools_.condition_tests.records();
        if (table::is_known_late(tests[condition.tests.offset + test].source)) return true;
      }
      if (condition.last != 0) return false;
    }
  }

  void refuse_what_cannot_be(const LoweredLimit& limit) {
    const policies::LimitRecord& record = limit.record;
    if (record.limit.late != table::kNone || record.burst.late != table::kNone) return;
    if (record.limit.value == 0) return;  // reported when it was encoded, or a quota of nothing
    const auto refuse = [&](std::string message, std::string label, std::string help) {
      report(module_, "extension-conflict", Severity::Error, limit.span, std::move(message),
             std::move(label), std::move(help));
    };
    const auto kind = static_cast<LimitKind>(record.kind);
    if (kind == LimitKind::Quota && record.cost > record.limit.value) {
      refuse(fmt::format("`{}.{}` refuses every request", limit.field, limit.name),
             fmt::format("{} units for each, of {}", record.cost, record.limit.value),
             "raise `limit`, or lower `cost`");
    }
    if (kind != LimitKind::Rate) return;
    const Rate rate = unpack_rate(record.limit.value);
    const u64 burst = record.burst.value == 0 ? rate.count : record.burst.value;
    if (record.cost > burst) {
      refuse(fmt::format("`{}.{}` refuses every request", limit.field, limit.name),
             fmt::format("each costs {}, and {} may come at once", record.cost, burst),
             fmt::format("set `burst: {}` or more, or lower `cost`", record.cost));
    }
    const u64 seconds =
        burst > ~u64{0} / rate.seconds ? ~u64{0} : burst * rate.seconds / rate.count;
    if (seconds > policies::kMaxBurstNs / 1'000'000'000) {
      refuse(fmt::format("the burst of `{}.{}` takes more than a year to come back", limit.field,
                         limit.name),
             fmt::format("{} at {}", burst, format_rate(record.limit.value)), "lower `burst`");
    }
  }

  Module& module_;
  Pools& pools_;
  const GatewayOperation& operation_;
  const Levels& levels_;
  const Effective& fields_;
  LoweredLimits result_;
};

}  // namespace

LoweredLimits lower_limits(Module& module, const GatewayOperation& operation, const Levels& levels,
                           const Effective& fields, const OperationRecord& record) {
  LimitLowerer lowerer(module, operation, levels, fields);
  const auto add = [&](LimitKind kind, table::Extent choices) {
    const Effective* value = fields.find(policies::kLimitKindWords[static_cast<u32>(kind)]);
    if (value != nullptr && value->is_map) lowerer.add(kind, choices);
  };
  add(LimitKind::Rate, record.rate_limit);
  add(LimitKind::Quota, record.quota);
  add(LimitKind::Concurrency, record.concurrency);
  return lowerer.finish();
}

policies::RateLimitRecord store_limits(Pools& pools, const std::vector<LoweredLimit>& limits,
                                       bool needs_identity) {
  std::vector<policies::LimitRecord> records;
  for (const LoweredLimit& limit : limits) {
    if (limit.needs_identity == needs_identity) records.push_back(limit.record);
  }
  if (records.empty()) return {};
  return {.limits = {pools.policy_data.add(std::as_bytes(std::span(records))),
                     static_cast<u32>(records.size())}};
}

}  // namespace gw::compiler
