#include "cli/testing/multipart_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/testing/value_text.h"
#include "compiler/passes/media_names.h"
#include "compiler/passes/schema_shape.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeRef;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

bool can_be_quoted(std::string_view name) {
  return std::ranges::none_of(
      name, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

// How the parts of one field are written.
struct PartStyle {
  std::string disposition;
  std::string type;  // "": a text
  bool as_json = false;
  bool is_item = false;  // each is one of a list
  bool is_file = false;  // bytes, and so a text to its schema

  std::string part(const std::string& content) const {
    const std::string line = type.empty() ? "" : fmt::format("Content-Type: {}\r\n", type);
    return fmt::format("--{}\r\n{}\r\n{}\r\n{}\r\n", kPartBoundary, disposition, line, content);
  }
};

class PartWriter {
 public:
  PartWriter(const compiler::openapi::Document& document, const compiler::openapi::MediaType& media)
      : shape_(document), media_(media) {
    properties_ = shape_.properties(media.schema);
  }

  bool write(std::string_view name, const json::value& value) {
    const NodeRef encoding = child(media_.node.get("encoding"), name);
    if (const NodeRef said = child(encoding, "style"); said && said.text() == "deepObject") {
      return false;  // a field in brackets, of forms that are no parts
    }
    const PartStyle style = style_of(name, encoding);
    const json::array* list = value.if_array();
    // A part is an item of a list whatever it holds.
    if (list == nullptr) return !style.is_item && write_one(style, value);
    // Nothing tells a list without parts from one that is not there.
    if (list->empty()) return false;
    return std::ranges::all_of(*list,
                               [&](const json::value& item) { return write_one(style, item); });
  }

  std::string take() { return std::move(out_); }

 private:
  NodeRef schema_of(std::string_view name) const {
    const auto found = std::ranges::find(properties_, name, &compiler::ShapeProperty::name);
    return found == properties_.end() ? NodeRef{} : found->schema;
  }

  bool is_file(NodeRef schema) const {
    const NodeRef format = shape_.keyword(schema, "format");
    const bool binary = format && format.is_scalar() && format.text() == "binary";
    return binary || bool(shape_.keyword(schema, "contentMediaType"));
  }

  PartStyle style_of(std::string_view name, NodeRef encoding) const {
    NodeRef schema = schema_of(name);
    PartStyle style{.disposition = fmt::format("Content-Disposition: form-data; name=\"{}\"", name),
                    .type = {}};
    style.is_item = (shape_.text_types(schema) & gw::schema::kTypeArray) != 0;
    if (style.is_item) schema = shape_.keyword(schema, "items");
    const NodeRef type = child(encoding, "contentType");
    if (type && type.is_scalar()) {
      style.type = type.text().substr(0, type.text().find(','));  // the first that it may have
      style.as_json = compiler::is_json_type(compiler::plain_type(style.type));
      if (style.type.ends_with('*')) style.type.clear();
    } else if ((shape_.types(schema) & ~u32{gw::schema::kTypeNull}) == gw::schema::kTypeObject) {
      style.type = "application/json";
      style.as_json = true;
    }
    style.is_file = is_file(schema);
    if (style.is_file) style.disposition += "; filename=\"file\"";
    return style;
  }

  bool write_one(const PartStyle& style, const json::value& value) {
    if (!style.as_json && (value.is_structured() || value.is_null())) return false;
    if (style.is_file && !value.is_string()) return false;
    const std::string content = style.as_json ? json::serialize(value) : plain_text(value);
    if (content.find(kPartBoundary) != content.npos) return false;
    out_ += style.part(content);
    return true;
  }

  const compiler::SchemaShape shape_;
  const compiler::openapi::MediaType& media_;
  std::vector<compiler::ShapeProperty> properties_;
  std::string out_;
};

}  // namespace

std::optional<std::string> multipart_text(const compiler::openapi::Document& document,
                                          const compiler::openapi::MediaType& media,
                                          const json::value& fields) {
  const json::object* object = fields.if_object();
  if (object == nullptr || object->empty()) return std::nullopt;
  PartWriter writer(document, media);
  for (const auto& [name, value] : *object) {
    if (!can_be_quoted(name) || !writer.write(name, value)) return std::nullopt;
  }
  return fmt::format("{}--{}--\r\n", writer.take(), kPartBoundary);
}

std::string with_boundary(std::string_view type, std::string_view boundary) {
  return fmt::format("{}; boundary={}", type, boundary);
}

}  // namespace gw::cli::tests
