#include "compiler/passes/effective_operation.h"

#include <fmt/format.h>

#include <algorithm>

namespace gw::compiler {
namespace {

constexpr size_t kGatewayLevel = 0;

const OperationField* find_field(std::string_view name) {
  for (const OperationField& field : kOperationFields) {
    if (field.spec.name == name) return &field;
  }
  return nullptr;
}

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// The policy `name`: of the document itself, else of its gateway document.
UsedPolicy find_policy(const GatewayOperation& operation, std::string_view name) {
  if (const NodeRef own = child(child(operation.unit->document->x_gw, "policies"), name)) {
    return {name, own, true};
  }
  return {name, child(child(operation.unit->gateway_x_gw, "policies"), name), false};
}

bool is_action(std::string_view name) {
  return name == "upstream" || name == "respond" || name == "redirect" || name == "mock" ||
         name == "compose";
}

// An answer for some requests only leaves the rest to the action below it.
bool is_conditional(NodeRef value) { return static_cast<bool>(child(value, "when")); }

}  // namespace

bool takes_every_request(std::string_view name, NodeRef value) {
  return is_action(name) && !is_off(value) && !is_conditional(value);
}

namespace {

void remove_entry(Effective& fields, std::string_view name) {
  std::erase_if(fields.entries, [&](const Effective::Entry& e) { return e.name == name; });
}

class Merger {
 public:
  Merger(const Module& module, const GatewayOperation& operation)
      : module_(module), operation_(operation) {
    result_.fields.is_map = true;
  }

  EffectiveOperation run(const Levels& levels) {
    for (size_t i = 0; i < levels.levels.size(); ++i) {
      const Level& level = levels.levels[i];
      if (i == 1 && levels.service_upstream) {
        lay_field("upstream", NodeRef{}, levels.service_upstream, level.name);
      }
      lay_level(level);
      if (i == kGatewayLevel) lay_upstream_settings(levels);
    }
    return std::move(result_);
  }

 private:
  void lay_level(const Level& level) {
    if (!level.node || !level.node.is_map()) return;
    lay_policies(level);
    for (const auto [key, value] : level.node.entries()) {
      lay_field(key.text(), key, value, level.name);
    }
  }

  void lay_field(std::string_view name, NodeRef key, NodeRef value, std::string_view level) {
    const OperationField* field = find_field(name);
    if (field == nullptr) return;  // keys of other kinds are read elsewhere
    if (takes_every_request(name, value)) {
      for (const std::string_view other : {"upstream", "respond", "redirect", "mock", "compose"}) {
        const Effective* lower = result_.fields.find(other);
        // One that answers some requests only stays, in front of this one.
        if (other != name && lower != nullptr && lower->find("when") == nullptr) {
          remove_entry(result_.fields, other);
        }
      }
    }
    const auto found = std::ranges::find(result_.fields.entries, name, &Effective::Entry::name);
    Effective fresh;
    Effective& target = found == result_.fields.entries.end() ? fresh : found->value;
    overlay(field->spec, field->merge, value, level, std::string(name), target, result_.removals);
    if (!target.present()) {
      if (found != result_.fields.entries.end()) result_.fields.entries.erase(found);
    } else if (found == result_.fields.entries.end()) {
      result_.fields.entries.push_back({key, name, std::move(fresh)});
    } else {
      found->key = key;
    }
  }

  void lay_policies(const Level& level) {
    for_each_policy(operation_, level.node, [&](const UsedPolicy& policy) {
      for (const auto [key, value] : policy.node.entries()) {
        lay_field(key.text(), key, value, "policy");
      }
    });
  }

  // The value nearest to the operation, whatever its level.
  std::string_view chosen_upstream(const Levels& levels) const {
    if (!module_.override_name.empty()) return module_.override_name;
    std::string_view chosen;
    const auto take = [&](NodeRef value) {
      if (!value) return;
      const NodeRef name = value.is_map() ? value.get("name") : value;
      if (name && name.is_scalar()) chosen = name.text();
    };
    for (size_t i = 0; i < levels.levels.size(); ++i) {
      if (i == 1) take(levels.service_upstream);
      take(child(levels.levels[i].node, "upstream"));
    }
    return chosen;
  }

