#include "compiler/publish/public_value.h"

#include <algorithm>

#include "compiler/xgw/node_json.h"

namespace gw::compiler {

PublicValue PublicValue::map() {
  PublicValue value;
  value.kind = NodeKind::Map;
  return value;
}

PublicValue PublicValue::list() {
  PublicValue value;
  value.kind = NodeKind::Seq;
  return value;
}

PublicValue PublicValue::string(std::string_view text) {
  PublicValue value;
  value.kind = NodeKind::String;
  value.text = text;
  return value;
}

PublicValue PublicValue::boolean(bool truth) {
  PublicValue value;
  value.kind = NodeKind::Bool;
  value.text = truth ? "true" : "false";
  return value;
}

PublicValue PublicValue::integer(u64 number) {
  PublicValue value;
  value.kind = NodeKind::Int;
  value.text = std::to_string(number);
  return value;
}

PublicValue PublicValue::reference(u32 component) {
  PublicValue value = string({});
  value.component = component;
  return value;
}

PublicValue* PublicValue::find(std::string_view key) {
  const auto found = std::ranges::find(members, key, &PublicMember::key);
  return found == members.end() ? nullptr : &found->value;
}

const PublicValue* PublicValue::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &PublicMember::key);
  return found == members.end() ? nullptr : &found->value;
}

PublicValue& PublicValue::set(std::string_view key, PublicValue value) {
  if (PublicValue* old = find(key)) return *old = std::move(value);
  members.push_back({.key = std::string(key), .value = std::move(value)});
  return members.back().value;
}

void PublicValue::erase(std::string_view key) {
  std::erase_if(members, [&](const PublicMember& member) { return member.key == key; });
}

PublicValue value_of(NodeRef node, u64& budget) {
  PublicValue value;
  if (!node || budget == 0) return value;
  --budget;
  value.kind = node.kind();
  if (node.is_map()) {
    for (const auto [key, child] : node.entries()) {
      if (node.get(key.text()) != child) continue;  // a second one of this name
      value.members.push_back({.key = std::string(key.text()), .value = value_of(child, budget)});
    }
  } else if (node.is_seq()) {
    for (const NodeRef item : node.items()) value.items.push_back(value_of(item, budget));
  } else if (node.is_string()) {
    value.text = node.text();
  } else {
    append_json_scalar(node, value.text);
    if (value.text == "null") value.kind = NodeKind::Null;  // .inf and .nan
  }
  return value;
}

}  // namespace gw::compiler
