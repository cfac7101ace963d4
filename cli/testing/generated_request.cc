#include "cli/testing/generated_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/testing/multipart_text.h"
#include "cli/testing/value_text.h"
#include "compiler/passes/media_names.h"
#include "runtime/base/uri_path.h"
#include "runtime/http/fields.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeRef;
using compiler::openapi::MediaType;
using compiler::openapi::Parameter;
using compiler::openapi::ParameterIn;

// A test file has no other way to say that a text is JSON.
json::value as_json_body(const json::value& value) {
  return value.is_string() || value.is_null() ? json::value(json::serialize(value)) : value;
}

// Dot segments go, and encoded slashes are refused, before anybody knows of parameters.
bool can_be_segment(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && text.find("%2F") == text.npos;
}

// One that all the others can be told from, and that most gateways judge.
const MediaType* chosen_media(const std::vector<MediaType>& content) {
  const MediaType* best = nullptr;
  for (const MediaType& media : content) {
    if (best == nullptr || kind_of(media) < kind_of(*best)) best = &media;
  }
  return best;
}

}  // namespace

std::vector<NamedExample> examples_of(const compiler::openapi::Document& document, NodeRef node) {
  std::vector<NamedExample> out;
  if (const NodeRef example = node.get("example")) out.push_back({"", value_of_node(example)});
  const NodeRef examples = node.get("examples");
  if (!examples || !examples.is_map()) return out;
  for (const auto [key, entry] : examples.entries()) {
    const NodeRef resolved = document.resolve(entry);
    const bool usable = resolved && resolved.is_map();
    NodeRef value = usable ? resolved.get("value") : NodeRef{};
    if (usable && !value) value = resolved.get("dataValue");  // 3.2
    if (value) out.push_back({std::string(key.text()), value_of_node(value)});
  }
  return out;
}

json::value sound_value(const BoundaryTools& tools, NodeRef node, NodeRef schema, Spelling spelling,
                        std::string& problem) {
  problem.clear();
  for (NamedExample& example : examples_of(tools.terms.document, node)) {
    const std::string fault = tools.judge.fault(tools.terms, schema, example.value, spelling);
    if (fault.empty()) return std::move(example.value);
  }
  return made_up_value(tools, schema, spelling, problem);
}

bool is_told_elsewhere(const Parameter& parameter) {
  return parameter.in == ParameterIn::Header &&
         (http::equal_fold(parameter.name.value, "accept") ||
          http::equal_fold(parameter.name.value, "content-type") ||
          http::equal_fold(parameter.name.value, "authorization"));
}

NodeRef schema_of(const Parameter& parameter) {
  if (!parameter.media_type.present()) return parameter.schema;
  const NodeRef content = parameter.node.get("content");
  const NodeRef media =
      content && content.is_map() ? content.get(parameter.media_type.value) : NodeRef{};
  return media && media.is_map() ? media.get("schema") : NodeRef{};
}

Spelling spelling_of(const Parameter& parameter) {
  return parameter.media_type.present() ? Spelling::Json : Spelling::Text;
}

bool is_greedy(const compiler::GatewayOperation& operation, const Parameter& parameter) {
  const std::string plus = fmt::format("{{{}+}}", parameter.name.value);
  const NodeRef greedy =
      parameter.x_gw && parameter.x_gw.is_map() ? parameter.x_gw.get("greedy") : NodeRef{};
  return bool(greedy) || operation.path.find(plus) != std::string::npos;
}

Spelling spelling_of(const MediaType& media) {
  const BodyKind kind = kind_of(media);
  return kind == BodyKind::Form || kind == BodyKind::Multipart ? Spelling::Form : Spelling::Json;
}

BodyKind kind_of(const MediaType& media) {
  const std::string type = compiler::plain_type(media.name.value);
  if (compiler::is_json_type(type)) return BodyKind::Json;
  if (type == "application/x-www-form-urlencoded") return BodyKind::Form;
  if (type == "multipart/form-data") return BodyKind::Multipart;
  const bool is_text = type.starts_with("text/") && type != "text/event-stream";
  return is_text && !compiler::is_xml_type(type) ? BodyKind::Text : BodyKind::Opaque;
}

std::string sent_type(const MediaType& media) {
  std::string type(media.name.value);
  if (type == "*/*" || type == "application/*") return "application/octet-stream";
  if (type.ends_with("/*")) type.replace(type.size() - 1, 1, type == "text/*" ? "plain" : "x");
  return type;
}

GeneratedRequest::GeneratedRequest(const compiler::GatewayOperation& operation,
                                   const BoundaryTools& tools)
    : operation_(operation),
      method_(operation.any_method ? "GET" : operation.operation->method.value) {
  for (const Parameter& parameter : operation.operation->parameters) {
    const bool needed = parameter.required || parameter.in == ParameterIn::Path;
    if (needed && !is_told_elsewhere(parameter)) add_parameter(parameter, tools);
  }
  if (operation.operation->request_body.required) add_body(tools);
}

