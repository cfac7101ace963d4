// What becomes of data: bodies that show more or less, compositions, views of classes of clients.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "runtime/policies/body/record.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/compose/record.h"

namespace gw::compiler::diff {
namespace {

using policies::Phase;
using policies::PolicyId;

// Whether what `path` leads to lies on or below what one of `paths` leads to.
bool is_covered(std::string_view path, const std::vector<std::string>& paths) {
  const auto token = [](std::string_view& rest) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view first = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    return first;
  };
  return std::ranges::any_of(paths, [&](std::string_view wide) {
    std::string_view rest = path;
    while (!wide.empty()) {
      if (rest.empty()) return false;
      const std::string_view wanted = token(wide);
      const std::string_view has = token(rest);
      if (wanted != "*" && wanted != has) return false;
    }
    return true;
  });
}

std::string beyond(const std::vector<std::string>& paths, const std::vector<std::string>& known) {
  std::string out;
  for (const std::string& path : paths) {
    if (!is_covered(path, known)) out += fmt::format("{}`{}`", out.empty() ? "" : ", ", path);
  }
  return out;
}

// The fields as they are written, without what the compiler adds.
Fields written_body(const Fields& stored) {
  constexpr std::string_view kFields = "fields.";
  Fields out;
  for (const auto& [name, value] : stored) {
    if (name.starts_with(kFields)) out.emplace(name.substr(kFields.size()), value);
  }
  return out;
}

// Tables know calls by their numbers, which move when another one comes.
void name_calls(const std::vector<std::string>& names, std::string& text) {
  constexpr std::string_view kCalls = "{$calls.";
  for (size_t at = text.find(kCalls); at != text.npos; at = text.find(kCalls, at + 1)) {
    const size_t begin = at + kCalls.size();
    const size_t dot = text.find('.', begin);
    if (dot == text.npos || dot == begin || dot - begin > 3) continue;
    u32 number = 0;
    for (size_t i = begin; i < dot; ++i) number = number * 10 + static_cast<u32>(text[i] - '0');
    if (number < names.size()) text.replace(begin, dot - begin, names[number]);
  }
}

// What follows from the other fields, or from the order of the calls.
bool is_derived(std::string_view name) {
  return name.ends_with(".name") || name.ends_with(".host") || name.ends_with(".route") ||
         name.ends_with(".readsBody") || name.find(".after.") != name.npos;
}

}  // namespace

std::vector<const table::StepRecord*> PolicyCompare::body_steps(const Side& side, u32 plan,
                                                                bool request) const {
  const auto phase = static_cast<u8>(request ? Phase::RequestTransform : Phase::ResponseTransform);
  auto steps = steps_of(side, plan, static_cast<u16>(PolicyId::Body));
  std::erase_if(steps, [&](const table::StepRecord* step) { return step->phase != phase; });
  return steps;
}

void PolicyCompare::bodies() {
  for (const bool request : {true, false}) {
    const auto before = body_steps(old_, old_plan_, request);
    const auto after = body_steps(new_, new_plan_, request);
    for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
      Fields was;
      Fields is;
      if (i < before.size()) was = written_body(step_fields(old_, *before[i], old_route_));
      if (i < after.size()) is = written_body(step_fields(new_, *after[i], new_route_));
      body(request ? "request.body" : "response.body", was, is);
    }
  }
}

void PolicyCompare::body(const std::string& field, const Fields& before, const Fields& after) {
  const bool answers = field == "response.body";
  const bool one_sided = before.empty() || after.empty();
  if (one_sided) {
    add(before.empty() ? "policy-added" : "policy-removed",
        fmt::format(fmt::runtime(before.empty() ? "`{}` is new" : "`{}` is gone"), field), field);
  }
  if (answers) shown_data(field, before, after);
  if (one_sided) return;
  for (const std::string& name : names_of(before, after)) {
    const FieldValue* was = find(before, name);
    const FieldValue* is = find(after, name);
    if (answers && (name == "pick" || name == "omit")) continue;
    if (was != nullptr && is != nullptr && was->text == is->text) continue;
    add_change("policy-changed", fmt::format("{}.{}", field, name), was, is);
  }
}

