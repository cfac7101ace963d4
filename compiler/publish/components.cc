#include "compiler/publish/components.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace gw::compiler {
namespace {

using openapi::ObjectKind;

// Keys of components have no other characters (OpenAPI, Components Object).
std::string as_key(std::string_view label) {
  std::string key;
  for (const char c : label) {
    const bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    key += is_good ? c : '_';
  }
  return key.empty() ? "unnamed" : key;
}

}  // namespace

std::string_view section_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::Schema:
      return "schemas";
    case ObjectKind::Response:
      return "responses";
    case ObjectKind::Parameter:
      return "parameters";
    case ObjectKind::Example:
      return "examples";
    case ObjectKind::RequestBody:
      return "requestBodies";
    case ObjectKind::Header:
      return "headers";
    case ObjectKind::SecurityScheme:
      return "securitySchemes";
    case ObjectKind::Link:
      return "links";
    case ObjectKind::Callback:
      return "callbacks";
    case ObjectKind::PathItem:
      return "pathItems";
    case ObjectKind::MediaType:
      return "mediaTypes";
    default:
      return {};
  }
}

u32 Components::add(const Unit& unit, std::string_view service, ObjectKind kind, NodeRef node,
                    std::string_view label) {
  const auto [known, fresh] =
      numbers_.try_emplace({node.tree(), node.target_index(), kind}, static_cast<u32>(all_.size()));
  if (fresh) {
    Component made;
    made.unit = &unit;
    made.kind = kind;
    made.node = node;
    made.label = as_key(label);
    made.service = service;
    all_.push_back(std::move(made));
  }
  return known->second;
}

void Components::give_names(const std::vector<u32>& used) {
  std::map<std::pair<ObjectKind, std::string>, u32> bearers;
  for (const u32 number : used) ++bearers[{all_[number].kind, all_[number].label}];
  std::set<std::pair<ObjectKind, std::string>> taken;
  const auto name = [&](Component& component, const std::string& wanted) {
    component.name = wanted;
    for (u32 i = 2; !taken.insert({component.kind, component.name}).second; ++i) {
      component.name = wanted + std::to_string(i);
    }
  };
  // Those that keep their names first, so that none of the others can take one.
  for (const bool keeps : {true, false}) {
    for (const u32 number : used) {
      Component& component = all_[number];
      const bool alone = bearers[{component.kind, component.label}] == 1;
      if ((alone || component.service.empty()) != keeps) continue;
      name(component, keeps ? component.label : as_key(component.service) + "." + component.label);
    }
  }
}

std::string Components::pointer(u32 number) const {
  const Component& component = all_[number];
  return fmt::format("#/components/{}/{}", section_of(component.kind), component.name);
}

}  // namespace gw::compiler
