#include "runtime/explain/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runtime/base/units.h"
#include "runtime/cache/use.h"
#include "runtime/engine/explain.h"
#include "runtime/engine/expression.h"
#include "runtime/explain/calls.h"
#include "runtime/explain/delivery.h"
#include "runtime/explain/security.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/observe/error_names.h"
#include "runtime/policies/cache/key.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::explain {
namespace {

namespace json = boost::json;

class Explainer {
 public:
  explicit Explainer(const Facts& facts) : facts_(facts), view_(facts.table->view()) {}

  json::object describe() {
    const Exchange& exchange = facts_.exchange;
    json::object out{{"method", exchange.request.method_text},
                     {"path", exchange.request.path},
                     {"host", exchange.request.host},
                     {"client", exchange.client_text},
                     {"status", facts_.status},
                     {"live", facts_.live}};
    out["route"] = exchange.route == table::kNone ? json::value(nullptr) : json::value(route());
    out["candidates"] = candidates();
    out["settings"] = settings();
    out["steps"] = steps();
    if (json::object security = describe_security(exchange); !security.empty()) {
      out["security"] = std::move(security);
    }
    if (exchange.preflight) out["preflight"] = true;
    if (exchange.limits != nullptr) out["limits"] = limits_asked();
    if (exchange.cache_outcome != cache::Outcome::None) out["cache"] = cache();
    if (exchange.validation != nullptr && exchange.validation->request_faults != 0) {
      out["validation"] = {{"faults", exchange.validation->request_faults},
                           {"first", exchange.validation->request_fault}};
    }
    json::object calls = describe_calls(*facts_.table, exchange);
    if (!calls.empty() && exchange.last_step != table::kNone && facts_.sent != nullptr) {
      out["composition"] = std::move(calls);
    } else if (facts_.sent == nullptr) {
      out["answer"] = answer();
    } else {
      out["upstream_request"] = upstream_request();
      if (!facts_.live) {
        out["delivery"] = describe_delivery(facts_.table, facts_.exchange, *facts_.sent);
      }
    }
    if (facts_.live) add_outcome(out);
    return out;
  }

 private:
  // What only a request that was served has come to.
  void add_outcome(json::object& out) const {
    const Exchange& exchange = facts_.exchange;
    json::array tries;
    for (u32 i = 0; i < exchange.try_count; ++i) {
      const TryRecord& record = exchange.tries[i];
      tries.push_back({{"target", record.target},
                       {"status", record.status},
                       {"error", observe::error_name(record.error)},
                       {"us", record.microseconds}});
    }
    out["tries"] = std::move(tries);
    if (facts_.sent != nullptr) out["answer"] = answer();
    const std::string_view error = observe::error_name(exchange.error.code);
    if (!error.empty()) out["error"] = {{"name", error}, {"detail", exchange.error.what}};
    out["request_id"] = exchange.request_id;
    if (!exchange.client_class.empty()) out["client_class"] = exchange.client_class;
  }

  // A field that the gateway has set may hold a credential of its own.
  std::string shown_field(const engine::OfflineField& field) const {
    static constexpr std::string_view kHarmless[] = {"host",
                                                     "content-type",
                                                     "content-length",
                                                     "accept-encoding",
                                                     "traceparent",
                                                     "tracestate",
                                                     "via",
                                                     "forwarded",
                                                     "x-request-id",
                                                     "x-forwarded-for",
                                                     "x-forwarded-host",
                                                     "x-forwarded-port",
                                                     "x-forwarded-proto"};
    const bool is_harmless = std::ranges::any_of(
        kHarmless, [&](std::string_view name) { return http::equal_fold(name, field.name); });
    const http::Field* clients = facts_.exchange.request.fields.find(field.name);
    const bool is_clients = clients != nullptr && clients->value == field.value;
    if (!facts_.live || is_harmless || is_clients) {
      return fmt::format("{}: {}", field.name, field.value);
    }
    return fmt::format("{}: (set by the gateway)", field.name);
  }

  std::string source(const table::SourceRef& ref) const {
    if (ref.file == table::kNone) return "built in";
    return fmt::format("{}:{}:{}", view_.text(view_.files()[ref.file]), ref.line, ref.column);
  }

  json::object route() {
    Exchange& exchange = facts_.exchange;
    const table::RouteRecord& record = view_.routes()[exchange.route];
    json::object parameters;
    const auto names = view_.part(view_.string_lists(), record.captures);
    for (u32 i = 0; i < names.size(); ++i) {
      std::string_view value;
      if (engine::capture_value(exchange, i, value)) parameters[view_.text(names[i])] = value;
    }
    return {{"id", view_.text(record.id)},
            {"method", view_.text(record.method)},
            {"path", view_.text(record.template_)},
            {"host", view_.text(record.host)},
            {"source", source(record.source)},
            {"parameters", parameters},
            {"security", table::security_text(record)}};
  }

  json::array candidates() const {
    json::array out;
    for (const engine::Candidate& candidate : engine::explain_candidates(facts_.exchange)) {
      const table::RouteRecord& record = view_.routes()[candidate.route];
      out.push_back({{"id", view_.text(record.id)},
                     {"method", view_.text(record.method)},
                     {"path", view_.text(record.template_)},
                     {"chosen", candidate.chosen},
                     {"reason", candidate.reason}});
    }
    return out;
  }

