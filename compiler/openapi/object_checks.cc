// What the fields of one object demand of each other: the sentences below the tables of fields in
// the specification.
#include <algorithm>

#include "compiler/openapi/structure.h"

namespace gw::compiler::openapi {
namespace {

/// A token of RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_component_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  });
}

std::string_view text_of(NodeRef node, std::string_view key) {
  const NodeRef value = node.get(key);
  return value && value.is_scalar() ? value.text() : std::string_view{};
}

/// Styles that a parameter may have in its place (3.1.1, section 4.8.12.3).
std::string_view styles_of(std::string_view in) {
  if (in == "path") return "matrix|label|simple";
  if (in == "query") return "form|spaceDelimited|pipeDelimited|deepObject";
  if (in == "cookie") return "form|cookie";
  if (in == "header") return "simple";
  return {};
}

bool contains(std::string_view values, std::string_view value) {
  while (!values.empty()) {
    const size_t bar = std::min(values.find('|'), values.size());
    if (values.substr(0, bar) == value) return true;
    values.remove_prefix(std::min(bar + 1, values.size()));
  }
  return false;
}

}  // namespace

void StructureCheck::check_together(NodeRef node, ObjectKind kind) {
  switch (kind) {
    case ObjectKind::OpenApi:
      return check_root(node);
    case ObjectKind::Components:
      return check_components(node);
    case ObjectKind::PathItem:
      return check_path_item(node);
    case ObjectKind::Operation:
      return check_operation(node);
    case ObjectKind::Parameter:
      return check_parameter(node);
    case ObjectKind::SecurityScheme:
      return check_security_scheme(node);
    case ObjectKind::OAuthFlows:
      return check_flow(node);
    case ObjectKind::License:
      return exclude(node, "identifier", "url");
    case ObjectKind::Link:
      exclude(node, "operationRef", "operationId");
      if (!node.get("operationRef") && !node.get("operationId")) {
        missing(node, "operationId", object_type(kind));
      }
      return;
    case ObjectKind::Header:
      if (version_ != Version::V30) check_content_or_schema(node, object_type(kind));
      return exclude(node, "example", "examples");
    case ObjectKind::MediaType:
      exclude(node, "example", "examples");
      [[fallthrough]];
    case ObjectKind::Encoding:
      exclude(node, "encoding", "prefixEncoding");
      return exclude(node, "encoding", "itemEncoding");
    case ObjectKind::Example:
      exclude(node, "value", "externalValue");
      exclude(node, "value", "dataValue");
      exclude(node, "value", "serializedValue");
      return exclude(node, "serializedValue", "externalValue");
    case ObjectKind::Response:
      if (version_ != Version::V32 && !node.get("description")) {
        missing(node, "description", object_type(kind));
      }
      for (const NodeRef::Entry header : node.get("headers").entries()) {
        if (version_ == Version::V32 && !is_token(header.key.text())) {
          report(sink_,
                 {.rule = "field-value",
                  .node = header.value,
                  .message = in_quotes(header.key.text()) + " cannot be the name of a header",
                  .label = "holds a character that header names cannot",
                  .span = header.key.span()});
        }
      }
      return;
    case ObjectKind::Xml:
      exclude(node, "attribute", "nodeType");
      return exclude(node, "wrapped", "nodeType");
    case ObjectKind::ServerVariable:
      if (const NodeRef values = node.get("enum");
          values && values.is_seq() && values.size() == 0 && version_ != Version::V30) {
        report(sink_, {.rule = "field-value",
                       .node = values,
                       .message = "the `enum` of a server variable cannot be empty",
                       .label = "no value is allowed"});
      }
      return;
    default:
      return;
  }
}

void StructureCheck::exclude(NodeRef node, std::string_view a, std::string_view b) {
  const NodeRef first = node.get(a);
  const NodeRef second = node.get(b);
  if (!first || !second) return;
  report(sink_, {.rule = "field-conflict",
                 .node = second,
                 .message = in_quotes(a) + " and " + in_quotes(b) + " exclude each other",
                 .label = "one of the two",
                 .help = "keep one of them",
                 .span = node.key_of(b).span(),
                 .related = {{node.key_of(a).span(), "the other"}}});
}

