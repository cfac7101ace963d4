// gwctl explain: what the gateway would do with one request, by the engine that serves.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"
#include "cli/commands/explain_text.h"
#include "cli/spec_options.h"
#include "runtime/base/units.h"
#include "runtime/cache/memory_store.h"
#include "runtime/cache/use.h"
#include "runtime/engine/offline.h"
#include "runtime/explain/explanation.h"
#include "runtime/http/forwarding.h"
#include "runtime/identity/services.h"
#include "runtime/limits/local_counters.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

struct ExplainCommand {
  SpecOptions spec;
  std::vector<std::string> request;  // as one word or two
  std::vector<std::string> headers;
  std::string data;
  std::string ip = "127.0.0.1";
  std::string consumer;
  std::string claims;
  u32 expect = 0;
  bool token = false;
  std::string token_life = "5m";
  AdminOptions admin;
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
  if (!split_request(fmt::format("{}", fmt::join(command.request, " ")), method, target)) {
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
  const explain::Facts facts{
      .table = *bound,
      .exchange = scene.exchange,
      .random = scene.random,
      .sent = scene.fetcher.sent.empty() ? nullptr : scene.fetcher.sent.data(),
      .status = scene.responder.status,
      .fields = &scene.responder.fields,
      .body = scene.responder.plain_body()};
  const json::object described = explain::explain(facts);
  console.out(command.format == OutputFormat::Json ? json::serialize(described) + "\n"
                                                   : explanation_text(described));
  if (command.expect != 0 && command.expect != scene.responder.status) {
    console.error(
        fmt::format("expected status {}, got {}", command.expect, scene.responder.status));
    return ExitCode::Findings;
  }
  return ExitCode::Ok;
}

std::string_view str(const json::object& object, std::string_view key) {
  return object.at(key).as_string();
}

// For a request that the running gateway is to explain while it serves it.
ExitCode print_token(const ExplainCommand& command, const Console& console) {
  const auto life = parse_duration(command.token_life);
  if (!life || *life < 1000 || *life > 3'600'000) {
    console.error(fmt::format("--for `{}` is not a duration from 1s to 1h", command.token_life));
    return ExitCode::Usage;
  }
  const json::object wanted{{"seconds", *life / 1000}};
  const auto answer =
      ask_admin_json(command.admin, console, "POST", "/v1/explain-token", json::serialize(wanted));
  if (!answer) return ExitCode::Usage;
  console.out(fmt::format("{}: {}\n", str(*answer, "field"), str(*answer, "token")));
  return ExitCode::Ok;
}

// What --token needs differs from all the rest.
ExitCode run_explain_verb(const ExplainCommand& command, const Console& console) {
  if (command.token) return print_token(command, console);
  if (command.spec.paths.empty() || command.request.empty()) {
    console.error("explain needs a GATEWAY and a REQUEST, or --token");
    return ExitCode::Usage;
  }
  return run_explain(command, console);
}

}  // namespace

Run add_explain(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("explain", "Show what would happen to a request, and why");
  const auto command = std::make_shared<ExplainCommand>();
  app.add_option_function<std::string>(
         "gateway", [command](const std::string& path) { command->spec.paths = {path}; },
         "A table, or a document that is compiled first")
      ->option_text("GATEWAY");
  app.add_option("request", command->request, "For example 'GET /users/7?full=1'")
      ->option_text("REQUEST")
      ->expected(0, 2);
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
  app.add_flag("--token", command->token,
               "Print a header for requests that the running gateway is to explain");
  app.add_option("--for", command->token_life, "How long that is good, up to 1h [5m]")
      ->option_text("DURATION");
  add_format_options(app, command->format);
  add_admin_options(app, command->admin);
  add_spec_options(app, command->spec);
  app.footer(
      "The upstream is not asked: it is taken to answer 200. With --token a request\n"
      "is served, its upstream is asked, and its client gets the explanation as JSON\n"
      "in the place of the answer, without values that the gateway has set itself.\n"
      "\n"
      "Examples:\n"
      "  gwctl explain gateway.gwt 'GET /users/7'\n"
      "  gwctl explain gateway.yaml 'POST /orders' -H 'x-client: mobile' --json\n"
      "  curl -H \"$(gwctl explain --token)\" https://api.example.com/users/7\n"
      "\n"
      "Exit status: 0 explained, 1 --expect does not hold or the document has\n"
      "errors, 2 wrong use.\n"
      "See gwctl-explain(1).");
  return [command](const Console& console) { return run_explain_verb(*command, console); };
}

}  // namespace gw::cli
