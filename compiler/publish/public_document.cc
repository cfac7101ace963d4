#include "compiler/publish/public_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/openapi/path_template.h"
#include "compiler/publish/class_access.h"
#include "compiler/publish/class_view.h"
#include "compiler/publish/object_copy.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

using openapi::Document;
using openapi::ObjectKind;
using openapi::Version;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// Keys of the root that are made anew, or come from all documents.
bool is_own_root_key(std::string_view key) {
  return key == "openapi" || key == "servers" || key == "paths" || key == "webhooks" ||
         key == "components" || key == "security" || key == "tags" || key == "x-gw";
}

std::vector<std::string> sorted_hosts(const Unit& unit) {
  std::vector<std::string> hosts = unit.hosts;
  std::ranges::sort(hosts);
  return hosts;
}

// `{rest+}` is how this gateway spells what OpenAPI has no word for.
std::string plain_template(const std::string& path) {
  std::vector<openapi::TemplateName> names;
  openapi::parse_template(path, names);
  std::string out = path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (name->greedy) out.erase(name->end - 2, 1);
  }
  return out;
}

std::string shape_of(const std::string& path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == '{') inside = true;
    if (!inside) out += c;
    if (c == '}') {
      inside = false;
      out += "{}";
    }
  }
  return out;
}

class Publisher {
 public:
  Publisher(const Module& module, const PublishOptions& options, std::string& problem)
      : module_(module),
        gateway_(module.gateway),
        options_(options),
        problem_(problem),
        main_(*gateway_.units.front().gateway),
        copier_(gateway_, version(), out_.components) {}

  std::optional<PublicDocument> run() {
    if (!check_options()) return std::nullopt;
    choose_operations();
    out_.root = PublicValue::map();
    write_root();
    if (!write_paths()) return std::nullopt;
    write_webhooks();
    write_components();
    if (!copier_.is_complete()) {
      problem_ = "the documents unfold to more than one may hold";
      return std::nullopt;
    }
    return std::move(out_);
  }

 private:
  struct Chosen {
    const GatewayOperation* operation;
    std::string path;  // as it is printed
  };

  const Document& newest() const {
    const Document* found = &main_;
    for (const Unit& unit : gateway_.units) {
      if (unit.document->version > found->version) found = unit.document;
    }
    return *found;
  }
  Version version() const { return newest().version; }

  bool check_options() {
    if (options_.client.empty()) return true;
    const std::vector<std::string_view> names = client_names(gateway_);
    if (std::ranges::find(names, options_.client) != names.end()) return true;
    problem_ = names.empty() ? std::string("the gateway has no `clients`")
                             : fmt::format("there is no client class `{}`; there are: {}",
                                           options_.client, fmt::join(names, ", "));
    return false;
  }

  bool is_at_host(const Unit& unit) const {
    return options_.host.empty() || unit.hosts[0].empty() ||
           std::ranges::find(unit.hosts, options_.host) != unit.hosts.end();
  }

  // In source order; a document's operations together.
  void choose_operations() {
    u32 any_method = 0;
    for (const GatewayOperation& operation : gateway_.operations) {
      if (!is_at_host(*operation.unit)) continue;
      if (operation.any_method) {
        ++any_method;
        continue;
      }
      if (!options_.client.empty() &&
          !class_may_call(effective(operation).fields, options_.client)) {
        continue;
      }
      chosen_.push_back({&operation, operation.path});
    }
    if (any_method != 0) {
      out_.notes.push_back(fmt::format(
          "{} for any method {} not in the document: OpenAPI has no word for {}",
          any_method == 1 ? std::string("an operation") : fmt::format("{} operations", any_method),
          any_method == 1 ? "is" : "are", any_method == 1 ? "it" : "them"));
    }
    spell_paths();
  }

  // A catch-all becomes a parameter, unless another path has that shape.
  void spell_paths() {
    std::set<std::string> shapes;
    for (const Chosen& one : chosen_) {
      if (plain_template(one.path) == one.path) shapes.insert(shape_of(one.path));
    }
    for (Chosen& one : chosen_) {
      const std::string plain = plain_template(one.path);
      if (plain != one.path && !shapes.contains(shape_of(plain))) one.path = plain;
    }
  }

