#include "compiler/openapi/structure.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace gw::compiler::openapi {
namespace {

constexpr u64 kKindBits = 8;
static_assert(static_cast<u64>(ObjectKind::Schema) < u64{1} << kKindBits);

bool is_extension(std::string_view key) { return key.starts_with("x-"); }

bool is_number(NodeRef node) {
  return node.kind() == NodeKind::Int || node.kind() == NodeKind::Float;
}

/// An integer that is not negative; 5.0 is one for JSON Schema.
bool is_count(NodeRef node) {
  if (!is_number(node)) return false;
  const std::string text(node.text());
  if (node.kind() == NodeKind::Int) return text[0] != '-' || text == "-0";
  const double value = std::strtod(text.c_str(), nullptr);
  return value >= 0 && value == static_cast<double>(static_cast<u64>(std::min(value, 1e18)));
}

std::string_view shape_name(Shape shape, Version version) {
  switch (shape) {
    case Shape::Any:
      return "any value";
    case Shape::String:
      return "a string";
    case Shape::Bool:
      return "a boolean";
    case Shape::Number:
      return "a number";
    case Shape::Count:
      return "an integer of at least 0";
    case Shape::StringList:
      return "a list of strings";
    case Shape::StringMap:
      return "a map of strings";
    case Shape::StringsMap:
      return "a map of lists of strings";
    case Shape::List:
    case Shape::ObjectList:
      return "a list";
    case Shape::Map:
    case Shape::Object:
    case Shape::ObjectMap:
      return "a map";
    case Shape::BoolOrSchema:
      return "a boolean or a schema";
    case Shape::TypeName:
      return version == Version::V30 ? "the name of a type"
                                     : "the name of a type or a list of them";
    case Shape::Limit:
      return version == Version::V30 ? "a boolean" : "a number";
    case Shape::SchemaOrNames:
      return "a map of schemas or lists of names";
  }
  return "any value";
}

bool all_strings(NodeRef list) {
  for (const NodeRef item : list.items()) {
    if (!item.is_string()) return false;
  }
  return list.is_seq();
}

bool fits(NodeRef value, Shape shape, Version version) {
  switch (shape) {
    case Shape::Any:
      return true;
    case Shape::String:
      return value.is_string();
    case Shape::Bool:
      return value.kind() == NodeKind::Bool;
    case Shape::Number:
      return is_number(value);
    case Shape::Count:
      return is_count(value);
    case Shape::StringList:
    case Shape::List:
    case Shape::ObjectList:
      return value.is_seq();
    case Shape::StringMap:
    case Shape::StringsMap:
    case Shape::Map:
    case Shape::SchemaOrNames:
    case Shape::ObjectMap:
      return value.is_map();
    case Shape::Object:
      return true;  // looked at when its turn comes
    case Shape::BoolOrSchema:
      return value.is_map() || value.kind() == NodeKind::Bool;
    case Shape::TypeName:
      return value.is_string() || (value.is_seq() && version != Version::V30);
    case Shape::Limit:
      return version == Version::V30 ? value.kind() == NodeKind::Bool : is_number(value);
  }
  return true;
}

bool is_one_of(std::string_view value, std::string_view values) {
  while (!values.empty()) {
    const size_t bar = std::min(values.find('|'), values.size());
    if (values.substr(0, bar) == value) return true;
    values.remove_prefix(std::min(bar + 1, values.size()));
  }
  return false;
}

std::vector<std::string_view> split(std::string_view values) {
  std::vector<std::string_view> parts;
  while (!values.empty()) {
    const size_t bar = std::min(values.find('|'), values.size());
    parts.push_back(values.substr(0, bar));
    values.remove_prefix(std::min(bar + 1, values.size()));
  }
  return parts;
}

std::string listed(std::string_view values) {
  std::string text;
  for (const std::string_view part : split(values)) {
    if (!text.empty()) text += ", ";
    text += "`" + std::string(part) + "`";
  }
  return text;
}

bool is_status(std::string_view key) {
  if (key == "default") return true;
  if (key.size() != 3 || key[0] < '1' || key[0] > '5') return false;
  if (key.substr(1) == "XX") return true;
  return key[1] >= '0' && key[1] <= '9' && key[2] >= '0' && key[2] <= '9';
}

/// One of the words that YAML 1.1 took for a boolean.
bool is_old_boolean(NodeRef value) {
  if (!value.is_string()) return false;
  std::string text(value.text());
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return is_one_of(text, "yes|no|on|off|y|n");
}

constexpr std::string_view kTypeNames = "null|boolean|object|array|number|string|integer";
constexpr std::string_view kTypeNames30 = "boolean|object|array|number|string|integer";

}  // namespace

