#include "compiler/publish/template_schema.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "compiler/passes/body_path.h"
#include "compiler/xgw/value.h"
#include "runtime/schema/format.h"

namespace gw::compiler {
namespace {

using namespace gw::schema;

// Schemas that refer to themselves in allOf or oneOf would lead on without end.
constexpr u32 kMaxDepth = 16;
constexpr u32 kMaxVisits = 10'000;

bool same(const PublicValue& a, const PublicValue& b) {
  return a.kind == b.kind && a.text == b.text && a.component == b.component &&
         std::ranges::equal(a.items, b.items, same) &&
         std::ranges::equal(a.members, b.members, [](const PublicMember& x, const PublicMember& y) {
           return x.key == y.key && same(x.value, y.value);
         });
}

bool is_unknown(const PublicValue& schema) {
  return schema.is_map() && std::ranges::all_of(schema.members, [](const PublicMember& member) {
           return member.key == "description";
         });
}

bool is_true(const PublicValue* value) {
  return value != nullptr && value->kind == NodeKind::Bool && value->text == "true";
}

bool names_type(const PublicValue& schema, std::string_view name) {
  const PublicValue* type = schema.find("type");
  return type != nullptr &&
         (type->is_string(name) || std::ranges::any_of(type->items, [&](const PublicValue& item) {
            return item.is_string(name);
          }));
}

std::optional<size_t> number_of(std::string_view text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// One step of a pointer, through all that holds of a value together.
class PartFinder {
 public:
  PartFinder(const ComponentValue& component, std::string_view name)
      : component_(component), name_(name), number_(number_of(name)) {}

  SchemaPart run(const PublicValue& schema) {
    std::vector<PublicValue> all;
    read(schema, 0, all);
    if (visits_ > kMaxVisits || all.empty()) return {unknown_schema()};
    const bool always = is_object_ && requires_;
    if (all.size() == 1) return {std::move(all[0]), always};
    PublicValue both = PublicValue::map();
    both.set("allOf", PublicValue::list()).items = std::move(all);
    return {std::move(both), always};
  }

 private:
  void read(const PublicValue& schema, u32 depth, std::vector<PublicValue>& out) {
    if (!schema.is_map() || depth > kMaxDepth || ++visits_ > kMaxVisits) return;
    if (const PublicValue* reference = schema.find("$ref")) {
      if (reference->component != kNoComponent) {
        read(component_(reference->component), depth + 1, out);
      }
    }
    read_own(schema, out);
    if (const PublicValue* parts = schema.find("allOf")) {
      for (const PublicValue& part : parts->items) read(part, depth + 1, out);
    }
    for (const std::string_view group : {"oneOf", "anyOf"}) {
      if (const PublicValue* parts = schema.find(group)) read_either(*parts, depth, out);
    }
  }

  void read_own(const PublicValue& schema, std::vector<PublicValue>& out) {
    const PublicValue* type = schema.find("type");
    is_object_ = is_object_ || (alternatives_ == 0 && type != nullptr &&
                                type->is_string("object") && !is_true(schema.find("nullable")));
    const PublicValue* required = schema.find("required");
    requires_ = requires_ || (alternatives_ == 0 && required != nullptr &&
                              std::ranges::any_of(required->items, [&](const PublicValue& item) {
                                return item.is_string(name_);
                              }));
    if (const PublicValue* child = child_of(schema)) out.push_back(*child);
  }

  // A number names an item of what is a list, and a member of what is none.
  const PublicValue* child_of(const PublicValue& schema) const {
    const bool is_list = names_type(schema, "array");
    if (number_ && is_list) return names_type(schema, "object") ? nullptr : item_of(schema);
    const PublicValue* named = schema.find("properties");
    const PublicValue* child = named == nullptr ? nullptr : named->find(name_);
    if (child != nullptr || schema.find("patternProperties") != nullptr) return child;
    const PublicValue* others = schema.find("additionalProperties");
    return others != nullptr && others->is_map() ? others : nullptr;
  }

  const PublicValue* item_of(const PublicValue& schema) const {
    const PublicValue* first = schema.find("prefixItems");
    if (first != nullptr && *number_ < first->items.size()) return &first->items[*number_];
    return schema.find("items");
  }

  void read_either(const PublicValue& parts, u32 depth, std::vector<PublicValue>& out) {
    std::vector<PublicValue> either;
    bool all_say = true;
    ++alternatives_;
    for (const PublicValue& part : parts.items) {
      std::vector<PublicValue> found;
      read(part, depth + 1, found);
      all_say = all_say && !found.empty();
      // What holds with others is not taken apart: less is said, and nothing that is wrong.
      if (!found.empty()) either.push_back(std::move(found[0]));
    }
    --alternatives_;
    if (all_say && !either.empty()) out.push_back(any_of(std::move(either)));
  }

  const ComponentValue& component_;
  const std::string_view name_;
  const std::optional<size_t> number_;
  bool is_object_ = false;
  bool requires_ = false;
  u32 alternatives_ = 0;  // how many choices lie around what is read
  u32 visits_ = 0;
};

SchemaPart schema_of_map(NodeRef node, bool has_null_type, const SchemaOfExpression& expression) {
  PublicValue out = schema_of_types(kTypeObject, has_null_type);
  PublicValue required = PublicValue::list();
  PublicValue named = PublicValue::map();
  for (const auto [key, value] : node.entries()) {
    if (node.get(key.text()) != value) continue;  // a second one of this name
    SchemaPart member = schema_of_template(value, has_null_type, expression);
    if (member.always) required.items.push_back(PublicValue::string(key.text()));
    named.members.push_back({.key = std::string(key.text()), .value = std::move(member.schema)});
  }
  if (!required.items.empty()) out.set("required", std::move(required));
  if (!named.members.empty()) out.set("properties", std::move(named));
  return {std::move(out), true};
}

// An item that is absent is left out, and the others move up.
SchemaPart schema_of_list(NodeRef node, bool has_null_type, const SchemaOfExpression& expression) {
  PublicValue out = schema_of_types(kTypeArray, has_null_type);
  std::vector<PublicValue> items;
  u64 fewest = 0;
  for (const NodeRef item : node.items()) {
    SchemaPart part = schema_of_template(item, has_null_type, expression);
    fewest += part.always ? 1 : 0;
    items.push_back(std::move(part.schema));
  }
  const u64 most = items.size();
  out.set("items", items.empty() ? PublicValue::map() : any_of(std::move(items)));
  if (fewest != 0) out.set("minItems", PublicValue::integer(fewest));
  out.set("maxItems", PublicValue::integer(most));
  return {std::move(out), true};
}

u32 literal_type(NodeRef node) {
  if (node.is_null()) return kTypeNull;
  if (node.kind() == NodeKind::Bool) return kTypeBool;
  if (node.kind() == NodeKind::Int) return kTypeInteger;
  return node.kind() == NodeKind::Float ? u32{kTypeNumber} : u32{kTypeString};
}

}  // namespace

PublicValue unknown_schema() {
  PublicValue out = PublicValue::map();
  out.set("description", PublicValue::string("Any value: no schema is declared of it."));
  return out;
}

PublicValue schema_of_types(u32 types, bool has_null_type) {
  struct Name {
    u32 mask;
    std::string_view name;
  };
  static constexpr Name kNames[] = {{kTypeObject, "object"},   {kTypeArray, "array"},
                                    {kTypeString, "string"},   {kTypeNumber, "number"},
                                    {kTypeInteger, "integer"}, {kTypeBool, "boolean"}};
  if ((types & kAllTypes) == kAllTypes || (types & kAllTypes) == 0) return unknown_schema();
  std::vector<PublicValue> all;
  for (const Name& one : kNames) {
    if ((types & one.mask) != one.mask) continue;
    types &= ~one.mask;
    all.emplace_back(PublicValue::map()).set("type", PublicValue::string(one.name));
  }
  const bool null = (types & kTypeNull) != 0;
  if ((types & ~u32{kTypeNull}) != 0) return unknown_schema();  // fractions have no name
  if (!all.empty()) return null ? or_null(any_of(std::move(all)), has_null_type) : any_of(all);
  PublicValue out = PublicValue::map();
  if (has_null_type) {
    out.set("type", PublicValue::string("null"));
  } else {
    out.set("nullable", PublicValue::boolean(true));
  }
  return out;
}

PublicValue any_of(std::vector<PublicValue> schemas) {
  std::vector<PublicValue> all;
  for (PublicValue& one : schemas) {
    if (is_unknown(one)) return unknown_schema();
    const bool known =
        std::ranges::any_of(all, [&](const PublicValue& other) { return same(one, other); });
    if (!known) all.push_back(std::move(one));
  }
  if (all.empty()) return unknown_schema();
  if (all.size() == 1) return std::move(all[0]);
  PublicValue out = PublicValue::map();
  out.set("anyOf", PublicValue::list()).items = std::move(all);
  return out;
}

PublicValue or_null(PublicValue schema, bool has_null_type) {
  if (is_unknown(schema)) return schema;
  if (has_null_type) return any_of({std::move(schema), schema_of_types(kTypeNull, true)});
  if (schema.find("type") != nullptr) {  // `nullable` counts beside it only
    schema.set("nullable", PublicValue::boolean(true));
    return schema;
  }
  return unknown_schema();
}

SchemaPart schema_at(const PublicValue& root, std::string_view pointer,
                     const ComponentValue& component) {
  SchemaPart out{root, true};
  for (const PathToken& token : pointer_tokens(pointer)) {
    SchemaPart next = PartFinder(component, token.name).run(out.schema);
    next.always = next.always && out.always;
    out = std::move(next);
  }
  return out;
}

SchemaPart schema_of_template(NodeRef node, bool has_null_type,
                              const SchemaOfExpression& expression) {
  if (node.is_map()) return schema_of_map(node, has_null_type, expression);
  if (node.is_seq()) return schema_of_list(node, has_null_type, expression);
  if (node.is_string() && has_expression(node.text())) {
    if (node.text().starts_with('$')) return expression(node.text());
    return {schema_of_types(kTypeString, has_null_type)};
  }
  return {schema_of_types(literal_type(node), has_null_type), true};
}

}  // namespace gw::compiler
