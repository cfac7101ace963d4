// Policies whose changes have a direction: more or less is let through.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "runtime/base/units.h"
#include "runtime/policies/access/record.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/cors/record.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/validate/record.h"

namespace gw::compiler::diff {
namespace {

using policies::PolicyId;

std::vector<std::string> only_in(const std::vector<std::string>& a,
                                 const std::vector<std::string>& b) {
  std::vector<std::string> out;
  std::ranges::set_difference(a, b, std::back_inserter(out));
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// Requests in a second that a limit lets through in the long run; of what has no rate, the count.
double measure_of(const Fields& limit) {
  const auto found = limit.find("limit");
  if (found == limit.end() || !found->second.number) return -1;
  const u64 stored = *found->second.number;
  if (stored == policies::kNoLimit) return -1;
  const std::string kind = text_of(limit, "kind");
  if (kind == policies::kLimitKindWords[0]) {
    const Rate rate = unpack_rate(stored);
    return static_cast<double>(rate.count) / rate.seconds;
  }
  if (kind != policies::kLimitKindWords[1]) return static_cast<double>(stored);
  static constexpr double kHours[] = {1, 24, 24 * 7, 24 * 30};
  const auto period = limit.find("per");
  const u64 index = period == limit.end() ? 3 : period->second.number.value_or(3);
  return static_cast<double>(stored) / kHours[std::min<u64>(index, 3)];
}

// Requests that a rate lets through at once: as written, or as many as in its period.
u64 burst_of(const Fields& limit) {
  const auto burst = limit.find("burst");
  if (burst != limit.end() && burst->second.number.value_or(0) != 0) return *burst->second.number;
  const auto rate = limit.find("limit");
  return rate == limit.end() ? 0 : unpack_rate(rate->second.number.value_or(0)).count;
}

std::string limit_text(const Fields& limit) {
  std::string text = text_of(limit, "limit");
  const std::string kind = text_of(limit, "kind");
  const auto found = limit.find("limit");
  if (found != limit.end() && found->second.number && kind != policies::kLimitKindWords[0]) {
    text = std::to_string(*found->second.number);
  }
  if (kind == policies::kLimitKindWords[1]) text += " a " + text_of(limit, "per");
  return text;
}

}  // namespace

void PolicyCompare::cors() {
  const u16 id = static_cast<u16>(PolicyId::Cors);
  const auto before = steps_of(old_, old_plan_, id);
  const auto after = steps_of(new_, new_plan_, id);
  if (before.empty() && after.empty()) return;
  if (before.empty() || after.empty()) {
    add(after.empty() ? "cors-unanswered" : "cors-changed",
        after.empty() ? "`cors` is gone" : "`cors` is new", "cors");
    return;
  }
  const Fields was = step_fields(old_, *before[0], old_route_);
  const Fields is = step_fields(new_, *after[0], new_route_);
  if (text_of(was, "mode") != text_of(is, "mode")) {
    const bool answers = text_of(is, "mode") == policies::kCorsModeWords[0];
    add(answers ? "cors-widened" : "cors-narrowed",
        answers ? "answers may be read by pages of other origins"
                : "`cors` is off: no page of another origin may read answers",
        "cors");
    return;
  }
  for (const std::string field : {"anyOrigin", "credentials", "privateNetwork"}) {
    if (text_of(was, field) == text_of(is, field)) continue;
    const bool widened = text_of(is, field) == "true";
    Finding& finding = add(widened ? "cors-widened" : "cors-narrowed",
                           fmt::format("`cors.{}` is {}", field, widened ? "on" : "off"), "cors");
    finding.before = text_of(was, field);
    finding.after = text_of(is, field);
  }
  for (const std::string field : {"origins", "methods", "headers", "expose"}) {
    // What nobody wrote follows from the contract.
    const std::string name = "cors." + field;
    if ((field == "methods" || field == "headers") && !origin(old_, old_plan_, name).known() &&
        !origin(new_, new_plan_, name).known()) {
      continue;
    }
    // Any origin and none by name has been told of.
    if (field == "origins" && text_of(was, "anyOrigin") != text_of(is, "anyOrigin")) continue;
    const auto old_items = items_of(text_of(was, field));
    const auto new_items = items_of(text_of(is, field));
    const auto gained = only_in(new_items, old_items);
    const auto lost = only_in(old_items, new_items);
    if (!gained.empty()) {
      add("cors-widened", fmt::format("`{}` has {} as well", name, joined(gained)), name).after =
          joined(gained);
    }
    if (!lost.empty()) {
      add("cors-narrowed", fmt::format("`{}` has {} no more", name, joined(lost)), name).before =
          joined(lost);
    }
  }
  if (text_of(was, "maxAge") != text_of(is, "maxAge")) {
    Finding& finding = add("cors-changed", "`cors.maxAge` is another one", "cors.maxAge");
    finding.before = text_of(was, "maxAge");
    finding.after = text_of(is, "maxAge");
  }
}

void PolicyCompare::validation() {
  const u16 id = static_cast<u16>(PolicyId::Validate);
  const auto before = steps_of(old_, old_plan_, id);
  const auto after = steps_of(new_, new_plan_, id);
  static const Fields kOff{{"request", {.text = "off", .number = 2}},
                           {"response", {.text = "off", .number = 2}}};
  const auto declares = [](const Side& side, u32 route) {
    if (route == table::kNone) return false;
    const Value operation = side.contracts().operation(route);
    return operation.get("parameters").size() != 0 || operation.get("requestBody");
  };
  // Without a step nothing is checked, or there is nothing to check.
  if (before.empty() && (after.empty() || !declares(old_, old_route_))) return;
  if (after.empty() && !declares(new_, new_route_)) return;
  const Fields was = before.empty() ? kOff : step_fields(old_, *before[0], old_route_);
  const Fields is = after.empty() ? kOff : step_fields(new_, *after[0], new_route_);
  const auto rank = [](const Fields& fields, const std::string& name) -> u64 {
    const auto found = fields.find(name);
    return found == fields.end() ? 0 : found->second.number.value_or(0);
  };
  const auto change = [&](std::string_view finding_id, const std::string& name) {
    // Stored as `unknownQuery`, written as `unknown: {query: ...}`.
    std::string written = name;
    if (name.starts_with("unknown")) {
      written = "unknown." + name.substr(7);
      written[8] = static_cast<char>(written[8] - 'A' + 'a');
    }
    add_change(finding_id, "validate." + written, &was.at(name), &is.at(name));
  };
  for (const std::string name : {"request", "response"}) {
    if (rank(was, name) == rank(is, name)) continue;
    const bool looser = rank(is, name) > rank(was, name);
    change(looser ? "validation-loosened" : "validation-tightened", name);
  }
  if (before.empty() || after.empty()) return;
  for (const std::string name : {"unknownQuery", "unknownHeaders", "unknownCookies"}) {
    const u64 old_rank = rank(was, name);
    const u64 new_rank = rank(is, name);
    if (old_rank == new_rank) continue;
    constexpr u64 kReject = static_cast<u64>(policies::UnknownAction::Reject);
    change(new_rank < old_rank   ? "unknown-parameters-allowed"
           : new_rank == kReject ? "unknown-parameters-refused"
                                 : "validation-changed",
           name);
  }
  if (text_of(was, "errors") != text_of(is, "errors")) change("validation-changed", "errors");
}

void PolicyCompare::limits() {
  const u16 id = static_cast<u16>(PolicyId::RateLimit);
  const auto collect = [&](const Side& side, u32 plan, u32 route) {
    std::map<std::string, Fields> out;
    const table::TableView& view = side.view();
    std::span<const table::StringRef> captures;
    if (route != table::kNone) {
      captures = view.part(view.string_lists(), side.route(route).captures);
    }
    for (const table::StepRecord* step : steps_of(side, plan, id)) {
      const auto& record = view.policy_record<policies::RateLimitRecord>(step->record);
      for (const auto& limit : view.policy_list<policies::LimitRecord>(record.limits)) {
        constexpr policies::RecordSpec kSpec{.name = "limit",
                                             .bytes = sizeof(policies::LimitRecord),
                                             .fields = policies::kLimitFields,
                                             .doc = {}};
        const std::string name =
            fmt::format("{}.{}", policies::kLimitKindWords[limit.kind], side.text(limit.name));
        Fields fields = fields_of(side, kSpec, &limit, captures);
        // Keys are lists of expressions, which the field table leaves to lists of texts.
        out.emplace(name, std::move(fields));
      }
    }
    return out;
  };
  const auto before = collect(old_, old_plan_, old_route_);
  const auto after = collect(new_, new_plan_, new_route_);
  for (const auto& [name, fields] : before) {
    const auto now = after.find(name);
    if (now == after.end()) {
      add("limit-removed", fmt::format("`{}`, which was {}, is gone", name, limit_text(fields)),
          name)
          .before = limit_text(fields);
    } else {
      limit(name, fields, now->second);
    }
  }
  for (const auto& [name, fields] : after) {
    if (before.contains(name)) continue;
    add("limit-added", fmt::format("`{}` is {} now", name, limit_text(fields)), name).after =
        limit_text(fields);
  }
}

void PolicyCompare::limit(const std::string& name, const Fields& before, const Fields& after) {
  if (limit_text(before) != limit_text(after)) {
    const double was = measure_of(before);
    const double is = measure_of(after);
    // A reference may stand for anything.
    std::string_view id = is >= 0 && (was < 0 || is < was) ? "limit-lowered" : "limit-raised";
    std::string message =
        fmt::format("`{}` was {} and is {}", name, limit_text(before), limit_text(after));
    if (was > 0 && is == was) {
      const u64 old_burst = burst_of(before);
      const u64 new_burst = burst_of(after);
      id = new_burst > old_burst   ? "limit-raised"
           : new_burst < old_burst ? "limit-lowered"
                                   : "limit-changed";
      message += ", which is the same in the long run";
      if (new_burst != old_burst) {
        message += fmt::format("; at once {} pass, and {} did", new_burst, old_burst);
      }
    } else if (was > 0 && is > 0) {
      message += is > was ? fmt::format(", {:.3g} times as much", is / was)
                          : fmt::format(", {:.3g} of it", is / was);
    }
    Finding& finding = add(id, std::move(message), name);
    finding.before = limit_text(before);
    finding.after = limit_text(after);
  }
  const auto differs = [&](const std::string& field) {
    return text_of(before, field) != text_of(after, field);
  };
  const auto change = [&](std::string_view id, const std::string& field) {
    Finding& finding = add(id, fmt::format("`{}.{}` is another one", name, field), name);
    finding.before = text_of(before, field);
    finding.after = text_of(after, field);
  };
  if (differs("mode")) {
    change(text_of(after, "mode") == "shadow" ? "limit-shadowed" : "limit-enforced", "mode");
  }
  if (differs("key")) change("limit-key-changed", "key");
  for (const std::string field : {"burst", "cost"}) {
    if (!differs(field)) continue;
    const auto was = before.find(field);
    const auto is = after.find(field);
    const bool known =
        was != before.end() && is != after.end() && was->second.number && is->second.number;
    const bool larger = known && *is->second.number > *was->second.number;
    const bool more = !known || larger == (field == "burst");
    change(more ? "limit-raised" : "limit-lowered", field);
  }
  // Under another condition other requests are limited; under none all are.
  if (differs("when")) {
    change(text_of(after, "when").empty() ? "limit-changed" : "limit-condition-changed", "when");
  }
  for (const std::string field : {"overflow", "headers", "ipv6Prefix"}) {
    if (differs(field)) change("limit-changed", field);
  }
}

void PolicyCompare::access() {
  const u16 id = static_cast<u16>(PolicyId::Access);
  const auto collect = [&](const Side& side, u32 plan, u32 route, policies::AccessRule rule) {
    std::vector<std::string> out;
    std::span<const table::StringRef> captures;
    const table::TableView& view = side.view();
    if (route != table::kNone) {
      captures = view.part(view.string_lists(), side.route(route).captures);
    }
    for (const table::StepRecord* step : steps_of(side, plan, id)) {
      const auto& record = view.policy_record<policies::AccessRecord>(step->record);
      if (record.rule != static_cast<u32>(rule)) continue;
      out.push_back(rule == policies::AccessRule::Equals
                        ? expression_text(side, record.value, captures) + " = " +
                              expression_text(side, record.other, captures)
                        : condition_text(side, record.condition));
    }
    std::ranges::sort(out);
    return out;
  };
  struct Rule {
    policies::AccessRule rule;
    std::string_view word;
    std::string_view added;
    std::string_view removed;
    std::string_view changed;
  };
  static constexpr Rule kRules[] = {
      {policies::AccessRule::Allow, "allow", "allow-added", "allow-removed", "allow-changed"},
      {policies::AccessRule::Deny, "deny", "deny-added", "deny-removed", "deny-changed"},
      {policies::AccessRule::Equals, "equals", "equals-added", "equals-removed", ""},
  };
  for (const Rule& rule : kRules) {
    const auto before = collect(old_, old_plan_, old_route_, rule.rule);
    const auto after = collect(new_, new_plan_, new_route_, rule.rule);
    const auto lost = only_in(before, after);
    const auto gained = only_in(after, before);
    if (lost.size() == 1 && gained.size() == 1 && !rule.changed.empty()) {
      Finding& finding =
          add(rule.changed, fmt::format("`{}` was `{}` and is `{}`", rule.word, lost[0], gained[0]),
              rule.word);
      finding.before = lost[0];
      finding.after = gained[0];
      continue;
    }
    for (const std::string& text : lost) {
      add(rule.removed, fmt::format("`{}: {}` is gone", rule.word, text), rule.word).before = text;
    }
    for (const std::string& text : gained) {
      add(rule.added, fmt::format("`{}: {}` is new", rule.word, text), rule.word).after = text;
    }
  }
}

void PolicyCompare::authorizers() {
  const u16 id = static_cast<u16>(PolicyId::Authorizer);
  const auto before = steps_of(old_, old_plan_, id);
  const auto after = steps_of(new_, new_plan_, id);
  for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
    if (i >= before.size() || i >= after.size()) {
      const bool is = i < after.size();
      add(is ? "authorizer-added" : "authorizer-removed",
          is ? "an `authorizer` is new" : "an `authorizer` is gone", "authorizer");
      continue;
    }
    const Fields was = step_fields(old_, *before[i], old_route_);
    const Fields is = step_fields(new_, *after[i], new_route_);
    std::set<std::string> names;
    for (const auto& [name, value] : was) names.insert(name);
    for (const auto& [name, value] : is) names.insert(name);
    for (const std::string& name : names) {
      if (text_of(was, name) == text_of(is, name)) continue;
      Finding& finding = add("authorizer-changed",
                             fmt::format("`authorizer.{}` is another one", name), "authorizer");
      finding.before = text_of(was, name);
      finding.after = text_of(is, name);
    }
  }
}

}  // namespace gw::compiler::diff