  EffectiveOperation effective(const GatewayOperation& operation) const {
    return effective_operation(module_, operation, levels_of(operation));
  }

  void write_root() {
    out_.root.set("openapi", PublicValue::string(newest().version_text));
    const Unit& unit = gateway_.units.front();
    for (const auto [key, value] : main_.root.entries()) {
      if (!is_own_root_key(key.text())) out_.root.set(key.text(), copier_.literal(value));
    }
    root_hosts_ = sorted_hosts(unit);
    const bool same_hosts = std::ranges::all_of(chosen_, [&](const Chosen& one) {
      return sorted_hosts(*one.operation->unit) == sorted_hosts(*chosen_[0].operation->unit);
    });
    if (same_hosts && !chosen_.empty()) root_hosts_ = sorted_hosts(*chosen_[0].operation->unit);
    PublicValue servers = servers_of(root_hosts_, true);
    if (!servers.items.empty()) out_.root.set("servers", std::move(servers));
    write_tags();
    if (const NodeRef security = main_.root.get("security")) {
      out_.root.set("security", copier_.security(unit, security));
    }
  }

  void write_tags() {
    PublicValue tags = PublicValue::list();
    std::set<std::string> names;
    std::set<const Document*> seen;
    for (const Unit& unit : gateway_.units) {
      if (!is_at_host(unit) || !seen.insert(unit.document).second) continue;
      const NodeRef list = unit.document->root.get("tags");
      if (!list || !list.is_seq()) continue;
      for (const NodeRef item : list.items()) {
        const NodeRef name = child(item, "name");
        if (!name || !names.insert(std::string(name.text())).second) continue;
        tags.items.push_back(copier_.copy(unit, item, ObjectKind::Tag));
      }
    }
    if (!tags.items.empty()) out_.root.set("tags", std::move(tags));
  }

  // Who comes by plain HTTP only, and straight, sees no other scheme.
  std::string_view scheme() const {
    if (gateway_.listeners.empty() || !gateway_.trusted_proxies.empty()) return "https";
    const bool any = std::ranges::any_of(gateway_.listeners, [](NodeRef listener) {
      return static_cast<bool>(child(listener, "tls"));
    });
    return any ? "https" : "http";
  }

  // `hosts` are sorted; one empty text: any host.
  PublicValue servers_of(const std::vector<std::string>& hosts, bool is_root) const {
    PublicValue servers = PublicValue::list();
    for (const std::string& url : options_.servers) servers.items.push_back(server(url));
    if (!options_.servers.empty()) return servers;
    for (const std::string& host : hosts) {
      if (host.empty()) continue;
      const bool wild = host.starts_with("*.");
      const std::string name = wild ? "{subdomain}" + host.substr(1) : host;
      PublicValue& one = servers.items.emplace_back(server(fmt::format("{}://{}", scheme(), name)));
      if (!wild) continue;
      PublicValue variable = PublicValue::map();
      variable.set("default", PublicValue::string("www"));
      one.set("variables", PublicValue::map()).set("subdomain", std::move(variable));
    }
    if (servers.items.empty() && is_root) add_declared_servers(servers);
    return servers;
  }

  static PublicValue server(std::string_view url) {
    PublicValue out = PublicValue::map();
    out.set("url", PublicValue::string(url));
    return out;
  }

  // A gateway document without hosts may say in `servers` where it is found. Those of services are
  // how they are reached from inside.
  void add_declared_servers(PublicValue& servers) const {
    for (const openapi::Server& declared : main_.servers) {
      std::string url = declared.url.value;
      const bool fits = declared.base_path == gateway_.units.front().base_path;
      if (!fits || url.find("://") == url.npos) continue;
      while (url.ends_with('/')) url.pop_back();
      if (url.ends_with(declared.base_path)) url.resize(url.size() - declared.base_path.size());
      servers.items.push_back(server(url));
    }
  }

