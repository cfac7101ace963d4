#include "runtime/admin/class_access.h"

#include <algorithm>

#include "runtime/policies/access/record.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/table/dfa.h"

namespace gw::admin {
namespace {

using policies::AccessRecord;
using policies::AccessRule;
using policies::PolicyId;
using table::ConditionTest;
using table::TestKind;

enum class Truth : u8 { No, Depends, Yes };

Truth of(bool truth) { return truth ? Truth::Yes : Truth::No; }

Truth names_class(const table::TableView& view, const ConditionTest& test,
                  std::string_view client) {
  switch (test.kind) {
    case TestKind::Present:
      return Truth::Yes;
    case TestKind::Equals:
    case TestKind::Prefix:
      return of(std::ranges::any_of(
          view.part(view.string_lists(), test.values), [&](table::StringRef ref) {
            const std::string_view wanted = view.text(ref);
            return test.kind == TestKind::Equals ? client == wanted : client.starts_with(wanted);
          }));
    case TestKind::Matches: {
      const table::RegexRecord& regex = view.regexes()[test.regex];
      if (regex.dfa.count == 0) return Truth::Depends;  // nobody has compiled it here
      const Bytes data = view.section(table::SectionKind::DfaData);
      return of(Dfa(data.data() + regex.dfa.offset).matches(client));
    }
    case TestKind::Network:
    case TestKind::NetworkFile:
      break;
  }
  return Truth::Depends;
}

Truth test_holds(const table::TableView& view, const ConditionTest& test, std::string_view client) {
  if (test.source != table::TestSource::ClientClass) return Truth::Depends;
  const Truth truth = names_class(view, test, client);
  if (test.negate == 0) return truth;
  return static_cast<Truth>(static_cast<u8>(Truth::Yes) - static_cast<u8>(truth));
}

// All tests of an alternative must hold, and one alternative.
Truth holds(const table::TableView& view, u32 condition, std::string_view client) {
  if (condition == table::kNone) return Truth::Yes;
  Truth any = Truth::No;
  for (u32 i = condition;; ++i) {
    const table::ConditionRecord& alternative = view.conditions()[i];
    Truth all = Truth::Yes;
    for (const ConditionTest& test : view.part(view.condition_tests(), alternative.tests)) {
      all = std::min(all, test_holds(view, test, client));
    }
    any = std::max(any, all);
    if (alternative.last != 0) return any;
  }
}

}  // namespace

bool ClassAccess::lets_through(const table::PlanRecord& plan) const {
  for (const table::StepRecord& step : view_.part(view_.steps(), plan.steps)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::Access) continue;
    if (holds(view_, step.condition, client_) != Truth::Yes) continue;
    const auto& record = view_.policy_record<AccessRecord>(step.record);
    const auto rule = static_cast<AccessRule>(record.rule);
    if (rule == AccessRule::Equals) continue;
    const Truth refuses = rule == AccessRule::Allow ? Truth::No : Truth::Yes;
    if (holds(view_, record.condition, client_) == refuses) return false;
  }
  return true;
}

bool ClassAccess::may_call(const table::RouteRecord& route) {
  const table::PlanRecord& plan = plan_of(view_, route, client_);
  u8& known = known_[static_cast<size_t>(&plan - view_.plans().data())];
  if (known == 0) known = lets_through(plan) ? 1 : 2;
  return known == 1;
}

const table::PlanRecord& plan_of(const table::TableView& view, const table::RouteRecord& route,
                                 std::string_view client) {
  const table::PlanRecord& plan = view.plans()[route.plan];
  for (const table::StepRecord& step : view.part(view.steps(), plan.steps)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::ClientClass) continue;
    const auto& record = view.policy_record<policies::ClientClassRecord>(step.record);
    for (const auto& one : view.policy_list<policies::ClientClassEntry>(record.classes)) {
      const bool is_view = one.view != 0 && one.view <= view.plans().size();
      if (is_view && view.text(one.name) == client) return view.plans()[one.view - 1];
    }
  }
  return plan;
}

}  // namespace gw::admin
