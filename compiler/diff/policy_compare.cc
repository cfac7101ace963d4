// Settings and steps of operations. What has a meaning of its own (limits, CORS, who may call) is
// in the files beside; everything else is compared field by field.
#include "compiler/diff/policy_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/diff/classify.h"
#include "runtime/policies/settings/record.h"

namespace gw::compiler::diff {
namespace {

using policies::PolicyId;

constexpr u64 kAnyAge = ~u64{0};

// By which answers tell browsers what to refuse.
constexpr std::array<std::string_view, 9> kProtectiveHeaders = {"strict-transport-security",
                                                                "content-security-policy",
                                                                "x-content-type-options",
                                                                "x-frame-options",
                                                                "referrer-policy",
                                                                "permissions-policy",
                                                                "cross-origin-resource-policy",
                                                                "cross-origin-embedder-policy",
                                                                "cross-origin-opener-policy"};

// Compared by their meaning elsewhere.
constexpr PolicyId kOwnRules[] = {PolicyId::Cors,   PolicyId::RateLimit, PolicyId::Authenticate,
                                  PolicyId::Access, PolicyId::Validate,  PolicyId::Authorizer,
                                  PolicyId::Body,   PolicyId::Compose,   PolicyId::ClientClass,
                                  PolicyId::Cache};

bool has_own_rules(u16 policy) {
  return std::ranges::find(kOwnRules, static_cast<PolicyId>(policy)) != std::end(kOwnRules);
}

// What the compiler derives from the document; contracts and routes say it.
bool is_derived(std::string_view field) {
  return field.starts_with("answers") || field == "replay" || field == "streams";
}

// Whether `field` is `name`, or below it: `timeout.total` is within `timeout`.
bool is_within(std::string_view field, std::string_view name) {
  return field == name || (!name.empty() && field.starts_with(name) && field[name.size()] == '.');
}

}  // namespace

std::vector<std::string> items_of(const std::string& list) {
  std::vector<std::string> out;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(", ", at), list.size());
    out.push_back(list.substr(at, end - at));
    at = end + 2;
  }
  std::ranges::sort(out);
  return out;
}

std::string text_of(const Fields& fields, const std::string& name) {
  const FieldValue* value = find(fields, name);
  return value == nullptr ? std::string() : value->text;
}

Place PolicyCompare::origin(const Side& side, u32 plan, std::string_view field) const {
  const table::TableView& view = side.view();
  const table::OriginRecord* best = nullptr;
  size_t best_bytes = 0;
  for (const auto& origin : view.part(view.origins(), view.plans()[plan].origins)) {
    const std::string_view name = view.text(origin.field);
    const bool fits = is_within(field, name) || is_within(name, field);
    if (!fits || name.size() < best_bytes || origin.source.file == table::kNone) continue;
    best = &origin;
    best_bytes = name.size();
  }
  return best == nullptr ? Place{} : side.place(best->source);
}

Place PolicyCompare::gateway_place(const Side& side, std::string_view key, std::string_view value) {
  const table::TableView& view = side.view();
  const table::OriginRecord* best = nullptr;
  size_t best_bytes = 0;
  bool has_value = false;
  for (const auto& origin : view.part(view.origins(), view.gateway().origins)) {
    const std::string_view name = view.text(origin.field);
    const std::string_view item = view.text(origin.value);
    if ((!name.empty() && !is_within(key, name)) || (!item.empty() && item != value)) continue;
    const bool closer = best == nullptr || name.size() > best_bytes ||
                        (name.size() == best_bytes && !item.empty() && !has_value);
    if (!closer) continue;
    best = &origin;
    best_bytes = name.size();
    has_value = !item.empty();
  }
  return best == nullptr ? Place{} : side.place(best->source);
}

void PolicyCompare::at_gateway_key(std::string_view key, std::string_view value) {
  old_place_ = gateway_place(old_, key, value);
  new_place_ = gateway_place(new_, key, value);
}

Finding& PolicyCompare::add(std::string_view id, std::string message, std::string_view field) {
  Finding finding = make_finding(id, std::move(message));
  finding.where = where_;
  finding.operations = subjects_;
  finding.old_place = old_place_;
  finding.new_place = new_place_;
  if (!field.empty()) {
    if (const Place place = origin(old_, old_plan_, field); place.known())
      finding.old_place = place;
    if (const Place place = origin(new_, new_plan_, field); place.known())
      finding.new_place = place;
  }
  findings_.push_back(std::move(finding));
  return findings_.back();
}

Finding& PolicyCompare::add_change(std::string_view id, const std::string& field,
                                   const FieldValue* before, const FieldValue* after) {
  Finding& finding =
      add(id,
          before == nullptr  ? fmt::format("`{}` is {} now", field, after->shown())
          : after == nullptr ? fmt::format("`{}`, which was {}, is gone", field, before->shown())
          : before->secret || after->secret
              ? fmt::format("`{}` is another one", field)
              : fmt::format("`{}` was {} and is {}", field, before->shown(), after->shown()),
          field);
  if (before != nullptr) finding.before = before->shown();
  if (after != nullptr) finding.after = after->shown();
  return finding;
}

