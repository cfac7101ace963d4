#include "cli/testing/generated_caller.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/testing/value_text.h"
#include "compiler/regex/regex.h"
#include "runtime/base/ip_address.h"
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
  // `rule`: which alternative of each `allow` is pleased; `consumer`: how many that would do are
  // passed over.
  CallerMaker(const Gateway& gateway, const table::RouteRecord& route, u32 rule = 0,
              u32 consumer = 0)
      : gateway_(gateway),
        view_(gateway.view()),
        route_(route),
        plan_(view_.plans()[route.plan]),
        rule_(rule),
        passed_over_(consumer) {}

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

  // What `allow` and `equals` ask for. How many alternatives the longest `allow` has.
  u32 please_rules() {
    u32 most = 1;
    for (const table::StepRecord& step : view_.part(view_.steps(), plan_.steps)) {
      if (static_cast<PolicyId>(step.policy) != PolicyId::Access) continue;
      const auto& record = view_.policy_record<policies::AccessRecord>(step.record);
      const auto rule = static_cast<policies::AccessRule>(record.rule);
      if (rule == policies::AccessRule::Equals) bind(record);
      if (rule != policies::AccessRule::Allow) continue;
      const u32 count = alternatives_of(record.condition);
      most = std::max(most, count);
      const auto& condition = view_.conditions()[record.condition + rule_ % count];
      for (const ConditionTest& test : view_.part(view_.condition_tests(), condition.tests)) {
        if (test.negate == 0) {
          please(test);
        } else if (test.source == TestSource::Claim && test.kind != TestKind::Present) {
          set_at(claims_, view_.text(test.name), json::value("somebody-else"));
        }
      }
    }
    return most;
  }

  // Whether some `allow` asks for more than there is. `equals` is pleased, and a `deny` may come
  // first.
  bool lacks_what_is_allowed(const GeneratedRequest& request) {
    bool lacks = false;
    for (const table::StepRecord& step : view_.part(view_.steps(), plan_.steps)) {
      if (static_cast<PolicyId>(step.policy) != PolicyId::Access) continue;
      const auto& record = view_.policy_record<policies::AccessRecord>(step.record);
      const auto rule = static_cast<policies::AccessRule>(record.rule);
      if (rule == policies::AccessRule::Deny) return false;
      if (rule == policies::AccessRule::Equals) bind(record);
      if (rule == policies::AccessRule::Allow) lacks = lacks || lacks_each(record, request);
    }
    return lacks;
  }

  Caller finish() {
    Caller caller;
    caller.request = std::move(request_);
    if (has_token_) caller.request["jwt"] = std::move(claims_);
    if (has_token_ && !scheme_.empty()) caller.request["scheme"] = scheme_;
    if (!consumer_.empty()) caller.request["consumer"] = consumer_;
    caller.query = std::move(query_);
    caller.bound = std::move(bound_);
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
    if (scheme.consumer.offset != table::kNone &&
        !take_named_consumer(view_.text(scheme.consumer))) {
      return false;
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

  bool take_named_consumer(std::string_view claim) {
    const table::ConsumerSet& consumers = gateway_.data->consumers;
    if (passed_over_ != 0 && passed_over_ >= consumers.size()) return false;
    if (consumers.size() != 0) set_at(claims_, claim, json::value(consumers.name(passed_over_)));
    return true;
  }

  bool take_consumer(std::span<const table::StringRef> groups) {
    const table::ConsumerSet& consumers = gateway_.data->consumers;
    u32 skipped = 0;
    for (u32 i = 0; i < consumers.size(); ++i) {
      const bool fits = std::ranges::all_of(groups, [&](const table::StringRef group) {
        return consumers.in_group(i, view_.text(group));
      });
      if (!fits || skipped++ < passed_over_) continue;
      consumer_ = consumers.name(i);
      return true;
    }
    return false;
  }

  u32 alternatives_of(u32 condition) const {
    u32 count = 1;
    while (view_.conditions()[condition + count - 1].last == 0) ++count;
    return count;
  }

  void please(const ConditionTest& test) {
    const std::string name(view_.text(test.name));
    if (test.kind == TestKind::Network) return come_from(test);
    const auto value = value_for(test);
    if (!value) return;
    switch (test.source) {
      case TestSource::Claim:
        set_at(claims_, name, typed(name, *value));
        return;
      case TestSource::Header:
        headers()[name] = *value;
        return;
      case TestSource::Cookie:
        headers()["cookie"] = fmt::format("{}={}", name, percent_encoded(*value));
        return;
      case TestSource::Query:
        query_ += fmt::format("{}{}={}", query_.empty() ? "" : "&", percent_encoded(name),
                              percent_encoded(*value));
        return;
      case TestSource::ConsumerName:
        if (test.kind == TestKind::Equals) consumer_ = *value;
        return;
      default:
        return;  // what the request is anyway, or whose consumer it is
    }
  }

  bool lacks_each(const policies::AccessRecord& record, const GeneratedRequest& request) const {
    for (u32 i = 0; i < alternatives_of(record.condition); ++i) {
      const auto& condition = view_.conditions()[record.condition + i];
      const auto tests = view_.part(view_.condition_tests(), condition.tests);
      const auto lacks_it = [&](const ConditionTest& test) { return lacks(test, request); };
      if (std::ranges::none_of(tests, lacks_it)) return false;
    }
    return true;
  }

  bool lacks(const ConditionTest& test, const GeneratedRequest& request) const {
    using compiler::openapi::ParameterIn;
    const std::string name(view_.text(test.name));
    if (test.negate != 0) return false;
    if (test.source == TestSource::Claim) {
      const bool bound = std::ranges::any_of(
          bound_, [&](const BoundClaim& claim) { return claim.pointer == name; });
      if (bound) return false;
      boost::system::error_code ec;
      return json::value(claims_).find_pointer(name, ec) == nullptr;
    }
    if (test.source == TestSource::Header) {
      return request.parameter_value(ParameterIn::Header, name).empty();
    }
    if (test.source == TestSource::Cookie) {
      return request.parameter_value(ParameterIn::Cookie, name).empty();
    }
    return test.source == TestSource::Query &&
           request.parameter_value(ParameterIn::Query, name).empty();
  }

  json::object& headers() {
    json::value& value = request_["headers"];
    return value.is_object() ? value.get_object() : value.emplace_object();
  }

  // A text that the test holds for; nullopt: none is known.
  std::optional<std::string> value_for(const ConditionTest& test) const {
    const auto texts = view_.part(view_.string_lists(), test.values);
    if (test.kind == TestKind::Present) return "test";
    if (test.kind == TestKind::Matches && test.regex != table::kNone) {
      const table::RegexRecord& regex = view_.regexes()[test.regex];
      const Bytes all = view_.section(table::SectionKind::DfaData);
      if (regex.dfa.count == 0) return std::nullopt;
      return compiler::regex::shortest_string(all.subspan(regex.dfa.offset, regex.dfa.count));
    }
    const bool listed = test.kind == TestKind::Equals || test.kind == TestKind::Prefix;
    return listed && !texts.empty() ? std::optional(std::string(view_.text(texts[0])))
                                    : std::nullopt;
  }

  // As the scheme says that the claim is.
  json::value typed(std::string_view pointer, const std::string& text) const {
    for (const policies::SchemeRecord& scheme : view_.schemes()) {
      if (view_.text(scheme.name) != scheme_) continue;
      for (const auto& claim : view_.policy_list<policies::ClaimRecord>(scheme.claims)) {
        if (jose::pointer_to(view_.text(claim.name)) != pointer) continue;
        const std::string_view word = policies::kClaimTypeWords[claim.type];
        if (word == "array") return json::array{text};
        if (word != "integer" && word != "number" && word != "boolean") return json::value(text);
        boost::system::error_code ec;
        json::value read = json::parse(text, ec);
        return ec ? json::value(text) : read;
      }
    }
    return json::value(text);
  }

  void come_from(const ConditionTest& test) {
    if (test.source != TestSource::Ip || test.values.count == 0) return;
    // IPv4 is written as IPv6 (RFC 4291 section 2.5.5.2).
    constexpr std::array<u8, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const std::span all(view_.networks()[test.values.offset].address);
    IpAddress address;
    address.v6 = !std::ranges::equal(all.first(kMapped.size()), kMapped);
    std::ranges::copy(address.v6 ? all : all.subspan(kMapped.size()), address.bytes.begin());
    request_["ip"] = format_ip(address);
  }

  // The claim that a parameter must be the same as.
  void bind(const policies::AccessRecord& record) {
    const auto value = view_.part(view_.expressions(), record.value);
    const auto other = view_.part(view_.expressions(), record.other);
    if (!has_token_ || value.size() != 1 || other.size() != 1) return;
    if (other[0].source != table::ExpressionSource::Claim &&
        other[0].source != table::ExpressionSource::SchemeClaim) {
      return;
    }
    const bool captured = value[0].source == table::ExpressionSource::PathParameter;
    const auto captures = view_.part(view_.string_lists(), route_.captures);
    if (captured && value[0].index >= captures.size()) return;
    bound_.push_back(
        {std::string(view_.text(other[0].text)), value[0].source,
         std::string(view_.text(captured ? captures[value[0].index] : value[0].text))});
  }

  const Gateway& gateway_;
  const table::TableView& view_;
  const table::RouteRecord& route_;
  const table::PlanRecord& plan_;
  const u32 rule_;
  const u32 passed_over_;
  json::object request_;
  std::string query_;
  std::vector<BoundClaim> bound_;
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

namespace {

compiler::openapi::ParameterIn in_of(table::ExpressionSource source) {
  if (source == table::ExpressionSource::Header) return compiler::openapi::ParameterIn::Header;
  if (source == table::ExpressionSource::Cookie) return compiler::openapi::ParameterIn::Cookie;
  return source == table::ExpressionSource::Query ? compiler::openapi::ParameterIn::Query
                                                  : compiler::openapi::ParameterIn::Path;
}

// Fields of both; cookies of both stand in one.
void merge_headers(json::object& into, const json::object& from) {
  for (const auto& [name, value] : from) {
    const json::value* known = into.if_contains(name);
    const bool joins = known != nullptr && name == "cookie";
    into[name] = joins ? json::value(fmt::format("{}; {}", std::string_view(known->as_string()),
                                                 std::string_view(value.as_string())))
                       : value;
  }
}

// Addresses of documentation (RFC 5737, RFC 3849): one of them is in no network that a rule names.
constexpr std::string_view kAddresses[] = {"", "198.51.100.7", "203.0.113.7", "2001:db8::7"};

bool denies_addresses(const table::TableView& view, const table::PlanRecord& plan) {
  for (const table::StepRecord& step : view.part(view.steps(), plan.steps)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::Access) continue;
    const auto& record = view.policy_record<policies::AccessRecord>(step.record);
    if (static_cast<policies::AccessRule>(record.rule) == policies::AccessRule::Deny) return true;
  }
  return false;
}

// Nobody, or somebody of one alternative.
std::vector<Caller> ways_to_call(const Gateway& gateway, const table::RouteRecord& route,
                                 const AlternativeRecord* alternative, bool with_scopes = true) {
  std::vector<Caller> out;
  const auto add = [&](Caller caller) {
    const bool known =
        std::ranges::any_of(out, [&](const Caller& one) { return one.request == caller.request; });
    if (!known && out.size() < kMaxCallerTries) out.push_back(std::move(caller));
  };
  const table::TableView& view = gateway.view();
  const bool moves = denies_addresses(view, view.plans()[route.plan]);
  const u32 consumers = std::max<u32>(gateway.data->consumers.size(), 1);
  u32 rules = 1;
  for (u32 consumer = 0; consumer < consumers; ++consumer) {
    for (u32 rule = 0; rule < rules && out.size() < kMaxCallerTries; ++rule) {
      CallerMaker maker(gateway, route, rule, consumer);
      if (alternative != nullptr && !maker.take(*alternative, with_scopes)) return out;
      rules = maker.please_rules();
      const Caller caller = maker.finish();
      for (const std::string_view address : kAddresses) {
        Caller from = caller;
        if (!address.empty()) from.request["ip"] = address;
        add(std::move(from));
        if (!moves) break;
      }
    }
  }
  return out;
}

}  // namespace

json::object with_caller(const GeneratedRequest& request, const Caller& caller) {
  json::object out = request.to_json();
  for (const auto& [key, value] : caller.request) {
    json::object* known = out.contains(key) ? out.at(key).if_object() : nullptr;
    if (known == nullptr || !value.is_object()) {
      out[key] = value;
    } else {
      merge_headers(*known, value.get_object());
    }
  }
  if (!caller.query.empty()) {
    const std::string path(std::string_view(out["path"].as_string()));
    out["path"] = path + (path.find('?') == path.npos ? '?' : '&') + caller.query;
  }
  for (const BoundClaim& claim : caller.bound) {
    const std::string value = request.parameter_value(in_of(claim.source), claim.name);
    if (json::object* claims = out["jwt"].if_object(); claims != nullptr && !value.empty()) {
      set_at(*claims, claim.pointer, json::value(value));
    }
  }
  return out;
}

std::vector<CallerChoice> callers_of(const Gateway& gateway, const table::RouteRecord& route) {
  const table::TableView& view = gateway.view();
  const policies::AuthenticateRecord* record = security_of(view, view.plans()[route.plan]);
  std::vector<CallerChoice> choices;
  if (record == nullptr) {
    choices.push_back({"", ways_to_call(gateway, route, nullptr)});
    return choices;
  }
  const auto alternatives = view.policy_list<AlternativeRecord>(record->alternatives);
  for (const auto& alternative : alternatives) {
    std::string text;
    if (alternatives.size() > 1) text = explain::alternative_text(view, alternative);
    choices.push_back({std::move(text), ways_to_call(gateway, route, &alternative)});
  }
  return choices;
}

std::optional<Caller> caller_not_allowed(const Gateway& gateway, const table::RouteRecord& route,
                                         const GeneratedRequest& request) {
  const table::TableView& view = gateway.view();
  const policies::AuthenticateRecord* record = security_of(view, view.plans()[route.plan]);
  if (record == nullptr) {
    CallerMaker nobody(gateway, route);
    return nobody.lacks_what_is_allowed(request) ? std::optional(nobody.finish()) : std::nullopt;
  }
  for (const auto& alternative : view.policy_list<AlternativeRecord>(record->alternatives)) {
    CallerMaker maker(gateway, route);
    if (maker.take(alternative, true) && maker.lacks_what_is_allowed(request)) {
      return maker.finish();
    }
  }
  return std::nullopt;
}

std::vector<Caller> strangers_to(const Gateway& gateway, const table::RouteRecord& route) {
  std::vector<Caller> strangers = ways_to_call(gateway, route, nullptr);
  for (Caller& stranger : strangers) stranger.request.erase("consumer");
  strangers.insert(strangers.begin(), Caller{});
  return strangers;
}

std::vector<Caller> callers_without_scopes(const Gateway& gateway,
                                           const table::RouteRecord& route) {
  const table::TableView& view = gateway.view();
  const policies::AuthenticateRecord* record = security_of(view, view.plans()[route.plan]);
  if (record == nullptr) return {};
  std::vector<Caller> found;
  for (const auto& alternative : view.policy_list<AlternativeRecord>(record->alternatives)) {
    bool token_only = true;
    bool asks = false;
    for (const auto& use : view.policy_list<SchemeUseRecord>(alternative.uses)) {
      token_only = token_only && takes_tokens(view.schemes()[use.scheme]);
      asks = asks || use.scopes.count != 0;
    }
    if (!token_only) continue;
    if (!asks) return {};  // the empty alternative, or any token
    if (found.empty()) found = ways_to_call(gateway, route, &alternative, false);
  }
  return found;
}

}  // namespace gw::cli::tests
