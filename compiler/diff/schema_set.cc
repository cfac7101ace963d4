#include "compiler/diff/schema_set.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace gw::compiler::diff {
namespace {

constexpr size_t kMaxParts = 256;

// Keywords that say nothing about which values are valid.
constexpr std::array<std::string_view, 11> kAnnotations{
    "title",    "description", "example",  "examples", "externalDocs", "deprecated",
    "x-sunset", "xml",         "$comment", "summary",  "default"};

bool is_annotation(std::string_view key) {
  return std::ranges::find(kAnnotations, key) != kAnnotations.end();
}

u32 type_bits(std::string_view word) {
  if (word == "null") return kTypeNull;
  if (word == "boolean") return kTypeBoolean;
  if (word == "integer") return kTypeInteger;
  if (word == "number") return kTypeInteger | kTypeFraction;
  if (word == "string") return kTypeString;
  if (word == "array") return kTypeArray;
  if (word == "object") return kTypeObject;
  return 0;
}

bool is_null_schema(Value schema) {
  const Value target = schema.resolved();
  const Value type = target.get("type");
  if (type.is_string()) return type.text() == "null";
  const Value only = target.get("const");
  return only && only.kind() == json::Kind::Null;
}

// Of `anyOf: [X, {type: null}]`, with nothing else that decides: X.
Value nullable_alternative(Value schema) {
  Value group;
  for (const Value::Member& member : schema.members()) {
    if (is_annotation(member.name)) continue;
    const bool alternatives = member.name == "anyOf" || member.name == "oneOf";
    if (!alternatives || group) return {};
    group = member.value;
  }
  const std::vector<Value> items = group.items();
  if (items.size() != 2) return {};
  const bool first = is_null_schema(items[0]);
  if (first == is_null_schema(items[1])) return {};
  return first ? items[1] : items[0];
}

class Flattener {
 public:
  SchemaSet run(const std::vector<Value>& schemas) {
    for (const Value schema : schemas) add(schema);
    if (set_.parts.size() == 1) unwrap_nullable();
    return std::move(set_);
  }

  void add(Value schema) {
    std::vector<Value> waiting{schema};
    while (!waiting.empty() && seen_.size() < kMaxParts) {
      const Value next = waiting.back();
      waiting.pop_back();
      if (!next || std::ranges::find(seen_, next) != seen_.end()) continue;
      seen_.push_back(next);
      if (next.is_true()) continue;
      std::vector<Value> inner;
      if (next.refers()) inner.push_back(target(next));
      for (const Value item : next.get("allOf").items()) inner.push_back(item);
      if (says_more(next)) set_.parts.push_back(next);
      waiting.insert(waiting.end(), inner.rbegin(), inner.rend());
    }
  }

 private:
  Value target(Value reference) {
    const Value leads_to = reference.target();
    if (set_.name.empty()) set_.name = leads_to.fragment_name();
    return leads_to;
  }
  static bool says_more(Value schema) {
    if (!schema.is_object()) return true;
    const std::vector<Value::Member> members = schema.members();
    return std::ranges::any_of(members, [](const Value::Member& member) {
      return member.name != "allOf" && member.name != "$ref";
    });
  }

  void unwrap_nullable() {
    const Value inner = nullable_alternative(set_.parts[0]);
    if (!inner) return;
    const std::string name = set_.name;
    set_.parts.clear();
    add(inner);
    set_.or_null = true;
    if (!name.empty()) set_.name = name;
  }

  SchemaSet set_;
  std::vector<Value> seen_;
};

u32 types_of_part(Value part) {
  if (part.is_false()) return 0;
  const Value type = part.get("type");
  u32 bits = 0;
  if (type.is_string()) {
    bits = type_bits(type.text());
  } else if (type.is_array()) {
    for (const Value item : type.items()) bits |= type_bits(item.text());
  }
  if (bits == 0) return kAllTypes;
  if (part.is_openapi30() && part.get("nullable").is_true()) bits |= kTypeNull;
  return bits;
}

bool says_types_only(Value schema) {
  return std::ranges::all_of(schema.members(), [](const Value::Member& member) {
    return member.name == "type" || member.name == "nullable" || is_annotation(member.name);
  });
}

void tighten(std::optional<Bound>& bound, const Bound& other, bool lower) {
  const bool tighter = !bound ||
                       (lower ? other.value > bound->value : other.value < bound->value) ||
                       (other.value == bound->value && other.exclusive);
  if (tighter) bound = other;
}

}  // namespace

