// Keywords about members and items.
#include <algorithm>
#include <unordered_map>

#include "compiler/schema/lowering.h"
#include "compiler/schema/refuse.h"
#include "runtime/json/text.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::kAnything;
using gw::schema::Op;

constexpr u32 kMaxReferences = 32;  // from a property to where it is marked

bool is_true(NodeRef map, std::string_view key) {
  const NodeRef value = map.get(key);
  return value && value.kind() == NodeKind::Bool && value.boolean();
}

}  // namespace

// readOnly and writeOnly of a property, there or where its reference leads.
u32 Lowering::directions(NodeRef property) {
  u32 flags = 0;
  if (!set_.is_openapi()) return flags;
  for (u32 i = 0; i < kMaxReferences && property && property.is_map(); ++i) {
    if (is_true(property, "readOnly")) flags |= gw::schema::kReadOnly;
    if (is_true(property, "writeOnly")) flags |= gw::schema::kWriteOnly;
    const NodeRef reference = property.get("$ref");
    if (!reference || !reference.is_string()) break;
    property = set_.follow(property, "$ref").node;
  }
  return flags;
}

std::vector<Lowering::Property> Lowering::properties(u32& flags) {
  std::vector<Property> found;
  std::unordered_map<std::string_view, size_t> by_name;
  if (const NodeRef map = keyword("properties")) {
    if (!map.is_map()) wrong(map, "properties", "a map");
    for (const NodeRef::Entry entry : map.entries()) {
      const u32 direction = directions(entry.value);
      if ((direction & gw::schema::kReadOnly) != 0) flags |= gw::schema::kHasReadOnly;
      if ((direction & gw::schema::kWriteOnly) != 0) flags |= gw::schema::kHasWriteOnly;
      by_name.emplace(entry.key.text(), found.size());
      found.push_back({entry.key.text(), operand(entry.value), gw::schema::kDeclared | direction});
    }
  }
  const NodeRef required = assertion("required");
  if (required && !required.is_seq()) wrong(required, "required", "a list of names");
  for (const NodeRef name : required.items()) {
    if (!name.is_scalar()) {
      wrong(name, "required", "a list of names");
      continue;
    }
    const auto [entry, fresh] = by_name.try_emplace(name.text(), found.size());
    if (fresh) found.push_back({name.text(), kAnything, 0});
    found[entry->second].flags |= gw::schema::kRequired;
  }
  return found;
}

void Lowering::members() {
  u32 flags = 0;
  std::vector<Property> found = properties(flags);
  std::vector<std::pair<u32, u32>> patterns;  // regex, schema
  const NodeRef by_pattern = since(Dialect::Draft4) ? keyword("patternProperties") : NodeRef{};
  if (by_pattern && !by_pattern.is_map()) wrong(by_pattern, "patternProperties", "a map");
  for (const NodeRef::Entry entry : by_pattern.entries()) {
    const u32 regex = compiler_.regex_of(entry.key, entry.key.text());
    if (regex != gw::schema::kNone) patterns.emplace_back(regex, operand(entry.value));
  }
  const NodeRef additional = keyword("additionalProperties");
  if (additional) flags |= gw::schema::kAdditionalGiven;
  if (found.empty() && patterns.empty() && !additional) return;

  std::ranges::sort(found, [](const Property& a, const Property& b) {
    const u32 left = json::fingerprint(a.name);
    const u32 right = json::fingerprint(b.name);
    return left != right ? left < right : a.name < b.name;
  });
  const auto required = std::ranges::count_if(
      found, [](const Property& p) { return (p.flags & gw::schema::kRequired) != 0; });
  out_.begin(Op::Members);
  out_.add_schema(additional ? operand(additional) : kAnything, false);
  out_.add(flags);
  out_.add(static_cast<u32>(found.size()));
  out_.add(static_cast<u32>(patterns.size()));
  out_.add(static_cast<u32>(required));
  for (const Property& property : found) out_.add(json::fingerprint(property.name));
  for (const Property& property : found) {
    out_.add_text(compiler_.pools_.strings.add(property.name));
    out_.add_schema(property.schema, false);
    out_.add(property.flags);
  }
  for (const auto& [regex, schema] : patterns) {
    out_.add(regex);
    out_.add_schema(schema, false);
  }
  out_.end();
}

