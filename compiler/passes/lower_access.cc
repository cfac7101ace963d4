#include "compiler/passes/lower_access.h"

#include <fmt/format.h>

#include "compiler/xgw/node_json.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

using openapi::ParameterIn;
using policies::AccessRecord;
using policies::AccessRule;
using policies::Phase;

NodeRef equals_of(const openapi::Parameter& parameter) {
  return parameter.x_gw && parameter.x_gw.is_map() ? parameter.x_gw.get("equals") : NodeRef{};
}

class AccessLowerer {
 public:
  AccessLowerer(Module& module, const EncodeScope& scope, std::vector<EncodedField>& encoded)
      : module_(module), scope_(scope), encoded_(encoded) {}

  void add_conditions(const Effective& fields, std::string_view name, AccessRule rule) {
    const Effective* all = fields.find(name);
    if (all == nullptr) return;
    for (const Effective::Entry& entry : all->entries) {
      const NodeRef node = entry.value.node;
      const u32 condition = encode_condition(node, scope_, module_.table.pools, module_.sink);
      if (condition == table::kNone) continue;  // reported
      encoded_.push_back({std::string(name), entry.value.level, to_json(node), node.span()});
      const bool identity = asks_for_identity(module_.table.pools, condition);
      steps.push_back({identity ? Phase::Authorization : Phase::EarlyLimits,
                       AccessRecord{.rule = static_cast<u32>(rule), .condition = condition}});
    }
  }

  void add_equals(const openapi::Parameter& parameter) {
    const NodeRef node = equals_of(parameter);
    if (!node) return;
    AccessRecord record{.rule = static_cast<u32>(AccessRule::Equals), .condition = table::kNone};
    if (!node.is_scalar() || !has_expression(node.text()) || has_late_reference(node.text())) {
      report(module_, "extension-value", Severity::Error, node.span(),
             "`equals` is not a value of the request", "here",
             "write for instance `equals: $jwt.tenant`");
      return;
    }
    if (!expression(node, std::string(node.text()), record.other)) return;
    if (!expression(node, source_of(parameter), record.value)) return;
    encoded_.push_back({fmt::format("parameters.{}.equals", parameter.name.value), "operation",
                        std::string(node.text()), node.span()});
    steps.push_back({Phase::Authorization, record});
  }

  std::vector<AccessStep> steps;

 private:
  static std::string source_of(const openapi::Parameter& parameter) {
    const std::string name(parameter.name.value);
    switch (parameter.in) {
      case ParameterIn::Path:
        return "$request.path." + name;
      case ParameterIn::Header:
        return "$request.header." + name;
      case ParameterIn::Cookie:
        return "$request.cookie." + name;
      default:
        return "$request.query." + name;
    }
  }

  bool expression(NodeRef at, const std::string& text, table::Extent& out) {
    std::vector<table::ExpressionPart> parts;
    ValueError error;
    EncodeScope scope = scope_;
    scope.may_be_absent = true;  // the answer is 403 then
    if (!parse_expression(text, false, scope, module_.table.pools.strings, {}, parts, error)) {
      report(module_, "extension-value", Severity::Error, at.span(),
             fmt::format("`equals`: {}", error.message), "here", error.help);
      return false;
    }
    out = module_.table.pools.expressions.add(parts);
    return true;
  }

  Module& module_;
  const EncodeScope& scope_;
  std::vector<EncodedField>& encoded_;
};

}  // namespace

std::vector<AccessStep> lower_access(Module& module, const GatewayOperation& operation,
                                     const Effective& fields, const EncodeScope& scope,
                                     std::vector<EncodedField>& encoded) {
  AccessLowerer lowerer(module, scope, encoded);
  lowerer.add_conditions(fields, "deny", AccessRule::Deny);
  lowerer.add_conditions(fields, "allow", AccessRule::Allow);
  for (const openapi::Parameter& parameter : operation.operation->parameters) {
    lowerer.add_equals(parameter);
  }
  return std::move(lowerer.steps);
}

std::string key_of_equals(const GatewayOperation& operation) {
  std::string key;
  for (const openapi::Parameter& parameter : operation.operation->parameters) {
    const NodeRef node = equals_of(parameter);
    if (!node) continue;
    // By what they say: places of two files may have the same offsets.
    key += fmt::format("|{} {}={}", static_cast<u32>(parameter.in), parameter.name.value,
                       to_json(node));
  }
  return key;
}

}  // namespace gw::compiler
