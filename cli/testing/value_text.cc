#include "cli/testing/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "compiler/passes/media_names.h"
#include "runtime/base/uri_path.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeKind;
using compiler::NodeRef;
using compiler::openapi::Parameter;
using compiler::openapi::ParameterIn;
using compiler::openapi::Style;

using Escape = std::string (*)(std::string_view);

std::string as_it_is(std::string_view text) { return std::string(text); }

bool is_scalar(const json::value& value) { return !value.is_structured() && !value.is_null(); }

// A list or an object in one text; an object that is exploded has `name=value`.
std::optional<std::string> delimited(const json::value& value, std::string_view separator,
                                     bool explode, Escape escape) {
  if (is_scalar(value)) return escape(plain_text(value));
  std::string out;
  const auto add = [&](const std::string& piece) {
    if (!out.empty()) out += separator;
    out += piece;
  };
  if (const json::array* list = value.if_array()) {
    if (list->empty() || !std::ranges::all_of(*list, is_scalar)) return std::nullopt;
    for (const json::value& item : *list) add(escape(plain_text(item)));
    return out;
  }
  const json::object* object = value.if_object();
  if (object == nullptr || object->empty()) return std::nullopt;
  for (const auto& [name, member] : *object) {
    if (!is_scalar(member)) return std::nullopt;
    add(escape(name));
    out += explode ? "=" : separator;
    out += escape(plain_text(member));
  }
  return out;
}

std::optional<std::string> matrix(const Parameter& parameter, const json::value& value) {
  const std::string name = percent_encoded(parameter.name.value);
  if (parameter.explode && value.is_object()) {
    const auto text = delimited(value, ";", true, percent_encoded);
    return text ? std::optional(";" + *text) : std::nullopt;
  }
  const bool repeated = parameter.explode && value.is_array();
  const std::string separator = repeated ? fmt::format(";{}=", name) : ",";
  const auto text = delimited(value, separator, false, percent_encoded);
  return text ? std::optional(fmt::format(";{}={}", name, *text)) : std::nullopt;
}

// `name[a]=1&name[b][c]=2`.
bool add_deep(const std::string& name, const json::object& object, std::string& out) {
  for (const auto& [key, member] : object) {
    const std::string inner = fmt::format("{}%5B{}%5D", name, percent_encoded(key));
    if (const json::object* below = member.if_object()) {
      if (below->empty() || !add_deep(inner, *below, out)) return false;
      continue;
    }
    if (!is_scalar(member)) return false;
    out +=
        fmt::format("{}{}={}", out.empty() ? "" : "&", inner, percent_encoded(plain_text(member)));
  }
  return !out.empty();
}

// `name=value` in the style of a query or a form.
std::optional<std::string> pairs(std::string_view name, const json::value& value, Style style,
                                 bool explode) {
  const std::string encoded = percent_encoded(name);
  if (style == Style::DeepObject) {
    std::string out;
    const bool fine = value.is_object() && add_deep(encoded, value.get_object(), out);
    return fine ? std::optional(out) : std::nullopt;
  }
  if (explode && value.is_object()) return delimited(value, "&", true, percent_encoded);
  std::string separator = ",";
  if (style == Style::SpaceDelimited) separator = "%20";
  if (style == Style::PipeDelimited) separator = "%7C";
  if (explode && value.is_array()) separator = fmt::format("&{}=", encoded);
  const auto text = delimited(value, separator, false, percent_encoded);
  return text ? std::optional(fmt::format("{}={}", encoded, *text)) : std::nullopt;
}

Style form_style(std::string_view name) {
  if (name == "spaceDelimited") return Style::SpaceDelimited;
  if (name == "pipeDelimited") return Style::PipeDelimited;
  return name == "deepObject" ? Style::DeepObject : Style::Form;
}

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

std::optional<std::string> field_text(std::string_view name, const json::value& value,
                                      NodeRef encoding) {
  const NodeRef style = child(encoding, "style");
  const NodeRef type = child(encoding, "contentType");
  const bool says_json =
      type && type.is_scalar() && compiler::is_json_type(compiler::plain_type(type.text()));
  // Without a style of its own an object is written as JSON.
  if (says_json || (value.is_object() && !style)) {
    return fmt::format("{}={}", percent_encoded(name), percent_encoded(json::serialize(value)));
  }
  const Style chosen = style && style.is_scalar() ? form_style(style.text()) : Style::Form;
  const NodeRef explode = child(encoding, "explode");
  const bool exploded =
      explode && explode.kind() == NodeKind::Bool ? explode.boolean() : chosen == Style::Form;
  return pairs(name, value, chosen, exploded);
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  std::string out;
  append_segment_encoded(text, out);
  // Sub-delims have meanings of their own in queries and styles.
  std::string strict;
  for (const char c : out) {
    if (std::string_view("!$&'()*+,;=").find(c) == std::string_view::npos) {
      strict += c;
    } else {
      strict += fmt::format("%{:02X}", static_cast<u32>(static_cast<u8>(c)));
    }
  }
  return strict;
}

std::string plain_text(const json::value& value) {
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return value.is_string() ? std::string(std::string_view(value.get_string()))
                           : json::serialize(value);
}

std::optional<std::string> parameter_text(const Parameter& parameter, const json::value& value) {
  const bool raw = parameter.in == ParameterIn::Header || parameter.style == Style::Cookie;
  const Escape escape = raw ? as_it_is : percent_encoded;
  if (parameter.media_type.present()) return escape(json::serialize(value));
  if (parameter.in == ParameterIn::Cookie && !is_scalar(value)) return std::nullopt;
  if (parameter.style == Style::Matrix) return matrix(parameter, value);
  if (parameter.style != Style::Label) return delimited(value, ",", parameter.explode, escape);
  const auto text = delimited(value, parameter.explode ? "." : ",", parameter.explode, escape);
  return text ? std::optional("." + *text) : std::nullopt;
}

std::optional<std::string> query_text(const Parameter& parameter, const json::value& value) {
  if (parameter.media_type.present()) {
    return fmt::format("{}={}", percent_encoded(parameter.name.value),
                       percent_encoded(json::serialize(value)));
  }
  return pairs(parameter.name.value, value, parameter.style, parameter.explode);
}

std::optional<std::string> form_text(const compiler::openapi::MediaType& media,
                                     const json::value& fields) {
  const json::object* object = fields.if_object();
  if (object == nullptr) return std::nullopt;
  const NodeRef encodings = child(media.node, "encoding");
  std::string out;
  for (const auto& [name, value] : *object) {
    const auto text = field_text(name, value, child(encodings, name));
    if (!text) return std::nullopt;
    out += (out.empty() ? "" : "&") + *text;
  }
  return out;
}

}  // namespace gw::cli::tests
