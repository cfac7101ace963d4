// Copies by the table of objects (openapi/objects.h), so that `x-gw` and `$ref` are what they mean
// where the specification says so, and data in examples and defaults.
#include "compiler/publish/object_copy.h"

#include <algorithm>

#include "compiler/openapi/references.h"

namespace gw::compiler {
namespace {

using openapi::Field;
using openapi::ObjectKind;
using openapi::Shape;
using openapi::Version;

// Path items of callbacks of operations of path items of callbacks: 3.0 has no component for them.
constexpr u32 kMaxPathItemDepth = 4;

bool is_extension(std::string_view key) { return key.starts_with("x-"); }

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

std::string unescape(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '~' && i + 1 < part.size()) {
      out += part[++i] == '1' ? '/' : '~';
    } else {
      out += part[i];
    }
  }
  return out;
}

// The scheme of a document that has it, or of its gateway document.
struct FoundScheme {
  const openapi::SecurityScheme* scheme = nullptr;
  bool own = false;
};
FoundScheme find_scheme(const Unit& unit, std::string_view name) {
  const NodeRef bound = child(child(unit.entry, "schemes"), name);
  if (bound && bound.is_scalar()) return {unit.gateway->find_scheme(bound.text()), false};
  if (const auto* own = unit.document->find_scheme(name)) return {own, true};
  return {unit.gateway->find_scheme(name), false};
}

// Schemas whose values a `$id` or an anchor names are found by references no more: those lead to
// components.
bool is_identifier(std::string_view key) { return key == "$id" || key == "$anchor"; }

}  // namespace

std::string label_of(std::string_view reference) {
  const size_t hash = reference.find('#');
  const std::string_view fragment = hash == reference.npos ? "" : reference.substr(hash + 1);
  if (!fragment.empty()) return unescape(fragment.substr(fragment.rfind('/') + 1));
  std::string_view file = reference.substr(0, hash);
  file = file.substr(file.rfind('/') + 1);
  return std::string(file.substr(0, file.rfind('.')));
}

ObjectCopier::ObjectCopier(const Gateway& gateway, Version version, Components& components)
    : gateway_(gateway), version_(version), components_(components) {}

PublicValue ObjectCopier::copy(const Unit& unit, NodeRef node, ObjectKind kind) {
  if (!node || budget_ == 0) return {};
  if (!node.is_map()) return literal(node);
  --budget_;
  switch (kind) {
    case ObjectKind::SecurityRequirement:
      return literal(node);  // security() is what copies them
    case ObjectKind::Responses:
      return copy_all(unit, node, ObjectKind::Response);
    case ObjectKind::Paths:
      return copy_all(unit, node, ObjectKind::PathItem);
    default:
      break;
  }
  if (openapi::object_type(kind).by_reference && openapi::is_reference(node)) {
    return copy_reference(unit, node, kind);
  }
  if (kind == ObjectKind::Callback) return copy_all(unit, node, ObjectKind::PathItem);
  return copy_object(unit, node, kind);
}

PublicValue ObjectCopier::copy_all(const Unit& unit, NodeRef node, ObjectKind kind) {
  PublicValue out = PublicValue::map();
  for (const auto [key, value] : node.entries()) {
    if (node.get(key.text()) != value || key.text() == "x-gw") continue;
    out.members.push_back(
        {.key = std::string(key.text()),
         .value = is_extension(key.text()) ? literal(value) : copy(unit, value, kind)});
  }
  return out;
}

PublicValue ObjectCopier::copy_object(const Unit& unit, NodeRef node, ObjectKind kind) {
  const openapi::ObjectType& type = openapi::object_type(kind);
  const bool from_30 = unit.document->version == Version::V30;
  PublicValue out = PublicValue::map();
  for (const auto [key, value] : node.entries()) {
    const std::string_view name = key.text();
    if (node.get(name) != value || name == "x-gw") continue;
    const Field* field = is_extension(name) ? nullptr : openapi::find_field(type, name);
    if (kind == ObjectKind::Schema && is_identifier(name)) continue;
    const bool raised = from_30 && name == "nullable";  // raise_dialect() sees to it
    if (field != nullptr && !raised && !openapi::in_version(*field, version_)) continue;
    if (kind == ObjectKind::Operation && name == "security") {
      out.set(name, security(unit, value));
      continue;
    }
    out.members.push_back(
        {.key = std::string(name),
         .value = field == nullptr ? literal(value) : copy_field(unit, value, *field)});
  }
  if (kind == ObjectKind::Schema) finish_schema(unit, node, out);
  if (kind == ObjectKind::Link) finish_link(unit, out);
  const bool renamed = kind == ObjectKind::Operation && !unit.service.empty();
  if (PublicValue* id = renamed ? out.find("operationId") : nullptr) {
    id->text = std::string(unit.service) + "." + id->text;  // of callbacks and webhooks
  }
  return out;
}