void StructureCheck::check_root(NodeRef node) {
  if (version_ == Version::V30) {
    if (!node.get("paths")) missing(node, "paths", object_type(ObjectKind::OpenApi));
    return;
  }
  if (node.get("paths") || node.get("components") || node.get("webhooks")) return;
  report(sink_, {.rule = "field-missing",
                 .node = node,
                 .message = "the document has none of `paths`, `components` and `webhooks`",
                 .label = "one of them is needed",
                 .span = node.key_of("openapi").span()});
}

void StructureCheck::check_components(NodeRef node) {
  for (const NodeRef::Entry section : node.entries()) {
    if (section.key.text().starts_with("x-")) continue;
    for (const NodeRef::Entry component : section.value.entries()) {
      if (is_component_name(component.key.text())) continue;
      report(sink_,
             {.rule = "field-value",
              .node = component.value,
              .message = in_quotes(component.key.text()) + " cannot be the name of a component",
              .label = "holds a character that names cannot",
              .help = "letters, digits, `.`, `-` and `_` are allowed",
              .span = component.key.span()});
    }
  }
}

void StructureCheck::check_path_item(NodeRef node) {
  check_query_strings(node.get("parameters"));
  for (const NodeRef::Entry entry : node.get("additionalOperations").entries()) {
    const std::string_view method = entry.key.text();
    const bool fixed = contains("GET|PUT|POST|DELETE|OPTIONS|HEAD|PATCH|TRACE|QUERY", method);
    if (is_token(method) && !fixed) continue;
    report(sink_, {.rule = "field-value",
                   .node = entry.value,
                   .message = in_quotes(method) + " cannot stand among `additionalOperations`",
                   .label = fixed ? "has a field of its own" : "not a method",
                   .help = fixed ? "write it as a field of the path item, in lower case" : "",
                   .span = entry.key.span()});
  }
}

void StructureCheck::check_operation(NodeRef node) {
  if (version_ == Version::V30 && !node.get("responses")) {
    missing(node, "responses", object_type(ObjectKind::Operation));
  }
  check_query_strings(node.get("parameters"));
}

/// A `querystring` parameter is the whole query: it stands alone.
void StructureCheck::check_query_strings(NodeRef parameters) {
  if (version_ != Version::V32 || !parameters) return;
  NodeRef whole;
  NodeRef other;
  for (const NodeRef item : parameters.items()) {
    const NodeRef parameter = references_.resolve(item);
    const std::string_view in = text_of(parameter, "in");
    if (in == "querystring" && !whole) {
      whole = item;
    } else if (in == "querystring" || in == "query") {
      other = item;
    }
  }
  if (!whole || !other) return;
  report(sink_, {.rule = "field-conflict",
                 .node = other,
                 .message = "beside a `querystring` parameter no other may take from the query",
                 .label = "takes from the query too",
                 .related = {{whole.span(), "takes the whole query"}}});
}

void StructureCheck::check_content_or_schema(NodeRef node, const ObjectType& type) {
  const NodeRef content = node.get("content");
  exclude(node, "schema", "content");
  if (!content && !node.get("schema")) missing(node, "schema", type);
  if (content && content.is_map() && content.size() != 1) {
    report(sink_, {.rule = "field-value",
                   .node = content,
                   .message = "`content` of " + std::string(type.name) + " takes one media type",
                   .label = content.size() == 0 ? "none" : "more than one",
                   .span = node.key_of("content").span()});
  }
}

