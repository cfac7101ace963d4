#include "compiler/passes/body_shape.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/passes/schema_shape.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

using namespace gw::schema;

constexpr u32 kMaxSchemaDepth = 16;  // of schemas that are put together of each other
constexpr u32 kMaxSchemaVisits = 1024;

// What one schema says of the level that it stands at.
struct Facts {
  Naming naming = Naming::Nothing;
  bool knows_items = false;
};

// All that holds together.
Naming both(Naming a, Naming b) {
  for (const Naming one : {Naming::Open, Naming::Closed, Naming::Named}) {
    if (a == one || b == one) return one;
  }
  return Naming::Nothing;
}

// One of which holds.
Naming either(Naming a, Naming b) {
  for (const Naming one : {Naming::Open, Naming::Nothing, Naming::Named}) {
    if (a == one || b == one) return one;
  }
  return Naming::Closed;
}

bool is_false(NodeRef node) { return node && node.kind() == NodeKind::Bool && !node.boolean(); }

class SchemaReader {
 public:
  explicit SchemaReader(const openapi::Document& document)
      : document_(document), shape_(document) {}

  void run(Shape& out, const std::vector<NodeRef>& schemas) {
    out.types = 0;
    for (const NodeRef schema : schemas) {
      out.types |= schema ? shape_.types(schema) : u32{kAllTypes};
    }
    const Facts facts = any_of(schemas, 0);
    out.naming = facts.naming;
    for (auto& [name, found] : properties_) {
      Shape::Member member{.name = name, .value = shape_of_schemas(document_, std::move(found))};
      const bool always = required_.contains(name) && schemas.size() == 1;
      member.presence = always ? Presence::Always : Presence::Maybe;
      out.members.push_back(std::move(member));
      required_.erase(name);
    }
    // Of those that it requires without a word about their values; refused, there is none.
    const Shape silent = facts.naming == Naming::Closed ? shape_of_types(0) : Shape{};
    for (const std::string& name : required_) {
      if (schemas.size() == 1) out.members.push_back({name, silent, Presence::Always});
    }
    if (!rest_.empty()) out.rest.push_back(shape_of_schemas(document_, std::move(rest_)));
    if (facts.knows_items && !items_.empty()) {
      out.items.push_back(shape_of_schemas(document_, std::move(items_)));
    }
    for (const NodeRef schema : prefix_)
      out.prefix.push_back(shape_of_schemas(document_, {schema}));
    if (visits_ > kMaxSchemaVisits) out.naming = Naming::Open;
  }

 private:
  Facts any_of(const std::vector<NodeRef>& alternatives, u32 depth) {
    bool objects = false;
    bool lists = false;
    Facts out{.naming = Naming::Closed, .knows_items = true};
    const bool sure = alternatives_ == 0 && alternatives.size() == 1;
    alternatives_ += sure ? 0 : 1;
    for (const NodeRef alternative : alternatives) {
      const u32 types = alternative ? shape_.types(alternative) : u32{kAllTypes};
      const Facts facts = read(alternative, depth);
      if ((types & kTypeObject) != 0) out.naming = either(out.naming, facts.naming);
      if ((types & kTypeArray) != 0) out.knows_items = out.knows_items && facts.knows_items;
      objects = objects || (types & kTypeObject) != 0;
      lists = lists || (types & kTypeArray) != 0;
    }
    alternatives_ -= sure ? 0 : 1;
    return {.naming = objects ? out.naming : Naming::Nothing,
            .knows_items = lists && out.knows_items};
  }

  Facts read(NodeRef schema, u32 depth) {
    if (!schema || !schema.is_map()) return {};
    if (depth > kMaxSchemaDepth || ++visits_ > kMaxSchemaVisits || schema.get("$dynamicRef")) {
      return {.naming = Naming::Open, .knows_items = false};
    }
    Facts facts = read_own(schema);
    const auto add = [&](const Facts& more) {
      facts.naming = both(facts.naming, more.naming);
      facts.knows_items = facts.knows_items || more.knows_items;
    };
    if (schema.get("$ref")) add(read(document_.follow(schema), depth + 1));
    for (const NodeRef part : schema.get("allOf").items()) add(read(part, depth + 1));
    for (const std::string_view group : {"oneOf", "anyOf"}) {
      const NodeRef alternatives = schema.get(group);
      if (!alternatives || !alternatives.is_seq()) continue;
      std::vector<NodeRef> list;
      for (const NodeRef part : alternatives.items()) list.push_back(part);
      if (!list.empty()) add(any_of(list, depth + 1));
    }
    read_conditions(schema, depth);
    return facts;
  }

