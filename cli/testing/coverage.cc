#include "cli/testing/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "runtime/base/units.h"
#include "runtime/engine/expression.h"
#include "runtime/explain/security.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/policies/access/record.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/policies/cache/record.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/compose/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/validate/record.h"
#include "runtime/schema/format.h"

namespace gw::cli::tests {
namespace {

using policies::Phase;
using policies::Place;
using policies::PolicyId;

std::string limit_key(const policies::LimitRecord& limit) {
  return fmt::format("limit {:x} {:x}", limit.id_low, limit.id_high);
}

// Whether there is a text that the parameter refuses.
bool can_refuse(const table::TableView& view, const policies::ParameterRecord& parameter) {
  if (parameter.required != 0 && static_cast<Place>(parameter.place) != Place::Path) return true;
  if (parameter.schema == table::kNone) return false;
  if (parameter.types != schema::kTypeString) return parameter.types != schema::kAllTypes;
  const u32 size = view.schema_programs()[parameter.schema] >> 8;
  return size > schema::kSchemaHeaderWords;  // nothing is asked of the text
}

bool judges_body(const table::TableView& view, const policies::ValidateRecord& record) {
  if (static_cast<policies::BodyPresence>(record.body) == policies::BodyPresence::Required) {
    return true;
  }
  return std::ranges::any_of(
      view.policy_list<policies::MediaRecord>(record.media), [](const auto& media) {
        return media.schema != table::kNone &&
               static_cast<policies::BodyFormat>(media.format) != policies::BodyFormat::Opaque;
      });
}

// Kinds of faults that requests of an operation can have, as saw_validation() tells them.
std::vector<std::string> faults_of(const table::TableView& view,
                                   const policies::ValidateRecord& record) {
  std::vector<std::string> kinds;
  const auto parameters = view.policy_list<policies::ParameterRecord>(record.parameters);
  for (const Place place : {Place::Path, Place::Query, Place::Header, Place::Cookie}) {
    const bool any = std::ranges::any_of(parameters, [&](const auto& parameter) {
      return static_cast<Place>(parameter.place) == place && can_refuse(view, parameter);
    });
    if (any) kinds.emplace_back(policies::kPlaceWords[static_cast<u32>(place)]);
  }
  if (judges_body(view, record)) kinds.emplace_back("body");
  if (record.media.count != 0) kinds.emplace_back("media type");
  if (record.produces.count != 0) kinds.emplace_back("accept");
  return kinds;
}

}  // namespace

Coverage::Coverage(const table::TableView& view) : view_(view) {
  for (u32 route = 0; route < view.routes().size(); ++route) add_route(route);
}

std::string Coverage::place_of(const table::SourceRef& ref) const {
  if (ref.file == table::kNone) return "built in";
  return fmt::format("{}:{}:{}", view_.text(view_.files()[ref.file]), ref.line, ref.column);
}

// Where a field of the operation is written; else the operation.
std::string Coverage::origin_of(u32 route, std::string_view field) const {
  const table::RouteRecord& record = view_.routes()[route];
  for (const table::OriginRecord& origin :
       view_.part(view_.origins(), view_.plans()[record.plan].origins)) {
    const bool found = view_.text(origin.field).starts_with(field);
    if (found && origin.source.file != table::kNone) return place_of(origin.source);
  }
  return place_of(record.source);
}

void Coverage::add(const std::string& key, CoverageKind kind, std::string place, std::string what) {
  if (!index_.emplace(key, units_.size()).second) return;
  units_.push_back({kind, std::move(place), std::move(what)});
}

void Coverage::hit(const std::string& key) {
  const auto found = index_.find(key);
  if (found != index_.end()) units_[found->second].hit = true;
}

void Coverage::add_route(u32 route) {
  const table::RouteRecord& record = view_.routes()[route];
  const std::string id(view_.text(record.id));
  add(fmt::format("route {}", route), CoverageKind::Operations, place_of(record.source),
      fmt::format("operation `{}` ({} {})", id, view_.text(record.method),
                  view_.text(record.template_)));
  for (const table::StepRecord& step :
       view_.part(view_.steps(), view_.plans()[record.plan].steps)) {
    switch (static_cast<PolicyId>(step.policy)) {
      case PolicyId::Authenticate:
        add_security(route, step.record, id);
        break;
      case PolicyId::RateLimit:
        add_limits(route, step.record);
        break;
      case PolicyId::Access:
        add_access(route, step.record, id);
        break;
      case PolicyId::Cache:
        add_cache(route, step.record, id);
        break;
      case PolicyId::Validate:
        if (static_cast<Phase>(step.phase) == Phase::RequestValidation) {
          add_validation(route, step.record, id);
        }
        break;
      case PolicyId::ClientClass:
        add_views(route, step.record, id);
        break;
      case PolicyId::Compose:
        add_composition(route, step.record, id);
        break;
      default:
        break;
    }
  }
}

void Coverage::add_views(u32 route, u32 offset, const std::string& id) {
  const auto& record = view_.policy_record<policies::ClientClassRecord>(offset);
  for (const auto& entry : view_.policy_list<policies::ClientClassEntry>(record.classes)) {
    if (entry.view == 0) continue;
    const std::string name(view_.text(entry.name));
    add(fmt::format("view {} {}", route, name), CoverageKind::Views,
        origin_of(route, "views." + name), fmt::format("`{}`: the view of `{}`", id, name));
    for (const table::StepRecord& step :
         view_.part(view_.steps(), view_.plans()[entry.view - 1].steps)) {
      if (static_cast<PolicyId>(step.policy) == PolicyId::Compose) {
        add_composition(route, step.record, fmt::format("{}` for `{}", id, name));
      }
    }
  }
}

namespace {

// Each plan has a record of its own.
std::string call_key(const policies::ComposeRecord& record, size_t call, std::string_view what) {
  return fmt::format("call {} {} {}", fmt::ptr(&record), call, what);
}

}  // namespace

void Coverage::add_composition(u32 route, u32 offset, const std::string& id) {
  const auto& record = view_.policy_record<policies::ComposeRecord>(offset);
  const auto calls = view_.policy_list<policies::CallRecord>(record.calls);
  for (size_t i = 0; i < calls.size(); ++i) {
    const std::string_view name = view_.text(calls[i].name);
    const std::string place = origin_of(route, "compose");
    const auto branch = [&](std::string_view what, std::string_view words) {
      add(call_key(record, i, what), CoverageKind::Compositions, place,
          fmt::format("`{}`: call `{}` {}", id, name, words));
    };
    if (calls[i].optional != 0) {
      branch("present", "has an answer");
      branch("missing", "has none");
    }
    if (calls[i].condition != table::kNone) {
      branch("made", "is made");
      branch("skipped", "is not made");
    }
    if (calls[i].pass.count != 0) branch("passed", "is passed on to the client");
  }
}

void Coverage::composed(const policies::ComposeRecord& record, std::span<const CallEnd> ends) {
  for (size_t i = 0; i < ends.size(); ++i) {
    const CallEnd end = ends[i];
    if (end == CallEnd::None) continue;
    const bool missing = end == CallEnd::Missing || end == CallEnd::TimedOut;
    hit(call_key(record, i, end == CallEnd::Skipped ? "skipped" : "made"));
    if (end == CallEnd::Present) hit(call_key(record, i, "present"));
    if (end == CallEnd::Passed) hit(call_key(record, i, "passed"));
    if (missing) hit(call_key(record, i, "missing"));
  }
}

void Coverage::add_security(u32 route, u32 offset, const std::string& id) {
  const auto& record = view_.policy_record<policies::AuthenticateRecord>(offset);
  const std::string place = place_of(view_.routes()[route].source);
  const auto alternatives = view_.policy_list<policies::AlternativeRecord>(record.alternatives);
  bool refuses = true;
  for (u32 i = 0; i < alternatives.size(); ++i) {
    add(fmt::format("security {} {}", route, i), CoverageKind::Security, place,
        fmt::format("`{}`: let in by {}", id, explain::alternative_text(view_, alternatives[i])));
    refuses = refuses && alternatives[i].uses.count != 0;
  }
  // Who brings a wrong credential is refused even where none is asked for.
  add(fmt::format("security {} refused", route), CoverageKind::Security, place,
      fmt::format("`{}`: {}", id,
                  refuses ? "refused without a good credential" : "refused with a bad credential"));
}

void Coverage::add_limits(u32 route, u32 offset) {
  const auto& record = view_.policy_record<policies::RateLimitRecord>(offset);
  for (const auto& limit : view_.policy_list<policies::LimitRecord>(record.limits)) {
    const std::string name(view_.text(limit.name));
    const std::string field = fmt::format("{}.{}", policies::kLimitKindWords[limit.kind], name);
    const std::string place = origin_of(route, field);
    const bool shadow = limit.mode == static_cast<u32>(policies::LimitMode::Shadow);
    add(limit_key(limit) + " admits", CoverageKind::Limits, place,
        fmt::format("{}: admits", field));
    add(limit_key(limit) + " refuses", CoverageKind::Limits, place,
        fmt::format("{}: {}", field, shadow ? "would refuse" : "refuses"));
  }
}

void Coverage::add_validation(u32 route, u32 offset, const std::string& id) {
  const auto& record = view_.policy_record<policies::ValidateRecord>(offset);
  if (static_cast<policies::ValidateMode>(record.request) == policies::ValidateMode::Off) return;
  const std::string place = place_of(view_.routes()[route].source);
  add(fmt::format("validate {} accepted", route), CoverageKind::Validation, place,
      fmt::format("`{}`: a request that keeps the contract", id));
  for (const std::string& kind : faults_of(view_, record)) {
    add(fmt::format("validate {} {}", route, kind), CoverageKind::Validation, place,
        fmt::format("`{}`: a fault of its {}", id, kind));
  }
}

void Coverage::add_access(u32 route, u32 offset, const std::string& id) {
  const auto& record = view_.policy_record<policies::AccessRecord>(offset);
  const std::string_view rule = policies::kAccessRuleWords[record.rule];
  const std::string place = origin_of(route, rule);
  add(fmt::format("access {} passes", offset), CoverageKind::Access, place,
      fmt::format("`{}` of `{}`: lets through", rule, id));
  add(fmt::format("access {} refuses", offset), CoverageKind::Access, place,
      fmt::format("`{}` of `{}`: refuses", rule, id));
}

void Coverage::add_cache(u32 route, u32 offset, const std::string& id) {
  const auto& record = view_.policy_record<policies::CacheRecord>(offset);
  if (static_cast<policies::CacheMode>(record.mode) != policies::CacheMode::Serve) return;
  const std::string place = origin_of(route, "cache");
  const auto unit = [&](std::string_view outcome, std::string_view what) {
    add(fmt::format("cache {} {}", route, outcome), CoverageKind::Cache, place,
        fmt::format("cache of `{}`: {}", id, what));
  };
  unit("miss", "an answer of the upstream");
  unit("hit", "a stored answer");
  const policies::CacheChoice& choice = record.choice;
  if (choice.stale_while_revalidate + choice.stale_if_error != 0) {
    unit("stale", "a stored answer that is no longer fresh");
  }
}

void Coverage::saw_cache(const Exchange& exchange) {
  hit(fmt::format("cache {} {}", exchange.route, cache::outcome_name(exchange.cache_outcome)));
}

void Coverage::saw(Exchange& exchange, const Outcome& outcome) {
  if (exchange.limits != nullptr) saw_limits(exchange);
  if (exchange.route == table::kNone || exchange.preflight) return;
  hit(fmt::format("route {}", exchange.route));
  if (outcome.allowed && !exchange.client_class.empty()) {
    hit(fmt::format("view {} {}", exchange.route, exchange.client_class));
  }
  saw_steps(exchange, outcome);
}

void Coverage::saw_limits(const Exchange& exchange) {
  const u32 plan = exchange.plan == table::kNone ? view_.gateway().default_plan : exchange.plan;
  if (plan == table::kNone) return;
  for (const table::StepRecord& step : view_.part(view_.steps(), view_.plans()[plan].steps)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::RateLimit) continue;
    const auto& record = view_.policy_record<policies::RateLimitRecord>(step.record);
    for (const auto& limit : view_.policy_list<policies::LimitRecord>(record.limits)) {
      for (u32 i = 0; i < exchange.limits->count; ++i) {
        const limits::LimitOutcome& asked = exchange.limits->outcomes[i];
        if (asked.kind != limit.kind || asked.name != view_.text(limit.name)) continue;
        const bool admits = asked.verdict == limits::Verdict::Admitted;
        hit(limit_key(limit) + (admits ? " admits" : " refuses"));
      }
    }
  }
}

