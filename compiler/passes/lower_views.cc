#include "compiler/passes/lower_views.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/xgw/node_json.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::compiler {
namespace {

bool is_set(const Effective& fields, std::string_view name) {
  const Effective* value = fields.find(name);
  return value != nullptr && value->present();
}

Effective& entry_of(Effective& map, std::string_view name, NodeRef key) {
  map.is_map = true;
  const auto found = std::ranges::find(map.entries, name, &Effective::Entry::name);
  if (found != map.entries.end()) return found->value;
  map.entries.push_back({key, name, {}});
  return map.entries.back().value;
}

void lay_over(const Effective& upper, Effective& lower) {
  if (!upper.is_map || !lower.is_map) {
    lower = upper;
    return;
  }
  for (const Effective::Entry& entry : upper.entries) {
    lay_over(entry.value, entry_of(lower, entry.name, entry.key));
  }
}

Effective marked(Effective value) {
  value.of_view = true;
  for (Effective::Entry& entry : value.entries) entry.value = marked(std::move(entry.value));
  return value;
}

bool is_view_field(std::string_view name) {
  return std::ranges::any_of(kViewFields, [&](const auto& field) { return field.name == name; });
}

// What a view cannot say would otherwise be lost, or take the place of what the operation says.
void check_fields(Module& module, const Effective::Entry& view) {
  if (!view.value.is_map) {
    report(module, "extension-value", Severity::Error, view.value.span(),
           fmt::format("`views.{}` is not a map", view.name), "here",
           "write for instance `{pick: [id, name]}`");
    return;
  }
  std::vector<std::string_view> known;
  for (const policies::FieldSpec& field : kViewFields) known.push_back(field.name);
  for (const Effective::Entry& entry : view.value.entries) {
    if (is_view_field(entry.name)) continue;
    report(module, "extension-unknown", Severity::Error,
           entry.key ? entry.key.span() : entry.value.span(),
           fmt::format("`views.{}` has no field `{}`", view.name, entry.name), "not a field of it",
           did_you_mean(entry.name, known));
  }
}

std::string_view word_of(const Effective& limit, std::string_view name) {
  const Effective* value = limit.find(name);
  return value == nullptr || !value->node || !value->node.is_scalar() ? std::string_view{}
                                                                      : value->node.text();
}

bool same_value(const Effective* a, const Effective* b) {
  return a != nullptr && b != nullptr && a->node && b->node && to_json(a->node) == to_json(b->node);
}

// Whether requests that `limit` would refuse pass where `change` of a view is laid over it.
bool weakens(const Effective::Entry& change, const Effective& limit) {
  if (!change.value.present()) return false;
  if (change.name == "when") return !same_value(&change.value, limit.find("when"));
  const std::string_view word =
      change.value.node && change.value.node.is_scalar() ? change.value.node.text() : "";
  if (change.name == "mode") return word == "shadow";
  return change.name == "overflow" && word == "shared" && word_of(limit, "overflow") == "reject";
}

// How high a limit is may differ from class to class; that it holds may not.
void check_limits(Module& module, const Effective& fields, const Effective::Entry& view) {
  for (const std::string_view kind : policies::kLimitKindWords) {
    const Effective* limits = fields.find(kind);
    const Effective* own = view.value.find(kind);
    if (limits == nullptr || own == nullptr) continue;
    for (const Effective::Entry& entry : own->entries) {
      const Effective* limit = limits->find(entry.name);
      if (limit == nullptr || word_of(*limit, "mode") == "shadow") continue;
      for (const Effective::Entry& change : entry.value.entries) {
        if (!weakens(change, *limit)) continue;
        report(module, "extension-conflict", Severity::Error,
               change.key ? change.key.span() : change.value.span(),
               fmt::format("`views.{}.{}.{}.{}` would drop a limit of the operation", view.name,
                           kind, entry.name, change.name),
               "a view may add to the policies of its operation, and drop none",
               "raise `limit` for this class instead");
      }
    }
  }
}

}  // namespace

void check_views(Module& module, const std::vector<ClientClass>& clients,
                 const EffectiveOperation& effective, const Effective& views) {
  std::vector<std::string_view> names;
  for (const ClientClass& one : clients) names.push_back(one.name);
  for (const Effective::Entry& entry : views.entries) {
    check_fields(module, entry);
    check_limits(module, effective.fields, entry);
    if (std::ranges::find(names, entry.name) != names.end()) continue;
    report(module, "extension-dangling", Severity::Error, entry.key.span(),
           fmt::format("there is no client class `{}`", entry.name), "not in `clients`",
           did_you_mean(entry.name, names));
  }
  for (const Removal& removal : effective.removals) {
    const bool inside =
        removal.field.starts_with("views.") && std::ranges::count(removal.field, '.') > 1;
    if (!inside) continue;
    report(module, "extension-conflict", Severity::Error, removal.span,
           fmt::format("`{}` is switched off", removal.field),
           "a view may add to the policies of its operation, and drop none",
           "remove it, or switch it off for all");
  }
}

bool views_limit(const Effective& views) {
  return std::ranges::any_of(views.entries, [](const Effective::Entry& entry) {
    return is_set(entry.value, "rateLimit") || is_set(entry.value, "quota") ||
           is_set(entry.value, "concurrency");
  });
}

void lay_view(const Effective& view, Effective& fields, Effective& body) {
  for (const Effective::Entry& entry : view.entries) {
    if (!is_view_field(entry.name)) continue;  // reported
    if (entry.name == "pick" || entry.name == "omit" || entry.name == "rename") {
      entry_of(body, entry.name, entry.key) = entry.value;
      continue;
    }
    if (entry.name == "compose") {
      std::erase_if(fields.entries, [](const Effective::Entry& other) {
        const bool answers_all = other.name == "upstream" || other.name == "mock" ||
                                 other.name == "compose" ||
                                 ((other.name == "respond" || other.name == "redirect") &&
                                  other.value.find("when") == nullptr);
        return answers_all;
      });
      entry_of(fields, entry.name, entry.key) = entry.value;
      continue;
    }
    if (entry.name != "response" || !entry.value.is_map) {
      lay_over(entry.value, entry_of(fields, entry.name, entry.key));
      continue;
    }
    for (const Effective::Entry& part : entry.value.entries) {
      if (part.name == "body" && part.value.is_map) {
        for (const Effective::Entry& change : part.value.entries) {
          entry_of(body, change.name, change.key) = change.value;
        }
      } else {
        Effective& response = entry_of(fields, "response", entry.key);
        lay_over(marked(part.value), entry_of(response, part.name, part.key));
      }
    }
  }
}

policies::ClientClassRecord class_record(Module& module, const std::vector<ClientClass>& clients,
                                         const PlanView& view,
                                         const std::set<std::string>& credentials) {
  std::vector<policies::ClientClassEntry> entries;
  for (size_t i = 0; i < clients.size(); ++i) {
    entries.push_back({.name = module.table.pools.strings.add(clients[i].name),
                       .condition = clients[i].condition,
                       .view = view.plans.empty() ? 0 : view.plans[i]});
  }
  policies::ClientClassRecord record{};
  record.classes = {module.table.pools.policy_data.add(std::as_bytes(std::span(entries))),
                    static_cast<u32>(entries.size())};
  record.vary = {};
  if (view.vary)
    record.vary = module.table.pools.strings.add(vary_of(module, clients, credentials));
  return record;
}

}  // namespace gw::compiler
