// The JSON Schema of test files, made of the tables that the reader checks by.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/testing/fields.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;

json::object object_of(std::span<const Field> fields);

json::object text(std::string_view pattern = {}) {
  json::object out{{"type", "string"}};
  if (!pattern.empty()) out["pattern"] = pattern;
  return out;
}

json::object texts() {
  return {{"anyOf", json::array{text(), {{"type", "array"}, {"items", text()}}}}};
}

// Scalars are taken as they are written: `7` is the text "7".
json::object header_values(bool expected) {
  json::array types{"string", "number", "boolean"};
  if (expected) types.emplace_back("null");
  const json::object scalar{{"type", types}};
  json::array any{scalar, {{"type", "array"}, {"items", scalar}}};
  if (expected) any.push_back(json::object{{"type", "object"}});  // a matcher
  return {{"type", "object"}, {"additionalProperties", {{"anyOf", std::move(any)}}}};
}

json::object of_kind(const Field& field) {
  switch (field.kind) {
    case FieldKind::Text:
      return {{"type", json::array{"string", "number", "boolean"}}};
    case FieldKind::TextOrNull:
      return {{"type", json::array{"string", "null"}}};
    case FieldKind::Words: {
      json::array words;
      for (const std::string_view word : field.words) words.emplace_back(word);
      return {{"enum", std::move(words)}};
    }
    case FieldKind::Status:
      return {{"type", "integer"}, {"minimum", 100}, {"maximum", 599}};
    case FieldKind::Statuses:
      return {{"anyOf", json::array{{{"type", "integer"}, {"minimum", 100}, {"maximum", 599}},
                                    text("^[1-5]XX$")}}};
    case FieldKind::Count:
      return {{"type", "integer"}, {"minimum", 0}};
    case FieldKind::Times:
      return {{"type", "integer"}, {"minimum", 1}, {"maximum", kMaxRepeat}};
    case FieldKind::Bool:
      return {{"type", "boolean"}};
    case FieldKind::Duration:
      return text("^([0-9]+(ms|s|m|h|d))+$");
    case FieldKind::Time:
      return {{"type", "string"}, {"format", "date-time"}};
    case FieldKind::Address:
    case FieldKind::Names:
      return field.kind == FieldKind::Names ? texts() : text();
    case FieldKind::Headers:
      return header_values(false);
    case FieldKind::Expected:
      return header_values(true);
    case FieldKind::Any:
      return {};
    case FieldKind::Claims:
      return {{"type", "object"}};
    case FieldKind::Object:
      return object_of(field.fields);
    case FieldKind::Objects:
      return {{"type", "array"}, {"items", object_of(field.fields)}};
    case FieldKind::ObjectMap:
      return {{"type", "object"}, {"additionalProperties", object_of(field.fields)}};
  }
  return {};
}

json::object object_of(std::span<const Field> fields) {
  json::object properties;
  for (const Field& field : fields) {
    json::object schema = of_kind(field);
    schema["description"] = field.doc;
    properties[field.name] = std::move(schema);
  }
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

void append(const json::value& value, size_t indent, std::string& out) {
  const std::string pad(indent + 2, ' ');
  if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& [key, member] : *object) {
      if (!first) out += ",\n";
      first = false;
      out += pad + json::serialize(json::value(key)) + ": ";
      append(member, indent + 2, out);
    }
    out += "\n" + std::string(indent, ' ') + "}";
    return;
  }
  out += json::serialize(value);
}

}  // namespace

std::string test_json_schema() {
  json::object schema = object_of(kFileFields);
  json::object all{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                   {"title", "Tests of a gateway, for `gwctl test`"}};
  for (const auto& [key, value] : schema) all[key] = value;
  all["required"] = json::array{"tests"};
  std::string out;
  append(all, 0, out);
  return out + "\n";
}

}  // namespace gw::cli::tests
