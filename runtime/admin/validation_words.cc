#include "runtime/admin/validation_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/judge.h"
#include "runtime/policies/validate/record.h"

namespace gw::admin {
namespace {

using policies::BodyPresence;
using policies::MediaRecord;
using policies::PolicyId;
using policies::UnknownAction;
using policies::ValidateMode;
using policies::ValidateRecord;

void say(std::string& words, std::string_view sentence) {
  if (!words.empty()) words += ' ';
  words += sentence;
}

void say_of_requests(const table::TableView& view, const ValidateRecord& record,
                     std::string& words) {
  if (record.parameters.count != 0) {
    say(words, "Parameters that break their schema, or are missing though needed, get 400.");
  }
  if (static_cast<BodyPresence>(record.body) == BodyPresence::Required) {
    say(words, "Requests without a body get 400.");
  }
  if (record.media.count != 0) {
    const auto media = view.policy_list<MediaRecord>(record.media);
    say(words, std::ranges::any_of(media, validate::is_judged)
                   ? "Bodies that break the schema get 400, those of other media types 415."
                   : "Bodies of other media types get 415.");
  }
  if (record.produces.count != 0) {
    say(words, "Who accepts none of the media types of its answers gets 406.");
  }
}

void say_of_unknown(std::string_view what, u32 action, bool enforced, std::string& words) {
  switch (static_cast<UnknownAction>(action)) {
    case UnknownAction::Allow:
      return;
    case UnknownAction::Drop:
      return say(words, fmt::format("{} that are not declared are not sent on.", what));
    case UnknownAction::Reject:
      if (enforced) say(words, fmt::format("{} that are not declared get 400.", what));
  }
}

std::string words_of(const table::TableView& view, const ValidateRecord& record) {
  std::string words;
  const auto mode = static_cast<ValidateMode>(record.request);
  if (mode == ValidateMode::Enforce) say_of_requests(view, record, words);
  if (mode == ValidateMode::Log) {
    say(words, "Requests that are not as described are let through, and noted in the log.");
  }
  const bool enforced = mode == ValidateMode::Enforce;
  say_of_unknown("Query parameters", record.unknown_query, enforced, words);
  say_of_unknown("Header fields", record.unknown_headers, enforced, words);
  say_of_unknown("Cookies", record.unknown_cookies, enforced, words);
  switch (static_cast<ValidateMode>(record.response)) {
    case ValidateMode::Enforce:
      say(words, "In place of answers that are not as described comes 502.");
      break;
    case ValidateMode::Log:
      say(words, "Answers that are not as described are noted in the log.");
      break;
    case ValidateMode::Off:
      break;
  }
  return words;
}

}  // namespace

std::string validation_words(const table::TableView& view, const table::PlanRecord& plan) {
  for (const table::StepRecord& step : view.part(view.steps(), plan.steps)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::Validate) continue;
    return words_of(view, view.policy_record<ValidateRecord>(step.record));
  }
  return {};
}

}  // namespace gw::admin