void Coverage::saw_steps(Exchange& exchange, const Outcome& outcome) {
  const auto steps = view_.part(view_.steps(), view_.plans()[exchange.plan].steps);
  const u32 last = exchange.last_step == table::kNone ? 0 : exchange.last_step + 1;
  for (u32 i = 0; i < std::min<u32>(last, static_cast<u32>(steps.size())); ++i) {
    const table::StepRecord& step = steps[i];
    const bool ended_here = i + 1 == last && !outcome.allowed;
    switch (static_cast<PolicyId>(step.policy)) {
      case PolicyId::Authenticate:
        hit(ended_here
                ? fmt::format("security {} refused", exchange.route)
                : fmt::format("security {} {}", exchange.route, exchange.identity.alternative));
        break;
      case PolicyId::Access:
        if (!engine::holds(exchange, step.condition)) break;
        hit(fmt::format("access {} {}", step.record, ended_here ? "refuses" : "passes"));
        break;
      case PolicyId::Validate:
        if (static_cast<Phase>(step.phase) == Phase::RequestValidation) {
          saw_validation(exchange, outcome);
        }
        break;
      case PolicyId::Cache:
        saw_cache(exchange);
        break;
      default:
        break;
    }
  }
}

void Coverage::saw_validation(const Exchange& exchange, const Outcome& outcome) {
  const std::string_view fault =
      exchange.validation == nullptr ? std::string_view{} : exchange.validation->request_fault;
  std::string kind(fault.substr(0, fault.find_first_of(" :")));
  if (outcome.status == 415) kind = "media type";
  if (outcome.status == 406) kind = "accept";
  hit(fmt::format("validate {} {}", exchange.route, fault.empty() ? "accepted" : kind));
}