void Lowering::items() {
  NodeRef first;  // of the first items, one by one
  NodeRef rest = keyword("items");
  if (since(Dialect::Draft202012)) {
    first = keyword("prefixItems");
    if (first && !first.is_seq()) {
      wrong(first, "prefixItems", "a list of schemas");
      return;
    }
    if (rest && rest.is_seq()) {
      wrong(rest, "items", "a schema");
      return;
    }
  } else if (rest && rest.is_seq()) {
    first = rest;
    rest = keyword("additionalItems");
  }
  if (!first && !rest) return;
  out_.begin(Op::Items);
  out_.add_schema(rest ? operand(rest) : kAnything, false);
  out_.add(rest ? 1 : 0);
  for (const NodeRef item : first.items()) {
    out_.add_schema(operand(item), false);
  }
  out_.end();
}

void Lowering::contains() {
  const NodeRef schema = since(Dialect::Draft6) ? keyword("contains") : NodeRef{};
  if (!schema) return;
  u32 min = 1;
  u32 max = gw::schema::kNone;
  if (since(Dialect::Draft201909)) {
    count("minContains", min);
    count("maxContains", max);
  }
  out_.begin(Op::Contains);
  out_.add_schema(operand(schema), false);
  out_.add(min);
  out_.add(max);
  out_.end();
}

void Lowering::dependent_required(NodeRef map) {
  out_.begin(Op::DependentRequired);
  for (const NodeRef::Entry entry : map.entries()) {
    if (!entry.value.is_seq()) continue;
    out_.add_text(compiler_.pools_.strings.add(entry.key.text()));
    out_.add(entry.value.size());
    for (const NodeRef name : entry.value.items()) {
      out_.add_text(compiler_.pools_.strings.add(name.is_scalar() ? name.text() : ""));
    }
  }
  out_.end();
}

// Lists of names and schemas side by side, as they were before 2019.
void Lowering::dependencies(NodeRef map) {
  dependent_required(map);
  out_.begin(Op::DependentSchemas);
  for (const NodeRef::Entry entry : map.entries()) {
    if (entry.value.is_seq()) continue;
    out_.add_text(compiler_.pools_.strings.add(entry.key.text()));
    out_.add_schema(operand(entry.value), true);
  }
  out_.end();
}

void Lowering::names_and_dependents() {
  if (const NodeRef names = since(Dialect::Draft6) ? keyword("propertyNames") : NodeRef{}) {
    out_.begin(Op::Names);
    out_.add_schema(operand(names), false);
    out_.end();
  }
  if (const NodeRef map = since(Dialect::Draft4) ? keyword("dependencies") : NodeRef{}) {
    dependencies(map);
  }
  if (!since(Dialect::Draft201909)) return;
  if (const NodeRef map = assertion("dependentRequired")) dependent_required(map);
  if (const NodeRef map = keyword("dependentSchemas")) {
    out_.begin(Op::DependentSchemas);
    for (const NodeRef::Entry entry : map.entries()) {
      out_.add_text(compiler_.pools_.strings.add(entry.key.text()));
      out_.add_schema(operand(entry.value), true);
    }
    out_.end();
  }
}

void Lowering::unevaluated() {
  if (!since(Dialect::Draft201909)) return;
  if (const NodeRef items = keyword("unevaluatedItems")) {
    unit_.collects = true;
    out_.begin(Op::UnevaluatedItems);
    out_.add_schema(operand(items), false);
    out_.end();
  }
  if (const NodeRef members = keyword("unevaluatedProperties")) {
    unit_.collects = true;
    out_.begin(Op::UnevaluatedMembers);
    out_.add_schema(operand(members), false);
    out_.end();
  }
}

}  // namespace gw::compiler::schema
