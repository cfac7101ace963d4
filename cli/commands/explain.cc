// gwctl explain: what the gateway would do with one request, by the engine that serves.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <set>

#include "cli/commands/commands.h"
#include "cli/commands/describe_security.h"
#include "cli/commands/explain_calls.h"
#include "cli/commands/explain_delivery.h"
#include "cli/spec_options.h"
#include "runtime/base/units.h"
#include "runtime/cache/memory_store.h"
#include "runtime/cache/use.h"
#include "runtime/engine/explain.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/offline.h"
#include "runtime/http/forwarding.h"
#include "runtime/identity/services.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/limits/local_counters.h"
#include "runtime/policies/cache/key.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

struct ExplainCommand {
  SpecOptions spec;
  std::string request;
  std::vector<std::string> headers;
  std::string data;
  std::string ip = "127.0.0.1";
  std::string consumer;
  std::string claims;
  u32 expect = 0;
  OutputFormat format = OutputFormat::Text;
};

// The outside of one explained request.
struct Scene {
  engine::FakeClock clock;
  engine::FixedRandom random;
  engine::ScriptedFetcher fetcher{clock};
  engine::NullObserver observer;
  engine::MemoryResponder responder;
  engine::OfflinePasswords passwords;
  IdentityServices services{1, passwords};
  std::shared_ptr<const LiveData> data;
  std::optional<IdentityEnv> identity;
  AssumedIdentity assumed;
  Exchange exchange;
  http::ForwardingOptions forwarding;
  limits::LocalCounters counters;  // nobody has come before
  cache::MemoryStore store;
  cache::Flights flights;
  cache::CacheEnv cache{store, flights};
};

bool split_request(const std::string& text, std::string& method, std::string& target) {
  const size_t space = text.find(' ');
  if (space == text.npos) {
    method = "GET";
    target = text;
  } else {
    method = text.substr(0, space);
    target = text.substr(text.find_first_not_of(' ', space));
  }
  return !target.empty() && (target.front() == '/' || target == "*");
}

class Explainer {
 public:
  Explainer(std::shared_ptr<const BoundTable> table, Scene& scene)
      : table_(std::move(table)), view_(table_->view()), scene_(scene) {}

  json::object describe() {
    const Exchange& exchange = scene_.exchange;
    json::object out{{"method", exchange.request.method_text},
                     {"path", exchange.request.path},
                     {"host", exchange.request.host},
                     {"client", exchange.client_text},
                     {"status", scene_.responder.status}};
    out["route"] = exchange.route == table::kNone ? json::value(nullptr) : json::value(route());
    out["candidates"] = candidates();
    out["settings"] = settings();
    out["steps"] = steps();
    if (json::object security = explain_security(exchange); !security.empty()) {
      out["security"] = std::move(security);
    }
    if (exchange.preflight) out["preflight"] = true;
    if (exchange.limits != nullptr) out["limits"] = limits_asked();
    if (exchange.cache_outcome != cache::Outcome::None) out["cache"] = cache();
    if (exchange.validation != nullptr && exchange.validation->request_faults != 0) {
      out["validation"] = {{"faults", exchange.validation->request_faults},
                           {"first", exchange.validation->request_fault}};
    }
    json::object calls = describe_calls(*table_, exchange);
    if (!calls.empty() && exchange.last_step != table::kNone && !scene_.fetcher.sent.empty()) {
      out["composition"] = std::move(calls);
    } else if (scene_.fetcher.sent.empty()) {
      out["answer"] = answer();
    } else {
      out["upstream_request"] = upstream_request();
      out["delivery"] = describe_delivery(table_, scene_.exchange, scene_.fetcher.sent[0]);
    }
    return out;
  }

 private:
  std::string source(const table::SourceRef& ref) const {
    if (ref.file == table::kNone) return "built in";
    return fmt::format("{}:{}:{}", view_.text(view_.files()[ref.file]), ref.line, ref.column);
  }

