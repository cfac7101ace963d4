#include "compiler/xgw/reference.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <vector>

#include "compiler/xgw/language.h"

namespace gw::compiler {
namespace {

namespace json = boost::json;
using policies::FieldKind;
using policies::FieldSpec;

constexpr std::string_view kReferencePattern = R"((\$env\.|\$file\./|\{\$env\.|\{\$file\./))";

json::object text(std::string_view pattern = {}) {
  json::object out{{"type", "string"}};
  if (!pattern.empty()) out["pattern"] = pattern;
  return out;
}

json::object schema_of(const FieldSpec& field);

json::object record_schema(std::span<const FieldSpec> fields) {
  json::object properties;
  json::array required;
  for (const FieldSpec& field : fields) {
    properties[field.name] = schema_of(field);
    if (field.required) required.emplace_back(field.name);
  }
  json::object out{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = required;
  return out;
}

json::object condition_schema() {
  const json::object value{
      {"description", "text, a list (any of), or {not, present, matches, prefix}"}};
  const json::object named{{"type", "object"}, {"additionalProperties", value}};
  const json::object one{{"type", "object"},
                         {"minProperties", 1},
                         {"properties",
                          {{"header", named},
                           {"query", named},
                           {"cookie", named},
                           {"ip", value},
                           {"host", value},
                           {"path", value},
                           {"method", value}}},
                         {"additionalProperties", false}};
  return {{"oneOf", json::array{one, {{"type", "array"}, {"items", one}, {"minItems", 1}}}}};
}

// A text that is one of some words, or another where one of these ends with `*`.
json::object known_words(const FieldSpec& field) {
  json::array words;
  json::array any;
  for (const std::string_view word : field.words) {
    if (!word.ends_with('*')) {
      words.emplace_back(word);
      continue;
    }
    std::string pattern = "^";
    for (const char c : word.substr(0, word.size() - 1))
      pattern += c == '.' ? "\\." : std::string(1, c);
    any.push_back(text(pattern));
  }
  any.insert(any.begin(), json::object{{"enum", std::move(words)}});
  return {{"anyOf", std::move(any)}};
}

// `429`, which YAML takes for a number, or `5xx`.
json::object status_or_class() {
  return {{"anyOf", json::array{text("^[1-5](xx|[0-9]{2})$"),
                                {{"type", "integer"}, {"minimum", 100}, {"maximum", 599}}}}};
}

json::object plain_schema(const FieldSpec& field) {
  switch (field.kind) {
    case FieldKind::Bool:
      return {{"type", "boolean"}};
    case FieldKind::Count:
    case FieldKind::Status: {
      json::object out{{"type", "integer"}, {"minimum", field.min}};
      if (field.max != ~u64{0}) out["maximum"] = field.max;
      return out;
    }
    case FieldKind::Bytes:
      return text("^[0-9]+(B|kB|KiB|MB|MiB|GB|GiB|TiB)$");
    case FieldKind::Duration:
      return text("^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$");
    case FieldKind::Percent:
      return text("^[0-9]+(\\.[0-9]{1,2})?%$");
    case FieldKind::Enum: {
      json::array words;
      for (const std::string_view word : field.words) {
        words.emplace_back(word);
        const bool number = word.find_first_not_of("0123456789") == word.npos;
        if (number) words.emplace_back(std::stoi(std::string(word)));
      }
      return {{"enum", words}};
    }
    case FieldKind::HeaderName:
      return text("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$");
    case FieldKind::Url:
      return text("^https?://");
    case FieldKind::Address:
      return text("(:[0-9]+$)|(^unix:/)");
    case FieldKind::Pem:
    case FieldKind::Document:
      return text(kReferencePattern);
    case FieldKind::ClaimPath:
      return text(R"(^\$jwt(\.|#/))");
    case FieldKind::Rate:
      return text("^[0-9]+/(s|min|h|day)$");
    case FieldKind::Origin:
      return text("^(\\*|[a-z][a-z0-9+.-]*://.+)$");
    case FieldKind::Body:
    case FieldKind::Schema:
    case FieldKind::Template:
      return {};
    case FieldKind::Condition:
      return condition_schema();
    case FieldKind::List: {
      json::object out{{"type", "array"}, {"items", schema_of(field.fields[0])}};
      if (field.min > 0) out["minItems"] = field.min;
      const FieldKind kind = field.fields[0].kind;
      if (kind == FieldKind::Record || kind == FieldKind::Map || kind == FieldKind::List) {
        return out;
      }
      // One value stands for a list of one.
      return {{"anyOf", json::array{std::move(out), schema_of(field.fields[0])}}};
    }
    case FieldKind::Map:
      return {{"type", "object"}, {"additionalProperties", schema_of(field.fields[0])}};
    case FieldKind::Record:
      return record_schema(field.fields);
    case FieldKind::Union: {
      json::array any;
      for (const FieldSpec& alternative : field.fields) any.push_back(schema_of(alternative));
      return {{"anyOf", any}};
    }
    default:
      if (field.name == "status") return status_or_class();
      return field.words.empty() ? text() : known_words(field);
  }
}

const FieldSpec* shorthand_of(const FieldSpec& field) {
  for (const FieldSpec& inner : field.fields) {
    if (!field.shorthand.empty() && inner.name == field.shorthand) return &inner;
  }
  return nullptr;
}

json::object schema_of(const FieldSpec& field) {
  json::array any{plain_schema(field)};
  if (field.late) any.push_back(text(kReferencePattern));
  if (const FieldSpec* inner = shorthand_of(field);
      inner != nullptr && field.kind == FieldKind::Record) {
    any.push_back(schema_of(*inner));
  }
  json::object out = any.size() == 1 ? any[0].as_object() : json::object{{"anyOf", any}};
  if (!field.doc.empty()) out["description"] = field.doc;
  if (!field.fallback.empty()) out["default"] = field.fallback;
  return out;
}

// A field that may also be switched off, as every field of an operation may.
json::object with_off(json::object schema) {
  const json::object off{{"description", "removes what is inherited"},
                         {"anyOf", json::array{{{"enum", json::array{"off", false}}},
                                               {{"type", "object"},
                                                {"properties", {{"off", {{"type", "string"}}}}},
                                                {"required", json::array{"off"}},
                                                {"additionalProperties", false}}}}};
  return {{"anyOf", json::array{std::move(schema), off}}};
}

json::object operation_properties(bool policies_only) {
  json::object out;
  for (size_t i = 0; i < kOperationSpecs.size(); ++i) {
    if (policies_only && !kOperationFields[i].in_policies) continue;
    json::object schema = schema_of(kOperationSpecs[i]);
    if (kOperationSpecs[i].name == "mock") {
      schema = {{"anyOf", json::array{std::move(schema), {{"type", "boolean"}}}}};
    }
    out[kOperationSpecs[i].name] = with_off(std::move(schema));
  }
  return out;
}

json::object closed(json::object properties) {
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

json::object names_or_name() {
  return {{"anyOf", json::array{{{"type", "string"}},
                                {{"type", "array"}, {"items", {{"type", "string"}}}}}}};
}

json::object reasons() {
  return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
}

json::object waivers() {
  const json::object one{
      {"type", "object"},
      {"properties",
       {{"reason", {{"type", "string"}}}, {"until", {{"type", "string"}, {"format", "date"}}}}},
      {"required", json::array{"reason"}},
      {"additionalProperties", false}};
  return {{"type", "object"}, {"additionalProperties", one}};
}

json::object map_of(std::string_view definition) {
  return {{"type", "object"},
          {"additionalProperties", {{"$ref", fmt::format("#/$defs/{}", definition)}}}};
}

json::object reference_to(std::string_view definition) {
  return {{"$ref", fmt::format("#/$defs/{}", definition)}};
}

json::object assertions() {
  const json::object names = names_or_name();
  json::array words;
  for (const std::string_view word : kAssertHasWords) words.emplace_back(word);
  const json::object one_word{{"enum", std::move(words)}};
  const json::object has{
      {"anyOf", json::array{one_word, {{"type", "array"}, {"items", one_word}}}}};
  json::object every = closed({{"method", names},
                               {"path", json::object{{"type", "string"}}},
                               {"public", json::object{{"type", "boolean"}}}});
  json::object fields;
  for (const PlainField& field : kAssertFields) {
    json::object schema = field.name == "every"      ? every
                          : field.name == "has"      ? has
                          : field.name == "avoids"   ? names
                          : field.name == "maxSteps" ? json::object{{"type", "integer"}}
                                                     : json::object{{"type", "string"}};
    schema["description"] = field.doc;
    fields[field.name] = std::move(schema);
  }
  return {{"type", "array"}, {"items", closed(std::move(fields))}};
}

// Schemas of the keys that code of its own reads.
json::object plain_property(std::string_view name) {
  if (name == "version") return {{"const", 1}};
  if (name == "services") return map_of("service");
  if (name == "upstreams") return map_of("upstream");
  if (name == "policies") return map_of("policy");
  if (name == "operations") return map_of("operation");
  if (name == "defaults") return reference_to("defaults");
  if (name == "observe") return reference_to("observe");
  if (name == "listeners") return {{"type", "array"}, {"items", reference_to("listener")}};
  if (name == "waive") return waivers();
  if (name == "assert") return assertions();
  if (name == "unenforced") return reasons();
  if (name == "schemes") return reasons();
  if (name == "consumers" || name == "plans") return {{"type", "object"}};
  if (name == "equals") return text("^(\\$|.*\\{\\$)");
  if (name == "security") return {{"type", "array"}};
  if (name == "hosts" || name == "locked" || name == "trustedProxies" || name == "use" ||
      name == "resolvers")
    return names_or_name();
  if (name == "anyMethod") return {{"anyOf", json::array{{{"const", true}}, {{"type", "object"}}}}};
  if (name == "greedy" || name == "matchOnly") return {{"type", "boolean"}};
  return {{"type", "string"}};
}

json::object place(std::span<const PlainField> plain, bool with_operation_fields) {
  json::object properties = with_operation_fields ? operation_properties(false) : json::object{};
  for (const PlainField& field : plain) {
    json::object schema = plain_property(field.name);
    schema["description"] = field.doc;
    properties[field.name] = std::move(schema);
  }
  return closed(std::move(properties));
}

json::object record_with_shorthand(const policies::RecordSpec& spec) {
  const FieldSpec field{.name = spec.name,
                        .kind = FieldKind::Record,
                        .fields = spec.fields,
                        .size = spec.bytes,
                        .shorthand = spec.shorthand,
                        .doc = spec.doc};
  return schema_of(field);
}

std::string_view kind_text(const FieldSpec& field) {
  switch (field.kind) {
    case FieldKind::Bool:
      return "boolean";
    case FieldKind::Count:
      return "number";
    case FieldKind::Bytes:
      return "size";
    case FieldKind::Duration:
      return "duration";
    case FieldKind::Percent:
      return "share";
    case FieldKind::Status:
      return "status";
    case FieldKind::Enum:
      return "word";
    case FieldKind::HeaderName:
      return "field name";
    case FieldKind::Url:
      return "URL";
    case FieldKind::Address:
      return "address";
    case FieldKind::Pem:
      return "reference to PEM";
    case FieldKind::Document:
      return "reference to a file";
    case FieldKind::ClaimPath:
      return "claim";
    case FieldKind::Rate:
      return "rate";
    case FieldKind::Origin:
      return "origin";
    case FieldKind::Network:
      return "address or CIDR block";
    case FieldKind::Body:
      return "text, map or list";
    case FieldKind::Template:
      return "JSON value with expressions";
    case FieldKind::Expression:
      return "text with expressions";
    case FieldKind::PathRewrite:
      return "path with expressions";
    case FieldKind::Condition:
      return "condition";
    case FieldKind::Schema:
      return "schema";
    case FieldKind::Regex:
      return "pattern";
    case FieldKind::Name:
      return "name";
    case FieldKind::List:
      return "list";
    case FieldKind::Map:
      return "map";
    case FieldKind::Record:
      return "map";
    case FieldKind::Union:
      return "one of several";
    default:
      return "text";
  }
}

std::string type_text(const FieldSpec& field) {
  std::string out(kind_text(field));
  if (field.kind == FieldKind::Enum) out = fmt::format("`{}`", fmt::join(field.words, "`, `"));
  const bool of_values = (field.kind == FieldKind::List || field.kind == FieldKind::Map) &&
                         field.fields[0].kind != FieldKind::Record;
  if (of_values) out += fmt::format(" of {}", kind_text(field.fields[0]));
  if (!field.shorthand.empty()) out += fmt::format(", or its `{}` alone", field.shorthand);
  if (field.late) out += ", may be a reference";
  return out;
}

void add_rows(std::span<const FieldSpec> fields, const std::string& prefix, std::string& out) {
  for (const FieldSpec& field : fields) {
    const std::string name = prefix + std::string(field.name);
    out += fmt::format("| `{}` | {} | {} | {}{} |\n", name, type_text(field),
                       field.fallback.empty() ? "" : fmt::format("`{}`", field.fallback),
                       field.required ? "required; " : "", field.doc);
    if (field.kind == FieldKind::Record) add_rows(field.fields, name + ".", out);
    const bool of_records = (field.kind == FieldKind::List || field.kind == FieldKind::Map) &&
                            field.fields[0].kind == FieldKind::Record;
    if (of_records) add_rows(field.fields[0].fields, name + "[].", out);
  }
}

std::string plain_rows(std::span<const PlainField> fields) {
  std::string out = "| key | meaning |\n|---|---|\n";
  for (const PlainField& field : fields)
    out += fmt::format("| `{}` | {} |\n", field.name, field.doc);
  return out;
}

std::string log_field_rows() {
  std::string out =
      "\n### Fields of the access log\n\n"
      "| field | in JSON by default | meaning |\n|---|---|---|\n";
  for (const policies::LogFieldInfo& field : policies::kLogFields) {
    out += fmt::format("| `{}` | {} | {} |\n", field.name, field.standard ? "yes" : "", field.doc);
  }
  return out;
}

constexpr std::string_view kFieldHeader =
    "| field | type | default | meaning |\n|---|---|---|---|\n";

}  // namespace

std::string x_gw_json_schema() {
  json::object policy = closed(operation_properties(true));
  json::object defaults = operation_properties(false);
  defaults["use"] = names_or_name();
  json::object upstream_properties =
      record_schema(policies::kUpstreamFields).at("properties").as_object();
  for (const FieldSpec& field : policies::kSettingsFields) {
    FieldSpec with_shorthand = field;
    upstream_properties[field.name] = schema_of(with_shorthand);
  }
  json::object upstream = closed(std::move(upstream_properties));
  upstream["oneOf"] =
      json::array{{{"required", json::array{"targets"}}}, {{"required", json::array{"dns"}}}};
  const json::object schema{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "x-gw"},
      {"anyOf", json::array{reference_to("root"), reference_to("path"), reference_to("operation"),
                            reference_to("parameter")}},
      {"$defs",
       {{"root", place(kRootFields, false)},
        {"service", place(kServiceFields, false)},
        {"path", place(kPathFields, true)},
        {"operation", place(kOperationOnlyFields, true)},
        {"parameter", place(kParameterFields, false)},
        {"policy", std::move(policy)},
        {"defaults", closed(std::move(defaults))},
        {"upstream", std::move(upstream)},
        {"listener", record_with_shorthand(policies::kListenerSpec)},
        {"observe", record_with_shorthand(policies::kObserveSpec)}}}};
  return json::serialize(schema) + "\n";
}

std::string record_json_schema(const policies::RecordSpec& spec) {
  return json::serialize(record_with_shorthand(spec)) + "\n";
}

std::string record_reference(const policies::RecordSpec& spec) {
  std::string out(kFieldHeader);
  add_rows(spec.fields, "", out);
  return out;
}

std::string x_gw_reference() {
  std::string out = "## Root of a document\n\n" + plain_rows(kRootFields);
  out += "\n## `services.NAME`\n\n" + plain_rows(kServiceFields);
  out += "\n## Path items\n\nThe fields of operations, and:\n\n" + plain_rows(kPathFields);
  out += "\n## Operations\n\nThe fields below, and:\n\n" + plain_rows(kOperationOnlyFields);
  out += "\n## Parameters\n\n" + plain_rows(kParameterFields);
  out += "\n## Fields of operations, paths, `defaults` and `policies`\n\n";
  out += kFieldHeader;
  add_rows(kOperationSpecs, "", out);
  out += "\n## `upstreams.NAME`\n\n";
  out += kFieldHeader;
  add_rows(policies::kUpstreamFields, "", out);
  out +=
      "\nAn upstream may also set `timeout`, `maxBody` and `retry` for the operations that use "
      "it.\n";
  out += "\n## `listeners[]`\n\n";
  out += kFieldHeader;
  add_rows(policies::kListenerFields, "", out);
  out += "\n## `observe`\n\n";
  out += kFieldHeader;
  add_rows(policies::kObserveFields, "", out);
  return out + log_field_rows();
}

}  // namespace gw::compiler
