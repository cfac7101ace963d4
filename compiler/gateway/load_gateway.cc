#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "compiler/gateway/gateway.h"
#include "compiler/xgw/language.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

using openapi::Document;
using openapi::Operation;
using openapi::PathItem;

constexpr size_t kMaxServices = 4096;

void report(DiagnosticSink& sink, std::string_view rule, Span span, std::string message,
            std::string label, std::string help = {}, std::vector<Label> related = {}) {
  sink.report({.rule = rule,
               .severity = Severity::Error,
               .message = std::move(message),
               .primary = {span, std::move(label)},
               .related = std::move(related),
               .help = std::move(help)});
}

bool is_host(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-') return false;
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
           c == ':' || c == '[' || c == ']';
  });
}

std::vector<std::string> hosts_of(NodeRef list, DiagnosticSink& sink) {
  std::vector<std::string> hosts;
  if (!list) return hosts;
  std::vector<NodeRef> items;
  if (list.is_seq()) {
    for (const NodeRef item : list.items()) items.push_back(item);
  } else {
    items.push_back(list);
  }
  for (const NodeRef item : items) {
    std::string host = item.is_scalar() ? lower_case(item.text()) : std::string();
    if (host.ends_with('.')) host.pop_back();
    if (!is_host(host)) {
      report(sink, "extension-value", item.span(), "this is not a host name", "here",
             "write `api.example.com` or `*.example.com`, without scheme and port");
      continue;
    }
    if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(std::move(host));
  }
  std::ranges::sort(hosts);
  return hosts;
}

std::vector<std::string_view> names_of(std::span<const PlainField> fields,
                                       bool with_operation_fields) {
  std::vector<std::string_view> names;
  for (const PlainField& field : fields) names.push_back(field.name);
  if (with_operation_fields) {
    for (const OperationField& field : kOperationFields) names.push_back(field.spec.name);
  }
  return names;
}

// A public prefix: begins with '/', no parameters, no slash at its end.
std::string prefix_of(NodeRef node, std::string_view what, DiagnosticSink& sink) {
  std::string prefix(node.is_scalar() ? node.text() : std::string_view{});
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.empty() && (prefix.front() != '/' || prefix.find_first_of("{}?#") != prefix.npos ||
                          prefix.find("//") != prefix.npos)) {
    report(sink, "extension-value", node.span(), fmt::format("`{}` is not a path prefix", what),
           "here", "write it as `/orders`, without parameters");
    return {};
  }
  return prefix;
}

// The one base path of the document's servers.
std::string base_path_of_servers(const Document& document, DiagnosticSink& sink) {
  if (document.servers.empty()) return {};
  const openapi::Server& first = document.servers[0];
  for (const openapi::Server& other : document.servers) {
    if (other.base_path == first.base_path) continue;
    report(sink, "base-path-merge", other.url.span,
           fmt::format("servers have different base paths: `{}` and `{}`", first.base_path,
                       other.base_path),
           "this one", "choose the public one: `x-gw: {basePath: ...}` at the root",
           {{first.url.span, "the first one"}});
    break;
  }
  return first.base_path;
}

class Loader {
 public:
  Loader(FileSet& files, const GatewayOptions& options, DiagnosticSink& sink)
      : files_(files), options_(options), sink_(sink) {}

  Gateway load() {
    // Sorted, so that the order of arguments changes nothing.
    std::vector<std::string> paths = options_.paths;
    std::ranges::sort(paths);
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    for (const std::string& path : paths) load_gateway_document(path);
    std::ranges::sort(gateway_.upstreams, {}, &GatewayUpstream::name);
    check_upstream_names();
    for (const Unit& unit : gateway_.units) collect_operations(unit);
    check_ids();
    return std::move(gateway_);
  }

 private:
  // The schemes of a service document may be those of its gateway document.
  const Document* load_document(const std::string& path, bool is_service) {
    openapi::LoadOptions load = options_.load;
    load.check_scheme_names = !is_service;
    auto document = openapi::load_document(files_, path, load, sink_);
    if (document == nullptr) return nullptr;
    gateway_.documents.push_back(std::move(document));
    return gateway_.documents.back().get();
  }

