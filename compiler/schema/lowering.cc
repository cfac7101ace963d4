#include "compiler/schema/lowering.h"

#include <algorithm>

#include "compiler/openapi/report.h"
#include "compiler/schema/refuse.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::kAnything;
using gw::schema::kNothing;
using gw::schema::Op;
using openapi::in_quotes;

// Keywords that constrain, and the dialects that have them.
struct Known {
  std::string_view keyword;
  Dialect first;
  Dialect last;
};
constexpr Known kConstraining[] = {
    {"const", Dialect::Draft6, Dialect::Draft202012},
    {"contains", Dialect::Draft6, Dialect::Draft202012},
    {"propertyNames", Dialect::Draft6, Dialect::Draft202012},
    {"patternProperties", Dialect::Draft4, Dialect::Draft202012},
    {"dependencies", Dialect::Draft4, Dialect::Draft202012},
    {"additionalItems", Dialect::Draft4, Dialect::Draft201909},
    {"if", Dialect::Draft7, Dialect::Draft202012},
    {"then", Dialect::Draft7, Dialect::Draft202012},
    {"else", Dialect::Draft7, Dialect::Draft202012},
    {"minContains", Dialect::Draft201909, Dialect::Draft202012},
    {"maxContains", Dialect::Draft201909, Dialect::Draft202012},
    {"dependentRequired", Dialect::Draft201909, Dialect::Draft202012},
    {"dependentSchemas", Dialect::Draft201909, Dialect::Draft202012},
    {"unevaluatedItems", Dialect::Draft201909, Dialect::Draft202012},
    {"unevaluatedProperties", Dialect::Draft201909, Dialect::Draft202012},
    {"prefixItems", Dialect::Draft202012, Dialect::Draft202012},
    {"$dynamicRef", Dialect::Draft202012, Dialect::Draft202012},
};

}  // namespace

Lowering::Lowering(SchemaCompiler& compiler, SchemaSet& set, Unit& unit)
    : compiler_(compiler),
      set_(set),
      unit_(unit),
      node_(unit.node),
      resource_(&set.resource(unit.resource)),
      dialect_(resource_->dialect),
      out_(unit) {}

NodeRef Lowering::keyword(std::string_view name) const {
  if (std::ranges::find(compiler_.unenforced_, name) != compiler_.unenforced_.end()) return {};
  return node_.get(name);
}

NodeRef Lowering::assertion(std::string_view name) const {
  return resource_->validates ? keyword(name) : NodeRef{};
}

u32 Lowering::operand(NodeRef schema) {
  if (schema.kind() == NodeKind::Bool) return schema.boolean() ? kAnything : kNothing;
  return compiler_.unit_of(schema);
}

void Lowering::refuse_at(std::string_view rule, NodeRef node, std::string message,
                         std::string label, std::string help) {
  compiler_.failed_ = true;
  refuse(compiler_.sink_, rule, node, std::move(message), std::move(label), std::move(help));
}

Target Lowering::follow(std::string_view name) {
  Target target = set_.follow(node_, name);
  if (!target.node) compiler_.failed_ = true;
  return target;
}

void Lowering::wrong(NodeRef value, std::string_view name, std::string_view expected) {
  refuse_at("field-type", value,
            in_quotes(name) + " is " + std::string(expected) + ", not " +
                std::string(kind_name(value.kind())),
            "cannot be enforced");
}

void Lowering::cannot(NodeRef key, std::string_view why) {
  refuse_at("keyword-unknown", key,
            "the keyword " + in_quotes(key.text()) + " cannot be enforced: " + std::string(why),
            "would be a silent gap",
            "remove it, or say why it may be left out: `unenforced: {" + std::string(key.text()) +
                ": reason}`");
}

