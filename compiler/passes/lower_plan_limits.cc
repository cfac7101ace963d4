#include "compiler/passes/lower_plan_limits.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <map>
#include <set>
#include <string>

namespace gw::compiler {
namespace {

using policies::LimitKind;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// Names of limits that some place in the documents declares.
class DeclaredLimits {
 public:
  explicit DeclaredLimits(const Module& module) {
    for (const Unit& unit : module.gateway.units) {
      look_at_document(unit.gateway_x_gw);
      look_at_document(unit.document->x_gw);
      look_at(child(unit.entry, "defaults"));
      look_at_each(child(unit.entry, "operations"));
      for (const openapi::PathItem& item : unit.document->paths) {
        look_at(item.x_gw);
        for (const openapi::Operation& operation : item.operations) look_at(operation.x_gw);
      }
    }
    for (const openapi::Operation& operation : module.gateway.implied) look_at(operation.x_gw);
  }

  bool has(u32 kind, std::string_view name) const { return names_.contains({kind, name}); }

 private:
  void look_at_document(NodeRef x_gw) {
    look_at(child(x_gw, "defaults"));
    look_at_each(child(x_gw, "policies"));
  }
  void look_at_each(NodeRef map) {
    if (!map || !map.is_map()) return;
    for (const auto [name, value] : map.entries()) look_at(value);
  }
  void look_at(NodeRef level) {
    for (u32 kind = 0; kind < std::size(policies::kLimitKindWords); ++kind) {
      const NodeRef limits = child(level, policies::kLimitKindWords[kind]);
      if (!limits || !limits.is_map()) continue;
      for (const auto [name, value] : limits.entries()) names_.insert({kind, name.text()});
    }
  }

  std::set<std::pair<u32, std::string_view>> names_;
};

table::Extent consumer_key(Pools& pools) {
  const table::ExpressionPart part{.source = table::ExpressionSource::ConsumerName,
                                   .encoding = table::ExpressionEncoding::Plain,
                                   .index = 0,
                                   .text = {}};
  const table::Extent expression = pools.expressions.add({part});
  return {pools.policy_data.add(std::as_bytes(std::span(&expression, 1))), 1};
}

LoweredLimit limit_of(Module& module, const LimitName& limit) {
  Pools& pools = module.table.pools;
  const std::string text = fmt::format("{}\nplan\n{}\n{}", limit.kind, limit.name, limit.period);
  const XXH128_hash_t digest = XXH3_128bits(text.data(), text.size());
  return {.record = {.name = pools.strings.add(limit.name),
                     .id_low = digest.low64,
                     .id_high = digest.high64,
                     .keys = consumer_key(pools),
                     .limit = {.value = policies::kNoLimit, .late = table::kNone, .reserved = 0},
                     .burst = {},
                     .kind = limit.kind,
                     .when = table::kNone,
                     .cost = 1,
                     .mode = 0,
                     .overflow = 0,
                     .headers = 0,
                     .ipv6_prefix = 64,
                     .period = limit.period},
          .field = policies::kLimitKindWords[limit.kind],
          .name = limit.name,
          .span = limit.span,
          .key_span = {},
          .key = "$consumer.name",
          .needs_identity = true};
}

}  // namespace

std::vector<LoweredLimit> lower_plan_limits(Module& module) {
  std::vector<LoweredLimit> limits;
  if (module.limit_overrides.empty()) return limits;
  const DeclaredLimits declared(module);
  std::map<std::pair<u32, std::string_view>, LimitName> own;
  for (const LimitName& limit : module.limit_overrides) {
    if (declared.has(limit.kind, limit.name)) {
      if (!limit.has_period) continue;
      report(module, "extension-conflict", Severity::Error, limit.span,
             fmt::format("the period of `{}` is that of the operation", limit.name),
             "`per` has no effect", "remove it");
      continue;
    }
    const auto [first, fresh] = own.try_emplace({limit.kind, limit.name}, limit);
    if (fresh || first->second.period == limit.period) continue;
    module.sink.report({.rule = "extension-conflict",
                        .severity = Severity::Error,
                        .message = fmt::format("the quota `{}` has two periods", limit.name),
                        .primary = {limit.span, "another one"},
                        .related = {{first->second.span, "the first one"}},
                        .help = "one name stands for one period; default: `per: month`"});
  }
  for (const auto& [key, limit] : own) limits.push_back(limit_of(module, limit));
  return limits;
}

}  // namespace gw::compiler