  void load_gateway_document(const std::string& path) {
    const Document* document = load_document(path, false);
    if (document == nullptr) return;
    if (gateway_.title.empty()) {
      gateway_.title = document->title.value;
      gateway_.version = document->api_version.value;
    }
    const NodeRef x_gw = document->x_gw;
    if (x_gw && !x_gw.is_map()) {
      report(sink_, "extension-value", x_gw.span(), "`x-gw` is not a map", "here");
      return;
    }
    check_keys(x_gw, "x-gw", names_of(kRootFields, false), sink_);
    check_version(x_gw);
    const std::vector<std::string> hosts = hosts_of(x_gw ? x_gw.get("hosts") : NodeRef{}, sink_);

    if (x_gw) {
      for (const auto [key, value] : map_of(x_gw, "upstreams").entries()) {
        gateway_.upstreams.push_back({key.text(), key, value});
      }
      if (const NodeRef listeners = x_gw.get("listeners")) {
        if (!listeners.is_seq()) {
          report(sink_, "extension-value", listeners.span(), "`listeners` is not a list", "here");
        }
        for (const NodeRef item : listeners.items()) gateway_.listeners.push_back(item);
      }
      if (const NodeRef proxies = x_gw.get("trustedProxies"))
        gateway_.trusted_proxies.push_back(proxies);
      if (const NodeRef resolvers = x_gw.get("resolvers")) gateway_.resolvers = resolvers;
      if (const NodeRef memory = x_gw.get("cacheMemory")) gateway_.cache_memory = memory;
      take_once(x_gw, "consumers", gateway_.consumers);
      take_once(x_gw, "plans", gateway_.plans);
      take_once(x_gw, "clients", gateway_.clients);
      take_once(x_gw, "observe", gateway_.observe);
    }

    Unit& own = gateway_.units.emplace_back();
    own.document = own.gateway = document;
    own.gateway_x_gw = x_gw;
    own.hosts = hosts.empty() ? std::vector<std::string>{""} : hosts;
    own.base_path = base_path(*document, x_gw);
    if (x_gw) load_services(path, *document, x_gw, own.hosts);
  }

  // What only one of several gateway documents may say.
  void take_once(NodeRef x_gw, std::string_view name, NodeRef& out) {
    const NodeRef value = x_gw.get(name);
    if (!value) return;
    if (out) {
      report(sink_, "route-cross-file", x_gw.key_of(name).span(),
             fmt::format("`{}` is declared twice", name), "again here", "keep it in one document",
             {{out.span(), "first here"}});
      return;
    }
    out = value;
  }

  void load_services(const std::string& gateway_path, const Document& gateway, NodeRef x_gw,
                     const std::vector<std::string>& hosts) {
    std::vector<NodeRef::Entry> entries;
    for (const auto entry : map_of(x_gw, "services").entries()) entries.push_back(entry);
    if (entries.size() > kMaxServices) {
      report(sink_, "extension-value", x_gw.get("services").span(), "there are too many services",
             "here");
      return;
    }
    std::ranges::sort(entries, {}, [](const NodeRef::Entry& e) { return e.key.text(); });
    for (const auto [key, entry] : entries) {
      if (!entry.is_map()) {
        report(sink_, "extension-value", entry.span(),
               fmt::format("service `{}` is not a map", key.text()), "here",
               "write `{spec: ./file.yaml, mount: /prefix}`");
        continue;
      }
      check_keys(entry, fmt::format("services.{}", key.text()), names_of(kServiceFields, false),
                 sink_);
      const NodeRef spec = entry.get("spec");
      if (!spec || !spec.is_scalar()) {
        report(sink_, "extension-missing", key.span(),
               fmt::format("service `{}` names no document", key.text()), "it needs `spec`",
               "add `spec: ./file.yaml`");
        continue;
      }
      const auto folder = std::filesystem::path(gateway_path).parent_path();
      const std::string path = (folder / std::string(spec.text())).lexically_normal().string();
      if (const Result<FileId> file = files_.read(path); !file) {
        report(sink_, "file-unreadable", spec.span(),
               fmt::format("cannot read `{}`: {}", path,
                           std::generic_category().message(file.error().sys)),
               "named here", "a relative path begins at the folder of this document");
        continue;
      }
      const Document* document = load_document(path, true);
      if (document == nullptr) continue;  // what is wrong with it has been reported
      Unit& unit = gateway_.units.emplace_back();
      unit.document = document;
      unit.service = key.text();
      unit.service_span = key.span();
      unit.entry = entry;
      unit.gateway_x_gw = x_gw;
      unit.gateway = &gateway;
      unit.hosts = hosts_of(entry.get("hosts"), sink_);
      if (unit.hosts.empty()) unit.hosts = hosts;
      if (const NodeRef mount = entry.get("mount")) {
        unit.base_path = prefix_of(mount, "mount", sink_);
        unit.mount_bytes = static_cast<u32>(unit.base_path.size());
      } else if (const NodeRef base = entry.get("basePath")) {
        unit.base_path = prefix_of(base, "basePath", sink_);
      } else {
        unit.base_path = base_path(*document, document->x_gw);
      }
      check_service_document(*document);
    }
  }

