// One exchange, from its request head to the last byte of the answer. Read this file to see the
// order of things; each step is a function of its own elsewhere.
//
//   preflight or route -> request side of the plan -> action (upstream or local answer)
//         -> response side of the plan -> answer to the client
//
// Local answers run the response side too, errors included. A request without a route has the
// gateway's default plan.
#include <algorithm>
#include <chrono>
#include <optional>

#include "runtime/engine/affinity.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/cached.h"
#include "runtime/engine/compose.h"
#include "runtime/engine/decompress.h"
#include "runtime/engine/deliver.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/failed_fetch.h"
#include "runtime/engine/fetch_options.h"
#include "runtime/engine/forward.h"
#include "runtime/engine/grpc.h"
#include "runtime/engine/limited_body.h"
#include "runtime/engine/mirror.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/preflight.h"
#include "runtime/engine/routing.h"
#include "runtime/engine/split.h"
#include "runtime/engine/stream_end.h"
#include "runtime/engine/tunnel.h"
#include "runtime/engine/websocket.h"
#include "runtime/http/env.h"
#include "runtime/http/long_stream.h"
#include "runtime/observe/tracer.h"
#include "runtime/policies/access/filter.h"
#include "runtime/policies/authenticate/filter.h"
#include "runtime/policies/authorizer/filter.h"
#include "runtime/policies/body/filter.h"
#include "runtime/policies/cache/filter.h"
#include "runtime/policies/client_class/filter.h"
#include "runtime/policies/compose/record.h"
#include "runtime/policies/cors/filter.h"
#include "runtime/policies/headers/filter.h"
#include "runtime/policies/mock/filter.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/proxy/record.h"
#include "runtime/policies/query/filter.h"
#include "runtime/policies/rate_limit/filter.h"
#include "runtime/policies/redirect/filter.h"
#include "runtime/policies/respond/filter.h"
#include "runtime/policies/validate/filter.h"
#include "runtime/table/bound_table.h"

namespace gw {
namespace {

using policies::Phase;
using policies::PolicyId;
using policies::Verdict;
using std::chrono::milliseconds;

// For the log only, as nginx writes it: the client went away before an answer.
constexpr u16 kClientGone = 499;

// Where a view goes on: behind the step that has chosen it. Both plans are the same up to there.
u32 behind_class_step(std::span<const table::StepRecord> steps) {
  for (u32 i = 0; i < steps.size(); ++i) {
    if (static_cast<PolicyId>(steps[i].policy) == PolicyId::ClientClass) return i + 1;
  }
  return static_cast<u32>(steps.size());  // ends without an action: 500
}

struct Action {
  const policies::ProxyRecord* proxy = nullptr;      // null: exchange.response holds a local answer
  const policies::ComposeRecord* compose = nullptr;  // in its place
  bool waits = false;                                // at step `next`, which must be resolved first
  u32 next = 0;                                      // of the plan's steps
};

// Held until the end of run(), however it comes: a tunnel or stream counts as long as it lasts.
class PermitHolder {
 public:
  PermitHolder(Exchange& exchange, Env& env) : exchange_(exchange), counters_(env.counters) {}
  ~PermitHolder() {
    if (counters_ != nullptr) policies::release_permits(exchange_, *counters_);
  }
  PermitHolder(const PermitHolder&) = delete;
  PermitHolder& operator=(const PermitHolder&) = delete;