// Without `pick` all is shown.
void PolicyCompare::shown_data(const std::string& field, const Fields& before,
                               const Fields& after) {
  const auto tell = [&](bool more, std::string_view name, std::string message) {
    // Those of a view stand in it directly.
    const std::string written =
        fmt::format("{}.{}", view_.empty() ? field : "views." + view_, name);
    Finding& finding = add(more ? "data-exposed" : "data-hidden", std::move(message), written);
    finding.before = text_of(before, std::string(name));
    finding.after = text_of(after, std::string(name));
  };
  const auto old_picks = items_of(text_of(before, "pick"));
  const auto new_picks = items_of(text_of(after, "pick"));
  if (old_picks.empty() != new_picks.empty()) {
    tell(new_picks.empty(), "pick",
         new_picks.empty() ? fmt::format("`{}.pick` is gone: all is shown", field)
                           : fmt::format("`{}.pick` is new: the rest is not shown", field));
  } else {
    const std::string more = beyond(new_picks, old_picks);
    const std::string less = beyond(old_picks, new_picks);
    if (!more.empty()) tell(true, "pick", fmt::format("{} shown as well", more));
    if (!less.empty()) tell(false, "pick", fmt::format("{} not shown any more", less));
  }
  const auto old_omits = items_of(text_of(before, "omit"));
  const auto new_omits = items_of(text_of(after, "omit"));
  const std::string more = beyond(old_omits, new_omits);
  const std::string less = beyond(new_omits, old_omits);
  if (!more.empty()) tell(true, "omit", fmt::format("{} not taken away any more", more));
  if (!less.empty()) tell(false, "omit", fmt::format("{} taken away", less));
}

Fields PolicyCompare::compose_fields(const Side& side, const table::StepRecord& step, u32 route,
                                     std::set<std::string>& names) const {
  const table::TableView& view = side.view();
  const auto& record = view.policy_record<policies::ComposeRecord>(step.record);
  std::vector<std::string> calls;
  Fields fields = step_fields(side, step, route);
  for (const auto& call : view.policy_list<policies::CallRecord>(record.calls)) {
    calls.push_back(side.text(call.name));
    if (call.route == 0) continue;
    fields.insert_or_assign(fmt::format("calls.{}.operation", calls.back()),
                            FieldValue{.text = side.subject(call.route - 1)->id});
  }
  for (auto& [name, value] : fields) name_calls(calls, value.text);
  std::erase_if(fields, [](const auto& field) { return is_derived(field.first); });
  names.insert(calls.begin(), calls.end());
  return fields;
}

void PolicyCompare::compositions() {
  const u16 id = static_cast<u16>(PolicyId::Compose);
  const auto before = steps_of(old_, old_plan_, id);
  const auto after = steps_of(new_, new_plan_, id);
  if (before.empty() || after.empty()) return;  // see actions()
  std::set<std::string> old_calls;
  std::set<std::string> new_calls;
  const Fields was = compose_fields(old_, *before[0], old_route_, old_calls);
  const Fields is = compose_fields(new_, *after[0], new_route_, new_calls);
  std::set<std::string> once;
  for (const std::string& call : old_calls) {
    if (new_calls.contains(call)) continue;
    once.insert(fmt::format("calls.{}.", call));
    add("compose-call-removed", fmt::format("call `{}` is not made any more", call),
        "compose.calls." + call);
  }
  for (const std::string& call : new_calls) {
    if (old_calls.contains(call)) continue;
    once.insert(fmt::format("calls.{}.", call));
    add("compose-call-added", fmt::format("call `{}` is made as well", call),
        "compose.calls." + call);
  }
  for (const std::string& name : names_of(was, is)) {
    const bool told = std::ranges::any_of(
        once, [&](const std::string& prefix) { return name.starts_with(prefix); });
    const FieldValue* old_value = find(was, name);
    const FieldValue* new_value = find(is, name);
    if (told ||
        (old_value != nullptr && new_value != nullptr && old_value->text == new_value->text)) {
      continue;
    }
    add_change("compose-changed", "compose." + name, old_value, new_value);
  }
}