  bool write_paths() {
    std::map<std::string, std::set<const openapi::PathItem*>> items;
    for (const Chosen& one : chosen_) items[one.path].insert(one.operation->item);
    PublicValue& paths = out_.root.set("paths", PublicValue::map());
    std::map<std::string, size_t> places;  // in `paths`, of which there may be many
    for (const Chosen& one : chosen_) {
      const bool shared = items[one.path].size() > 1;
      const auto [place, fresh] = places.try_emplace(one.path, paths.members.size());
      if (fresh) {
        paths.members.push_back(
            {.key = one.path, .value = shared ? PublicValue::map() : path_item(one)});
      }
      if (!add_operation(one, shared, paths.members[place->second].value)) return false;
    }
    return true;
  }

  // What holds for all operations of a path.
  PublicValue path_item(const Chosen& one) {
    const GatewayOperation& operation = *one.operation;
    PublicValue out = PublicValue::map();
    const NodeRef node = operation.item->node;
    for (const auto [key, value] : node.entries()) {
      const std::string_view name = key.text();
      const bool extension = name.starts_with("x-") && name != "x-gw";
      const bool is_text = name == "summary" || name == "description";
      if (extension || is_text) out.set(name, copier_.literal(value));
      if (name == "parameters" && value.is_seq()) {
        out.set(name, parameters(*operation.unit, value));
      }
    }
    return out;
  }

  PublicValue parameters(const Unit& unit, NodeRef list) {
    PublicValue out = PublicValue::list();
    for (const NodeRef item : list.items()) {
      out.items.push_back(copier_.copy(unit, item, ObjectKind::Parameter));
    }
    return out;
  }

  bool add_operation(const Chosen& one, bool shared, PublicValue& item) {
    const GatewayOperation& operation = *one.operation;
    const std::string key = lower_case(operation.operation->method.value);
    const bool fixed = openapi::find_field(openapi::object_type(ObjectKind::PathItem), key);
    PublicValue value = operation_value(one, shared);
    PublicValue* place = &item;
    std::string name = key;
    if (!fixed) {  // since 3.2
      place = item.find("additionalOperations");
      if (place == nullptr) place = &item.set("additionalOperations", PublicValue::map());
      name = operation.operation->method.value;
    }
    if (place->find(name) != nullptr) {
      problem_ = fmt::format(
          "`{} {}` is served at several hosts by different operations, which one document cannot "
          "say; choose one with --host",
          operation.operation->method.value, one.path);
      return false;
    }
    place->set(name, std::move(value));
    return true;
  }

  PublicValue operation_value(const Chosen& one, bool shared) {
    const GatewayOperation& operation = *one.operation;
    const Unit& unit = *operation.unit;
    PublicValue out = copier_.copy(unit, operation.operation->node, ObjectKind::Operation);
    if (!out.is_map()) out = PublicValue::map();
    out.erase("servers");
    out.erase("security");
    write_identity(operation, out);
    if (shared) fold_parameters(operation, out);
    add_captures(one, out);
    const NodeRef security = security_of(operation);
    if (security && security != main_.root.get("security")) {
      out.set("security", copier_.security(unit, security));
    }
    if (sorted_hosts(unit) != root_hosts_ && options_.servers.empty()) {
      PublicValue servers = servers_of(sorted_hosts(unit), false);
      if (servers.items.empty()) servers.items.push_back(server("/"));
      out.set("servers", std::move(servers));
    }
    const PublicValue* declared = out.find("responses");
    PublicValue responses = declared == nullptr ? PublicValue::map() : *declared;
    const bool changed = show_answers(module_, operation, effective(operation).fields,
                                      options_.client, version(), copier_, responses);
    if (changed) out.set("responses", std::move(responses));
    return out;
  }

  static void write_identity(const GatewayOperation& operation, PublicValue& out) {
    const NodeRef own = child(operation.operation->x_gw, "id");
    if (!operation.operation->operation_id.present() && !own) return;
    const bool missing = out.find("operationId") == nullptr;
    out.set("operationId", PublicValue::string(operation.id));
    if (missing) std::rotate(out.members.begin(), out.members.end() - 1, out.members.end());
  }

  // A path that several documents have says nothing for all of its operations.
  void fold_parameters(const GatewayOperation& operation, PublicValue& out) {
    for (const openapi::Parameter& parameter : operation.operation->parameters) {
      if (!parameter.from_path_item) continue;
      if (out.find("parameters") == nullptr) out.set("parameters", PublicValue::list());
      out.find("parameters")
          ->items.push_back(copier_.copy(*operation.unit, parameter.node, ObjectKind::Parameter));
    }
  }