  // They add names; who has none names none.
  void read_conditions(NodeRef schema, u32 depth) {
    ++alternatives_;
    for (const std::string_view name : {"then", "else"}) {
      if (const NodeRef part = schema.get(name)) read(part, depth + 1);
    }
    for (const auto [key, part] : schema.get("dependentSchemas").entries()) read(part, depth + 1);
    --alternatives_;
  }

  Facts read_own(NodeRef schema) {
    Facts facts;
    if (const NodeRef properties = schema.get("properties"); properties && properties.is_map()) {
      if (properties.size() != 0) facts.naming = Naming::Named;
      for (const auto [key, value] : properties.entries()) {
        if (!is_false(value)) properties_[std::string(key.text())].push_back(value);
      }
    }
    for (const std::string_view name : {"additionalProperties", "unevaluatedProperties"}) {
      const NodeRef others = schema.get(name);
      if (!others) continue;
      facts.naming = both(facts.naming, is_false(others) ? Naming::Closed : Naming::Open);
      if (others.is_map()) rest_.push_back(others);
    }
    if (schema.get("patternProperties")) facts.naming = Naming::Open;
    // Values are of schemas that name this one in their `allOf`.
    const bool has_heirs =
        schema.get("discriminator") && !schema.get("oneOf") && !schema.get("anyOf");
    if (has_heirs) facts.naming = Naming::Open;
    if (alternatives_ == 0) {
      for (const NodeRef name : schema.get("required").items()) {
        if (name.is_scalar()) required_.insert(std::string(name.text()));
      }
    }
    read_items(schema, facts);
    return facts;
  }

  void read_items(NodeRef schema, Facts& facts) {
    if (const NodeRef items = schema.get("items"); items && items.is_map()) {
      facts.knows_items = true;
      items_.push_back(items);
    }
    const NodeRef prefix = schema.get("prefixItems");
    if (!prefix || !prefix.is_seq()) return;
    for (const NodeRef item : prefix.items()) prefix_.push_back(item);
  }

  const openapi::Document& document_;
  const SchemaShape shape_;
  std::map<std::string, std::vector<NodeRef>> properties_;
  std::set<std::string> required_;
  std::vector<NodeRef> rest_;
  std::vector<NodeRef> items_;
  std::vector<NodeRef> prefix_;
  u32 alternatives_ = 0;  // how many choices lie between the level and what is read
  u32 visits_ = 0;
};

class Walk {
 public:
  Walk(const std::function<void(Shape&)>& visit, bool numbers) : visit_(visit), numbers_(numbers) {}

  void go(Shape& at, std::span<const PathToken> tokens, size_t index) {
    if (++steps_ > kMaxSteps) {
      reach.unknown = true;
      return;
    }
    if (index == tokens.size()) {
      reach.found = true;
      visit_(at);
      return;
    }
    look_into(at);
    if (tokens[index].every) {
      go_everywhere(at, tokens, index);
    } else if (numbers_ && is_number(tokens[index].name) && at.may_be(kTypeArray)) {
      go_to_item(at, tokens, index);
    } else {
      go_to_member(at, tokens, index);
    }
  }

  Reach reach;

 private:
  static bool is_number(std::string_view text) {
    return !text.empty() && text.size() < 8 &&
           std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  }

  void stop(const Shape& at, size_t index) {
    if (reach.stop != nullptr && index < reach.token) return;
    reach.token = index;
    reach.stop = &at;
  }