u32 Coverage::share() const {
  if (units_.empty()) return 10'000;
  const auto hits = std::ranges::count_if(units_, &Unit::hit);
  return static_cast<u32>(static_cast<u64>(hits) * 10'000 / units_.size());
}

namespace {

struct Count {
  size_t hit = 0;
  size_t all = 0;
};
using Counts = std::array<Count, std::size(kCoverageNames)>;

Counts counts_of(const Coverage& coverage) {
  Counts counts;
  for (const Coverage::Unit& unit : coverage.units()) {
    Count& count = counts[static_cast<size_t>(unit.kind)];
    ++count.all;
    if (unit.hit) ++count.hit;
  }
  return counts;
}

}  // namespace

std::string coverage_text(const Coverage& coverage) {
  std::string out = fmt::format("coverage {}\n", format_percent(coverage.share()));
  const Counts counts = counts_of(coverage);
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].all == 0) continue;
    out += fmt::format("  {:<15} {} of {}\n", kCoverageNames[i], counts[i].hit, counts[i].all);
  }
  bool headed = false;
  for (const Coverage::Unit& unit : coverage.units()) {
    if (unit.hit) continue;
    if (!headed) out += "\nuncovered\n";
    headed = true;
    out += fmt::format("  {}: {}\n", unit.place, unit.what);
  }
  return out;
}

std::string coverage_json(const Coverage& coverage) {
  boost::json::object kinds;
  const Counts counts = counts_of(coverage);
  for (size_t i = 0; i < counts.size(); ++i) {
    kinds[kCoverageNames[i]] = {{"covered", counts[i].hit}, {"all", counts[i].all}};
  }
  boost::json::array uncovered;
  for (const Coverage::Unit& unit : coverage.units()) {
    if (unit.hit) continue;
    uncovered.push_back({{"kind", kCoverageNames[static_cast<size_t>(unit.kind)]},
                         {"place", unit.place},
                         {"what", unit.what}});
  }
  const boost::json::object all{{"coverage",
                                 {{"share", format_percent(coverage.share())},
                                  {"kinds", std::move(kinds)},
                                  {"uncovered", std::move(uncovered)}}}};
  return boost::json::serialize(all) + "\n";
}

}  // namespace gw::cli::tests