void GeneratedRequest::add_parameter(const Parameter& parameter, const BoundaryTools& tools) {
  std::string& problem = parameter.in == ParameterIn::Path ? path_problem_ : problem_;
  std::string fault;
  const json::value value =
      sound_value(tools, parameter.node, schema_of(parameter), spelling_of(parameter), fault);
  if (!fault.empty()) {
    problem = fmt::format("no value is known that the schema of `{}` accepts: {}",
                          parameter.name.value, fault);
  } else if (!put(parameter, value)) {
    problem = fmt::format("`{}` is written in a style that its value has no place in",
                          parameter.name.value);
  }
}

void GeneratedRequest::add_body(const BoundaryTools& tools) {
  const MediaType* media = chosen_media(operation_.operation->request_body.content);
  if (media == nullptr) return;
  std::string fault;
  const json::value value =
      sound_value(tools, media->node, media->schema, spelling_of(*media), fault);
  const bool judged = kind_of(*media) != BodyKind::Opaque;
  if (judged && !fault.empty()) {
    problem_ = fmt::format("no body is known that its schema accepts: {}", fault);
  } else if (!set_body(*media, value)) {
    problem_ = fmt::format("a body of `{}` is not made up", media->name.value);
  }
}

void GeneratedRequest::put_path_text(std::string_view name, std::string text) {
  path_[std::string(name)] = std::move(text);
}

bool GeneratedRequest::put(const Parameter& parameter, const json::value& value) {
  const std::string name(parameter.name.value);
  if (parameter.in == ParameterIn::QueryString) return false;
  if (parameter.in == ParameterIn::Query) {
    auto text = query_text(parameter, value);
    if (text) query_[name] = std::move(*text);
    return text.has_value();
  }
  auto text = parameter_text(parameter, value);
  if (!text) return false;
  if (parameter.in == ParameterIn::Header) {
    headers_[name] = std::move(*text);
  } else if (parameter.in == ParameterIn::Cookie) {
    cookies_[name] = std::move(*text);
  } else {
    if (is_greedy(operation_, parameter)) {
      for (size_t at = 0; (at = text->find("%2F", at)) != text->npos;) text->replace(at, 3, "/");
    }
    if (!can_be_segment(*text)) return false;
    path_[name] = std::move(*text);
  }
  return true;
}

std::string GeneratedRequest::parameter_value(ParameterIn in, const std::string& name) const {
  if (in == ParameterIn::Header) {
    const json::value* field = headers_.if_contains(name);
    return field == nullptr ? std::string() : std::string(std::string_view(field->get_string()));
  }
  std::string_view text;
  if (const auto found = path_.find(name); in == ParameterIn::Path && found != path_.end()) {
    text = found->second;
  }
  if (const auto found = cookies_.find(name);
      in == ParameterIn::Cookie && found != cookies_.end()) {
    text = found->second;
  }
  if (const auto found = query_.find(name); in == ParameterIn::Query && found != query_.end()) {
    text = std::string_view(found->second).substr(found->second.find('=') + 1);
  }
  std::string decoded;
  percent_decode(text, decoded);
  return decoded;
}

void GeneratedRequest::put_undeclared(ParameterIn in, const std::string& name) {
  if (in == ParameterIn::Query) query_[name] = name + "=x";
  if (in == ParameterIn::Header) headers_[name] = "x";
  if (in == ParameterIn::Cookie) cookies_[name] = "x";
}

void GeneratedRequest::leave_out(const Parameter& parameter) {
  const std::string name(parameter.name.value);
  query_.erase(name);
  headers_.erase(name);
  cookies_.erase(name);
}

bool GeneratedRequest::set_body(const MediaType& media, const json::value& value) {
  Body body{.value = {}, .media = sent_type(media)};
  switch (kind_of(media)) {
    case BodyKind::Json:
      body.value = as_json_body(value);
      break;
    case BodyKind::Form: {
      const auto text = form_text(media, value);
      if (!text || text->empty()) return false;  // an empty body is none
      body.value = json::value(*text);
      break;
    }
    case BodyKind::Text:
      if (!value.is_string()) return false;
      body.value = value;
      break;
    case BodyKind::Opaque:
      body.value = value.is_string() ? value : json::value("x");
      break;
    case BodyKind::Multipart: {
      const auto text = multipart_text(*operation_.unit->document, media, value);
      if (!text) return false;
      body.value = json::value(*text);
      body.media = with_boundary(compiler::plain_type(body.media), kPartBoundary);
      break;
    }
  }
  body_ = std::move(body);
  return true;
}

void GeneratedRequest::tell_boundary(std::string_view boundary) {
  const std::string type = compiler::plain_type(body_->media);
  body_->media = boundary.empty() ? type : with_boundary(type, boundary);
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
  json::object request{{"method", method_}, {"path", target()}};
  json::object headers = headers_;
  std::string cookies;
  for (const auto& [name, text] : cookies_) {
    cookies += fmt::format("{}{}={}", cookies.empty() ? "" : "; ", name, text);
  }
  if (!cookies.empty()) headers["cookie"] = cookies;
  if (body_) {
    request["body"] = body_->value;
    if (body_->value.is_string() || body_->media != "application/json") {
      headers["content-type"] = body_->media;
    }
  }
  if (!headers.empty()) request["headers"] = std::move(headers);
  return request;
}

}  // namespace gw::cli::tests