void PolicyCompare::operation(const Match& match) {
  const table::RouteRecord& before = old_.route(match.old_route);
  const table::RouteRecord& after = new_.route(match.new_route);
  subjects_ = {new_.subject(match.new_route)};
  where_.clear();
  old_place_ = old_.place(before.source);
  new_place_ = new_.place(after.source);
  old_route_ = match.old_route;
  new_route_ = match.new_route;
  plans(before.plan, after.plan, before.settings, after.settings);
}

void PolicyCompare::plans(u32 old_plan, u32 new_plan, u32 old_settings, u32 new_settings) {
  if (equal_.contains({old_plan, new_plan, old_settings, new_settings})) return;
  const size_t before = findings_.size();
  old_plan_ = old_plan;
  new_plan_ = new_plan;
  const auto fields = [](const Side& side, u32 index) {
    return fields_of(side, policies::kSettingsSpec, &side.view().settings()[index]);
  };
  settings(fields(old_, old_settings), fields(new_, new_settings));
  steps();
  cors();
  validation();
  limits();
  access();
  authorizers();
  cache();
  bodies();
  compositions();
  client_classes(before, old_settings, new_settings);
  if (findings_.size() == before) equal_.insert({old_plan, new_plan, old_settings, new_settings});
}

void PolicyCompare::settings(const Fields& before, const Fields& after) {
  for (const std::string& name : names_of(before, after)) {
    const FieldValue* was = find(before, name);
    const FieldValue* is = find(after, name);
    if (was != nullptr && is != nullptr && was->text == is->text) continue;
    if (name == "maxBody" && was != nullptr && is != nullptr) {
      body_limit(*was, *is);
      continue;
    }
    if (name == "maxStreamAge") {
      stream_age(was, is);
      continue;
    }
    add_change(name.starts_with("retry") ? "retry-changed" : "timeout-changed", name, was, is);
  }
}

// A reference may stand for anything, so that a change from or to one counts as raising it.
void PolicyCompare::body_limit(const FieldValue& before, const FieldValue& after) {
  const bool lowered = before.number && after.number && *after.number < *before.number;
  add_change(lowered ? "body-limit-lowered" : "body-limit-raised", "maxBody", &before, &after);
}

// 0 is any age, as is none at all; a reference may stand for it.
void PolicyCompare::stream_age(const FieldValue* before, const FieldValue* after) {
  const auto age = [](const FieldValue* value) -> std::optional<u64> {
    return value == nullptr || value->number == 0 ? kAnyAge : value->number;
  };
  const bool lowered = age(before) && age(after) && *age(after) < *age(before);
  add_change(lowered ? "stream-age-lowered" : "stream-age-raised", "maxStreamAge", before, after);
}

std::vector<const table::StepRecord*> PolicyCompare::steps_of(const Side& side, u32 plan,
                                                              u16 policy) const {
  std::vector<const table::StepRecord*> out;
  const table::TableView& view = side.view();
  for (const auto& step : view.part(view.steps(), view.plans()[plan].steps)) {
    if (step.policy == policy) out.push_back(&step);
  }
  return out;
}

Fields PolicyCompare::step_fields(const Side& side, const table::StepRecord& step,
                                  u32 route) const {
  std::span<const table::StringRef> captures;
  if (route != table::kNone) {
    captures = side.view().part(side.view().string_lists(), side.route(route).captures);
  }
  Fields fields =
      fields_of(side, *policies::find_policy(step.policy)->stored,
                side.view().section(table::SectionKind::PolicyData).data() + step.record, captures);
  const std::string when = condition_text(side, step.condition);
  if (!when.empty()) fields.insert_or_assign("when", FieldValue{.text = when});
  return fields;
}

void PolicyCompare::steps() {
  actions();
  for (const policies::PolicyInfo& policy : policies::policy_list()) {
    const u16 id = static_cast<u16>(policy.id);
    if (has_own_rules(id)) continue;
    if (policy.id == PolicyId::Headers) {
      header_steps();
      continue;
    }
    const auto before = steps_of(old_, old_plan_, id);
    const auto after = steps_of(new_, new_plan_, id);
    for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
      const bool was = i < before.size();
      const bool is = i < after.size();
      if (was && is) {
        generic(written_name(*after[i]), step_fields(old_, *before[i], old_route_),
                step_fields(new_, *after[i], new_route_));
      } else if (policy.phase != policies::Phase::Action) {
        const std::string name = written_name(is ? *after[i] : *before[i]);
        add(is ? "policy-added" : "policy-removed",
            fmt::format(fmt::runtime(is ? "`{}` is new" : "`{}` is gone"), name), name);
      }
    }
  }
}