  void lay_upstream_settings(const Levels& levels) {
    const std::string_view name = chosen_upstream(levels);
    for (const GatewayUpstream& upstream : module_.gateway.upstreams) {
      if (upstream.name != name) continue;
      for (const std::string_view field : kUpstreamSettings) {
        if (const NodeRef value = child(upstream.node, field)) {
          lay_field(field, upstream.node.key_of(field), value, "upstream");
        }
      }
    }
  }

  const Module& module_;
  const GatewayOperation& operation_;
  EffectiveOperation result_;
};

// --upstream and --mock take the place of what the document says about upstreams.
void force_options(const Module& module, Effective& fields) {
  const auto remove = [&](std::string_view name) {
    std::erase_if(fields.entries, [&](const Effective::Entry& e) { return e.name == name; });
  };
  if (module.options.mock) {
    // An answer for some requests only is followed by the mock.
    remove("upstream");
    remove("mirror");
    return;
  }
  if (module.override_name.empty()) return;
  remove("upstream");
  remove("mirror");
}

// `mock: true` is the empty record.
void normalise_mock(Effective& fields) {
  for (Effective::Entry& entry : fields.entries) {
    if (entry.name != "mock") continue;
    const NodeRef node = entry.value.node;
    if (node && node.kind() == NodeKind::Bool && node.boolean()) {
      entry.value.is_map = true;
      entry.value.entries.clear();
    }
  }
}

}  // namespace

void for_each_policy(const GatewayOperation& operation, NodeRef level,
                     const std::function<void(const UsedPolicy&)>& visit) {
  const NodeRef use = level.get("use");
  if (!use) return;
  std::vector<NodeRef> names;
  if (use.is_seq()) {
    for (const NodeRef item : use.items()) names.push_back(item);
  } else {
    names.push_back(use);
  }
  for (const NodeRef name : names) {
    if (!name.is_scalar()) continue;
    const UsedPolicy policy = find_policy(operation, name.text());
    if (policy.node && policy.node.is_map()) visit(policy);  // else check_gateway has said so
  }
}

std::string Levels::key() const {
  std::string key;
  const auto add = [&](NodeRef node) {
    const u32 index = node ? node.index() : 0;
    const Tree* tree = node ? node.tree() : nullptr;
    key.append(reinterpret_cast<const char*>(&tree), sizeof tree);
    key.append(reinterpret_cast<const char*>(&index), sizeof index);
  };
  for (const Level& level : levels) add(level.node);
  add(service_upstream);
  return key;
}

Levels levels_of(const GatewayOperation& operation) {
  const Unit& unit = *operation.unit;
  const bool is_service = !unit.service.empty();
  Levels result;
  result.levels = {{
      {"gateway defaults", child(unit.gateway_x_gw, "defaults")},
      {"service defaults", child(unit.entry, "defaults")},
      {"document defaults", is_service ? child(unit.document->x_gw, "defaults") : NodeRef{}},
      {"path", operation.item->x_gw},
      {"operation", operation.operation->x_gw},
      {"service operations", NodeRef{}},
      {"", NodeRef{}},
  }};
  if (is_service) {
    result.service_upstream = child(unit.entry, "upstream");
    if (operation.operation->operation_id.present()) {
      result.levels[5].node =
          child(child(unit.entry, "operations"), operation.operation->operation_id.value);
    }
  }
  return result;
}

EffectiveOperation effective_operation(const Module& module, const GatewayOperation& operation,
                                       const Levels& levels) {
  return Merger(module, operation).run(levels);
}

void apply_options(const Module& module, Effective& fields) {
  force_options(module, fields);
  normalise_mock(fields);
}

EffectiveOperation defaults_alone(const Module& module, const GatewayOperation& nothing,
                                  Levels& levels) {
  levels = levels_of(nothing);
  for (size_t i = 1; i < levels.levels.size(); ++i) levels.levels[i].node = NodeRef{};
  levels.service_upstream = NodeRef{};
  EffectiveOperation effective = effective_operation(module, nothing, levels);
  std::erase_if(effective.fields.entries, [](Effective::Entry& entry) {
    if (entry.name == "response") {
      std::erase_if(entry.value.entries, [](const auto& part) { return part.name != "errors"; });
      return entry.value.entries.empty();
    }
    return entry.name != "cors" && entry.name != "rateLimit" && entry.name != "quota" &&
           entry.name != "concurrency";
  });
  return effective;
}

}  // namespace gw::compiler
