#include "cli/testing/generated_caller.h"

#include <algorithm>
#include <boost/json.hpp>

#include "runtime/explain/security.h"
#include "runtime/policies/access/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/scheme/record.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using policies::AlternativeRecord;
using policies::PolicyId;
using policies::SchemeKind;
using policies::SchemeUseRecord;
using table::ConditionTest;
using table::TestKind;
using table::TestSource;

bool takes_tokens(const policies::SchemeRecord& scheme) {
  const auto kind = static_cast<SchemeKind>(scheme.kind);
  return kind == SchemeKind::Jwt || kind == SchemeKind::Introspection;
}

// Sets the member at a JSON Pointer. What stands in its way is replaced.
void set_at(json::object& root, std::string_view pointer, json::value value) {
  json::object* at = &root;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const size_t slash = pointer.find('/');
    std::string name;
    const std::string_view token = pointer.substr(0, slash);
    for (size_t i = 0; i < token.size(); ++i) {
      const bool escaped = token[i] == '~' && i + 1 < token.size();
      name += !escaped ? token[i] : token[++i] == '1' ? '/' : '~';
    }
    json::value& member = (*at)[name];
    if (slash == pointer.npos) {
      member = std::move(value);
      return;
    }
    if (!member.is_object()) member = json::object{};
    at = &member.get_object();
    pointer.remove_prefix(slash);
  }
}

json::value of_type(u32 type) {
  const std::string_view word = policies::kClaimTypeWords[type];
  if (word == "integer" || word == "number") return 1;
  if (word == "boolean") return true;
  if (word == "array") return json::array{"test"};
  if (word == "object") return json::object{};
  return "test";
}

class CallerMaker {
 public:
  CallerMaker(const Gateway& gateway, const table::PlanRecord& plan)
      : gateway_(gateway), view_(gateway.view()), plan_(plan) {}

  // Puts together what one alternative asks for. False: that cannot be made up.
  bool take(const AlternativeRecord& alternative, bool with_scopes) {
    for (const auto& use : view_.policy_list<SchemeUseRecord>(alternative.uses)) {
      const policies::SchemeRecord& scheme = view_.schemes()[use.scheme];
      const auto scopes = view_.policy_list<table::StringRef>(use.scopes);
      if (takes_tokens(scheme) ? !take_token(use.scheme, scopes, with_scopes)
                               : !take_consumer(scopes)) {
        return false;
      }
    }
    return true;
  }

  // What `allow` asks for: the first alternative of each condition.
  void please_rules() {
    for (const table::StepRecord& step : view_.part(view_.steps(), plan_.steps)) {
      if (static_cast<PolicyId>(step.policy) != PolicyId::Access) continue;
      const auto& record = view_.policy_record<policies::AccessRecord>(step.record);
      if (static_cast<policies::AccessRule>(record.rule) != policies::AccessRule::Allow) continue;
      const table::ConditionRecord& condition = view_.conditions()[record.condition];
      for (const ConditionTest& test : view_.part(view_.condition_tests(), condition.tests)) {
        if (test.negate == 0) please(test);
      }
    }
  }

  Caller finish() {
    Caller caller;
    caller.request = std::move(request_);
    if (has_token_) caller.request["jwt"] = std::move(claims_);
    if (has_token_ && !scheme_.empty()) caller.request["scheme"] = scheme_;
    if (!consumer_.empty()) caller.request["consumer"] = consumer_;
    return caller;
  }

 private:
  bool take_token(u32 index, std::span<const table::StringRef> scopes, bool with_scopes) {
    const policies::SchemeRecord& scheme = view_.schemes()[index];
    if (has_token_) return false;  // a request brings one
    has_token_ = true;
    scheme_ = view_.text(scheme.name);
    set_at(claims_, "/sub", "test");
    for (const auto& claim : view_.policy_list<policies::ClaimRecord>(scheme.claims)) {
      if (claim.required == 0) continue;
      const auto values = view_.policy_list<table::StringRef>(claim.values);
      set_at(claims_, jose::pointer_to(view_.text(claim.name)),
             values.empty() ? of_type(claim.type) : json::value(view_.text(values[0])));
    }
    if (scheme.consumer.offset != table::kNone && gateway_.data->consumers.size() > 0) {
      set_at(claims_, view_.text(scheme.consumer), json::value(gateway_.data->consumers.name(0)));
    }
    std::string all;
    for (const table::StringRef scope : scopes) {
      all += (all.empty() ? "" : " ") + std::string(view_.text(scope));
    }
    if (with_scopes && !all.empty()) {
      set_at(claims_, view_.text(scheme.scopes), json::value(all));
    }
    return true;
  }