void StructureCheck::check_parameter(NodeRef node) {
  const ObjectType& type = object_type(ObjectKind::Parameter);
  check_content_or_schema(node, type);
  exclude(node, "example", "examples");
  const std::string_view in = text_of(node, "in");
  const std::string_view style = text_of(node, "style");
  const std::string_view styles = styles_of(in);
  if (!style.empty() && !styles.empty() && !contains(styles, style) &&
      contains("matrix|label|form|simple|spaceDelimited|pipeDelimited|deepObject|cookie", style)) {
    report(sink_, {.rule = "field-value",
                   .node = node.get("style"),
                   .message = "a parameter in " + in_quotes(in) + " cannot have the style " +
                              in_quotes(style),
                   .label = "not here"});
  }
  if (in == "path" && text_of(node, "required") != "true") {
    report(sink_, {.rule = "path-parameter-not-required",
                   .node = node.get("required") ? node.get("required") : node,
                   .message = "the path parameter " + in_quotes(text_of(node, "name")) +
                              " must have `required: true`",
                   .label = "never absent from a path",
                   .span = node.get("required") ? Span{} : node.get("in").span()});
  }
  if (in == "querystring") {
    if (version_ != Version::V32) {
      report(sink_, {.rule = "field-value",
                     .node = node.get("in"),
                     .message = "`in` cannot be `querystring` before OpenAPI 3.2",
                     .label = "not in this version"});
    }
    if (node.get("schema") && !node.get("content")) missing(node, "content", type);
  }
  if (version_ != Version::V30 && node.get("allowReserved")) {
    const bool allowed = in == "query" || (version_ == Version::V32 && in == "path") ||
                         (version_ == Version::V32 && in == "cookie" && style != "cookie");
    if (!allowed) {
      report(sink_, {.rule = "field-unknown",
                     .node = node.get("allowReserved"),
                     .message = "a parameter in " + in_quotes(in) + " has no field `allowReserved`",
                     .label = "for the query only",
                     .span = node.key_of("allowReserved").span()});
    }
  }
  if (version_ == Version::V32 && node.get("content") && !style.empty()) {
    exclude(node, "content", "style");
  }
  const NodeRef name = node.get("name");
  const bool bad_header =
      version_ == Version::V32 && in == "header" && !is_token(text_of(node, "name"));
  const bool bad_path =
      in == "path" && text_of(node, "name").find_first_of("{}/") != std::string_view::npos;
  if (name && (bad_header || bad_path)) {
    report(sink_, {.rule = "field-value",
                   .node = name,
                   .message = in_quotes(name.text()) + " cannot be the name of a parameter in " +
                              in_quotes(in),
                   .label = "holds a character that such names cannot"});
  }
}

void StructureCheck::check_security_scheme(NodeRef node) {
  const ObjectType& type = object_type(ObjectKind::SecurityScheme);
  const std::string_view kind = text_of(node, "type");
  const auto need = [&](std::string_view field) {
    if (!node.get(field)) missing(node, field, type);
  };
  if (kind == "apiKey") {
    need("name");
    need("in");
  } else if (kind == "http") {
    need("scheme");
  } else if (kind == "oauth2") {
    need("flows");
  } else if (kind == "openIdConnect") {
    need("openIdConnectUrl");
  } else if (kind == "mutualTLS" && version_ == Version::V30) {
    report(sink_, {.rule = "field-value",
                   .node = node.get("type"),
                   .message = "`type` cannot be `mutualTLS` before OpenAPI 3.1",
                   .label = "not in this version"});
  }
}

void StructureCheck::check_flow(NodeRef flows) {
  const ObjectType& type = object_type(ObjectKind::OAuthFlow);
  for (const NodeRef::Entry flow : flows.entries()) {
    if (!flow.value.is_map()) continue;
    const std::string_view name = flow.key.text();
    const auto need = [&](std::string_view field) {
      if (!flow.value.get(field)) missing(flow.value, field, type);
    };
    if (name == "implicit" || name == "authorizationCode") need("authorizationUrl");
    if (name == "password" || name == "clientCredentials" || name == "authorizationCode") {
      need("tokenUrl");
    }
    if (name == "deviceAuthorization") {
      need("deviceAuthorizationUrl");
      need("tokenUrl");
    }
  }
}

}  // namespace gw::compiler::openapi
