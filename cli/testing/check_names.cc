#include "cli/testing/check_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/testing/check_fields.h"
#include "compiler/openapi/report.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/scheme/record.h"
#include "runtime/policies/upstream/record.h"

namespace gw::cli::tests {
namespace {

using Names = std::set<std::string_view>;

constexpr std::string_view kDeciders[] = {
    "authenticate", "authorizer", "allow", "deny",    "equals", "rateLimit", "quota",
    "concurrency",  "validate",   "cors",  "maxBody", "route",  "request",   "cache",
    "respond",      "redirect",   "mock",  "proxy",   "compose"};

class NameCheck {
 public:
  NameCheck(const Gateway& gateway, compiler::DiagnosticSink& sink)
      : gateway_(gateway), view_(gateway.view()), sink_(sink) {
    for (const auto& route : view_.routes()) operations_.insert(view_.text(route.id));
    for (const auto& upstream : view_.upstreams()) upstreams_.insert(view_.text(upstream.name));
    for (const auto& scheme : view_.schemes()) schemes_.insert(view_.text(scheme.name));
    deciders_.insert(std::begin(kDeciders), std::end(kDeciders));
    for (const table::StepRecord& step : view_.steps()) {
      add_limits(step);
      add_classes(step);
    }
    for (const std::string& name : limits_) deciders_.insert(name);
  }

  void run(const Step& step) {
    const TestRequest& request = step.request;
    if (!request.scheme.empty()) {
      check(request.scheme, request.scheme_span, schemes_, "security scheme");
    }
    if (!request.consumer.empty()) check_consumer(request);
    for (const Reply& reply : step.upstream) {
      if (!reply.of.empty()) check(reply.of, reply.of_span, upstreams_, "upstream");
    }
    const Value* operation = step.expect.get("operation");
    if (operation != nullptr && !operation->is_null()) {
      check(operation->text, operation->span, operations_, "operation");
    }
    if (const Value* client = step.expect.get("client")) {
      check(client->text, client->span, classes_, "client class");
    }
    if (const Value* by = step.expect.get("by")) check(by->text, by->span, deciders_, "decider");
    const Value* sent = step.expect.get("upstream");
    if (sent == nullptr) return;
    for (const Value& one : sent->children) {
      if (const Value* of = one.get("of")) check(of->text, of->span, upstreams_, "upstream");
    }
  }

 private:
  void add_limits(const table::StepRecord& step) {
    using policies::PolicyId;
    if (static_cast<PolicyId>(step.policy) != PolicyId::RateLimit) return;
    const auto& record = view_.policy_record<policies::RateLimitRecord>(step.record);
    for (const auto& limit : view_.policy_list<policies::LimitRecord>(record.limits)) {
      limits_.insert(
          fmt::format("{}.{}", policies::kLimitKindWords[limit.kind], view_.text(limit.name)));
    }
  }

  void add_classes(const table::StepRecord& step) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::ClientClass) return;
    const auto& record = view_.policy_record<policies::ClientClassRecord>(step.record);
    for (const auto& one : view_.policy_list<policies::ClientClassEntry>(record.classes)) {
      classes_.insert(view_.text(one.name));
    }
  }

  // A span of a fixture comes by many tests; it is told once.
  void check(const std::string& name, compiler::Span span, const Names& known,
             std::string_view what) {
    if (known.contains(name)) return;
    report(sink_, "field-value", span,
           fmt::format("the gateway has no {} {}", what, compiler::openapi::in_quotes(name)),
           "named here", compiler::did_you_mean(name, {known.begin(), known.end()}));
  }

  // There may be a million of them: no list of all names is made.
  void check_consumer(const TestRequest& request) {
    const u32 found = gateway_.data->consumers.find_name(request.consumer);
    if (found != table::kNoConsumer) return;
    report(sink_, "field-value", request.consumer_span,
           fmt::format("the gateway has no consumer {}",
                       compiler::openapi::in_quotes(request.consumer)),
           "named here");
  }

  const Gateway& gateway_;
  const table::TableView& view_;
  compiler::DiagnosticSink& sink_;
  Names operations_;
  Names upstreams_;
  Names schemes_;
  Names deciders_;
  Names classes_;
  std::set<std::string> limits_;
};

}  // namespace

bool check_names(const Suite& suite, const Gateway& gateway, compiler::DiagnosticSink& sink) {
  const size_t before = sink.error_count();
  NameCheck check(gateway, sink);
  for (const Test& test : suite.tests) {
    for (const Step& step : test.steps) {
      if (step.sends) check.run(step);
    }
  }
  return sink.error_count() == before;
}

}  // namespace gw::cli::tests