PublicValue ObjectCopier::copy_field(const Unit& unit, NodeRef node, const Field& field) {
  PublicValue out;
  switch (field.shape) {
    case Shape::Object:
    case Shape::BoolOrSchema:
      return copy(unit, node, field.object);
    case Shape::ObjectList:
      if (!node.is_seq()) return literal(node);
      out = PublicValue::list();
      for (const NodeRef item : node.items()) out.items.push_back(copy(unit, item, field.object));
      return out;
    case Shape::ObjectMap:
    case Shape::SchemaOrNames:
      if (!node.is_map()) return literal(node);
      out = PublicValue::map();
      for (const auto [key, value] : node.entries()) {
        if (node.get(key.text()) != value) continue;
        out.members.push_back(
            {.key = std::string(key.text()), .value = copy(unit, value, field.object)});
      }
      return out;
    default:
      return literal(node);
  }
}

PublicValue ObjectCopier::copy_reference(const Unit& unit, NodeRef node, ObjectKind kind) {
  if (kind == ObjectKind::PathItem && version_ == Version::V30) {
    const NodeRef target = unit.document->resolve(node);
    if (!target || path_item_depth_ >= kMaxPathItemDepth) return PublicValue::map();
    ++path_item_depth_;
    PublicValue out = copy_object(unit, target, kind);
    --path_item_depth_;
    return out;
  }
  const u32 component = component_of(unit, node, kind);
  if (component == kNoComponent) return PublicValue::map();
  PublicValue out = PublicValue::map();
  // What stands beside a reference counts since 3.1.
  if (unit.document->version != Version::V30) out = copy_object(unit, node, kind);
  out.erase("$ref");
  out.members.insert(out.members.begin(),
                     {.key = "$ref", .value = PublicValue::reference(component)});
  return out;
}

// Of references that lead to nothing but a reference the last target counts, by the first name.
u32 ObjectCopier::component_of(const Unit& unit, NodeRef reference, ObjectKind kind) {
  constexpr u32 kMaxSteps = 64;
  const std::string label = label_of(reference.get("$ref").text());
  NodeRef target = unit.document->follow(reference);
  for (u32 i = 0; target && openapi::is_reference(target) && target.size() == 1; ++i) {
    if (i == kMaxSteps) return kNoComponent;
    target = unit.document->follow(target);
  }
  if (!target) return kNoComponent;
  return components_.add(unit, unit.service, kind, target, label);
}

const PublicValue& ObjectCopier::value_of_component(u32 number) {
  Component& component = components_.at(number);
  if (!component.written) {
    component.written = true;
    component.value = copy(*component.unit, component.node, component.kind);
  }
  return component.value;
}

u32 ObjectCopier::scheme(const Unit& unit, std::string_view name) {
  const FoundScheme found = find_scheme(unit, name);
  if (found.scheme == nullptr) return kNoComponent;
  return components_.add(unit, found.own ? unit.service : std::string_view{},
                         ObjectKind::SecurityScheme, found.scheme->node, found.scheme->name.value);
}

PublicValue ObjectCopier::security(const Unit& unit, NodeRef list) {
  PublicValue out = PublicValue::list();
  if (!list || !list.is_seq()) return out;
  for (const NodeRef alternative : list.items()) {
    PublicValue& requirement = out.items.emplace_back(PublicValue::map());
    for (const auto [key, scopes] : alternative.entries()) {
      requirement.members.push_back({.key = std::string(key.text()),
                                     .value = literal(scopes),
                                     .component = scheme(unit, key.text())});
    }
  }
  return out;
}

void ObjectCopier::finish_schema(const Unit& unit, NodeRef node, PublicValue& schema) {
  if (unit.document->version == Version::V30 && version_ != Version::V30) raise_dialect(schema);
  finish_discriminator(unit, node, schema);
}

// Of 3.0 to that of 3.1, for what both say differently.
void ObjectCopier::raise_dialect(PublicValue& schema) const {
  const PublicValue* nullable = schema.find("nullable");
  PublicValue* type = schema.find("type");
  if (nullable != nullptr && nullable->text == "true" && type != nullptr &&
      type->kind == NodeKind::String) {
    PublicValue types = PublicValue::list();
    types.items = {*type, PublicValue::string("null")};
    *type = std::move(types);
  }
  schema.erase("nullable");
  for (const auto& [exclusive, limit] :
       {std::pair{"exclusiveMinimum", "minimum"}, std::pair{"exclusiveMaximum", "maximum"}}) {
    PublicValue* flag = schema.find(exclusive);
    if (flag == nullptr || flag->kind != NodeKind::Bool) continue;
    const PublicValue* bound = schema.find(limit);
    if (flag->text != "true" || bound == nullptr) {
      schema.erase(exclusive);
      continue;
    }
    *flag = *bound;
    schema.erase(limit);
  }
}

