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
constexpr size_t kMaxLifted = 256;
constexpr u32 kMaxSteps = 2'000;  // of one path, through `*` of schemas that hold each other

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

Shape empty_object() {
  Shape shape = shape_of_types(kTypeObject);
  shape.naming = Naming::Closed;
  return shape;
}

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

// Calls `change(parent, last token)` where the last token of a path stands.
template <class Change>
void at_parent(Shape& root, std::span<const PathToken> path, const Change& change) {
  if (path.empty()) return;
  walk(root, path.first(path.size() - 1), [&](Shape& parent) {
    look_into(parent);
    change(parent, path.back());
  });
}

void remove_member(Shape& object, const std::string& name) {
  std::erase_if(object.members, [&](const Shape::Member& one) { return one.name == name; });
  object.gone.push_back(name);
}

void put_member(Shape& object, const std::string& name, Shape value, Presence presence) {
  std::erase(object.gone, name);
  if (Shape::Member* known = find_member(object, name)) {
    known->value = std::move(value);
    if (presence == Presence::Always) known->presence = presence;
    return;
  }
  object.members.push_back({.name = name, .value = std::move(value), .presence = presence});
  if (object.naming == Naming::Nothing) object.naming = Naming::Open;
}

// Makes the objects on the way.
void put(Shape& at, std::span<const PathToken> path, const ShapeValue& value) {
  Shape* parent = &at;
  for (size_t i = 0;; ++i) {
    look_into(*parent);
    if (!parent->may_be(kTypeObject)) *parent = empty_object();
    if (i + 1 == path.size()) break;
    if (find_member(*parent, path[i].name) == nullptr) {
      put_member(*parent, path[i].name, empty_object(), value.presence);
    }
    parent = &find_member(*parent, path[i].name)->value;
  }
  put_member(*parent, path.back().name, value.shape, value.presence);
}

// The members of one take its place, but for those that are there. Their names.
std::vector<std::string> lift_members(Shape& parent, const std::string& name) {
  std::vector<std::string> names;
  Shape::Member* member = find_member(parent, name);
  if (member == nullptr || !parent.may_be(kTypeObject)) return names;
  look_into(member->value);
  if (!member->value.may_be(kTypeObject)) return names;
  const Shape lifted = member->value;
  const bool stays = lifted.types != kTypeObject;
  if (!stays) remove_member(parent, name);
  for (const Shape::Member& one : lifted.members) {
    if (find_member(parent, one.name) != nullptr) continue;
    put_member(parent, one.name, one.value, stays ? Presence::Maybe : one.presence);
    names.push_back(one.name);
  }
  if (lifted.is_open()) parent.naming = Naming::Open;
  return names;
}

using Paths = std::vector<std::span<const PathToken>>;

// The rest of the paths that lead to or through a child. True: one ends there.
bool paths_into(const Paths& paths, const std::string* name, Paths& out) {
  for (const auto path : paths) {
    if (path.empty() || (!path[0].every && (name == nullptr || path[0].name != *name))) continue;
    if (path.size() == 1) return true;
    out.push_back(path.subspan(1));
  }
  return false;
}

class Picker {
 public:
  void pick(Shape& root, const Paths& paths) {
    if (++steps_ > kMaxSteps) {
      root = {};
      return;
    }
    look_into(root);
    const bool any =
        std::ranges::any_of(paths, [](auto path) { return !path.empty() && path[0].every; });
    std::erase_if(root.members, [&](Shape::Member& member) {
      return !pick_child(member.value, paths, &member.name);
    });
    if (root.is_open()) {
      add_unnamed(root, paths);
      if (!any) root.naming = Naming::Closed;
    }
    const bool had_items = !root.items.empty() || !root.prefix.empty();
    for (std::vector<Shape>* list : {&root.rest, &root.prefix, &root.items}) {
      std::erase_if(*list, [&](Shape& child) { return !pick_child(child, paths, nullptr); });
    }
    if (!any || (had_items && root.items.empty() && root.prefix.empty())) root.no_items = true;
  }

 private:
  // Whether the child stays; what it holds is picked.
  bool pick_child(Shape& child, const Paths& paths, const std::string* name) {
    Paths rest;
    if (paths_into(paths, name, rest)) return true;
    if (rest.empty()) return false;
    look_into(child);
    // A value where a path leads further is not shown, but null.
    if (!child.may_be(kTypeObject | kTypeArray | kTypeNull)) return false;
    pick(child, rest);
    return true;
  }

