// Bodies: how each media type is read, and fields of forms.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/deep_object.h"
#include "compiler/passes/lower_validate.h"
#include "compiler/passes/media_names.h"

namespace gw::compiler {
namespace {

using policies::BodyFormat;
using policies::MediaRecord;
using policies::ParameterRecord;
using policies::ParameterStyle;
using policies::PartBytes;
using policies::Place;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

bool says_true(NodeRef node) { return node && node.kind() == NodeKind::Bool && node.boolean(); }

BodyFormat format_of(std::string_view type) {
  if (is_json_type(type)) return BodyFormat::Json;
  if (type == "application/x-www-form-urlencoded") return BodyFormat::Form;
  if (type == "multipart/form-data") return BodyFormat::Multipart;
  const bool is_stream = type == "text/event-stream";
  if (type.starts_with("text/") && !is_xml_type(type) && !is_stream) return BodyFormat::Text;
  return BodyFormat::Opaque;
}

// Exact types first, then `application/*+json`, `text/*`, `*/*`.
int width_of(std::string_view type) {
  if (type == "*/*") return 3;
  if (type.ends_with("/*")) return 2;
  return type.find('*') == type.npos ? 0 : 1;
}

// Parts of such a type are bytes; of text, JSON and XML they are texts.
bool is_bytes_type(std::string_view media_type) {
  const std::string type = plain_type(media_type);
  const bool is_text = type.starts_with("text/") || is_json_type(type) || is_xml_type(type) ||
                       type.ends_with("+yaml") || type == "application/yaml" ||
                       type == "application/x-www-form-urlencoded" || type.empty();
  return !is_text;
}

// What `format` (3.0) and `contentMediaType` (3.1) say of the part of a property; a property of
// which 3.1 says nothing at all is `application/octet-stream`.
bool is_bytes(const SchemaShape& shape, NodeRef schema) {
  const NodeRef format = shape.keyword(schema, "format");
  if (format && format.is_scalar() && format.text() == "binary") return true;
  const NodeRef type = shape.keyword(schema, "contentMediaType");
  if (type && type.is_scalar()) {
    return is_bytes_type(type.text()) && !shape.keyword(schema, "contentEncoding");
  }
  return shape.types(schema) == gw::schema::kAllTypes && shape.is_any_text(schema);
}

bool is_only(u32 types, u32 type) { return (types & ~u32{gw::schema::kTypeNull}) == type; }

bool reads_forms(const policies::BodyRecord& body) {
  return static_cast<policies::BodyWriting>(body.format) != policies::BodyWriting::Same;
}

// Its members would stand among the other fields.
bool is_nameless(const ParameterRecord& field) {
  return static_cast<ParameterStyle>(field.style) == ParameterStyle::Form &&
         (field.types & gw::schema::kTypeObject) != 0 && field.explode != 0;
}

PartBytes part_bytes(bool is_free) { return is_free ? PartBytes::Free : PartBytes::Judged; }

}  // namespace

void ValidateLowerer::warn_unvalidatable(const openapi::MediaType& media, std::string_view type) {
  const SchemaShape shape(*document_);
  if (shape.is_any_text(media.schema) || is_unenforced("content")) return;
  const Span span = media.name.span;
  if (!warned_.insert({span.file, span.begin}).second) return;
  note(table::NoteKind::Unenforced, "content", type, span);
  report(module_, "body-unvalidatable", asked_ ? Severity::Warning : Severity::Info, span,
         fmt::format("bodies of `{}` are not held to their schema", type),
         "not read by the gateway",
         "take a media type of JSON or a form, or say why: `unenforced: {content: REASON}`");
}

ParameterRecord ValidateLowerer::lower_field(NodeRef body, const ShapeProperty& property,
                                             NodeRef encoding, BodyFormat format) {
  const SchemaShape shape(*document_);
  ParameterRecord record = empty_parameter();
  record.name = pools_.strings.add(property.name);
  record.place = static_cast<u32>(Place::Body);
  record.style = static_cast<u32>(ParameterStyle::Form);
  record.explode = 1;
  const NodeRef style = child(encoding, "style");
  const NodeRef explode = child(encoding, "explode");
  const NodeRef type = child(encoding, "contentType");
  const auto is_style = [&](std::string_view name) {
    return style && style.is_scalar() && style.text() == name;
  };
  const u32 types = shape.text_types(property.schema);
  if (is_style("spaceDelimited")) record.style = static_cast<u32>(ParameterStyle::SpaceDelimited);
  if (is_style("pipeDelimited")) record.style = static_cast<u32>(ParameterStyle::PipeDelimited);
  if (is_style("deepObject")) record.style = static_cast<u32>(ParameterStyle::DeepObject);
  if (explode) record.explode = says_true(explode) ? 1 : 0;
  if (style && !explode) record.explode = is_style("form") ? 1 : 0;
  // Without a style of its own an object is written as JSON; so is what says so. A part is an item
  // of a list.
  const bool says_json = type && type.is_scalar() && is_json_type(plain_type(type.text()));
  const bool in_parts = format == BodyFormat::Multipart;
  const bool is_object = is_only(types, gw::schema::kTypeObject) ||
                         (in_parts && is_only(types, gw::schema::kTypeArray) &&
                          is_only(shape.item_types(property.schema), gw::schema::kTypeObject));
  if (says_json || (is_object && !is_style("deepObject") && (in_parts || !style))) {
    record.style = static_cast<u32>(ParameterStyle::Json);
  }
  shape_parameter(property.schema, record);
  record.open = 0;
  if (!in_parts) {
    // As an exploded object it has no name, and under its own it is a value.
    if (is_nameless(record) && !encoding) record.types &= ~u32{gw::schema::kTypeObject};
    return record;
  }
  const bool is_list = (record.types & gw::schema::kTypeArray) != 0;
  const NodeRef content = is_list ? shape.keyword(property.schema, "items") : property.schema;
  if (type && type.is_scalar() ? is_bytes_type(type.text()) : is_bytes(shape, content)) {
    record.bytes = static_cast<u32>(part_bytes(shape.is_any_text_property(body, property.name)));
  }
  return record;
}

// False: a field has no place in the body, so that the body cannot be judged as a whole.
bool ValidateLowerer::lower_fields(const openapi::MediaType& media, BodyFormat format,
                                   std::vector<ParameterRecord>& fields) {
  bool readable = true;
  const SchemaShape shape(*document_);
  const NodeRef encodings = child(media.node, "encoding");
  for (const ShapeProperty& property : shape.properties(media.schema)) {
    const NodeRef encoding = child(encodings, property.name);
    ParameterRecord field = lower_field(media.schema, property, encoding, format);
    if (is_nameless(field) && encoding) {
      refuse_style(encoding.span(), property.name, "as an exploded object it has no name");
      readable = false;
    }
    if (static_cast<ParameterStyle>(field.style) == ParameterStyle::DeepObject) {
      const std::string problem = deep_object(shape, property.schema).problem;
      if (!problem.empty()) readable = refuse_style(encoding.span(), property.name, problem);
    }
    fields.push_back(field);
  }
  return readable;
}

MediaRecord ValidateLowerer::lower_media_type(const openapi::MediaType& media) {
  MediaRecord record{};
  const std::string type = plain_type(media.name.value);
  record.type = pools_.strings.add(type);
  record.schema = table::kNone;
  const BodyFormat format = format_of(type);
  record.format = static_cast<u32>(format);
  const SchemaShape shape(*document_);
  if (!media.schema || is_unenforced("content")) return record;
  if (format == BodyFormat::Opaque) {
    warn_unvalidatable(media, type);
    return record;
  }
  if (shape.is_any_text(media.schema) && format == BodyFormat::Text) return record;
  record.schema = compile(media.schema);
  if (format != BodyFormat::Form && format != BodyFormat::Multipart) return record;
  record.rest_types = shape.rest_types(media.schema);
  record.rest_bytes = static_cast<u32>(
      part_bytes(shape.is_any_text(shape.keyword(media.schema, "additionalProperties"))));
  std::vector<ParameterRecord> fields;
  if (!lower_fields(media, format, fields)) {
    record.schema = table::kNone;
    return record;
  }
  record.fields = store(fields);
  return record;
}

void ValidateLowerer::add_form(const std::vector<openapi::MediaType>& content, u32 first, u32 last,
                               std::vector<policies::BodyFormRecord>& forms) {
  const SchemaShape shape(*document_);
  for (const openapi::MediaType& media : content) {
    if (!media.schema || format_of(plain_type(media.name.value)) != BodyFormat::Form) continue;
    const NodeRef encodings = child(media.node, "encoding");
    std::vector<ParameterRecord> fields;
    for (const ShapeProperty& property : shape.properties(media.schema)) {
      const NodeRef encoding = child(encodings, property.name);
      const ParameterRecord field = lower_field(media.schema, property, encoding, BodyFormat::Form);
      const auto style = static_cast<ParameterStyle>(field.style);
      const bool deep = style == ParameterStyle::DeepObject;
      if (deep && !deep_object(shape, property.schema).problem.empty()) continue;
      if (is_nameless(field) && encoding) continue;
      fields.push_back(field);
    }
    forms.push_back({.fields = store(fields),
                     .rest_types = shape.rest_types(media.schema),
                     .first = first,
                     .last = last,
                     .reserved = 0});
    return;
  }
}

bool ValidateLowerer::give_request_forms(const GatewayOperation& operation,
                                         policies::BodyRecord& body) {
  if (!reads_forms(body)) return false;
  document_ = operation.unit->document;
  std::vector<policies::BodyFormRecord> forms;
  add_form(operation.operation->request_body.content, 0, 0, forms);
  body.forms = store(forms);
  return body.forms.count != 0;
}

bool ValidateLowerer::give_answer_forms(const GatewayOperation& operation,
                                        policies::BodyRecord& body) {
  if (!reads_forms(body)) return false;
  document_ = operation.unit->document;
  std::vector<policies::BodyFormRecord> forms;
  for (const openapi::Response& response : operation.operation->responses) {
    u32 first = 0;
    u32 last = 0;
    if (status_range(response.status.value, first, last)) {
      add_form(response.content, first, last, forms);
    }
  }
  std::ranges::stable_sort(
      forms, {}, [](const policies::BodyFormRecord& one) { return one.last - one.first; });
  body.forms = store(forms);
  return body.forms.count != 0;
}

std::vector<MediaRecord> ValidateLowerer::lower_media(
    const std::vector<openapi::MediaType>& content) {
  std::vector<const openapi::MediaType*> order;
  for (const openapi::MediaType& media : content) order.push_back(&media);
  std::ranges::stable_sort(order, {}, [](const openapi::MediaType* media) {
    return width_of(plain_type(media->name.value));
  });
  std::vector<MediaRecord> records;
  for (const openapi::MediaType* media : order) records.push_back(lower_media_type(*media));
  return records;
}

}  // namespace gw::compiler
