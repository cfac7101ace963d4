#include "cli/testing/generated_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "compiler/xgw/node_json.h"
#include "runtime/base/uri_path.h"
#include "runtime/http/fields.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeRef;
using compiler::openapi::Parameter;
using compiler::openapi::ParameterIn;
using compiler::openapi::Style;

std::string encoded(std::string_view text) {
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

std::string text_of(const json::value& value) {
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return value.is_string() ? std::string(std::string_view(value.get_string()))
                           : json::serialize(value);
}

bool is_scalar(const json::value& value) { return !value.is_object() && !value.is_array(); }

// The spelling of a list in one text, by its style.
std::string_view separator_of(Style style) {
  if (style == Style::SpaceDelimited) return "%20";
  return style == Style::PipeDelimited ? "%7C" : ",";
}

json::value parse_json(const std::string& text) {
  boost::system::error_code ec;
  json::value parsed = json::parse(text, ec);
  return ec ? json::value() : parsed;
}

NodeRef first_example(const compiler::openapi::Document& document, NodeRef node) {
  if (const NodeRef example = node.get("example")) return example;
  const NodeRef examples = node.get("examples");
  if (!examples || !examples.is_map()) return {};
  for (const auto [key, entry] : examples.entries()) {
    const NodeRef resolved = document.resolve(entry);
    if (resolved && resolved.is_map() && resolved.get("value")) return resolved.get("value");
  }
  return {};
}

// Fields that OpenAPI leaves to other parts of the document.
bool is_ignored(const Parameter& parameter) {
  return parameter.in == ParameterIn::Header &&
         (http::equal_fold(parameter.name.value, "accept") ||
          http::equal_fold(parameter.name.value, "content-type") ||
          http::equal_fold(parameter.name.value, "authorization"));
}

}  // namespace

json::value node_value(NodeRef node) { return parse_json(compiler::to_json(node)); }

bool is_simple(const compiler::openapi::Document& document, const Parameter& parameter) {
  if (parameter.media_type.present() || is_ignored(parameter) || !parameter.schema) return false;
  if (parameter.style != Style::Simple && parameter.style != Style::Form) return false;
  const NodeRef schema = document.resolve(parameter.schema);
  if (!schema || !schema.is_map()) return false;
  const NodeRef type = schema.get("type");
  return type && type.is_string() && type.text() != "object" && type.text() != "array" &&
         !parameter.allow_empty_value;
}

const compiler::openapi::MediaType* json_media(const compiler::openapi::RequestBody& body) {
  for (const auto& media : body.content) {
    if (media.name.value == "application/json") return &media;
  }
  return nullptr;
}

GeneratedRequest::GeneratedRequest(const compiler::GatewayOperation& operation,
                                   compiler::PatternExamples& patterns)
    : operation_(operation), document_(*operation.unit->document), patterns_(patterns) {
  for (const Parameter& parameter : operation.operation->parameters) {
    const bool needed = parameter.required || parameter.in == ParameterIn::Path;
    if (needed && !is_ignored(parameter)) add_parameter(parameter);
  }
  if (operation.operation->request_body.required) add_body();
}

void GeneratedRequest::add_parameter(const Parameter& parameter) {
  if (parameter.in == ParameterIn::QueryString || parameter.media_type.present()) {
    problem_ = fmt::format("parameter `{}` has a media type of its own", parameter.name.value);
    return;
  }
  const NodeRef example = first_example(document_, parameter.node);
  const json::value value = example ? node_value(example)
                                    : parse_json(compiler::example_value(
                                          document_, parameter.schema,
                                          {.required_only = true, .of_requests = true}, patterns_));
  const bool plain_list = value.is_array() && std::ranges::all_of(value.get_array(), is_scalar) &&
                          parameter.style != Style::DeepObject;
  const bool styled = parameter.style == Style::Label || parameter.style == Style::Matrix;
  if ((!is_scalar(value) && !plain_list) || styled || value.is_null()) {
    problem_ = fmt::format("parameter `{}` is written in a style that is not made up",
                           parameter.name.value);
    return;
  }
  put(parameter, value);
}

