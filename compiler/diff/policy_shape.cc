// What becomes of data: bodies that show more or less, compositions, views of classes of clients.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "compiler/diff/shown_data.h"
#include "compiler/passes/media_names.h"
#include "runtime/policies/body/record.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/compose/record.h"

namespace gw::compiler::diff {
namespace {

using policies::Phase;
using policies::PolicyId;

// The fields as they are written, without what the compiler adds.
Fields written_body(const Fields& stored) {
  constexpr std::string_view kFields = "fields.";
  Fields out;
  for (const auto& [name, value] : stored) {
    if (name.starts_with(kFields)) out.emplace(name.substr(kFields.size()), value);
  }
  return out;
}

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

// What successful answers of the upstream are, as far as `format` changes them.
struct AnswerKinds {
  bool json = false;
  bool form = false;
};

AnswerKinds declared_kinds(const Side& side, u32 route) {
  AnswerKinds kinds;
  bool says_type = false;
  const std::vector<Value::Member> responses =
      side.contracts().operation(route).get("responses").members();
  const auto is_success = [](const Value::Member& one) { return one.name.starts_with('2'); };
  const bool says_success = std::ranges::any_of(responses, is_success);
  for (const Value::Member& response : responses) {
    if (!is_success(response) && (says_success || response.name != "default")) continue;
    for (const Value::Member& media : response.value.resolved().get("content").members()) {
      const std::string type = plain_type(media.name);
      says_type = true;
      kinds.json |= is_json_type(type) || type == "text/json";
      kinds.form |= type == kFormType;
    }
  }
  // Of what nobody declares, JSON is what a change of bodies is written for.
  kinds.json |= !says_type;
  return kinds;
}

std::set<std::string_view> sent_types(const AnswerKinds& kinds, policies::BodyWriting writing) {
  std::set<std::string_view> types;
  if (kinds.json) types.insert(writing == policies::BodyWriting::Form ? kFormType : kJsonType);
  if (kinds.form) types.insert(writing == policies::BodyWriting::Json ? kJsonType : kFormType);
  return types;
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

// Of a body no plan has more than one step for all, and one for a class of clients.
const table::StepRecord* PolicyCompare::body_step(const Side& side, u32 plan, bool request,
                                                  bool of_view) const {
  const auto phase = static_cast<u8>(request ? Phase::RequestTransform : Phase::ResponseTransform);
  for (const auto* step : steps_of(side, plan, static_cast<u16>(PolicyId::Body))) {
    const auto& record = side.view().policy_record<policies::BodyRecord>(step->record);
    if (step->phase == phase && (record.of_view != 0) == of_view) return step;
  }
  return nullptr;
}

void PolicyCompare::bodies() {
  body("request.body", body_step(old_, old_plan_, true, false),
       body_step(new_, new_plan_, true, false));
  for (const bool of_view : {false, true}) {
    body("response.body", body_step(old_, old_plan_, false, of_view),
         body_step(new_, new_plan_, false, of_view));
  }
  answer_format();
}

// The last step that says it decides.
policies::BodyWriting PolicyCompare::answer_writing(const Side& side, u32 plan) const {
  auto writing = policies::BodyWriting::Same;
  for (const bool of_view : {false, true}) {
    const auto* step = body_step(side, plan, false, of_view);
    if (step == nullptr) continue;
    const auto& record = side.view().policy_record<policies::BodyRecord>(step->record);
    const auto own = static_cast<policies::BodyWriting>(record.format);
    if (own != policies::BodyWriting::Same) writing = own;
  }
  return writing;
}

// Contracts hold what the upstream answers, so that they do not show what clients get instead.
void PolicyCompare::answer_format() {
  const policies::BodyWriting was = answer_writing(old_, old_plan_);
  const policies::BodyWriting is = answer_writing(new_, new_plan_);
  if (was == is || old_route_ == table::kNone || new_route_ == table::kNone) return;
  const auto old_types = sent_types(declared_kinds(old_, old_route_), was);
  const auto new_types = sent_types(declared_kinds(new_, new_route_), is);
  for (const std::string_view type : old_types) {
    if (new_types.empty() || new_types.contains(type)) continue;
    Finding& finding =
        add("response-media-type-changed",
            fmt::format("answers that came as `{}` come as `{}`", type, *new_types.begin()));
    at_body_fields(finding, "format", "format");
  }
}

void PolicyCompare::body(const std::string& field, const table::StepRecord* before,
                         const table::StepRecord* after) {
  Fields was;
  Fields is;
  if (before != nullptr) was = written_body(step_fields(old_, *before, old_route_));
  if (after != nullptr) is = written_body(step_fields(new_, *after, new_route_));
  const bool answers = field == "response.body";
  if (answers) shown_data(before, after, was, is);
  if (was.empty() && is.empty()) return;
  if (was.empty() || is.empty()) {
    add(was.empty() ? "policy-added" : "policy-removed",
        fmt::format(fmt::runtime(was.empty() ? "`{}` is new" : "`{}` is gone"), field), field);
    return;
  }
  for (const std::string& name : names_of(was, is)) {
    const FieldValue* old_value = find(was, name);
    const FieldValue* new_value = find(is, name);
    if (answers && (name == "pick" || name == "omit")) continue;
    if (old_value != nullptr && new_value != nullptr && old_value->text == new_value->text) {
      continue;
    }
    add_change("policy-changed", fmt::format("{}.{}", field, name), old_value, new_value);
  }
}

void PolicyCompare::shown_data(const table::StepRecord* before, const table::StepRecord* after,
                               const Fields& was, const Fields& is) {
  const auto shown = [](const Side& side, const table::StepRecord* step) {
    return shown_data_of(
        side,
        step == nullptr ? nullptr : &side.view().policy_record<policies::BodyRecord>(step->record));
  };
  for (ShownChange& change : shown_changes(shown(old_, before), shown(new_, after))) {
    const std::string_view old_field =
        change.old_field.empty() ? change.new_field : change.old_field;
    const std::string_view new_field =
        change.new_field.empty() ? change.old_field : change.new_field;
    Finding& finding = add(change.more ? "data-exposed" : "data-hidden", std::move(change.message));
    finding.before = text_of(was, std::string(old_field));
    finding.after = text_of(is, std::string(new_field));
    at_body_fields(finding, old_field, new_field);
  }
}

// Fields of a view stand in it directly.
void PolicyCompare::at_body_fields(Finding& finding, std::string_view old_field,
                                   std::string_view new_field) const {
  const std::string around = view_.empty() ? "response.body" : "views." + view_;
  const Place old_place = origin(old_, old_plan_, fmt::format("{}.{}", around, old_field));
  const Place new_place = origin(new_, new_plan_, fmt::format("{}.{}", around, new_field));
  if (old_place.known()) finding.old_place = old_place;
  if (new_place.known()) finding.new_place = new_place;
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