 private:
  Exchange& exchange_;
  limits::CounterStore* counters_;
};

// One step of the request side.
Verdict request_step(Exchange& exchange, Env& env, const table::StepRecord& step, Action& action) {
  const table::TableView& view = exchange.table->view();
  switch (static_cast<PolicyId>(step.policy)) {
    case PolicyId::Authenticate:
      return policies::authenticate(exchange, env,
                                    view.policy_record<policies::AuthenticateRecord>(step.record));
    case PolicyId::Authorizer:
      return policies::authorize(exchange, env,
                                 view.policy_record<policies::AuthorizerRecord>(step.record));
    case PolicyId::Access:
      return policies::check_access(exchange,
                                    view.policy_record<policies::AccessRecord>(step.record));
    case PolicyId::Body: {
      const auto& record = view.policy_record<policies::BodyRecord>(step.record);
      return static_cast<Phase>(step.phase) == Phase::RequestTransform
                 ? policies::change_request_body(exchange, record)
                 : policies::prepare_request_body(exchange, record);
    }
    case PolicyId::Query:
      policies::change_query(exchange, view.policy_record<policies::QueryRecord>(step.record));
      return Verdict::Continue;
    case PolicyId::Headers:
      policies::change_headers(exchange, view.policy_record<policies::HeadersRecord>(step.record),
                               exchange.upstream_request.fields);
      return Verdict::Continue;
    case PolicyId::Respond:
      return policies::respond(exchange, view.policy_record<policies::RespondRecord>(step.record));
    case PolicyId::Redirect:
      return policies::redirect(exchange,
                                view.policy_record<policies::RedirectRecord>(step.record));
    case PolicyId::Mock:
      return policies::mock(exchange, view.policy_record<policies::MockRecord>(step.record));
    case PolicyId::Proxy:
      action.proxy = &view.policy_record<policies::ProxyRecord>(step.record);
      return Verdict::Continue;
    case PolicyId::Cors:
      return policies::check_origin(exchange,
                                    view.policy_record<policies::CorsRecord>(step.record));
    case PolicyId::RateLimit:
      return policies::check_limits(
          exchange, view.policy_record<policies::RateLimitRecord>(step.record), env);
    case PolicyId::Validate:
      return policies::validate_request(exchange,
                                        view.policy_record<policies::ValidateRecord>(step.record));
    case PolicyId::Cache:
      return policies::look_up(exchange, env,
                               view.policy_record<policies::CacheRecord>(step.record));
    case PolicyId::Compose:
      action.compose = &view.policy_record<policies::ComposeRecord>(step.record);
      return Verdict::Continue;
    case PolicyId::Compress:
    case PolicyId::ClientClass:  // see run_request_side()
    case PolicyId::Errors:
    case PolicyId::Status:  // of the response side
    case PolicyId::None:
      break;
  }
  GW_CHECK(false);  // verify() admits known policies only
}

// For the trace: a policy, whether it has answered, and what it took. Actions are told by tries.
void note_step(Exchange& exchange, const table::StepRecord& step, TimePoint begun,
               Verdict verdict) {
  if (static_cast<Phase>(step.phase) == Phase::Action) return;
  const auto policy = static_cast<PolicyId>(step.policy);
  exchange.trace->note_step(policy, begun, false, verdict == Verdict::Reply);
}

// What a part of a composition leaves out: its request has been let in once, and counted, and its
// class is that of who has asked; it has no fields to be told from, and no view of its own.
bool skips_part(const table::StepRecord& step) {
  const auto policy = static_cast<PolicyId>(step.policy);
  return policy == PolicyId::Authenticate || policy == PolicyId::Cors ||
         policy == PolicyId::RateLimit || policy == PolicyId::ClientClass;
}

// Runs the request side from step `from` up to an answer, the proxy step, or one that has to wait.
// A plan that ends without any is a broken table: 500, never a pass.
Action run_request_side(Exchange& exchange, Env& env, u32 from) {
  Action action;
  const table::TableView& view = exchange.table->view();
  auto steps = engine::steps_of(exchange);
  bool forwards = false;
  for (action.next = from; action.next < steps.size(); ++action.next) {
    const table::StepRecord& step = steps[action.next];
    if (!policies::is_request_phase(static_cast<Phase>(step.phase))) break;
    if (exchange.depth != 0 && skips_part(step)) continue;
    if (static_cast<PolicyId>(step.policy) == PolicyId::ClientClass) {
      const u32 plan = exchange.plan;
      const auto& record = view.policy_record<policies::ClientClassRecord>(step.record);
      if (!policies::choose_client_class(exchange, record)) break;
      if (exchange.plan == plan) continue;
      steps = engine::steps_of(exchange);
      action.next = behind_class_step(steps) - 1;
      continue;
    }
    if (!engine::holds(exchange, step.condition)) continue;
    if (!forwards && static_cast<Phase>(step.phase) >= Phase::RequestTransform) {
      engine::start_upstream_request(exchange);
      forwards = true;
    }
    exchange.last_step = action.next;
    const TimePoint begun = observe::span_time(exchange);
    const Verdict verdict = request_step(exchange, env, step, action);
    if (begun != TimePoint{} && verdict != Verdict::Wait) note_step(exchange, step, begun, verdict);
    if (verdict == Verdict::Reply) return {};
    action.waits = verdict == Verdict::Wait;
    if (action.waits || action.proxy != nullptr || action.compose != nullptr) return action;
  }
  engine::answer_problem(exchange, 500);
  exchange.error = Error{.code = Errc::Internal, .what = "plan without an action"};
  return {};
}

// Finds out what a step that has to wait lacks; it is run again then.
Task<void> resolve_step(Exchange& exchange, Env& env, u32 index) {
  const table::TableView& view = exchange.table->view();
  const table::StepRecord& step = view.part(view.steps(), view.plans()[exchange.plan].steps)[index];
  const TimePoint begun = observe::span_time(exchange);
  if (static_cast<PolicyId>(step.policy) == PolicyId::Authenticate) {
    co_await policies::resolve_proofs(exchange, env);
  }
  if (static_cast<PolicyId>(step.policy) == PolicyId::Authorizer) {
    const auto& record = view.policy_record<policies::AuthorizerRecord>(step.record);
    co_await policies::ask_authorizer(exchange, env, record);
  }
  if (static_cast<PolicyId>(step.policy) == PolicyId::Validate) {
    const u64 max_body = exchange.table->number(engine::settings_of(exchange).max_body);
    co_await policies::read_request_body(exchange, env, max_body);
  }
  if (static_cast<PolicyId>(step.policy) == PolicyId::Cache) {
    co_await policies::wait_for_answer(exchange, env);
  }
  if (static_cast<PolicyId>(step.policy) == PolicyId::Body) {
    const u64 max_body = exchange.table->number(engine::settings_of(exchange).max_body);
    const auto& record = view.policy_record<policies::BodyRecord>(step.record);
    co_await policies::read_body_to_change(exchange, env, record, max_body);
  }
  if (begun == TimePoint{}) co_return;
  exchange.trace->note_step(static_cast<PolicyId>(step.policy), begun, true, false);
}

// Exchange.response says that there is no route. Who looks for one is limited all the same.
void run_default_plan(Exchange& exchange, Env& env) {
  Action action;
  for (const table::StepRecord& step : engine::steps_of(exchange)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::RateLimit) continue;
    if (request_step(exchange, env, step, action) == Verdict::Reply) return;
  }
}

bool may_be_repeated(const Exchange& exchange, const policies::ProxyRecord& record) {
  if (http::is_idempotent(exchange.request.method)) return true;
  switch (static_cast<policies::Replay>(record.replay)) {
    case policies::Replay::ByMethod:
      return false;
    case policies::Replay::Always:
      return true;
    case policies::Replay::WithKey:
      return exchange.request.fields.find("idempotency-key") != nullptr;
  }
  return false;
}

// Whether the request may go on; otherwise exchange.response says why not.
bool settle_upgrade(Exchange& exchange, const policies::ProxyRecord& record) {
  const bool asked =
      record.upgrade == policies::kUpgradeWebSocket && engine::asks_for_websocket(exchange.request);
  if (!asked) return true;
  const u16 refusal = engine::refuse_websocket(exchange.request, exchange.upstream_request.fields);
  if (refusal == 0) {
    exchange.upstream_request.upgrade = engine::kWebSocket;
    return true;
  }
  engine::answer_problem(exchange, refusal);
  if (refusal == 426) {
    exchange.response.upgrade = engine::kWebSocket;
    exchange.response.fields.add("sec-websocket-version", "13");
  }
  return false;
}

FetchOptions options_of(const Exchange& exchange, const policies::ProxyRecord& record) {
  const BoundTable& table = *exchange.table;
  const policies::SettingsRecord& settings = engine::settings_of(exchange);
  FetchOptions options;
  options.upstream = exchange.upstream;
  options.deadline = exchange.deadline;
  // Nor is the age of a stream a measure of its target.
  options.clients_deadline = exchange.clients_deadline || exchange.stream_end == exchange.deadline;
  engine::set_timeouts(table, settings, options);
  options.replay_safe = may_be_repeated(exchange, record);
  options.retry_times = settings.retry.times;
  if (options.retry_times != 0) {
    engine::set_retry(table, settings, options);
    options.retry_buffer_bytes = table.number(settings.retry.buffer);
  }
  return options;
}

// How long the exchange may last, once it is known that it goes upstream. False: the client has
// named a time that cannot be read.
bool settle_deadline(Exchange& exchange, const policies::ProxyRecord& record,
                     const policies::SettingsRecord& settings) {
  if (record.streams != 0) {
    const u64 life = exchange.table->number(settings.timeout.stream);
    const u64 age = exchange.table->number(settings.max_stream_age);
    exchange.deadline = life == 0 ? TimePoint::max() : exchange.started + milliseconds(life);
    if (age != 0) exchange.stream_end = exchange.started + milliseconds(age);
    exchange.deadline = std::min(exchange.deadline, exchange.stream_end);
    exchange.streams = true;
    exchange.idle_ms = static_cast<u32>(exchange.table->number(settings.timeout.idle));
  }
  if (!engine::is_grpc(exchange.request)) return true;
  const http::Field* named = exchange.request.fields.find("grpc-timeout");
  if (named == nullptr) return true;
  milliseconds patience{0};
  if (!engine::parse_grpc_timeout(named->value, patience)) return false;
  exchange.clients_deadline = exchange.started + patience < exchange.deadline;
  if (exchange.clients_deadline) exchange.deadline = exchange.started + patience;
  return true;
}

// `fetched` holds a 101. Passes it on, and then all bytes; answers 502 when it is none.
Task<void> tunnel(Exchange& exchange, Env& env, Fetched& fetched, Responder& responder,
                  const engine::TunnelLimits& limits) {
  const http::FieldList& asked = exchange.upstream_request.fields;
  if (fetched.channel == nullptr || !engine::accepts_websocket(asked, fetched.head.fields)) {
    env.fetcher.release(fetched);
    const Error invalid{.code = Errc::UpstreamInvalid,
                        .origin = Origin::Upstream,
                        .what = "101 that does not answer the handshake"};
    engine::answer_failed_fetch(exchange, invalid, 0);
    co_await engine::deliver_local(exchange, env, responder);
    co_return;
  }
  engine::take_response_head(exchange, fetched);
  exchange.response.upgrade = engine::kWebSocket;
  engine::change_response_head(exchange);
  env.observer.answering(exchange);
  const Result<Channel*> client = co_await responder.upgrade(exchange.response);
  if (client) {
    responder.let_go_of_table();
    co_await engine::run_tunnel(exchange, env.clock, **client, *fetched.channel, limits);
    if (exchange.error.code != Errc::None) {
      exchange.error = engine::end_of(exchange, env.clock, exchange.error);
    }
  } else {
    exchange.error = client.error();
  }
  env.fetcher.release(fetched);
  // A connection that was silent for too long, or is too old, ends as others do.
  const bool ended = exchange.error.code == Errc::None ||
                     exchange.error.code == Errc::RequestTimeout ||
                     exchange.error.code == Errc::StreamEnded;
  if (!client || !ended) {
    responder.reset();
    co_return;
  }
  const Result<void> closed = co_await responder.end({}, nullptr);
  if (!closed) exchange.error = closed.error();
}

// Before the head of its answer, so that it gets one of ours.
Task<void> end_stream(Exchange& exchange, Env& env, Responder& responder) {
  engine::answer_failed_fetch(exchange, engine::stream_end(exchange), 0);
  co_await engine::deliver_local(exchange, env, responder);
}

Task<void> proxy(Exchange& exchange, Env& env, Responder& responder,
                 const policies::ProxyRecord& record) {
  exchange.upstream = record.split.count == 0
                          ? record.upstream
                          : engine::choose_upstream(exchange, record, env.random);
  const policies::SettingsRecord& settings = engine::settings_of(exchange);
  const bool complete = engine::finish_upstream_request(exchange, record) &&
                        settle_deadline(exchange, record, settings);
  if (!complete) engine::answer_problem(exchange, 400);
  if (!complete || !settle_upgrade(exchange, record)) {
    co_await engine::deliver_local(exchange, env, responder);
    co_return;
  }
  std::optional<LongStream> stream;
  if (record.streams != 0) stream.emplace(env.streams, exchange);
  if (engine::is_over(exchange, env.clock)) {
    co_await end_stream(exchange, env, responder);
    co_return;
  }
  const BoundTable& table = *exchange.table;
  FetchOptions options = options_of(exchange, record);
  const policies::UpstreamRecord& upstream = table.view().upstreams()[exchange.upstream];
  const bool affine = engine::has_affinity(upstream);
  if (affine) engine::read_affinity(exchange, upstream, options);

  const policies::ValidateRecord* check = policies::response_check(exchange);
  if (check != nullptr) policies::ask_for_plain_answer(exchange, *check);
  policies::ask_for_readable_answer(exchange);
  engine::LimitedBody limited(exchange, exchange.request_body, table.number(settings.max_body));
  std::optional<engine::Mirroring> mirroring;
  http::BodySource* body = exchange.request_body == nullptr ? nullptr : &limited;
  encoding::DecodedBody decoded;
  if (record.decompress != 0 &&
      !engine::decompress_request(exchange, table.number(settings.max_body), decoded, body)) {
    co_await engine::deliver_local(exchange, env, responder);
    co_return;
  }
  if (record.mirrors.count != 0 && env.mirrors != nullptr) {
    mirroring.emplace(exchange, env, record, options);
    body = mirroring->watch(body);
  }
  if (exchange.cache != nullptr) policies::prepare_fetch(exchange, env);
  if (exchange.trace != nullptr) observe::forward_trace(exchange);
  Fetched fetched(exchange.arena);
  exchange.upstream_asked = env.clock.now();
  const Result<void> result = co_await env.fetcher.fetch(exchange, exchange.upstream_request, body,
                                                         options, &responder, fetched);
  if (result) exchange.upstream_head = env.clock.now();
  if (!result && responder.client_gone() && result.error().code == Errc::Cancelled) {
    // Nobody is left to answer, or only a half: whoever sees one must not take it for the
    // upstream's. Who ends within his own body is told so.
    exchange.error = result.error();
    exchange.response.status = kClientGone;
    responder.reset();
    co_return;
  }
  if (engine::is_over(exchange, env.clock)) {
    if (result) env.fetcher.release(fetched);
    co_await end_stream(exchange, env, responder);
    co_return;
  }
  if (!result) {
    exchange.error = result.error();
    const bool covered = exchange.cache != nullptr && policies::cover_failure(exchange, env);
    if (!covered) {
      engine::answer_failed_fetch(exchange, result.error(), fetched.retry_after_seconds);
    }
    co_await engine::deliver_local(exchange, env, responder);
    co_return;
  }
  if (fetched.head.status == 101) {
    engine::TunnelLimits limits;
    limits.idle = milliseconds(options.idle_timeout_ms);
    limits.end = exchange.deadline;
    co_await tunnel(exchange, env, fetched, responder, limits);
    co_return;
  }
  if (exchange.cache != nullptr && policies::answer_from_stored(exchange, env, fetched)) {
    env.fetcher.release(fetched);
    co_await engine::deliver_local(exchange, env, responder);
    co_return;
  }
  if (check != nullptr) {
    const bool fine = co_await policies::validate_response(
        exchange, env, *check, table.number(settings.max_body), fetched);
    if (!fine) {
      env.fetcher.release(fetched);
      engine::answer_refused_response(exchange);
      co_await engine::deliver_local(exchange, env, responder);
      co_return;
    }
  }
  engine::take_response_head(exchange, fetched);
  if (affine) engine::write_affinity(exchange, upstream, options, fetched);
  if (exchange.cache != nullptr) {
    co_await engine::deliver_and_keep(exchange, env, responder, fetched, record.streams != 0);
  } else {
    co_await engine::deliver_fetched(exchange, env, responder, fetched, record.streams != 0);
  }
  env.fetcher.release(fetched);
  if (exchange.error.code == Errc::None || responder.head_sent()) co_return;
  const bool ours = exchange.error.code == Errc::StreamEnded;
  if (exchange.error.origin != Origin::Upstream && !ours) co_return;
  const Error broken = exchange.error;  // before the first byte of the answer was passed on
  engine::answer_failed_fetch(exchange, broken, 0);
  co_await engine::deliver_local(exchange, env, responder);
}

}  // namespace