  json::array settings() const {
    json::array out;
    if (facts_.exchange.plan == table::kNone) return out;
    const table::PlanRecord& plan = view_.plans()[facts_.exchange.plan];
    for (const table::OriginRecord& origin : view_.part(view_.origins(), plan.origins)) {
      out.push_back({{"field", view_.text(origin.field)},
                     {"value", view_.text(origin.value)},
                     {"level", view_.text(origin.level)},
                     {"source", source(origin.source)}});
    }
    return out;
  }

  json::array steps() {
    json::array out;
    if (facts_.exchange.plan == table::kNone) return out;
    const table::PlanRecord& plan = view_.plans()[facts_.exchange.plan];
    for (const table::StepRecord& step : view_.part(view_.steps(), plan.steps)) {
      const bool holds = engine::holds(facts_.exchange, step.condition);
      out.push_back({{"phase", policies::phase_name(static_cast<policies::Phase>(step.phase))},
                     {"policy", policies::find_policy(step.policy)->name},
                     {"condition", step.condition == table::kNone ? "always"
                                   : holds                        ? "holds"
                                                                  : "does not hold"}});
    }
    return out;
  }

  json::array limits_asked() const {
    const limits::ExchangeLimits& asked = *facts_.exchange.limits;
    json::array out;
    for (u32 i = 0; i < asked.count; ++i) {
      const limits::LimitOutcome& outcome = asked.outcomes[i];
      const bool admits = outcome.verdict == limits::Verdict::Admitted;
      out.push_back({{"kind", policies::kLimitKindWords[outcome.kind]},
                     {"name", outcome.name},
                     {"verdict", admits           ? "admits"
                                 : outcome.shadow ? "would refuse"
                                                  : "refuses"},
                     {"remaining", outcome.remaining}});
    }
    return out;
  }

  // What the answer is kept by, and whether it is.
  json::object cache() {
    Exchange& exchange = facts_.exchange;
    json::object out{{"verdict", cache::outcome_name(exchange.cache_outcome)}};
    out["status"] = field_of_answer("cache-status");
    for (const table::StepRecord& step :
         view_.part(view_.steps(), view_.plans()[exchange.plan].steps)) {
      if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::Cache) continue;
      const auto& record = view_.policy_record<policies::CacheRecord>(step.record);
      cache::Key key;
      const bool known = policies::make_cache_key(exchange, facts_.random, record, key);
      out["uri"] = known ? policies::uri_of_key(key.text) : std::string_view("not known");
      out["caller"] = policies::kCacheCallerWords[record.caller];
    }
    return out;
  }

  json::object upstream_request() const {
    const engine::ScriptedFetcher::Sent& sent = *facts_.sent;
    const policies::UpstreamRecord& upstream = view_.upstreams()[sent.upstream];
    json::array targets;
    std::set<std::string> prefixes;
    for (const auto& target : view_.policy_list<policies::TargetRecord>(upstream.targets)) {
      const std::string_view url = facts_.table->text(target.url);
      targets.emplace_back(url);
      prefixes.insert(path_prefix(url));
    }
    // There is no network here: the name stands for what it resolves to.
    if (const policies::DnsRecord& dns = upstream.dns; dns.is_given()) {
      std::string text =
          fmt::format("{}://{}", policies::kSchemeWords[dns.scheme], facts_.table->text(dns.name));
      if (dns.port.late != table::kNone) {
        text += fmt::format(":{}", facts_.table->late_text(dns.port.late));
      } else if (dns.srv == 0) {
        text += fmt::format(":{}", dns.port.value);
      }
      if (dns.path.offset != table::kNone) {
        std::string_view path = view_.text(dns.path);
        if (path.ends_with('/')) path.remove_suffix(1);
        text += path;
        prefixes.emplace(path);
      }
      targets.emplace_back(text + (dns.srv != 0 ? " (SRV)" : " (DNS)"));
    }
    // Where targets differ, each line of them shows what comes before.
    const std::string prefix = prefixes.size() == 1 ? *prefixes.begin() : std::string();
    json::array fields;
    for (const engine::OfflineField& field : sent.fields) fields.emplace_back(shown_field(field));
    return {{"upstream", view_.text(upstream.name)},
            {"targets", targets},
            {"method", sent.method},
            {"target", prefix + sent.target},
            {"headers", fields},
            {"body_bytes", sent.body.size()}};
  }

  static std::string path_prefix(std::string_view url) {
    std::string_view problem;
    const auto parsed = parse_http_url(url, problem);
    return parsed ? std::string(parsed->prefix()) : std::string();
  }

  json::object answer() const {
    json::array fields;
    for (const engine::OfflineField& field : *facts_.fields) {
      fields.emplace_back(fmt::format("{}: {}", field.name, field.value));
    }
    return {{"status", facts_.status}, {"headers", fields}, {"body", facts_.body}};
  }

  std::string field_of_answer(std::string_view name) const {
    for (const engine::OfflineField& field : *facts_.fields) {
      if (http::equal_fold(field.name, name)) return field.value;
    }
    return {};
  }

  const Facts& facts_;
  const table::TableView& view_;
};

}  // namespace

json::object explain(const Facts& facts) { return Explainer(facts).describe(); }

}  // namespace gw::explain