StructureCheck::StructureCheck(Version version, References& references, DiagnosticSink& sink)
    : version_(version), references_(references), sink_(sink) {}

void StructureCheck::run(NodeRef root) {
  add(root, ObjectKind::OpenApi);
  while (!work_.empty()) {
    const Work work = work_.back();
    work_.pop_back();
    check_object(work);
  }
}

void StructureCheck::add(NodeRef node, ObjectKind kind) {
  if (!node) return;
  const u64 key = u64{node.tree()->file()} << 48 | u64{node.target_index()} << kKindBits |
                  static_cast<u64>(kind);
  if (seen_.insert(key).second) work_.push_back({node, kind});
}

void StructureCheck::check_object(const Work& work) {
  const ObjectType& type = object_type(work.kind);
  NodeRef node = work.node;
  if (type.by_reference && is_reference(node)) {
    add(references_.resolve(node), work.kind);
    // Beside $ref other fields count only in path items and, since 3.1, in schemas.
    const bool siblings = work.kind == ObjectKind::PathItem ||
                          (work.kind == ObjectKind::Schema && version_ != Version::V30);
    if (!siblings) return;
  }
  const bool boolean_schema =
      work.kind == ObjectKind::Schema && version_ != Version::V30 && node.kind() == NodeKind::Bool;
  if (boolean_schema) return;
  if (!node.is_map()) {
    report(sink_, {.rule = "field-type",
                   .node = node,
                   .message = std::string(type.name) + " must be a map, not " +
                              std::string(kind_name(node.kind())),
                   .label = "not a map"});
    return;
  }
  switch (work.kind) {
    case ObjectKind::Paths:
      return check_paths(node);
    case ObjectKind::Responses:
      return check_responses(node);
    case ObjectKind::Callback:
      return check_callback(node);
    case ObjectKind::SecurityRequirement:
      return check_requirement(node);
    default:
      break;
  }
  check_fields(node, work.kind);
  check_together(node, work.kind);
}

void StructureCheck::check_fields(NodeRef node, ObjectKind kind) {
  const ObjectType& type = object_type(kind);
  for (const NodeRef::Entry entry : node.entries()) {
    const std::string_view key = entry.key.text();
    if (type.extensible && is_extension(key)) continue;
    const Field* field = find_field(type, key);
    if (field != nullptr && in_version(*field, version_)) {
      check_field(entry, *field, type);
    } else if (kind == ObjectKind::Schema) {
      unknown_keyword(entry, field);
    } else {
      unknown_field(entry, type);
    }
  }
  for (const Field& field : type.fields) {
    if (field.required && !node.get(field.name)) missing(node, field.name, type);
  }
}

void StructureCheck::check_field(const NodeRef::Entry& entry, const Field& field,
                                 const ObjectType& type) {
  (void)type;
  if (field.name == "version" && field.shape == Shape::String && is_number(entry.value)) {
    return unquoted_version(entry.value);
  }
  if (!fits(entry.value, field.shape, version_)) {
    wrong_type(entry.value, field.name, shape_name(field.shape, version_),
               field.shape == Shape::String && !field.required);
    return;
  }
  if (!field.values.empty()) check_values(entry, field);
  check_children(entry, field);
}

void StructureCheck::check_values(const NodeRef::Entry& entry, const Field& field) {
  const std::string_view value = entry.value.text();
  if (is_one_of(value, field.values)) return;
  report(sink_, {.rule = "field-value",
                 .node = entry.value,
                 .message = in_quotes(field.name) + " cannot be " + in_quotes(value) + ", only " +
                            listed(field.values),
                 .label = "not among them",
                 .help = did_you_mean(value, split(field.values))});
}