Task<void> run(Exchange& exchange, Env& env, Responder& responder) {
  exchange.started = env.clock.now();
  if (env.tracer != nullptr) env.tracer->begin(exchange);
  const PermitHolder permits(exchange, env);
  const engine::CacheHolder cache(exchange, env);
  Action action;
  if (engine::answer_preflight(exchange)) {
    // Before limits and authentication: browsers send no credentials with it.
  } else if (engine::choose_route(exchange)) {
    if (exchange.expected_route != table::kNone && exchange.route != exchange.expected_route) {
      // A value has made it another operation's path: nobody has said that this may be called.
      engine::answer_problem(exchange, 404);
      co_await engine::deliver_local(exchange, env, responder);
      co_return;
    }
    if (exchange.depth == 0) env.observer.routed(exchange);
    const policies::SettingsRecord& settings = engine::settings_of(exchange);
    const u64 total = exchange.table->number(settings.timeout.total);
    exchange.deadline = std::min(exchange.started + milliseconds(total),
                                 exchange.depth == 0 ? TimePoint::max() : exchange.deadline);
    const u64 max_body = exchange.table->number(settings.max_body);
    if (exchange.request.framing == http::Framing::Length &&
        exchange.request.content_length > max_body) {
      engine::answer_problem(exchange, 413);
    } else {
      action = run_request_side(exchange, env, 0);
    }
  } else {
    run_default_plan(exchange, env);
  }
  while (action.waits) {  // before the request transformation: nothing is forwarded yet
    co_await resolve_step(exchange, env, action.next);
    action = run_request_side(exchange, env, action.next);
  }
  if (action.compose != nullptr) {
    co_await engine::compose(exchange, env, *action.compose);
    const policies::ValidateRecord* check = policies::response_check(exchange);
    const bool made = exchange.error.code == Errc::None;  // a call may have been missing
    if (check != nullptr && made && !policies::validate_composed(exchange, *check)) {
      engine::answer_refused_response(exchange);
    }
    co_await engine::deliver_local(exchange, env, responder);
  } else if (action.proxy != nullptr) {
    co_await proxy(exchange, env, responder, *action.proxy);
  } else if (exchange.cache != nullptr) {
    co_await engine::deliver_stored(exchange, env, responder);
  } else {
    co_await engine::deliver_local(exchange, env, responder);
  }
}

Task<void> run_rest(Exchange& exchange, Env& env, Responder& responder) {
  const engine::CacheHolder cache(exchange, env);
  Action action = run_request_side(exchange, env, exchange.last_step + 1);
  while (action.waits) {
    co_await resolve_step(exchange, env, action.next);
    action = run_request_side(exchange, env, action.next);
  }
  if (action.proxy != nullptr) {
    co_await proxy(exchange, env, responder, *action.proxy);
  } else {
    co_await engine::deliver_local(exchange, env, responder);
  }
}

}  // namespace gw