  // Upstreams, hosts and the like belong to the gateway document.
  void check_service_document(const Document& document) {
    const NodeRef x_gw = document.x_gw;
    if (!x_gw) return;
    check_keys(x_gw, "x-gw", names_of(kRootFields, false), sink_);
    check_version(x_gw);
    for (const std::string_view name :
         {"upstreams", "hosts", "listeners", "services", "locked", "trustedProxies", "resolvers",
          "cacheMemory", "consumers", "plans", "clients", "observe", "assert"}) {
      if (const NodeRef key = x_gw.key_of(name)) {
        report(sink_, "extension-misplaced", key.span(),
               fmt::format("`{}` belongs to the gateway document", name),
               "this is a service document",
               "move it to the document that names this one in `services`");
      }
    }
  }

  void check_version(NodeRef x_gw) {
    if (!x_gw) return;
    const NodeRef version = x_gw.get("version");
    if (!version || version.text() == "1") return;
    report(sink_, "extension-value", version.span(), "`version` is not 1",
           "the only version there is");
  }

  NodeRef map_of(NodeRef x_gw, std::string_view name) {
    const NodeRef value = x_gw.get(name);
    if (value && !value.is_map()) {
      report(sink_, "extension-value", value.span(), fmt::format("`{}` is not a map", name),
             "here");
      return {};
    }
    return value;
  }

  std::string base_path(const Document& document, NodeRef x_gw) {
    if (const NodeRef chosen = x_gw ? x_gw.get("basePath") : NodeRef{}) {
      return prefix_of(chosen, "basePath", sink_);
    }
    return base_path_of_servers(document, sink_);
  }

  void check_upstream_names() {
    for (size_t i = 1; i < gateway_.upstreams.size(); ++i) {
      const GatewayUpstream& a = gateway_.upstreams[i - 1];
      const GatewayUpstream& b = gateway_.upstreams[i];
      if (a.name != b.name) continue;
      report(sink_, "route-cross-file", b.key.span(),
             fmt::format("upstream `{}` is declared twice", b.name), "again here",
             "keep one of them", {{a.key.span(), "first here"}});
    }
  }

  void collect_operations(const Unit& unit) {
    for (const PathItem& item : unit.document->paths) {
      const std::string path = unit.base_path + std::string(item.path.value);
      check_base_path(unit, item);
      for (const Operation& operation : item.operations) {
        add(unit, item, operation, path, operation.method.span, false);
      }
      collect_any_method(unit, item, path);
    }
  }

  void check_base_path(const Unit& unit, const PathItem& item) {
    const std::string& base = unit.base_path;
    const std::string_view key = item.path.value;
    if (base.empty() || !key.starts_with(base) ||
        (key.size() > base.size() && key[base.size()] != '/'))
      return;
    sink_.report({.rule = "base-path-merge",
                  .severity = Severity::Warning,
                  .message = fmt::format(
                      "base path `{}` is put before a path that begins with it already", base),
                  .primary = {item.path.span, fmt::format("is served as `{}{}`", base, key)},
                  .help = "remove it from the path or from `servers`"});
  }

  void collect_any_method(const Unit& unit, const PathItem& item, const std::string& path) {
    const NodeRef x_gw = item.x_gw;
    if (!x_gw || !x_gw.is_map()) return;
    const NodeRef any = x_gw.get("anyMethod");
    const NodeRef implied = x_gw.get("respond") ? x_gw.key_of("respond") : x_gw.key_of("redirect");
    if (any && !any.is_map() && !(any.kind() == NodeKind::Bool && any.boolean())) {
      report(sink_, "extension-value", any.span(), "`anyMethod` is not `true` or an operation",
             "here");
      return;
    }
    if (!any && !(implied && item.operations.empty())) return;
    const Span span = any ? x_gw.key_of("anyMethod").span() : implied.span();
    if (!item.any_method.empty()) {
      add(unit, item, item.any_method[0], path, span, true);
      return;
    }
    Operation& operation = gateway_.implied.emplace_back();
    operation.method = {"*", span};
    operation.parameters = item.parameters;
    add(unit, item, operation, path, span, true);
  }