  // Catch-alls need no declaration here, parameters do.
  static void add_captures(const Chosen& one, PublicValue& out) {
    std::vector<openapi::TemplateName> names;
    openapi::parse_template(one.operation->path, names);
    for (const openapi::TemplateName& name : names) {
      const bool declared = std::ranges::any_of(
          one.operation->operation->parameters, [&](const openapi::Parameter& parameter) {
            return parameter.in == openapi::ParameterIn::Path && parameter.name.value == name.name;
          });
      if (!name.greedy || declared) continue;
      PublicValue parameter = PublicValue::map();
      parameter.set("name", PublicValue::string(name.name));
      parameter.set("in", PublicValue::string("path"));
      parameter.set("required", PublicValue::boolean(true));
      parameter.set("description", PublicValue::string("one or more segments of the path"));
      parameter.set("schema", PublicValue::map()).set("type", PublicValue::string("string"));
      if (out.find("parameters") == nullptr) out.set("parameters", PublicValue::list());
      out.find("parameters")->items.push_back(std::move(parameter));
    }
  }

  void write_webhooks() {
    PublicValue all = PublicValue::map();
    std::set<const Document*> seen;
    for (const Unit& unit : gateway_.units) {
      if (!is_at_host(unit) || !seen.insert(unit.document).second) continue;
      const NodeRef webhooks = unit.document->root.get("webhooks");
      if (!webhooks) continue;
      for (const auto [key, value] : webhooks.entries()) {
        std::string name(key.text());
        if (all.find(name) != nullptr) name = std::string(unit.service) + "." + name;
        all.set(name, copier_.copy(unit, value, ObjectKind::PathItem));
      }
    }
    if (!all.members.empty()) out_.root.set("webhooks", std::move(all));
  }

  // A work list from what the document refers to.
  void write_components() {
    std::vector<u32> used;
    std::set<u32> known;
    collect(out_.root, used, known);
    for (size_t i = 0; i < used.size(); ++i) {
      collect(copier_.value_of_component(used[i]), used, known);
    }
    out_.components.give_names(used);
    PublicValue sections = PublicValue::map();
    std::map<std::pair<std::string_view, std::string>, u32> sorted;
    for (const u32 number : used) {
      const Component& component = out_.components.at(number);
      sorted[{section_of(component.kind), component.name}] = number;
    }
    for (const auto& [place, number] : sorted) {
      const auto& [section, name] = place;
      if (sections.find(section) == nullptr) sections.set(section, PublicValue::map());
      sections.find(section)->members.push_back(
          {.key = name, .value = out_.components.at(number).value});
    }
    if (!sections.members.empty()) out_.root.set("components", std::move(sections));
  }

  static void collect(const PublicValue& value, std::vector<u32>& used, std::set<u32>& known) {
    const auto add = [&](u32 component) {
      if (component != kNoComponent && known.insert(component).second) used.push_back(component);
    };
    add(value.component);
    for (const PublicMember& member : value.members) {
      add(member.component);
      collect(member.value, used, known);
    }
    for (const PublicValue& item : value.items) collect(item, used, known);
  }

  const Module& module_;
  const Gateway& gateway_;
  const PublishOptions& options_;
  std::string& problem_;
  const Document& main_;
  PublicDocument out_;
  ObjectCopier copier_;
  std::vector<Chosen> chosen_;
  std::vector<std::string> root_hosts_;
};

}  // namespace

std::vector<std::string_view> client_names(const Gateway& gateway) {
  std::vector<std::string_view> names;
  if (!gateway.clients) return names;
  for (const auto [key, value] : gateway.clients.entries()) names.push_back(key.text());
  return names;
}

std::optional<PublicDocument> publish(const Module& module, const PublishOptions& options,
                                      std::string& problem) {
  if (module.gateway.units.empty()) {
    problem = "there is no document";
    return std::nullopt;
  }
  return Publisher(module, options, problem).run();
}

}  // namespace gw::compiler