  json::object route() {
    Exchange& exchange = scene_.exchange;
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
    for (const engine::Candidate& candidate : engine::explain_candidates(scene_.exchange)) {
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
    if (scene_.exchange.plan == table::kNone) return out;
    const table::PlanRecord& plan = view_.plans()[scene_.exchange.plan];
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
    if (scene_.exchange.plan == table::kNone) return out;
    const table::PlanRecord& plan = view_.plans()[scene_.exchange.plan];
    for (const table::StepRecord& step : view_.part(view_.steps(), plan.steps)) {
      const bool holds = engine::holds(scene_.exchange, step.condition);
      out.push_back({{"phase", policies::phase_name(static_cast<policies::Phase>(step.phase))},
                     {"policy", policies::find_policy(step.policy)->name},
                     {"condition", step.condition == table::kNone ? "always"
                                   : holds                        ? "holds"
                                                                  : "does not hold"}});
    }
    return out;
  }

  json::array limits_asked() const {
    const limits::ExchangeLimits& asked = *scene_.exchange.limits;
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
    Exchange& exchange = scene_.exchange;
    json::object out{{"verdict", cache::outcome_name(exchange.cache_outcome)}};
    const std::string* status = scene_.responder.field("cache-status");
    out["status"] = status == nullptr ? "" : *status;
    for (const table::StepRecord& step :
         view_.part(view_.steps(), view_.plans()[exchange.plan].steps)) {
      if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::Cache) continue;
      const auto& record = view_.policy_record<policies::CacheRecord>(step.record);
      cache::Key key;
      const bool known = policies::make_cache_key(exchange, scene_.random, record, key);
      out["uri"] = known ? policies::uri_of_key(key.text) : std::string_view("not known");
      out["caller"] = policies::kCacheCallerWords[record.caller];
    }
    return out;
  }