  void add(const Unit& unit, const PathItem& item, const Operation& operation,
           const std::string& path, Span span, bool any_method) {
    GatewayOperation entry{.unit = &unit,
                           .item = &item,
                           .operation = &operation,
                           .id = {},
                           .path = path,
                           .any_method = any_method,
                           .span = span};
    entry.id = identity(entry);
    gateway_.operations.push_back(std::move(entry));
  }

  // SERVICE.operationId; see DESIGN 3.1.
  std::string identity(const GatewayOperation& entry) {
    const NodeRef x_gw = entry.operation->x_gw;
    const NodeRef own = x_gw && x_gw.is_map() ? x_gw.get("id") : NodeRef{};
    std::string name;
    if (own && own.is_scalar()) {
      name = own.text();
    } else if (entry.operation->operation_id.present()) {
      name = entry.operation->operation_id.value;
    } else {
      const std::string_view method =
          entry.any_method ? std::string_view("ANY") : entry.operation->method.value;
      const std::string host = entry.unit->hosts[0].empty() ? "" : entry.unit->hosts[0];
      name = fmt::format("{} {}{}", method, host, entry.path);
    }
    return entry.unit->service.empty() ? name : fmt::format("{}.{}", entry.unit->service, name);
  }

  void check_ids() {
    std::map<std::string_view, const GatewayOperation*> seen;
    for (const GatewayOperation& operation : gateway_.operations) {
      const auto [entry, fresh] = seen.try_emplace(operation.id, &operation);
      if (fresh) continue;
      const GatewayOperation& first = *entry->second;
      const bool same_file = first.unit->document == operation.unit->document;
      if (first.span == operation.span) {
        report_shared(first, operation);
        continue;
      }
      // Within one document the operationId rule has said so already.
      if (same_file && operation.operation->operation_id.present()) continue;
      report(sink_, "route-cross-file", operation.span,
             fmt::format("two operations have the identity `{}`", operation.id), "the second one",
             "give one of them another `x-gw: {id: ...}`, or put each document behind a name in "
             "`services`",
             {{first.span, "the first one"}});
    }
  }

  // Two paths whose `$ref` leads to one path item.
  void report_shared(const GatewayOperation& first, const GatewayOperation& second) {
    report(sink_, "operation-id-duplicate", second.item->path.span,
           fmt::format("`{}` and `{}` share the operation `{}`, and so its name",
                       first.item->path.value, second.item->path.value, second.id),
           "the same operation again",
           "leave `operationId` out of a path item that several paths refer to",
           {{first.item->path.span, "first here"}});
  }

  FileSet& files_;
  const GatewayOptions& options_;
  DiagnosticSink& sink_;
  Gateway gateway_;
};

}  // namespace

void check_keys(NodeRef map, std::string_view what, const std::vector<std::string_view>& known,
                DiagnosticSink& sink) {
  if (!map) return;
  const bool in_words = what.find(' ') != what.npos;  // "x-gw of the path", not a field's name
  for (const auto [key, value] : map.entries()) {
    const std::string_view name = key.text();
    if (std::ranges::find(known, name) != known.end()) continue;
    if (std::ranges::find(kLaterFields, name) != std::end(kLaterFields)) {
      report(sink, "extension-unsupported", key.span(),
             in_words ? fmt::format("`{}` in {} is not supported yet", name, what)
                      : fmt::format("`{}.{}` is not supported yet", what, name),
             "this version cannot enforce it", "remove it");
      continue;
    }
    report(sink, "extension-unknown", key.span(),
           in_words ? fmt::format("{} has no field `{}`", what, name)
                    : fmt::format("`{}` has no field `{}`", what, name),
           "not a field of it", did_you_mean(name, known));
  }
}

Gateway load_gateway(FileSet& files, const GatewayOptions& options, DiagnosticSink& sink) {
  return Loader(files, options, sink).load();
}

}  // namespace gw::compiler