  bool take_consumer(std::span<const table::StringRef> groups) {
    const table::ConsumerSet& consumers = gateway_.data->consumers;
    for (u32 i = 0; i < consumers.size(); ++i) {
      const bool fits = std::ranges::all_of(groups, [&](const table::StringRef group) {
        return consumers.in_group(i, view_.text(group));
      });
      if (!fits) continue;
      consumer_ = consumers.name(i);
      return true;
    }
    return false;
  }

  void please(const ConditionTest& test) {
    const auto texts = view_.part(view_.string_lists(), test.values);
    const bool chosen = test.kind == TestKind::Equals || test.kind == TestKind::Prefix;
    if (!chosen && test.kind != TestKind::Present) return;
    const std::string value(chosen && !texts.empty() ? view_.text(texts[0]) : "test");
    const std::string name(view_.text(test.name));
    if (test.source == TestSource::Claim) set_at(claims_, name, json::value(value));
    if (test.source == TestSource::Header) request_["headers"] = json::object{{name, value}};
    if (test.source == TestSource::ConsumerName && chosen) consumer_ = value;
    if (test.source != TestSource::ConsumerGroup || consumer_.empty()) return;
    const table::ConsumerSet& consumers = gateway_.data->consumers;
    for (u32 i = 0; i < consumers.size(); ++i) {
      if (consumers.in_group(i, value)) consumer_ = consumers.name(i);
    }
  }

  const Gateway& gateway_;
  const table::TableView& view_;
  const table::PlanRecord& plan_;
  json::object request_;
  json::object claims_;
  std::string scheme_;
  std::string consumer_;
  bool has_token_ = false;
};

}  // namespace

const policies::AuthenticateRecord* security_of(const table::TableView& view,
                                                const table::PlanRecord& plan) {
  for (const table::StepRecord& step : view.part(view.steps(), plan.steps)) {
    if (static_cast<PolicyId>(step.policy) == PolicyId::Authenticate) {
      return &view.policy_record<policies::AuthenticateRecord>(step.record);
    }
  }
  return nullptr;
}

std::vector<Caller> callers_of(const Gateway& gateway, const table::PlanRecord& plan) {
  const table::TableView& view = gateway.view();
  const policies::AuthenticateRecord* record = security_of(view, plan);
  std::vector<Caller> callers;
  if (record == nullptr) {
    CallerMaker anybody(gateway, plan);
    anybody.please_rules();
    callers.push_back(anybody.finish());
    return callers;
  }
  const auto alternatives = view.policy_list<AlternativeRecord>(record->alternatives);
  for (const auto& alternative : alternatives) {
    CallerMaker maker(gateway, plan);
    if (!maker.take(alternative, true)) continue;
    maker.please_rules();
    callers.push_back(maker.finish());
    if (alternatives.size() > 1) callers.back().text = explain::alternative_text(view, alternative);
  }
  return callers;
}

std::optional<Caller> caller_without_scopes(const Gateway& gateway, const table::PlanRecord& plan) {
  const table::TableView& view = gateway.view();
  const policies::AuthenticateRecord* record = security_of(view, plan);
  if (record == nullptr) return std::nullopt;
  std::optional<Caller> found;
  for (const auto& alternative : view.policy_list<AlternativeRecord>(record->alternatives)) {
    bool token_only = true;
    bool asks = false;
    for (const auto& use : view.policy_list<SchemeUseRecord>(alternative.uses)) {
      token_only = token_only && takes_tokens(view.schemes()[use.scheme]);
      asks = asks || use.scopes.count != 0;
    }
    if (!token_only) continue;
    if (!asks) return std::nullopt;  // the empty alternative, or any token
    CallerMaker maker(gateway, plan);
    if (!found && maker.take(alternative, false)) found = maker.finish();
  }
  return found;
}

}  // namespace gw::cli::tests