void StructureCheck::check_children(const NodeRef::Entry& entry, const Field& field) {
  const NodeRef value = entry.value;
  switch (field.shape) {
    case Shape::Object:
      add(value, field.object);
      break;
    case Shape::BoolOrSchema:
      if (value.is_map()) add(value, field.object);
      break;
    case Shape::ObjectList:
      for (const NodeRef item : value.items()) add(item, field.object);
      break;
    case Shape::ObjectMap:
      for (const NodeRef::Entry child : value.entries()) {
        // Extensions are allowed beside components, never among properties of a schema.
        if (field.object != ObjectKind::Schema && is_extension(child.key.text()) &&
            !child.value.is_map()) {
          continue;
        }
        add(child.value, field.object);
      }
      break;
    case Shape::SchemaOrNames:
      for (const NodeRef::Entry child : value.entries()) {
        if (!child.value.is_seq()) add(child.value, field.object);
      }
      break;
    case Shape::StringList:
      for (const NodeRef item : value.items()) {
        if (!item.is_string()) wrong_type(item, field.name, "a list of strings");
      }
      break;
    case Shape::StringMap:
      for (const NodeRef::Entry child : value.entries()) {
        if (!child.value.is_string()) {
          wrong_type(child.value, field.name, "a map of strings", true);
        }
      }
      break;
    case Shape::StringsMap:
      for (const NodeRef::Entry child : value.entries()) {
        if (!all_strings(child.value)) wrong_type(child.value, field.name, "lists of strings");
      }
      break;
    case Shape::TypeName:
      check_type_name(value);
      break;
    default:
      break;
  }
}

void StructureCheck::check_type_name(NodeRef value) {
  const std::string_view names = version_ == Version::V30 ? kTypeNames30 : kTypeNames;
  const auto check = [&](NodeRef name) {
    if (!name.is_string()) {
      wrong_type(name, "type", "the name of a type");
    } else if (!is_one_of(name.text(), names)) {
      const bool null = name.text() == "null";
      report(sink_, {.rule = "field-value",
                     .node = name,
                     .message = "a schema has no type " + in_quotes(name.text()) + ", only " +
                                listed(names),
                     .label = "unknown type",
                     .help = null ? "in OpenAPI 3.0 write `nullable: true`"
                                  : did_you_mean(name.text(), split(names))});
    }
  };
  if (value.is_seq()) {
    for (const NodeRef item : value.items()) check(item);
  } else {
    check(value);
  }
}

void StructureCheck::unknown_field(const NodeRef::Entry& entry, const ObjectType& type) {
  const std::string_view key = entry.key.text();
  const Field* other_version = find_field(type, key);
  std::vector<std::string_view> names;
  for (const Field& field : type.fields) {
    if (in_version(field, version_)) names.push_back(field.name);
  }
  std::string help = did_you_mean(key, names);
  if (other_version != nullptr) {
    help = other_version->since > version_
               ? "it exists since OpenAPI " + std::string(version_name(other_version->since))
               : "it exists up to OpenAPI " + std::string(version_name(other_version->until));
  } else if (help.empty() && type.extensible) {
    help = "fields of your own begin with `x-`";
  }
  report(sink_, {.rule = "field-unknown",
                 .node = entry.value,
                 .message = std::string(type.name) + " has no field " + in_quotes(key),
                 .label = "unknown field",
                 .help = std::move(help),
                 .span = entry.key.span()});
}

/// In 3.1 any further keyword is an annotation, so only what looks like a slip is reported.
void StructureCheck::unknown_keyword(const NodeRef::Entry& entry, const Field* known) {
  const std::string_view key = entry.key.text();
  std::string help;
  if (known != nullptr) {
    help = key == "nullable" ? "since OpenAPI 3.1 write `type: [..., \"null\"]`"
           : known->since > version_
               ? "it has a meaning since OpenAPI " + std::string(version_name(known->since))
               : "it has a meaning up to OpenAPI " + std::string(version_name(known->until));
  } else {
    std::vector<std::string_view> names;
    for (const Field& field : object_type(ObjectKind::Schema).fields) {
      if (in_version(field, version_)) names.push_back(field.name);
    }
    help = did_you_mean(key, names);
    if (help.empty() && version_ != Version::V30) return;
    if (help.empty()) help = "keywords of your own begin with `x-`";
  }
  report(sink_, {.rule = "keyword-unknown",
                 .node = entry.value,
                 .message = "a schema of OpenAPI " + std::string(version_name(version_)) +
                            " has no keyword " + in_quotes(key),
                 .label = "has no effect",
                 .help = std::move(help),
                 .span = entry.key.span()});
}

