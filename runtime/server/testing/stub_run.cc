#include "runtime/server/testing/stub_run.h"

#include "runtime/engine/forward.h"
#include "runtime/http/problem.h"

namespace gw::server::testing {
namespace {

// Until the head is on its way the client can still be told what went wrong.
Task<void> answer_problem(const Error& error, Exchange& exchange, Responder& responder) {
  exchange.error = error;
  if (responder.client_gone() || responder.head_sent()) {
    responder.reset();
    co_return;
  }
  exchange.response.fields.clear();
  const http::Problem problem = http::problem_of(error);
  const Bytes text = http::make_problem(problem, exchange.response);
  responder.head(exchange.response);
  auto done = co_await responder.end(text, nullptr);
  if (!done) exchange.error = done.error();
}

Task<void> pass_body(Fetched& fetched, Responder& responder, Exchange& exchange) {
  http::BodyChunk chunk;
  if (fetched.body == nullptr) {
    auto done = co_await responder.end({}, nullptr);
    if (!done) exchange.error = done.error();
    co_return;
  }
  if (fetched.body->take_buffered(chunk)) {
    auto done = co_await responder.end(chunk.bytes, chunk.trailers);
    if (!done) exchange.error = done.error();
    co_return;
  }
  if (fetched.head.framing != http::Framing::Length && fetched.body->must_wait()) {
    auto sent = co_await responder.data({});
    if (!sent) {
      exchange.error = sent.error();
      co_return;
    }
  }
  while (!chunk.end) {
    auto next = co_await fetched.body->next(16 * 1024);
    if (!next) {
      co_await answer_problem(next.error(), exchange, responder);
      co_return;
    }
    chunk = *next;
    if (chunk.end) {
      auto done = co_await responder.end(chunk.bytes, chunk.trailers);
      if (!done) exchange.error = done.error();
      co_return;
    }
    auto written = co_await responder.data(chunk.bytes);
    if (!written) {
      exchange.error = written.error();
      co_return;
    }
  }
}

}  // namespace

StubTimeouts& stub_timeouts() {
  thread_local StubTimeouts timeouts;
  return timeouts;
}

Task<void> stub_run(Exchange& exchange, Env& env, Responder& responder) {
  engine::start_upstream_request(exchange);
  http::RequestHead& request = exchange.upstream_request;
  request.path = exchange.request.path;
  request.query = exchange.request.query;
  request.has_query = exchange.request.has_query;
  FetchOptions options;
  const StubTimeouts& timeouts = stub_timeouts();
  options.connect_timeout_ms = timeouts.connect_ms;
  options.try_timeout_ms = timeouts.try_ms;
  options.idle_timeout_ms = timeouts.idle_ms;
  if (timeouts.total_ms != 0) {
    options.deadline = exchange.started + std::chrono::milliseconds(timeouts.total_ms);
  }
  options.replay_safe = http::is_idempotent(request.method);
  Fetched fetched(exchange.arena);
  auto outcome = co_await env.fetcher.fetch(exchange, request, exchange.request_body, options,
                                            &responder, fetched);
  if (!outcome) {
    co_await answer_problem(outcome.error(), exchange, responder);
    co_return;
  }
  responder.head(fetched.head);
  co_await pass_body(fetched, responder, exchange);
  env.fetcher.release(fetched);
}

}  // namespace gw::server::testing