  json::object upstream_request() const {
    const engine::ScriptedFetcher::Sent& sent = scene_.fetcher.sent[0];
    const policies::UpstreamRecord& upstream = view_.upstreams()[sent.upstream];
    json::array targets;
    std::set<std::string> prefixes;
    for (const auto& target : view_.policy_list<policies::TargetRecord>(upstream.targets)) {
      const std::string_view url = table_->text(target.url);
      targets.emplace_back(url);
      prefixes.insert(path_prefix(url));
    }
    // There is no network here: the name stands for what it resolves to.
    if (const policies::DnsRecord& dns = upstream.dns; dns.is_given()) {
      std::string text =
          fmt::format("{}://{}", policies::kSchemeWords[dns.scheme], table_->text(dns.name));
      if (dns.port.late != table::kNone) {
        text += fmt::format(":{}", table_->late_text(dns.port.late));
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
    for (const engine::OfflineField& field : sent.fields) {
      fields.emplace_back(fmt::format("{}: {}", field.name, field.value));
    }
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
    for (const engine::OfflineField& field : scene_.responder.fields) {
      fields.emplace_back(fmt::format("{}: {}", field.name, field.value));
    }
    return {{"status", scene_.responder.status},
            {"headers", fields},
            {"body", scene_.responder.plain_body()}};
  }

  const std::shared_ptr<const BoundTable> table_;
  const table::TableView& view_;
  Scene& scene_;
};

std::string_view str(const json::object& object, std::string_view key) {
  return object.at(key).as_string();
}

std::string to_text(const json::object& all) {
  std::string out = fmt::format("request      {} {}\n", str(all, "method"), str(all, "path"));
  if (!str(all, "host").empty()) out += fmt::format("host         {}\n", str(all, "host"));
  out += fmt::format("client       {}\n", str(all, "client"));
  if (const json::object* route = all.at("route").if_object()) {
    out += fmt::format("route        {} ({} {}) at {}\n", str(*route, "id"), str(*route, "method"),
                       str(*route, "path"), str(*route, "source"));
    for (const auto& [name, value] : route->at("parameters").as_object()) {
      out += fmt::format("parameter    {} = {}\n", std::string_view(name),
                         std::string_view(value.as_string()));
    }
    if (str(*route, "security") == "unenforced") out += "security     declared but NOT ENFORCED\n";
  } else {
    out += "route        none\n";
  }
  if (const json::array& candidates = all.at("candidates").as_array(); !candidates.empty()) {
    out += "\ncandidates\n";
    for (const json::value& item : candidates) {
      const json::object& candidate = item.as_object();
      out += fmt::format("  {} {} {} ({}): {}\n", candidate.at("chosen").as_bool() ? "*" : "-",
                         str(candidate, "method"), str(candidate, "path"), str(candidate, "id"),
                         str(candidate, "reason"));
    }
  }
  if (const json::array& settings = all.at("settings").as_array(); !settings.empty()) {
    out += "\nsettings\n";
    size_t field_width = 0;
    size_t value_width = 0;
    for (const json::value& item : settings) {
      field_width = std::max(field_width, str(item.as_object(), "field").size());
      value_width = std::max(value_width, str(item.as_object(), "value").size());
    }
    for (const json::value& item : settings) {
      const json::object& setting = item.as_object();
      out += fmt::format("  {:<{}}  {:<{}}  {} ({})\n", str(setting, "field"), field_width,
                         str(setting, "value"), value_width, str(setting, "level"),
                         str(setting, "source"));
    }
  }
  if (const json::array& steps = all.at("steps").as_array(); !steps.empty()) {
    out += "\nsteps\n";
    int number = 0;
    for (const json::value& item : steps) {
      const json::object& step = item.as_object();
      out += fmt::format("  {}. {}: {} ({})\n", ++number, str(step, "phase"), str(step, "policy"),
                         str(step, "condition"));
    }
  }
  if (const json::value* found = all.if_contains("security")) {
    const json::object& security = found->as_object();
    out += fmt::format("\nsecurity\n  requires   {}\n  caller     {}\n", str(security, "required"),
                       str(security, "caller"));
    if (!str(security, "refused").empty()) {
      out += fmt::format("  refused    {}\n", str(security, "refused"));
    }
  }
  if (all.contains("preflight")) {
    out += "\npreflight    answered for the request that it announces\n";
  }
  if (const json::value* limits = all.if_contains("limits")) {
    out += "\nlimits, if nobody has come before\n";
    for (const json::value& item : limits->as_array()) {
      const json::object& limit = item.as_object();
      out += fmt::format("  {} {}: {}, {} left\n", str(limit, "kind"), str(limit, "name"),
                         str(limit, "verdict"), limit.at("remaining").to_number<u64>());
    }
  }
  if (const json::value* found = all.if_contains("cache")) {
    const json::object& cache = found->as_object();
    out += fmt::format(
        "\ncache, if nothing is stored yet\n  verdict    {}\n  key        {}, caller: {}\n",
        str(cache, "verdict"), str(cache, "uri"), str(cache, "caller"));
    if (!str(cache, "status").empty()) {
      out += fmt::format("  answer     Cache-Status: {}\n", str(cache, "status"));
    }
  }
  if (const json::value* found = all.if_contains("validation")) {
    const json::object& faults = found->as_object();
    out += fmt::format("\nvalidation   {} fault(s), the first: {}\n",
                       faults.at("faults").to_number<u32>(), str(faults, "first"));
  }
  if (const json::value* sent = all.if_contains("upstream_request")) {
    const json::object& request = sent->as_object();
    out += fmt::format("\nupstream request to `{}`", str(request, "upstream"));
    for (const json::value& target : request.at("targets").as_array()) {
      out += fmt::format(" {}", std::string_view(target.as_string()));
    }
    out += fmt::format("\n  {} {}\n", str(request, "method"), str(request, "target"));
    for (const json::value& field : request.at("headers").as_array()) {
      out += fmt::format("  {}\n", std::string_view(field.as_string()));
    }
  }
  if (const json::value* composition = all.if_contains("composition")) {
    out += calls_text(composition->as_object());
  }
  if (const json::value* delivery = all.if_contains("delivery")) {
    out += delivery_text(delivery->as_object());
  }
  if (const json::value* local = all.if_contains("answer")) {
    const json::object& answer = local->as_object();
    out +=
        fmt::format("\nanswer by the gateway itself\n  {}\n", answer.at("status").to_number<u32>());
    for (const json::value& field : answer.at("headers").as_array()) {
      out += fmt::format("  {}\n", std::string_view(field.as_string()));
    }
    std::string_view body = str(answer, "body");
    while (body.ends_with('\n')) body.remove_suffix(1);
    if (!body.empty()) out += fmt::format("\n  {}\n", body);
  }
  return out;
}

// --consumer and --claims stand for credentials.
bool assume_identity(const ExplainCommand& command, Scene& scene, const Console& console) {
  if (command.consumer.empty() && command.claims.empty()) return true;
  if (!command.consumer.empty()) {
    scene.assumed.consumer = scene.data->consumers.find_name(command.consumer);
    if (scene.assumed.consumer == table::kNoConsumer) {
      console.error(fmt::format("there is no consumer `{}`", command.consumer));
      return false;
    }
  }
  if (!command.claims.empty()) {
    scene.assumed.claims = jose::Claims::parse(command.claims);
    if (!scene.assumed.claims) {
      console.error("--claims is no JSON object, or names a member twice");
      return false;
    }
  }
  scene.exchange.identity.assumed = &scene.assumed;
  return true;
}

bool prepare(const ExplainCommand& command, const BoundTable& table, Scene& scene,
             const Console& console) {
  std::string method;
  std::string target;
  if (!split_request(command.request, method, target)) {
    console.error("write the request as 'METHOD /path', for example 'GET /users/7'");
    return false;
  }
  std::vector<engine::OfflineField> fields;
  for (const std::string& header : command.headers) {
    const size_t colon = header.find(':');
    if (colon == header.npos || !is_token(std::string_view(header).substr(0, colon))) {
      console.error(fmt::format("`{}` is not a header; write -H 'name: value'", header));
      return false;
    }
    const size_t begin = header.find_first_not_of(' ', colon + 1);
    fields.push_back({header.substr(0, colon), begin == header.npos ? "" : header.substr(begin)});
  }
  std::string problem;
  if (!engine::make_request(scene.exchange, method, target, fields, problem)) {
    console.error(fmt::format("the gateway refuses this request with 400: {}", problem));
    return false;
  }
  Exchange& exchange = scene.exchange;
  exchange.table = &table;
  if (!http::parse_address(command.ip, exchange.client)) {
    console.error(fmt::format("`{}` is not an address", command.ip));
    return false;
  }
  exchange.peer = exchange.client;
  exchange.client_text = exchange.peer_text = command.ip;
  exchange.local.port = 80;
  exchange.request_id = "explained";
  exchange.forwarding = &scene.forwarding;
  return true;
}

ExitCode run_explain(const ExplainCommand& command, const Console& console) {
  ExitCode exit = ExitCode::Ok;
  const auto file = open_gateway(command.spec, console, exit);
  if (file == nullptr) return exit;
  std::map<std::string, std::string> env;
  if (!read_env_file(command.spec.env_file, env, console)) return ExitCode::Usage;
  std::vector<ReferenceProblem> problems;
  const auto references = command.spec.env_file.empty() ? ReferenceSource::none()
                                                        : ReferenceSource::process(std::move(env));
  Scene scene;
  const auto bound = BoundTable::bind(file, references, problems);
  if (!bound) {
    for (const ReferenceProblem& problem : problems) {
      console.error(fmt::format("{}: {} ({})", problem.where, problem.message, problem.field));
    }
    return ExitCode::Usage;
  }
  std::vector<std::string> data_problems;
  scene.data = load_live_data(**bound, references, data_problems);
  for (const std::string& problem : data_problems) console.error(problem);
  if (!data_problems.empty()) return ExitCode::Usage;
  scene.identity.emplace(scene.services, *scene.data);
  if (!prepare(command, **bound, scene, console)) return ExitCode::Usage;
  scene.exchange.live = scene.data.get();
  if (!assume_identity(command, scene, console)) return ExitCode::Usage;
  http::MemoryBody body(as_bytes(command.data));
  if (!command.data.empty()) {
    scene.exchange.request_body = &body;
    scene.exchange.request.framing = http::Framing::Length;
    scene.exchange.request.content_length = command.data.size();
  }
  Env env_of_run{scene.clock, scene.random, scene.fetcher, scene.observer};
  env_of_run.identity = &*scene.identity;
  env_of_run.counters = &scene.counters;
  env_of_run.cache = &scene.cache;
  Task<void> task = run(scene.exchange, env_of_run, scene.responder);
  task.start();
  const json::object described = Explainer(*bound, scene).describe();
  console.out(command.format == OutputFormat::Json ? json::serialize(described) + "\n"
                                                   : to_text(described));
  if (command.expect != 0 && command.expect != scene.responder.status) {
    console.error(
        fmt::format("expected status {}, got {}", command.expect, scene.responder.status));
    return ExitCode::Findings;
  }
  return ExitCode::Ok;
}

}  // namespace

Run add_explain(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("explain", "Show what would happen to a request, and why");
  const auto command = std::make_shared<ExplainCommand>();
  app.add_option_function<std::string>(
         "gateway", [command](const std::string& path) { command->spec.paths = {path}; },
         "A table, or a document that is compiled first")
      ->option_text("GATEWAY")
      ->required();
  app.add_option("request", command->request, "For example 'GET /users/7?full=1'")
      ->option_text("REQUEST")
      ->required();
  app.add_option("-H,--header", command->headers, "Header field `name: value`; may be repeated")
      ->option_text("FIELD")
      ->allow_extra_args(false);
  app.add_option("-d,--data", command->data, "Request body")->option_text("TEXT");
  app.add_option("--ip", command->ip, "Address of the client [127.0.0.1]")->option_text("ADDRESS");
  app.add_option("--consumer", command->consumer,
                 "Take the request for one of this consumer, whose credential is right")
      ->option_text("NAME");
  app.add_option("--claims", command->claims, "Take its token for a verified one with these claims")
      ->option_text("JSON");
  app.add_option("--expect", command->expect, "Exit with 1 unless the status is this one")
      ->option_text("STATUS");
  add_format_options(app, command->format);
  add_spec_options(app, command->spec);
  app.footer(
      "The upstream is not asked: it is taken to answer 200.\n"
      "\n"
      "Examples:\n"
      "  gwctl explain gateway.gwt 'GET /users/7'\n"
      "  gwctl explain gateway.yaml 'POST /orders' -H 'x-client: mobile' --json\n"
      "\n"
      "Exit status: 0 explained, 1 --expect does not hold or the document has\n"
      "errors, 2 wrong use.\n"
      "See gwctl-explain(1).");
  return [command](const Console& console) { return run_explain(*command, console); };
}

}  // namespace gw::cli