void GeneratedRequest::add_body() {
  const compiler::openapi::RequestBody& body = operation_.operation->request_body;
  const compiler::openapi::MediaType* media = json_media(body);
  if (media == nullptr) {
    problem_ = "its body is no JSON";
    return;
  }
  const NodeRef example = first_example(document_, media->node);
  set_body(example ? node_value(example)
                   : parse_json(compiler::example_value(
                         document_, media->schema, {.required_only = true, .of_requests = true},
                         patterns_)),
           std::string(media->name.value));
}

void GeneratedRequest::put_path_text(std::string_view name, std::string text) {
  path_[std::string(name)] = std::move(text);
}

void GeneratedRequest::put(const Parameter& parameter, const json::value& value) {
  const std::string name(parameter.name.value);
  std::string text;
  const json::array* list = value.if_array();
  const bool repeated = list != nullptr && parameter.explode && parameter.in == ParameterIn::Query;
  if (list == nullptr) {
    text = parameter.in == ParameterIn::Header || parameter.in == ParameterIn::Cookie
               ? text_of(value)
               : encoded(text_of(value));
  } else if (!repeated) {
    for (const json::value& item : *list) {
      if (!text.empty()) text += separator_of(parameter.style);
      text += parameter.in == ParameterIn::Header ? text_of(item) : encoded(text_of(item));
    }
  }
  switch (parameter.in) {
    case ParameterIn::Path:
      path_[name] = text.empty() ? "x" : text;
      return;
    case ParameterIn::Header:
      headers_[name] = text;
      return;
    case ParameterIn::Cookie:
      cookies_[name] = text;
      return;
    default:
      break;
  }
  std::string& query = query_[name];
  query = repeated ? "" : fmt::format("{}={}", encoded(name), text);
  for (size_t i = 0; repeated && i < list->size(); ++i) {
    query += fmt::format("{}{}={}", i == 0 ? "" : "&", encoded(name), encoded(text_of((*list)[i])));
  }
}

void GeneratedRequest::leave_out(const Parameter& parameter) {
  const std::string name(parameter.name.value);
  query_.erase(name);
  headers_.erase(name);
  cookies_.erase(name);
}

void GeneratedRequest::set_body(json::value body, std::string media) {
  body_ = std::move(body);
  media_ = std::move(media);
  has_body_ = true;
}

std::string GeneratedRequest::path() const {
  std::string out;
  std::string_view rest = operation_.path;
  while (!rest.empty()) {
    const size_t open = rest.find('{');
    out += rest.substr(0, open);
    if (open == rest.npos) break;
    const size_t close = rest.find('}', open);
    std::string_view name = rest.substr(open + 1, close - open - 1);
    if (name.ends_with('+')) name.remove_suffix(1);
    const auto found = path_.find(name);
    out += found == path_.end() ? "x" : found->second;
    rest.remove_prefix(close == rest.npos ? rest.size() : close + 1);
  }
  return out.empty() ? "/" : out;
}

std::string GeneratedRequest::target() const {
  std::string out = path();
  char mark = '?';
  for (const auto& [name, text] : query_) {
    out += mark + text;
    mark = '&';
  }
  return out;
}

json::object GeneratedRequest::to_json() const {
  const std::string method = operation_.any_method ? "GET" : operation_.operation->method.value;
  json::object request{{"method", method}, {"path", target()}};
  json::object headers = headers_;
  std::string cookies;
  for (const auto& [name, text] : cookies_) {
    cookies += fmt::format("{}{}={}", cookies.empty() ? "" : "; ", name, text);
  }
  if (!cookies.empty()) headers["cookie"] = cookies;
  if (has_body_) {
    const bool text_body = body_.is_string();
    // A text stands for its bytes: as a JSON body it keeps its quotes.
    request["body"] = text_body ? json::value(json::serialize(body_)) : body_;
    if (text_body || media_ != "application/json") headers["content-type"] = media_;
  }
  if (!headers.empty()) request["headers"] = std::move(headers);
  return request;
}

}  // namespace gw::cli::tests