void StructureCheck::missing(NodeRef node, std::string_view field, const ObjectType& type) {
  const Span whole = node.span();
  // An underline of the whole object would bury the point; its first key is enough.
  Span place = whole;
  for (const NodeRef::Entry entry : node.entries()) {
    if (entry.key.span().file == whole.file && entry.key.span().begin >= whole.begin) {
      place = entry.key.span();
    }
    break;
  }
  report(sink_, {.rule = "field-missing",
                 .node = node,
                 .message = std::string(type.name) + " lacks the field " + in_quotes(field),
                 .label = "in this map",
                 .span = place});
}

void StructureCheck::wrong_type(NodeRef value, std::string_view field, std::string_view expected,
                                bool optional_text) {
  const bool unquoted = expected == "a string" && value.is_scalar() && !value.is_null();
  std::string_view help = unquoted ? "put the value in quotes" : "";
  if (expected == "a boolean" && is_old_boolean(value)) {
    help = "write `true` or `false`: to YAML 1.2 this is a text";
  } else if (value.kind() == NodeKind::Bool && field == "required" &&
             expected == "a list of strings") {
    help = "in a schema `required` lists the names of properties that must be there";
  } else if (value.is_seq() && field == "type" && version_ == Version::V30) {
    help = "OpenAPI 3.0 knows one type; write `nullable: true` instead of `null`";
  } else if (value.kind() == NodeKind::Bool && field.starts_with("exclusive")) {
    help = "since OpenAPI 3.1 the limit itself stands here, instead of `minimum` or `maximum`";
  }
  report(sink_, {.rule = "field-type",
                 .node = value,
                 .message = in_quotes(field) + " takes " + std::string(expected) + ", not " +
                            std::string(kind_name(value.kind())),
                 .label = std::string(kind_name(value.kind())),
                 .help = std::string(help),
                 // `description:` with nothing behind it does no harm.
                 .as_warning = optional_text && value.is_null()});
}

/// `version: 1.10` is a number to YAML and a version to everybody else: its text is what counts.
void StructureCheck::unquoted_version(NodeRef value) {
  report(sink_,
         {.rule = "field-type",
          .node = value,
          .message = "`version` takes a string; this number is read as " + in_quotes(value.text()),
          .label = "a number",
          .help = "put it in quotes, for readers that make 1.1 of 1.10",
          .as_warning = true});
}

void StructureCheck::check_paths(NodeRef node) {
  for (const NodeRef::Entry entry : node.entries()) {
    if (is_extension(entry.key.text())) continue;
    add(entry.value, ObjectKind::PathItem);  // the keys: see path_templates.cc
  }
}

void StructureCheck::check_callback(NodeRef node) {
  for (const NodeRef::Entry entry : node.entries()) {
    if (!is_extension(entry.key.text())) add(entry.value, ObjectKind::PathItem);
  }
}

void StructureCheck::check_responses(NodeRef node) {
  u32 count = 0;
  for (const NodeRef::Entry entry : node.entries()) {
    const std::string_view key = entry.key.text();
    if (is_extension(key)) continue;
    ++count;
    if (!is_status(key)) {
      report(sink_, {.rule = "field-unknown",
                     .node = entry.value,
                     .message = "`responses` has no field " + in_quotes(key),
                     .label = "not a status",
                     .help = "write a status such as `200`, a class such as `2XX`, or `default`",
                     .span = entry.key.span()});
      continue;
    }
    add(entry.value, ObjectKind::Response);
  }
  if (count == 0) {
    report(sink_, {.rule = "field-missing",
                   .node = node,
                   .message = "`responses` lacks a response",
                   .label = "empty",
                   .help = "add at least `default`"});
  }
}

void StructureCheck::check_requirement(NodeRef node) {
  for (const NodeRef::Entry entry : node.entries()) {
    if (!all_strings(entry.value)) {
      report(sink_, {.rule = "field-type",
                     .node = entry.value,
                     .message = "a security requirement takes a list of scopes, not " +
                                std::string(kind_name(entry.value.kind())),
                     .label = "not a list of strings",
                     .help = "write `[]` when there are none"});
    }
  }
}

}  // namespace gw::compiler::openapi
