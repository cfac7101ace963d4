// Who may call, and how that is proved.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "runtime/policies/authenticate/record.h"

namespace gw::compiler::diff {
namespace {

using Alternative = Requirements::Alternative;

std::set<std::string> schemes_of(const Alternative& alternative) {
  std::set<std::string> out;
  for (const auto& [scheme, scopes] : alternative) out.insert(scheme);
  return out;
}

std::string alternative_text(const Alternative& alternative) {
  std::string out;
  for (const auto& [scheme, scopes] : alternative) {
    if (!out.empty()) out += " and ";
    out += scheme;
    if (scopes.empty()) continue;
    std::string list;
    for (const std::string& scope : scopes) list += (list.empty() ? "" : ", ") + scope;
    out += " (" + list + ")";
  }
  return out.empty() ? "nothing" : out;
}

std::string requirements_text(const Requirements& requirements) {
  std::string out = requirements.open ? "nothing" : "";
  for (const Alternative& alternative : requirements.alternatives) {
    out += (out.empty() ? "" : " or ") + alternative_text(alternative);
  }
  return out;
}

bool is_unenforced(const Side& side, u32 route) {
  return side.contracts_only() || (side.route(route).flags & table::kRouteSecurityUnenforced) != 0;
}

Requirements from_document(const Side& side, u32 route) {
  Requirements out;
  out.where = side.contracts().operation(route).get("security");
  const std::vector<Value> list = out.where.items();
  out.open = list.empty();
  for (const Value item : list) {
    Alternative alternative;
    for (const Value::Member& use : item.members()) {
      std::vector<std::string> scopes;
      for (const Value scope : use.value.items()) scopes.push_back(scope.text());
      std::ranges::sort(scopes);
      alternative.emplace(use.name, std::move(scopes));
    }
    if (alternative.empty()) {
      out.open = true;
    } else {
      out.alternatives.push_back(std::move(alternative));
    }
  }
  return out;
}

Requirements from_table(const Side& side, u32 route) {
  Requirements out;
  out.where = side.contracts().operation(route).get("security");
  const auto* record =
      side.step<policies::AuthenticateRecord>(route, policies::PolicyId::Authenticate);
  if (record == nullptr) {
    out.open = true;
    return out;
  }
  const table::TableView& view = side.view();
  for (const auto& item : view.policy_list<policies::AlternativeRecord>(record->alternatives)) {
    Alternative alternative;
    for (const auto& use : view.policy_list<policies::SchemeUseRecord>(item.uses)) {
      std::vector<std::string> scopes;
      for (const table::StringRef scope : view.policy_list<table::StringRef>(use.scopes)) {
        scopes.push_back(side.text(scope));
      }
      std::ranges::sort(scopes);
      alternative.emplace(side.text(view.schemes()[use.scheme].name), std::move(scopes));
    }
    if (alternative.empty()) {
      out.open = true;
    } else {
      out.alternatives.push_back(std::move(alternative));
    }
  }
  return out;
}

}  // namespace

Requirements PolicyCompare::requirements_of(const Side& side, u32 route) {
  return is_unenforced(side, route) ? from_document(side, route) : from_table(side, route);
}

void PolicyCompare::security(const Match& match) {
  subjects_ = {new_.subject(match.new_route)};
  where_.clear();
  const bool old_free = is_unenforced(old_, match.old_route);
  const bool new_free = is_unenforced(new_, match.new_route);
  // What documents say and what tables enforce have other names for schemes.
  const bool enforced = !old_free && !new_free;
  const Requirements before =
      enforced ? from_table(old_, match.old_route) : from_document(old_, match.old_route);
  const Requirements after =
      enforced ? from_table(new_, match.new_route) : from_document(new_, match.new_route);
  old_place_ = before.where ? before.where.place() : old_.place(old_.route(match.old_route).source);
  new_place_ = after.where ? after.where.place() : new_.place(new_.route(match.new_route).source);
  const bool both_enforce = !old_.contracts_only() && !new_.contracts_only();
  if (both_enforce && old_free != new_free) {
    if (new_free && !before.open) {
      add("authentication-unenforced", "`security` is declared, and not enforced any more");
    } else if (old_free && !after.open) {
      add("authentication-enforced", "`security` is enforced");
    }
  }
  alternatives(before, after);
}

void PolicyCompare::alternatives(const Requirements& before, const Requirements& after) {
  const auto tell = [&](std::string_view id, std::string message) {
    Finding& finding = add(id, std::move(message));
    finding.before = requirements_text(before);
    finding.after = requirements_text(after);
  };
  if (!before.open && after.open) {
    const bool none = after.alternatives.empty();
    tell(none ? "authentication-removed" : "authentication-optional",
         none ? "authentication removed" : "authentication is optional");
    if (none) return;
  }
  if (before.open && !after.open) {
    tell("authentication-added", "authentication is required");
    if (before.alternatives.empty()) return;
  }
  if (before.open && after.open && before.alternatives.empty()) return;  // anybody, as before
  std::vector<bool> taken(after.alternatives.size(), false);
  std::vector<const Alternative*> lost;
  for (const Alternative& was : before.alternatives) {
    bool found = false;
    for (size_t i = 0; i < after.alternatives.size() && !found; ++i) {
      if (taken[i] || schemes_of(was) != schemes_of(after.alternatives[i])) continue;
      taken[i] = found = true;
      for (const auto& [scheme, list] : was) scopes(scheme, list, after.alternatives[i].at(scheme));
    }
    if (!found) lost.push_back(&was);
  }
  for (size_t i = 0; i < after.alternatives.size(); ++i) {
    if (taken[i]) continue;
    const std::set<std::string> is = schemes_of(after.alternatives[i]);
    const auto weaker = std::ranges::find_if(
        lost, [&](const Alternative* was) { return std::ranges::includes(schemes_of(*was), is); });
    const auto stronger = std::ranges::find_if(
        lost, [&](const Alternative* was) { return std::ranges::includes(is, schemes_of(*was)); });
    if (weaker != lost.end()) {
      tell("scheme-removed",
           fmt::format("{} alone is enough, where it was {}",
                       alternative_text(after.alternatives[i]), alternative_text(**weaker)));
      lost.erase(weaker);
    } else if (stronger != lost.end()) {
      tell("scheme-added",
           fmt::format("it takes {}, where it was {}", alternative_text(after.alternatives[i]),
                       alternative_text(**stronger)));
      lost.erase(stronger);
    } else {
      tell("authentication-alternative-added",
           fmt::format("{} is enough as well", alternative_text(after.alternatives[i])));
    }
  }
  for (const Alternative* was : lost) {
    tell("authentication-alternative-removed",
         fmt::format("{} is not enough any more", alternative_text(*was)));
  }
}

void PolicyCompare::scopes(const std::string& scheme, const std::vector<std::string>& before,
                           const std::vector<std::string>& after) {
  std::vector<std::string> lost;
  std::vector<std::string> gained;
  std::ranges::set_difference(before, after, std::back_inserter(lost));
  std::ranges::set_difference(after, before, std::back_inserter(gained));
  for (const std::string& scope : lost) {
    add("scope-removed", fmt::format("`{}` need not grant `{}` any more", scheme, scope)).before =
        scope;
  }
  for (const std::string& scope : gained) {
    add("scope-added", fmt::format("`{}` must grant `{}`", scheme, scope)).after = scope;
  }
}

void PolicyCompare::schemes() {
  static constexpr std::string_view kKindWords[policies::kSchemeKindCount] = {
      "apiKey", "basic", "jwt", "introspection", "mutualTLS"};
  const auto collect = [](const Side& side) {
    std::map<std::string, std::pair<Fields, Place>> out;
    for (const policies::SchemeRecord& record : side.view().schemes()) {
      Fields fields = fields_of(side, policies::kSchemeSpec, &record);
      fields.insert_or_assign("kind", FieldValue{.text = std::string(kKindWords[record.kind])});
      out.emplace(side.text(record.name), std::pair(std::move(fields), side.place(record.source)));
    }
    return out;
  };
  const auto before = collect(old_);
  const auto after = collect(new_);
  subjects_.clear();
  for (const auto& [name, was] : before) {
    const auto is = after.find(name);
    if (is == after.end()) continue;  // operations tell whether anybody misses it
    where_ = fmt::format("security scheme `{}`", name);
    old_place_ = was.second;
    new_place_ = is->second.second;
    scheme(name, was.first, is->second.first);
  }
}

void PolicyCompare::scheme(const std::string&, const Fields& before, const Fields& after) {
  const auto set_change = [&](const std::string& field, std::string_view widened) {
    const auto was = items_of(text_of(before, field));
    const auto is = items_of(text_of(after, field));
    if (was == is) return;
    // None of a kind at all is no condition.
    const bool wider = is.empty() || (!was.empty() && !std::ranges::includes(was, is));
    Finding& finding = add(wider ? widened : "scheme-strengthened",
                           fmt::format("`{}` is another list", field.substr(field.rfind('.') + 1)));
    finding.before = text_of(before, field);
    finding.after = text_of(after, field);
  };
  set_change("bearer.algorithms", "scheme-algorithms-widened");
  set_change("bearer.audiences", "scheme-audiences-widened");
  std::set<std::string> names;
  for (const auto& [name, value] : before) names.insert(name);
  for (const auto& [name, value] : after) names.insert(name);
  for (const std::string& name : names) {
    if (name == "bearer.algorithms" || name == "bearer.audiences" || name == "name") continue;
    const auto was = before.find(name);
    const auto is = after.find(name);
    const std::string old_text = text_of(before, name);
    const std::string new_text = text_of(after, name);
    if (old_text == new_text) continue;
    const bool on = new_text == "true";
    const bool keys = name.find("jwks") != name.npos || name.find("secret") != name.npos ||
                      name.find("discover") != name.npos ||
                      name.find("introspection.upstream") != name.npos;
    std::string_view id = "scheme-changed";
    if (name == "kind") id = "scheme-kind-changed";
    if (name == "place" || name == "field") id = "scheme-place-changed";
    if (name == "bearer.issuer") id = "scheme-issuer-changed";
    if (keys) id = "scheme-keys-changed";
    if (name == "bearer.forward") id = on ? "credential-forwarded" : "credential-kept-back";
    if (name == "required" || name == "bearer.consumer.required") {
      id = on ? "scheme-strengthened" : "consumer-requirement-dropped";
    }
    if (name == "bearer.clockSkew" || name == "bearer.stale" ||
        name == "bearer.introspection.cache") {
      const bool longer = was == before.end() || is == after.end() || !was->second.number ||
                          !is->second.number || *is->second.number > *was->second.number;
      id = longer ? "scheme-weakened" : "scheme-strengthened";
    }
    if (name.starts_with("bearer.claims.")) {
      const bool dropped = new_text.empty() || (name.ends_with(".required") && !on);
      id = dropped ? "scheme-weakened" : "scheme-strengthened";
    }
    if (name == "bearer.typ") id = new_text.empty() ? "scheme-weakened" : "scheme-strengthened";
    const std::string written = name.starts_with("bearer.") ? name.substr(7) : name;
    add_change(id, written, was == before.end() ? nullptr : &was->second,
               is == after.end() ? nullptr : &is->second);
  }
}

void PolicyCompare::documented_schemes(const Match& match) {
  const auto schemes_in = [](Value document) {
    std::map<std::string, Value> out;
    for (const Value::Member& member :
         document.get("components").get("securitySchemes").members()) {
      out.emplace(member.name, member.value.resolved());
    }
    return out;
  };
  const auto before = schemes_in(old_.contracts().document(match.old_route));
  const auto after = schemes_in(new_.contracts().document(match.new_route));
  subjects_.clear();
  for (const auto& [name, was] : before) {
    const auto found = after.find(name);
    if (found == after.end() || was.canonical() == found->second.canonical()) continue;
    const Value is = found->second;
    where_ = fmt::format("security scheme `{}`", name);
    old_place_ = was.place();
    new_place_ = is.place();
    const auto differs = [&](std::string_view field) {
      return was.get(field).canonical() != is.get(field).canonical();
    };
    std::string_view id = "security-scheme-documented";
    std::string message = "its description is another one";
    if (differs("type") || differs("scheme")) {
      id = "scheme-kind-changed";
      message = "it is another kind of proof";
    } else if (differs("in") || differs("name")) {
      id = "scheme-place-changed";
      message = "credentials stand somewhere else";
    } else if (differs("flows") || differs("openIdConnectUrl")) {
      id = "scheme-changed";
      message = "tokens are obtained in another way";
    }
    const auto text = [](Value scheme) {
      std::string out = scheme.get("type").text();
      for (const std::string_view field : {"scheme", "in", "name"}) {
        if (scheme.get(field)) out += " " + scheme.get(field).text();
      }
      return out;
    };
    Finding& finding = add(id, std::move(message));
    if (id != "security-scheme-documented" && id != "scheme-changed") {
      finding.before = text(was);
      finding.after = text(is);
    }
  }
}

}  // namespace gw::compiler::diff