double number_of(Value value) { return std::strtod(value.text().c_str(), nullptr); }

std::string types_text(u32 types) {
  if (types == kAllTypes) return "any";
  std::string out;
  const auto add = [&](std::string_view word) {
    if (!out.empty()) out += " or ";
    out += word;
  };
  if ((types & kTypeString) != 0) add("string");
  if ((types & kTypeFraction) != 0) {
    add("number");
  } else if ((types & kTypeInteger) != 0) {
    add("integer");
  }
  if ((types & kTypeBoolean) != 0) add("boolean");
  if ((types & kTypeArray) != 0) add("array");
  if ((types & kTypeObject) != 0) add("object");
  if ((types & kTypeNull) != 0) add("null");
  return out.empty() ? "nothing" : out;
}

SchemaSet schema_set(Value schema) { return schema_set(std::vector<Value>{schema}); }

SchemaSet schema_set(const std::vector<Value>& schemas) { return Flattener().run(schemas); }

std::vector<Value> keyword(const SchemaSet& set, std::string_view name) {
  std::vector<Value> out;
  for (const Value part : set.parts) {
    if (const Value value = part.get(name)) out.push_back(value);
  }
  return out;
}

Value first_keyword(const SchemaSet& set, std::string_view name) {
  for (const Value part : set.parts) {
    if (const Value value = part.get(name)) return value;
  }
  return {};
}

Place place_of(const SchemaSet& set) { return set.parts.empty() ? Place{} : set.parts[0].place(); }

u32 types_of(const SchemaSet& set) {
  u32 types = kAllTypes;
  for (const Value part : set.parts) types &= types_of_part(part);
  return set.or_null ? types | kTypeNull : types;
}

AlternativeTypes alternative_types(const SchemaSet& set, std::string_view name) {
  const std::vector<Value> lists = keyword(set, name);
  if (lists.size() != 1 || lists[0].size() == 0) return {};
  AlternativeTypes out{.types = set.or_null ? u32{kTypeNull} : 0, .nothing_else = true};
  for (const Value item : lists[0].items()) {
    const SchemaSet alternative = schema_set(item);
    const u32 types = types_of(alternative);
    const bool apart = name != "oneOf" || (out.types & types) == 0;
    out.nothing_else = out.nothing_else && apart && types != kAllTypes &&
                       std::ranges::all_of(alternative.parts, says_types_only);
    out.types |= types;
  }
  return out;
}

std::optional<Bound> number_bound(const SchemaSet& set, bool lower) {
  std::optional<Bound> bound;
  for (const Value part : set.parts) {
    const Value plain = part.get(lower ? "minimum" : "maximum");
    const Value exclusive = part.get(lower ? "exclusiveMinimum" : "exclusiveMaximum");
    if (plain && plain.kind() == json::Kind::Number) {
      tighten(bound, {plain.text(), number_of(plain), exclusive.is_true(), plain}, lower);
    }
    if (exclusive && exclusive.kind() == json::Kind::Number) {
      tighten(bound, {exclusive.text(), number_of(exclusive), true, exclusive}, lower);
    }
  }
  return bound;
}

std::optional<Bound> count_bound(const SchemaSet& set, std::string_view name, bool lower,
                                 std::optional<double> neutral) {
  std::optional<Bound> bound;
  for (const Value value : keyword(set, name)) {
    if (value.kind() != json::Kind::Number) continue;
    tighten(bound, {value.text(), number_of(value), false, value}, lower);
  }
  if (bound && neutral && bound->value == *neutral) return std::nullopt;
  return bound;
}

std::map<std::string, std::vector<Value>> properties_of(const SchemaSet& set) {
  std::map<std::string, std::vector<Value>> out;
  for (const Value properties : keyword(set, "properties")) {
    for (const Value::Member& member : properties.members()) {
      out[member.name].push_back(member.value);
    }
  }
  return out;
}

std::map<std::string, Value> required_of(const SchemaSet& set) {
  std::map<std::string, Value> out;
  for (const Value list : keyword(set, "required")) {
    for (const Value item : list.items()) {
      if (item.is_string()) out.try_emplace(item.text(), item);
    }
  }
  return out;
}

bool is_set(const SchemaSet& set, std::string_view name) {
  return std::ranges::any_of(keyword(set, name), [](Value value) { return value.is_true(); });
}

}  // namespace gw::compiler::diff
