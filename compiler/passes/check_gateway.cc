// Rules that look at the whole gateway.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/template_text.h"
#include "compiler/xgw/node_json.h"
#include "compiler/xgw/value.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

void check_unused_upstreams(Module& module) {
  if (module.options.mock || !module.override_name.empty()) return;
  // The misspelt name may mean the unused one: say the cause only.
  if (module.upstream_dangling) return;
  // What uses it may be what this version cannot do.
  const bool unsupported = std::ranges::any_of(
      module.sink.all(), [](const Diagnostic& d) { return d.rule == "extension-unsupported"; });
  if (unsupported) return;
  for (const GatewayUpstream& upstream : module.gateway.upstreams) {
    const auto index = module.upstream_index.find(upstream.name);
    if (index == module.upstream_index.end() || module.upstream_used[index->second]) continue;
    report(module, "upstream-unused", Severity::Warning, upstream.key.span(),
           fmt::format("no operation uses upstream `{}`", upstream.name), "declared here",
           "remove it, or name it in an operation's `x-gw: {upstream: ...}`");
  }
}

// Trailing slashes and letter case make two routes that clients confuse.
void check_lookalikes(Module& module) {
  std::map<std::string, const PlannedOperation*> seen;
  std::set<std::pair<const openapi::PathItem*, const openapi::PathItem*>> reported;
  for (const PlannedOperation& planned : module.operations) {
    const GatewayOperation& source = *planned.source;
    std::string folded;
    bool in_name = false;
    for (const char c : public_template(module, source)) {
      if (c == '}') in_name = false;
      if (!in_name) folded += to_lower(c);
      if (c == '{') in_name = true;
    }
    while (folded.size() > 1 && folded.back() == '/') folded.pop_back();
    for (const std::string& host : source.unit->hosts) {
      const auto [entry, fresh] = seen.try_emplace(host + ' ' + folded, &planned);
      const GatewayOperation& first = *entry->second->source;
      if (fresh || first.item == source.item) continue;
      // The same spelling twice is another rule's business; so is a parameter's name.
      std::string a = public_template(module, first);
      std::string b = public_template(module, source);
      const auto erase_names = [](std::string& text) {
        for (size_t open = text.find('{'); open != text.npos; open = text.find('{', open + 1)) {
          text.erase(open + 1, std::min(text.find('}', open), text.size()) - open - 1);
        }
      };
      erase_names(a);
      erase_names(b);
      if (a == b || !reported.insert({first.item, source.item}).second) continue;
      module.sink.report(
          {.rule = "route-differs-by-slash-or-case",
           .severity = Severity::Warning,
           .message = fmt::format("`{}` and `{}` differ only by a slash at the end or by case",
                                  first.path, source.path),
           .primary = {source.item->path.span, "clients will confuse this"},
           .related = {{first.item->path.span, "with this"}},
           .help = "both are routed exactly as written; keep one and redirect the other"});
    }
  }
}

bool looks_like_secret(std::string_view name, std::string_view value) {
  if (value.size() < 8 || has_expression(value) || has_late_reference(value)) return false;
  static constexpr std::string_view kNames[] = {
      "authorization", "proxy-authorization", "x-api-key", "api-key",
      "apikey",        "x-auth-token",        "cookie"};
  std::string lower = lower_case(name);
  if (std::ranges::find(kNames, lower) != std::end(kNames)) return true;
  if (lower.find("secret") != lower.npos || lower.find("password") != lower.npos) return true;
  static constexpr std::string_view kPrefixes[] = {"Bearer ", "Basic ", "sk_live_", "ghp_",
                                                   "AKIA",    "xoxb-",  "eyJ"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view p) { return value.starts_with(p); });
}

// Every scalar under x-gw whose key or text looks like a credential.
void check_secrets(Module& module, NodeRef node, u32 depth) {
  if (!node || depth > 16) return;
  for (const NodeRef item : node.items()) check_secrets(module, item, depth + 1);
  for (const auto [key, value] : node.entries()) {
    if (value.is_scalar() && looks_like_secret(key.text(), value.text())) {
      report(module, "secret-inline", Severity::Error, value.span(),
             fmt::format("`{}` holds a credential in plain text", key.text()),
             "readable by everybody who reads the document or the table",
             "use a reference, '{$env.NAME}' or '$file./path', where the field takes one");
      continue;
    }
    check_secrets(module, value, depth + 1);
  }
}