// Names of schemas that a value may hold stand for components, whose names may change.
void ObjectCopier::finish_discriminator(const Unit& unit, NodeRef node, PublicValue& schema) {
  PublicValue* discriminator = schema.find("discriminator");
  if (discriminator == nullptr || !discriminator->is_map()) return;
  PublicValue mapping = PublicValue::map();
  if (PublicValue* written = discriminator->find("mapping"); written && written->is_map()) {
    mapping = std::move(*written);
  }
  const NodeRef schemas = child(child(node.tree()->root(), "components"), "schemas");
  constexpr std::string_view kLocal = "#/components/schemas/";
  for (PublicMember& member : mapping.members) {
    const std::string& text = member.value.text;
    const std::string name = text.starts_with(kLocal) ? label_of(text) : text;
    const NodeRef target = child(schemas, name);
    if (!target) continue;
    const u32 number = openapi::is_reference(target)
                           ? component_of(unit, target, ObjectKind::Schema)
                           : components_.add(unit, unit.service, ObjectKind::Schema, target, name);
    if (number == kNoComponent) continue;
    const bool by_name = !text.starts_with(kLocal);
    member.value = PublicValue::reference(number);
    member.value.by_name = by_name;
  }
  map_alternatives(unit, node, mapping);
  map_children(unit, node, mapping);
  if (!mapping.members.empty()) discriminator->set("mapping", std::move(mapping));
}

namespace {

bool is_mapped(const PublicValue& mapping, u32 component) {
  return std::ranges::any_of(mapping.members, [&](const PublicMember& member) {
    return member.value.component == component;
  });
}

void map_by_name(PublicValue& mapping, std::string label, u32 component) {
  if (component == kNoComponent || is_mapped(mapping, component) ||
      mapping.find(label) != nullptr) {
    return;
  }
  mapping.members.push_back(
      {.key = std::move(label), .value = PublicValue::reference(component), .if_renamed = true});
}

}  // namespace

void ObjectCopier::map_alternatives(const Unit& unit, NodeRef node, PublicValue& mapping) {
  for (const std::string_view group : {"oneOf", "anyOf"}) {
    const NodeRef alternatives = node.get(group);
    if (!alternatives || !alternatives.is_seq()) continue;
    for (const NodeRef item : alternatives.items()) {
      if (!openapi::is_reference(item)) continue;
      map_by_name(mapping, label_of(item.get("$ref").text()),
                  component_of(unit, item, ObjectKind::Schema));
    }
  }
}

// Schemas that have this one in their `allOf` are what its values may be, though nothing refers to
// them.
void ObjectCopier::map_children(const Unit& unit, NodeRef node, PublicValue& mapping) {
  if (node.get("oneOf") || node.get("anyOf")) return;
  const NodeRef schemas = child(child(node.tree()->root(), "components"), "schemas");
  if (!schemas) return;
  const NodeRef self(node.tree(), node.target_index());
  for (const auto [key, schema] : schemas.entries()) {
    const NodeRef parts = child(schema, "allOf");
    if (!parts || !parts.is_seq()) continue;
    for (const NodeRef part : parts.items()) {
      if (!openapi::is_reference(part)) continue;
      const NodeRef target = unit.document->resolve(part);
      if (!target || NodeRef(target.tree(), target.target_index()) != self) continue;
      map_by_name(mapping, std::string(key.text()),
                  components_.add(unit, unit.service, ObjectKind::Schema, schema, key.text()));
    }
  }
}

const GatewayOperation* ObjectCopier::find_operation(const Unit& unit, std::string_view id) const {
  for (const GatewayOperation& operation : gateway_.operations) {
    if (operation.unit == &unit && operation.operation->operation_id.value == id) return &operation;
  }
  return nullptr;
}

// `#/paths/~1users~1{id}/get`.
const GatewayOperation* ObjectCopier::find_operation_by_pointer(const Unit& unit,
                                                                std::string_view text) const {
  constexpr std::string_view kPaths = "#/paths/";
  if (!text.starts_with(kPaths)) return nullptr;
  text.remove_prefix(kPaths.size());
  const size_t slash = text.find('/');
  if (slash == text.npos) return nullptr;
  const std::string path = unescape(text.substr(0, slash));
  std::string method(text.substr(slash + 1));
  std::ranges::transform(method, method.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  for (const GatewayOperation& operation : gateway_.operations) {
    if (operation.unit == &unit && operation.item->path.value == path &&
        operation.operation->method.value == method) {
      return &operation;
    }
  }
  return nullptr;
}

// Links name operations by what they are called here.
void ObjectCopier::finish_link(const Unit& unit, PublicValue& link) const {
  if (PublicValue* id = link.find("operationId")) {
    if (const GatewayOperation* found = find_operation(unit, id->text)) id->text = found->id;
  }
  PublicValue* pointer = link.find("operationRef");
  if (pointer == nullptr) return;
  const GatewayOperation* found = find_operation_by_pointer(unit, pointer->text);
  if (found == nullptr) return;
  if (found->operation->operation_id.present()) {
    link.set("operationId", PublicValue::string(found->id));
    link.erase("operationRef");
    return;
  }
  std::string path;
  for (const char c : found->path) path += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  pointer->text = "#/paths/" + path + pointer->text.substr(pointer->text.rfind('/'));
}

}  // namespace gw::compiler