std::map<std::string, PolicyCompare::SeenClass> PolicyCompare::classes_of(const Side& side,
                                                                          u32 plan) const {
  std::map<std::string, SeenClass> out;
  for (const auto* step : steps_of(side, plan, static_cast<u16>(PolicyId::ClientClass))) {
    const auto& record = side.view().policy_record<policies::ClientClassRecord>(step->record);
    for (const auto& entry : side.view().policy_list<policies::ClientClassEntry>(record.classes)) {
      out.emplace(side.text(entry.name),
                  SeenClass{.condition = condition_text(side, entry.condition),
                            .plan = entry.view == 0 ? plan : entry.view - 1});
    }
  }
  return out;
}

void PolicyCompare::client_classes(size_t first_finding, u32 old_settings, u32 new_settings) {
  if (!view_.empty()) return;
  const auto before = classes_of(old_, old_plan_);
  const auto after = classes_of(new_, new_plan_);
  std::set<std::string> names;
  for (const auto& [name, seen] : before) names.insert(name);
  for (const auto& [name, seen] : after) names.insert(name);
  for (const std::string& name : names) {
    const auto was = before.find(name);
    const auto is = after.find(name);
    const std::string field = "clients." + name;
    if (was == before.end()) {
      add("client-class-added", fmt::format("class `{}` of clients is new", name), field);
    } else if (is == after.end()) {
      add("client-class-removed", fmt::format("class `{}` of clients is gone", name), field);
    } else if (was->second.condition != is->second.condition) {
      Finding& finding =
          add("client-class-changed", fmt::format("other clients are of class `{}`", name), field);
      finding.before = was->second.condition;
      finding.after = is->second.condition;
    }
  }
  const size_t own = findings_.size();
  for (const std::string& name : names) {
    const auto was = before.find(name);
    const auto is = after.find(name);
    const u32 old_view = was == before.end() ? old_plan_ : was->second.plan;
    const u32 new_view = is == after.end() ? new_plan_ : is->second.plan;
    if (old_view == old_plan_ && new_view == new_plan_) continue;
    view(name, {old_view, new_view, old_settings, new_settings}, first_finding, own);
  }
}

// What holds for all is told once, without a view.
void PolicyCompare::view(const std::string& name, const std::array<u32, 4>& compared, size_t first,
                         size_t own) {
  const u32 old_plan = old_plan_;
  const u32 new_plan = new_plan_;
  const std::string where = where_;
  const size_t begin = findings_.size();
  view_ = name;
  where_ = "view " + name;
  plans(compared[0], compared[1], compared[2], compared[3]);
  view_.clear();
  where_ = where;
  old_plan_ = old_plan;
  new_plan_ = new_plan;
  const auto told = [&](const Finding& finding) {
    for (size_t i = first; i < own; ++i) {
      const Finding& other = findings_[i];
      if (other.id == finding.id && other.message == finding.message &&
          other.before == finding.before && other.after == finding.after) {
        return true;
      }
    }
    return false;
  };
  std::vector<Finding> kept;
  for (size_t i = begin; i < findings_.size(); ++i) {
    if (!told(findings_[i])) kept.push_back(std::move(findings_[i]));
  }
  findings_.erase(findings_.begin() + static_cast<std::ptrdiff_t>(begin), findings_.end());
  for (Finding& finding : kept) findings_.push_back(std::move(finding));
}

}  // namespace gw::compiler::diff