void Lowering::run() {
  if (node_.kind() == NodeKind::Bool) {
    if (!node_.boolean()) unit_.types = 0;
    return;
  }
  if (!node_.is_map()) {
    wrong(node_, "schema", "a map or a boolean");
    return;
  }
  if (!resource_->is_understood) compiler_.failed_ = true;  // reported where its dialect is named
  check_keywords();
  references();
  if (ref_stands_alone(dialect_) && node_.get("$ref")) return;
  types();
  values();
  numbers();
  strings();
  counts("minItems", "maxItems", Op::ItemCount);
  counts("minProperties", "maxProperties", Op::MemberCount);
  members();
  items();
  contains();
  names_and_dependents();
  applicators();
  const NodeRef unique = assertion("uniqueItems");
  if (unique && unique.kind() == NodeKind::Bool && unique.boolean()) {
    out_.begin(Op::UniqueItems);
    out_.end();
  }
  unevaluated();
}

// What another dialect would enforce and this one leaves out. Plain JSON Schema says that unknown
// keywords mean nothing; in an API document they mean that something was meant.
void Lowering::check_keywords() {
  if (!set_.is_openapi()) return;
  for (const NodeRef::Entry entry : node_.entries()) {
    const std::string_view name = entry.key.text();
    if (!keyword(name)) continue;
    if (name == "$recursiveRef") cannot(entry.key, "JSON Schema 2020-12 has `$dynamicRef`");
    for (const Known& known : kConstraining) {
      if (known.keyword != name || (dialect_ >= known.first && dialect_ <= known.last)) continue;
      cannot(entry.key, dialect_ == Dialect::OpenApi30 ? "OpenAPI 3.0 does not have it"
                                                       : "this dialect does not have it");
    }
  }
}

void Lowering::references() {
  if (const NodeRef reference = keyword("$ref")) {
    if (!reference.is_string()) {
      wrong(reference, "$ref", "a string");
    } else if (const Target target = follow("$ref"); target.node) {
      out_.begin(Op::Ref);
      out_.add_schema(operand(target.node), true);
      out_.end();
    }
  }
  const NodeRef recursive = dialect_ == Dialect::Draft201909 ? keyword("$recursiveRef") : NodeRef{};
  if (recursive && !set_.is_openapi()) {
    cannot(node_.key_of("$recursiveRef"), "JSON Schema 2020-12 has `$dynamicRef`");
  }
  const NodeRef dynamic = since(Dialect::Draft202012) ? keyword("$dynamicRef") : NodeRef{};
  if (!dynamic) return;
  if (!dynamic.is_string()) {
    wrong(dynamic, "$dynamicRef", "a string");
    return;
  }
  const Target target = follow("$dynamicRef");
  if (!target.node) return;
  if (target.dynamic_anchor.empty()) {  // then it is a $ref
    out_.begin(Op::Ref);
    out_.add_schema(operand(target.node), true);
    out_.end();
    return;
  }
  unit_.dynamic_target = operand(target.node);
  unit_.dynamic_anchor = target.dynamic_anchor;
}

void Lowering::types() {
  const NodeRef type = assertion("type");
  if (!type) return;
  unit_.types = 0;
  if (type.is_seq()) {
    for (const NodeRef name : type.items()) type_name(name);
  } else {
    type_name(type);
  }
  const NodeRef nullable = dialect_ == Dialect::OpenApi30 ? keyword("nullable") : NodeRef{};
  if (nullable && nullable.kind() == NodeKind::Bool && nullable.boolean()) {
    unit_.types |= gw::schema::kTypeNull;
  }
}

void Lowering::type_name(NodeRef name) {
  struct Row {
    std::string_view name;
    u32 bits;
  };
  static constexpr Row kRows[] = {
      {"null", gw::schema::kTypeNull},       {"boolean", gw::schema::kTypeBool},
      {"integer", gw::schema::kTypeInteger}, {"number", gw::schema::kTypeNumber},
      {"string", gw::schema::kTypeString},   {"array", gw::schema::kTypeArray},
      {"object", gw::schema::kTypeObject},
  };
  // In YAML, `type: null` is no string.
  const std::string_view text = name.is_null() ? "null" : name.is_scalar() ? name.text() : "";
  for (const Row& row : kRows) {
    if (row.name != text) continue;
    unit_.types |= row.bits;
    return;
  }
  refuse_at("field-value", name, "there is no type " + in_quotes(text), "not a type of JSON");
}

}  // namespace gw::compiler::schema