void check_literal(Module& module, NodeRef node, u32 depth) {
  if (!node || depth > 16) return;
  if (node.is_string() && has_expression(node.text())) {
    report(
        module, "respond-expression-literal", Severity::Warning, node.span(),
        "the body of a fixed answer holds what looks like an expression",
        "sent to clients as it is written",
        "put it into `response: {body: {template: ...}}` beside `respond`, which takes values of "
        "the request");
  }
  for (const NodeRef item : node.items()) check_literal(module, item, depth + 1);
  for (const auto [key, value] : node.entries()) check_literal(module, value, depth + 1);
}

// Bodies of `respond`, at whatever level of x-gw. What looks like an expression there is none.
void check_fixed_bodies(Module& module, NodeRef node, u32 depth) {
  if (!node || depth > 16) return;
  for (const NodeRef item : node.items()) check_fixed_bodies(module, item, depth + 1);
  for (const auto [key, value] : node.entries()) {
    if (key.text() == "respond" && value.is_map()) check_literal(module, value.get("body"), 0);
    check_fixed_bodies(module, value, depth + 1);
  }
}

void check_use(Module& module, const openapi::Document& document, NodeRef gateway_x_gw,
               NodeRef level, std::set<std::string_view>& used) {
  const NodeRef use = child(level, "use");
  if (!use) return;
  std::vector<NodeRef> names;
  if (use.is_seq()) {
    for (const NodeRef item : use.items()) names.push_back(item);
  } else {
    names.push_back(use);
  }
  std::map<std::string, std::pair<NodeRef, std::string>> fields;  // field -> who sets it, its value
  for (const NodeRef name : names) {
    const NodeRef own = child(child(document.x_gw, "policies"), name.text());
    const NodeRef policy = own ? own : child(child(gateway_x_gw, "policies"), name.text());
    if (!policy) {
      std::vector<std::string_view> known;
      for (const NodeRef from : {document.x_gw, gateway_x_gw}) {
        const NodeRef policies = child(from, "policies");
        if (!policies) continue;
        for (const auto [key, value] : policies.entries()) known.push_back(key.text());
      }
      report(module, "extension-dangling", Severity::Error, name.span(),
             fmt::format("there is no policy `{}`", name.text()), "not among the policies",
             did_you_mean(name.text(), known));
      continue;
    }
    used.insert(name.text());
    for (const auto [key, value] : policy.entries()) {
      const std::string text = to_json(value);
      const auto [entry, fresh] =
          fields.try_emplace(std::string(key.text()), std::pair{name, text});
      if (fresh || entry->second.second == text || level.get(key.text())) continue;
      module.sink.report(
          {.rule = "extension-conflict",
           .severity = Severity::Error,
           .message = fmt::format("policies `{}` and `{}` both set `{}`, differently",
                                  entry->second.first.text(), name.text(), key.text()),
           .primary = {name.span(), "the second one"},
           .related = {{entry->second.first.span(), "the first one"}},
           .help = fmt::format("set `{}` here, or take in only one of them", key.text())});
    }
  }
}

// Bundles and defaults are checked as written, whether an operation gets them or not.
void check_bundle(Module& module, NodeRef bundle, std::string_view what, bool is_policy) {
  if (!bundle) return;
  if (!bundle.is_map()) {
    report(module, "extension-value", Severity::Error, bundle.span(),
           fmt::format("`{}` is not a map", what), "here");
    return;
  }
  std::vector<std::string_view> known;
  for (const OperationField& field : kOperationFields) {
    if (!is_policy || field.in_policies) known.push_back(field.spec.name);
  }
  if (!is_policy) known.push_back("use");
  check_keys(bundle, what, known, module.sink);
  Effective fields;
  fields.is_map = true;
  std::vector<Removal> removals;
  for (const OperationField& field : kOperationFields) {
    const NodeRef value = bundle.get(field.spec.name);
    if (!value || field.spec.name == "mock") continue;
    Effective entry;
    // A bundle says each thing once; that several add up is for operations.
    const Merge merge = field.merge == Merge::Add ? Merge::Replace : field.merge;
    overlay(field.spec, merge, value, what, std::string(field.spec.name), entry, removals);
    if (entry.present())
      fields.entries.push_back({bundle.key_of(field.spec.name), field.spec.name, entry});
  }
  EncodeScope scope;
  scope.upstreams = &module.upstream_index;
  scope.unchecked_parameters = true;
  scope.messages.request_body = scope.messages.response = true;
  OperationRecord record{};
  Encoder encoder(module.table.pools, module.files, module.sink);
  encoder.set_later_fields(kLaterFields);
  encoder.encode(kOperationSpecs, fields, scope, "", reinterpret_cast<std::byte*>(&record),
                 nullptr);
}

