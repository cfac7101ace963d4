#include "compiler/openapi/model_builder.h"

#include <algorithm>

#include "compiler/openapi/report.h"

namespace gw::compiler::openapi {
namespace {

constexpr std::string_view kMethods[] = {"get",  "put",   "post",  "delete", "options",
                                         "head", "patch", "trace", "query"};

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

NodeRef map_at(NodeRef node, std::string_view key) {
  const NodeRef value = node.get(key);
  return value && value.is_map() ? value : NodeRef{};
}

}  // namespace

Located<std::string_view> text_at(NodeRef node, std::string_view key) {
  const NodeRef value = node.get(key);
  if (!value || !value.is_scalar() || value.is_null()) return {};
  return {value.text(), value.span()};
}

bool bool_at(NodeRef node, std::string_view key, bool otherwise) {
  const NodeRef value = node.get(key);
  return value && value.kind() == NodeKind::Bool ? value.boolean() : otherwise;
}

ModelBuilder::ModelBuilder(const FileSet& files, References& references, const LoadOptions& options,
                           DiagnosticSink& sink)
    : files_(files), references_(references), options_(options), sink_(sink) {}

void ModelBuilder::build(Document& document) {
  document_ = &document;
  const NodeRef root = document.root;
  const NodeRef info = map_at(root, "info");
  document.title = text_at(info, "title");
  document.api_version = text_at(info, "version");
  document.servers = servers(root.get("servers"));
  security_schemes(document);
  document.security = security(root);
  document.paths = path_items(root.get("paths"), false);
  document.webhooks = path_items(root.get("webhooks"), true);
  document.x_gw = root.get("x-gw");
}

Span ModelBuilder::text_span(NodeRef node, u32 begin, u32 end) const {
  return files_.part(node.span(), node.text(), begin, end);
}

std::vector<PathItem> ModelBuilder::path_items(NodeRef map, bool webhooks) {
  std::vector<PathItem> items;
  if (!map || !map.is_map()) return items;
  items.reserve(map.size());
  for (const NodeRef::Entry entry : map.entries()) {
    if (entry.key.text().starts_with("x-")) continue;
    items.push_back(path_item(entry, webhooks));
    if (!webhooks) check_path_parameters(items.back());
  }
  return items;
}

PathItem ModelBuilder::path_item(const NodeRef::Entry& entry, bool webhook) {
  PathItem item;
  item.path = {entry.key.text(), entry.key.span()};
  item.node = entry.value;
  if (!webhook) check_path_key(entry.key);
  if (!entry.value.is_map()) return item;
  const NodeRef target = references_.resolve(entry.value);
  if (target) item.node = target;
  item.x_gw = entry.value.get("x-gw");
  if (!item.x_gw && target) item.x_gw = target.get("x-gw");
  // Fields beside a $ref belong to the path item as well.
  const bool referred = target && target != entry.value;
  item.parameters = parameters(entry.value.get("parameters"), true);
  if (referred) {
    for (Parameter& parameter : parameters(target.get("parameters"), true)) {
      item.parameters.push_back(std::move(parameter));
    }
  }
  std::vector<Server> inherited = servers(entry.value.get("servers"));
  if (inherited.empty() && referred) inherited = servers(target.get("servers"));
  add_operations(entry.value, item, inherited);
  if (referred) add_operations(target, item, inherited);
  const NodeRef any = item.x_gw.get("anyMethod");
  if (any && (any.is_map() || bool_at(item.x_gw, "anyMethod", false))) {
    const NodeRef node = any.is_map() ? any : NodeRef{};
    item.any_method.push_back(operation("*", item.x_gw.key_of("anyMethod").span(), node, item));
    if (item.any_method[0].servers.empty()) item.any_method[0].servers = inherited;
  }
  return item;
}

void ModelBuilder::add_operations(NodeRef from, PathItem& item,
                                  const std::vector<Server>& inherited) {
  const auto add = [&](std::string method, const NodeRef::Entry& entry) {
    if (!entry.value.is_map()) return;
    for (const Operation& known : item.operations) {
      if (known.method.value == method) return;
    }
    Operation added = operation(std::move(method), entry.key.span(), entry.value, item);
    if (added.servers.empty()) added.servers = inherited;
    check_operation_id(added);
    item.operations.push_back(std::move(added));
  };
  for (const NodeRef::Entry entry : from.entries()) {
    const std::string_view key = entry.key.text();
    const bool known =
        std::find(std::begin(kMethods), std::end(kMethods), key) != std::end(kMethods);
    if (known && (key != "query" || document_->version == Version::V32)) {
      add(upper_case(key), entry);
    } else if (key == "additionalOperations" && document_->version == Version::V32) {
      for (const NodeRef::Entry further : entry.value.entries()) {
        add(std::string(further.key.text()), further);
      }
    }
  }
}

Operation ModelBuilder::operation(std::string method, Span span, NodeRef node,
                                  const PathItem& item) {
  Operation operation;
  operation.method = {std::move(method), span};
  operation.node = node;
  operation.operation_id = text_at(node, "operationId");
  operation.deprecated = bool_at(node, "deprecated", false);
  operation.servers = servers(node.get("servers"));
  operation.security = security(node);
  operation.request_body = request_body(node.get("requestBody"));
  operation.responses = responses(node.get("responses"));
  operation.x_gw = node.get("x-gw");
  operation.parameters = parameters(node.get("parameters"), false);
  const size_t own = operation.parameters.size();
  for (const Parameter& inherited : item.parameters) {
    const auto overrides = [&](const Parameter& p) {
      return p.in == inherited.in && p.name.value == inherited.name.value;
    };
    const auto end = operation.parameters.begin() + static_cast<std::ptrdiff_t>(own);
    if (std::none_of(operation.parameters.begin(), end, overrides)) {
      operation.parameters.push_back(inherited);
    }
  }
  return operation;
}

void ModelBuilder::check_operation_id(const Operation& operation) {
  const Located<std::string_view>& id = operation.operation_id;
  if (!id.present()) {
    report(sink_, {.rule = "operation-id-missing",
                   .node = operation.node,
                   .message = "the operation has no `operationId`",
                   .label = "no identity",
                   .help = "logs, metrics and limits are named by it; add one",
                   .span = operation.method.span});
    return;
  }
  const auto [known, added] = operation_ids_.emplace(id.value, id.span);
  if (added || known->second == id.span) return;
  report(sink_, {.rule = "operation-id-duplicate",
                 .node = operation.node.get("operationId"),
                 .message = "the operationId " + in_quotes(id.value) + " is used twice",
                 .label = "again here",
                 .help = "an operationId names one operation of the whole document",
                 .related = {{known->second, "first here"}}});
}

RequestBody ModelBuilder::request_body(NodeRef node) {
  const NodeRef body = references_.resolve(node);
  if (!body || !body.is_map()) return {};
  return {.node = body,
          .required = bool_at(body, "required", false),
          .content = content(body.get("content"))};
}

std::vector<Response> ModelBuilder::responses(NodeRef map) {
  std::vector<Response> list;
  if (!map) return list;
  for (const NodeRef::Entry entry : map.entries()) {
    if (entry.key.text().starts_with("x-")) continue;
    const NodeRef node = references_.resolve(entry.value);
    if (!node || !node.is_map()) continue;
    list.push_back({.status = {entry.key.text(), entry.key.span()},
                    .node = node,
                    .content = content(node.get("content")),
                    .x_gw = node.get("x-gw")});
  }
  return list;
}

std::vector<MediaType> ModelBuilder::content(NodeRef map) {
  std::vector<MediaType> list;
  if (!map) return list;
  for (const NodeRef::Entry entry : map.entries()) {
    const NodeRef node = references_.resolve(entry.value);
    if (!node || !node.is_map()) continue;
    list.push_back(
        {.name = {entry.key.text(), entry.key.span()}, .node = node, .schema = node.get("schema")});
  }
  return list;
}

void ModelBuilder::check_path_key(NodeRef key) {
  const std::string_view path = key.text();
  if (!path.starts_with('/')) {
    report(sink_, {.rule = "path-template-syntax",
                   .node = key,
                   .message = "the path " + in_quotes(path) + " does not begin with `/`",
                   .label = "not a path",
                   .help = path.starts_with("http")
                               ? "the host belongs to `servers`"
                               : "put a `/` before it; fields of your own begin with `x-`"});
    return;
  }
  std::vector<TemplateName> names;
  const TemplateProblem problem = parse_template(path, names);
  if (!problem.message.empty()) {
    report(sink_, {.rule = "path-template-syntax",
                   .node = key,
                   .message = "in the path " + in_quotes(path) + " " + problem.message,
                   .label = problem.label,
                   .span = text_span(key, problem.begin, problem.end)});
  }
  // A query or a fragment in the key is said by the router's rule.
}

}  // namespace gw::compiler::openapi