  // What is picked of members that nobody names may be there.
  void add_unnamed(Shape& root, const Paths& paths) {
    for (const auto path : paths) {
      if (path.empty() || path[0].every || find_member(root, path[0].name) != nullptr) continue;
      if (std::ranges::find(root.gone, path[0].name) != root.gone.end()) continue;
      Shape::Member member{.name = path[0].name,
                           .value = root.rest.empty() ? Shape{} : root.rest[0]};
      pick_child(member.value, paths, &member.name);
      root.members.push_back(std::move(member));
    }
  }

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

void pick_paths(Shape& root, const std::vector<std::span<const PathToken>>& paths) {
  Picker().pick(root, paths);
}

void omit_path(Shape& root, std::span<const PathToken> path) {
  at_parent(root, path, [](Shape& parent, const PathToken& last) {
    if (!last.every) return remove_member(parent, last.name);
    parent.members.clear();
    parent.rest.clear();
    parent.items.clear();
    parent.prefix.clear();
    parent.naming = Naming::Closed;
    parent.no_items = true;
  });
}

void move_path(Shape& root, const BodyPath& from, const BodyPath& to) {
  const size_t shared = from.shared();
  const std::span all(from.tokens);
  const std::span target = std::span(to.tokens).subspan(shared);
  walk(root, all.first(shared), [&](Shape& item) {
    ShapeValue moved{.shape = {}, .presence = Presence::Maybe};
    bool found = false;
    const Reach reach = walk(item, all.subspan(shared), [&](Shape& value) {
      if (!found) moved.shape = value;
      found = true;
    });
    if (reach.misses()) return;
    omit_path(item, all.subspan(shared));
    put(item, target, moved);
  });
}

void rename_path(Shape& root, std::span<const PathToken> path, std::string_view to) {
  at_parent(root, path, [&](Shape& parent, const PathToken& last) {
    if (last.every || last.name == to) return;
    const std::string name(to);
    const Shape::Member* member = find_member(parent, last.name);
    if (member == nullptr && !parent.is_open()) return;
    const Shape value = member == nullptr ? Shape{} : member->value;
    const Presence presence = member == nullptr ? Presence::Maybe : member->presence;
    remove_member(parent, last.name);
    put_member(parent, name, value, presence);
  });
}

void flatten_path(Shape& root, std::span<const PathToken> path) {
  walk(root, path, [](Shape& list) {
    look_into(list);
    if (!list.may_be(kTypeArray)) return;
    std::vector<Shape> inner;
    for (Shape& item : list.items) {
      look_into(item);
      // Items that are no list stay; of both kinds nothing is said.
      if (item.types == kTypeArray) inner = item.items;
      if (!item.may_be(kTypeArray)) inner = {item};
    }
    list.items = std::move(inner);
    list.prefix.clear();
    list.no_items = false;
  });
  at_parent(root, path, [](Shape& parent, const PathToken& last) {
    if (!last.every) {
      lift_members(parent, last.name);
      return;
    }
    // Those that were lifted are members like others, and lifted in their turn.
    std::vector<std::string> names;
    for (const Shape::Member& member : parent.members) names.push_back(member.name);
    for (size_t i = 0; i < std::min(names.size(), kMaxLifted); ++i) {
      for (const std::string& lifted : lift_members(parent, names[i])) names.push_back(lifted);
    }
    if (names.size() > kMaxLifted || parent.is_open()) parent.naming = Naming::Open;
  });
}

Reach map_path(Shape& root, std::span<const PathToken> path, std::span<const PathToken> to) {
  Reach best;
  bool first = true;
  walk(root, path, [&](Shape& list) {
    look_into(list);
    if (list.items.empty()) {
      best.unknown = true;
      list.prefix.clear();
      return;
    }
    Shape found;
    bool any = false;
    const Reach reach = walk(list.items[0], to, [&](Shape& value) {
      if (!any) found = value;
      any = true;
    });
    if (first || !reach.misses()) best = reach;
    best.stop = nullptr;  // it is about to go
    first = false;
    list.prefix.clear();
    list.items.clear();
    if (reach.misses()) {
      list.no_items = true;
    } else {
      list.items.push_back(std::move(found));
    }
  });
  best.unknown = best.unknown || first;  // no list whose items are known
  return best;
}

void first_path(Shape& root, std::span<const PathToken> path) {
  walk(root, path, [](Shape& list) {
    look_into(list);
    if (!list.may_be(kTypeArray)) return;
    const bool is_empty = list.no_items && list.items.empty() && list.prefix.empty();
    if (list.types == kTypeArray && is_empty) {
      list = shape_of_types(kTypeNull);
      return;
    }
    const bool known = list.types == kTypeArray && list.items.size() == 1 && list.prefix.empty();
    Shape item = known ? list.items[0] : Shape{};
    look_into(item);
    item.types |= kTypeNull;
    list = std::move(item);
  });
}

void set_path(Shape& root, const BodyPath& path, const ShapeValue& value) {
  const std::span all(path.tokens);
  const size_t shared = path.shared();
  if (shared == all.size()) return;
  walk(root, all.first(shared), [&](Shape& item) { put(item, all.subspan(shared), value); });
}

void wrap_path(Shape& root, std::span<const PathToken> path) {
  if (path.empty()) return;
  Shape inner = std::move(root);
  root = empty_object();
  put(root, path, {.shape = std::move(inner), .presence = Presence::Always});
}

}  // namespace gw::compiler