// Those of requests and those of answers are steps of one policy.
void PolicyCompare::header_steps() {
  const auto of = [this](const Side& side, u32 plan, std::string_view written) {
    auto found = steps_of(side, plan, static_cast<u16>(PolicyId::Headers));
    std::erase_if(found,
                  [&](const table::StepRecord* step) { return written_name(*step) != written; });
    return found;
  };
  for (const std::string written : {"request.headers", "response.headers"}) {
    const auto before = of(old_, old_plan_, written);
    const auto after = of(new_, new_plan_, written);
    for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
      headers(written, i < before.size() ? step_fields(old_, *before[i], old_route_) : Fields(),
              i < after.size() ? step_fields(new_, *after[i], new_route_) : Fields());
    }
  }
}

// What was taken away, and what the gateway has set itself, comes through when it does so no more.
void PolicyCompare::headers(const std::string& written, const Fields& before, const Fields& after) {
  const bool answers = written == "response.headers";
  const auto taken = [](const Fields& fields) { return items_of(text_of(fields, "remove")); };
  const auto was_taken = taken(before);
  const auto is_taken = taken(after);
  const auto sets = [](const Fields& fields, const std::string& name) {
    return find(fields, "set." + name) != nullptr;
  };
  for (const std::string& name : was_taken) {
    if (std::ranges::find(is_taken, name) != is_taken.end() || sets(after, name)) continue;
    add(answers ? "data-exposed" : "request-header-passed",
        fmt::format("the field `{}` is not taken away any more", name), written + ".remove")
        .before = name;
  }
  for (const std::string& name : is_taken) {
    if (std::ranges::find(was_taken, name) != was_taken.end()) continue;
    add("policy-changed", fmt::format("the field `{}` is taken away", name), written + ".remove")
        .after = name;
  }
  Fields old_rest = before;
  Fields new_rest = after;
  old_rest.erase("remove");
  new_rest.erase("remove");
  for (const auto& [field, value] : before) {
    if (!field.starts_with("set.") || find(after, field) != nullptr) continue;
    const std::string name = field.substr(4);
    if (std::ranges::find(is_taken, name) != is_taken.end()) continue;
    const bool protects = std::ranges::find(kProtectiveHeaders, name) != kProtectiveHeaders.end();
    if (answers && !protects) continue;
    Finding& finding =
        add(answers ? "protective-header-removed" : "request-header-passed",
            fmt::format(fmt::runtime(answers ? "the field `{}` is not set any more"
                                             : "the field `{}` is not set any more: it comes from "
                                               "clients"),
                        name),
            written + "." + field);
    finding.before = value.shown();
    old_rest.erase(field);
  }
  generic(written, old_rest, new_rest);
}

// What answers a request: an upstream, a fixed answer, a redirect. Several may stand in a plan,
// each under its condition.
void PolicyCompare::actions() {
  const auto names = [](const Side& side, u32 plan) {
    std::string out;
    const table::TableView& view = side.view();
    for (const auto& step : view.part(view.steps(), view.plans()[plan].steps)) {
      if (step.phase != static_cast<u8>(policies::Phase::Action)) continue;
      out += (out.empty() ? "" : ", ") + std::string(policies::find_policy(step.policy)->name);
    }
    return out;
  };
  const std::string before = names(old_, old_plan_);
  const std::string after = names(new_, new_plan_);
  if (before == after) return;
  Finding& finding =
      add("action-changed", fmt::format("it was answered by `{}`, and is by `{}`", before, after),
          after);
  finding.before = before;
  finding.after = after;
}

// The field of `x-gw` that a step is made from.
std::string PolicyCompare::written_name(const table::StepRecord& step) {
  const policies::PolicyInfo& policy = *policies::find_policy(step.policy);
  if (policy.id != PolicyId::Headers) return std::string(policy.name);
  return policies::is_request_phase(static_cast<policies::Phase>(step.phase)) ? "request.headers"
                                                                              : "response.headers";
}

void PolicyCompare::generic(std::string_view policy, const Fields& before, const Fields& after) {
  for (const std::string& name : names_of(before, after)) {
    const FieldValue* was = find(before, name);
    const FieldValue* is = find(after, name);
    if (is_derived(name) || (was != nullptr && is != nullptr && was->text == is->text)) continue;
    if (policy != "proxy") {
      add_change("policy-changed", fmt::format("{}.{}", policy, name), was, is);
    } else if (name == "upstream") {
      add_change("upstream-chosen", "upstream.name", was, is);
    } else if (name.starts_with("split.") && name.ends_with(".upstream")) {
      continue;  // its name, which its share repeats
    } else {
      // Fields of `proxy` are written without its name.
      add_change("policy-changed", name.starts_with("split") ? "upstream." + name : name, was, is);
    }
  }
}

}  // namespace gw::compiler::diff