  void go_everywhere(Shape& at, std::span<const PathToken> tokens, size_t index) {
    bool any = false;
    const auto each = [&](Shape& child) {
      any = true;
      go(child, tokens, index + 1);
    };
    if (at.may_be(kTypeObject)) {
      for (Shape::Member& member : at.members) each(member.value);
      for (Shape& other : at.rest) each(other);
      if (at.is_open() && at.rest.empty()) reach.unknown = true;
    }
    if (at.may_be(kTypeArray)) {
      for (Shape& item : at.prefix) each(item);
      for (Shape& item : at.items) each(item);
      if (at.items.empty() && at.prefix.empty() && !at.no_items) reach.unknown = true;
    }
    if (!any) stop(at, index);
  }

  void go_to_item(Shape& at, std::span<const PathToken> tokens, size_t index) {
    const size_t number = std::stoul(tokens[index].name);
    if (number < at.prefix.size()) return go(at.prefix[number], tokens, index + 1);
    if (!at.items.empty()) return go(at.items[0], tokens, index + 1);
    if (at.no_items) return stop(at, index);
    reach.unknown = true;
  }

  void go_to_member(Shape& at, std::span<const PathToken> tokens, size_t index) {
    const std::string& name = tokens[index].name;
    if (!at.may_be(kTypeObject)) return stop(at, index);
    if (Shape::Member* member = find_member(at, name)) {
      return go(member->value, tokens, index + 1);
    }
    const bool gone = std::ranges::find(at.gone, name) != at.gone.end();
    if (gone || !at.is_open()) return stop(at, index);
    reach.unknown = true;
    if (!at.rest.empty()) go(at.rest[0], tokens, index + 1);
  }

  const std::function<void(Shape&)>& visit_;
  const bool numbers_;
  u32 steps_ = 0;
};

}  // namespace

Shape shape_of_schemas(const openapi::Document& document, std::vector<NodeRef> schemas) {
  Shape shape;
  shape.document = &document;
  if (!schemas.empty() && schemas[0]) shape.declared = schemas[0].span();
  shape.schemas = std::move(schemas);
  return shape;
}

Shape empty_object() {
  Shape shape = shape_of_types(kTypeObject);
  shape.naming = Naming::Closed;
  return shape;
}

Shape shape_of_types(u32 types) {
  Shape shape;
  shape.types = types;
  return shape;
}

void look_into(Shape& shape) {
  if (shape.schemas.empty()) return;
  const std::vector<NodeRef> schemas = std::move(shape.schemas);
  shape.schemas.clear();
  SchemaReader(*shape.document).run(shape, schemas);
}

Shape::Member* find_member(Shape& shape, std::string_view name) {
  const auto found = std::ranges::find(shape.members, name, &Shape::Member::name);
  return found == shape.members.end() ? nullptr : &*found;
}

Reach walk(Shape& root, std::span<const PathToken> tokens, const std::function<void(Shape&)>& visit,
           bool numbers) {
  Walk walk(visit, numbers);
  walk.go(root, tokens, 0);
  return walk.reach;
}

ShapeValue shape_of_template(NodeRef node, const ShapeOfExpression& expression) {
  if (node.is_map()) {
    ShapeValue out{empty_object()};
    for (const auto [key, value] : node.entries()) {
      ShapeValue member = shape_of_template(value, expression);
      out.shape.members.push_back(
          {std::string(key.text()), std::move(member.shape), member.presence});
    }
    out.shape.declared = node.span();
    return out;
  }
  if (node.is_seq()) {
    ShapeValue out{shape_of_types(kTypeArray)};
    for (const NodeRef item : node.items()) {
      out.shape.prefix.push_back(shape_of_template(item, expression).shape);
    }
    out.shape.no_items = true;
    out.shape.declared = node.span();
    return out;
  }
  ShapeValue out;
  if (node.is_string() && has_expression(node.text())) {
    out = node.text().starts_with('$') ? expression(node.text())
                                       : ShapeValue{shape_of_types(kTypeString), Presence::Maybe};
  } else {
    u32 types = kTypeString;
    if (node.is_null()) types = kTypeNull;
    if (node.kind() == NodeKind::Bool) types = kTypeBool;
    if (node.kind() == NodeKind::Int) types = kTypeInteger;
    if (node.kind() == NodeKind::Float) types = kTypeNumber;
    out.shape = shape_of_types(types);
  }
  out.shape.declared = node.span();
  return out;
}

}  // namespace gw::compiler