void check_bundles(Module& module) {
  for (const Unit& unit : module.gateway.units) {
    const NodeRef x_gw = unit.document->x_gw;
    check_bundle(module, child(x_gw, "defaults"), "defaults", false);
    check_bundle(module, child(unit.entry, "defaults"),
                 fmt::format("services.{}.defaults", unit.service), false);
    std::set<std::string_view> used;
    const NodeRef gateway_x_gw = unit.gateway_x_gw;
    check_use(module, *unit.document, gateway_x_gw, child(x_gw, "defaults"), used);
    for (const openapi::PathItem& item : unit.document->paths) {
      check_use(module, *unit.document, gateway_x_gw, item.x_gw, used);
      for (const openapi::Operation& operation : item.operations) {
        check_use(module, *unit.document, gateway_x_gw, operation.x_gw, used);
      }
    }
    if (const NodeRef policies = child(x_gw, "policies"); policies && policies.is_map()) {
      for (const auto [key, value] : policies.entries()) {
        check_bundle(module, value, fmt::format("policies.{}", key.text()), true);
      }
    }
  }
}

void check_service_operations(Module& module) {
  for (const Unit& unit : module.gateway.units) {
    const NodeRef operations = child(unit.entry, "operations");
    if (!operations || !operations.is_map()) continue;
    std::vector<std::string_view> ids;
    for (const openapi::PathItem& item : unit.document->paths) {
      for (const openapi::Operation& operation : item.operations) {
        if (operation.operation_id.present()) ids.push_back(operation.operation_id.value);
      }
    }
    for (const auto [key, value] : operations.entries()) {
      if (std::ranges::find(ids, key.text()) != ids.end()) continue;
      report(module, "extension-dangling", Severity::Error, key.span(),
             fmt::format("service `{}` has no operation `{}`", unit.service, key.text()),
             "not among its operationIds", did_you_mean(key.text(), ids));
    }
  }
}

// `locked: [request.headers, timeout]`: a service document may not set these fields.
void check_locked(Module& module) {
  for (const Unit& unit : module.gateway.units) {
    if (unit.service.empty()) continue;
    const NodeRef locked = child(unit.gateway_x_gw, "locked");
    if (!locked || !locked.is_seq()) continue;
    for (const NodeRef item : locked.items()) {
      if (!item.is_scalar()) continue;
      const auto check = [&](NodeRef level) {
        NodeRef at = level;
        NodeRef key;
        std::string_view rest = item.text();
        while (at && !rest.empty()) {
          const size_t dot = rest.find('.');
          key = at.is_map() ? at.key_of(rest.substr(0, dot)) : NodeRef{};
          at = child(at, rest.substr(0, dot));
          rest = dot == rest.npos ? std::string_view{} : rest.substr(dot + 1);
        }
        if (!at || !key) return;
        module.sink.report(
            {.rule = "extension-locked",
             .severity = Severity::Error,
             .message = fmt::format("`{}` is locked by the gateway document", item.text()),
             .primary = {key.span(), "a service document may not set it"},
             .related = {{item.span(), "locked here"}},
             .help = "remove it, or ask for it to be unlocked"});
      };
      check(child(unit.document->x_gw, "defaults"));
      for (const openapi::PathItem& path : unit.document->paths) {
        check(path.x_gw);
        for (const openapi::Operation& operation : path.operations) check(operation.x_gw);
      }
    }
  }
}

}  // namespace

void check_gateway(Module& module) {
  check_bundles(module);
  check_service_operations(module);
  check_locked(module);
  check_unused_upstreams(module);
  check_lookalikes(module);
  for (const auto& document : module.gateway.documents) {
    check_secrets(module, document->x_gw, 0);
    check_fixed_bodies(module, document->x_gw, 0);
    for (const openapi::PathItem& item : document->paths) {
      check_secrets(module, item.x_gw, 0);
      for (const openapi::Operation& operation : item.operations) {
        check_secrets(module, operation.x_gw, 0);
        check_fixed_bodies(module, operation.x_gw, 0);
      }
    }
  }
}

}  // namespace gw::compiler
