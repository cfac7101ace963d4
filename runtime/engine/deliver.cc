#include "runtime/engine/deliver.h"

#include "runtime/engine/expression.h"
#include "runtime/engine/failed_fetch.h"
#include "runtime/engine/grpc.h"
#include "runtime/engine/message_values.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/stream_end.h"
#include "runtime/policies/body/filter.h"
#include "runtime/policies/client_class/filter.h"
#include "runtime/policies/compress/filter.h"
#include "runtime/policies/cors/filter.h"
#include "runtime/policies/errors/filter.h"
#include "runtime/policies/headers/filter.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/filter.h"
#include "runtime/policies/status/filter.h"

namespace gw::engine {
namespace {

using policies::Phase;
using policies::PolicyId;

// A body is asked for in pieces of this size.
constexpr size_t kPieceBytes = 64 * 1024;

// The answer has come to exchange.error behind its head. gRPC can still say so: its status comes
// last, and a reset would tell a client nothing of a deadline or of a server that has died.
Task<void> break_off(Exchange& exchange, Responder& responder) {
  if (ends_by_itself(exchange)) {
    static_cast<void>(co_await responder.end({}, nullptr));
    co_return;
  }
  http::FieldList trailers(exchange.arena);
  const bool told =
      !responder.client_gone() && end_as_grpc(exchange, status_of(exchange.error), trailers);
  if (!told) {
    responder.reset();
    co_return;
  }
  // One that does not come through resets by itself, and the first error is the one for the log.
  static_cast<void>(co_await responder.end({}, &trailers));
}

// Passes a body on piece by piece. After a break the client sees one, unless nothing was written
// yet: then exchange.error is set and the caller can still make another answer.
Task<void> pump(Exchange& exchange, Env& env, http::BodySource& body, Responder& responder,
                bool streams) {
  for (;;) {
    Result<http::BodyChunk> piece = co_await body.next(kPieceBytes);
    if (!piece) {
      exchange.error = end_of(exchange, env.clock, piece.error());
      if (responder.head_sent()) co_await break_off(exchange, responder);
      co_return;
    }
    const http::BodyChunk chunk = *piece;
    if (chunk.end) {
      const Result<void> ended = co_await responder.end(chunk.bytes, chunk.trailers);
      if (!ended) exchange.error = ended.error();
      co_return;
    }
    const Result<void> sent = co_await responder.data(chunk.bytes);
    if (!sent) {
      exchange.error = sent.error();
      co_return;
    }
    // From here on nothing is read from the table, and it may be long until the end.
    if (streams) responder.let_go_of_table();
  }
}

// Writes exchange.response with `plain` as its body (null: none), encoded where the plan says so.
// `memory`: all bytes of it, where they are exchange.local_body. The usual small answer is one
// write.
Task<void> send(Exchange& exchange, Env& env, http::BodySource* plain, Bytes memory,
                Responder& responder, bool streams) {
  encoding::EncodedBody encoded;
  http::BodySource* body = policies::compress_answer(exchange, plain, memory, encoded);
  env.observer.answering(exchange);
  responder.head(exchange.response);
  if (body == nullptr) {
    const Result<void> sent = co_await responder.end({}, nullptr);
    if (!sent) exchange.error = sent.error();
    co_return;
  }
  http::BodyChunk whole;
  if (body->take_buffered(whole)) {
    const Result<void> sent = co_await responder.end(whole.bytes, whole.trailers);
    if (!sent) exchange.error = sent.error();
    co_return;
  }
  // A stream of unknown length may be silent for long after its head: whoever listens to events
  // waits for it. A body of known length comes at once, and leaves with its head.
  if (exchange.response.framing != http::Framing::Length && body->must_wait()) {
    const Result<void> sent = co_await responder.data({});
    if (!sent) {
      exchange.error = sent.error();
      co_return;
    }
    if (streams) responder.let_go_of_table();
  }
  co_await pump(exchange, env, *body, responder, streams);
}

// Writes exchange.response with a body that is in memory.
Task<void> send_local(Exchange& exchange, Env& env, Responder& responder) {
  answer_as_grpc(exchange);
  const Bytes bytes = as_bytes(exchange.local_body);
  http::MemoryBody memory(bytes);
  co_await send(exchange, env, &memory, bytes, responder, false);
}

// One step. False: the answer must not be passed on.
bool response_step(Exchange& exchange, const table::StepRecord& step, bool& replaced) {
  const table::TableView& view = exchange.table->view();
  switch (static_cast<PolicyId>(step.policy)) {
    case PolicyId::Headers:
      policies::change_headers(exchange, view.policy_record<policies::HeadersRecord>(step.record),
                               exchange.response.fields);
      return true;
    case PolicyId::Status:
      policies::change_status(exchange, view.policy_record<policies::StatusRecord>(step.record));
      return true;
    case PolicyId::Errors:
      replaced = policies::replace_error_body(
                     exchange, view.policy_record<policies::ErrorsRecord>(step.record)) ||
                 replaced;
      return true;
    case PolicyId::Body:
      return policies::change_response_body(exchange,
                                            view.policy_record<policies::BodyRecord>(step.record));
    default:
      return true;
  }
}

// The response side of the plan over what is there. `replaced`: exchange.local_body is the body.
bool run_response_side(Exchange& exchange, bool& replaced) {
  const table::TableView& view = exchange.table->view();
  const policies::CorsRecord* cors = nullptr;
  const policies::ClientClassRecord* classes = nullptr;
  policies::write_limit_fields(exchange);
  bool fine = true;
  for (const table::StepRecord& step : steps_of(exchange)) {
    if (static_cast<PolicyId>(step.policy) == PolicyId::Cors) {
      cors = &view.policy_record<policies::CorsRecord>(step.record);
    }
    if (static_cast<PolicyId>(step.policy) == PolicyId::ClientClass) {
      classes = &view.policy_record<policies::ClientClassRecord>(step.record);
    }
    if (policies::is_request_phase(static_cast<Phase>(step.phase))) continue;
    if (!holds(exchange, step.condition)) continue;
    fine = fine && response_step(exchange, step, replaced);
  }
  if (classes != nullptr) policies::write_class_fields(exchange, *classes);
  if (cors != nullptr && exchange.depth == 0) policies::write_cors_fields(exchange, *cors);
  return fine;
}

// What could not be changed as it must is not passed on: another answer, changed in its turn.
Task<void> deliver_refusal(Exchange& exchange, Env& env, Responder& responder) {
  if (exchange.values != nullptr) exchange.values->response_body = nullptr;
  answer_refused_response(exchange);
  bool replaced = false;
  run_response_side(exchange, replaced);
  co_await send_local(exchange, env, responder);
}

// The body is read before anything is written.
Task<void> deliver_read(Exchange& exchange, Env& env, Responder& responder, Fetched* fetched) {
  http::BodySource* source = fetched == nullptr ? nullptr : fetched->body;
  const bool fine = co_await policies::prepare_response_body(exchange, env, source);
  bool replaced = source == nullptr;
  const bool changed = fine && run_response_side(exchange, replaced);
  if (!changed) {
    co_await deliver_refusal(exchange, env, responder);
    co_return;
  }
  if (replaced) {
    co_await send_local(exchange, env, responder);
    co_return;
  }
  co_await send(exchange, env, source, {}, responder, false);
}

}  // namespace

void change_response_head(Exchange& exchange) {
  bool replaced = false;
  run_response_side(exchange, replaced);
}

Task<void> deliver_local(Exchange& exchange, Env& env, Responder& responder) {
  if (policies::reads_response_body(exchange)) {
    return deliver_read(exchange, env, responder, nullptr);
  }
  bool replaced = false;
  run_response_side(exchange, replaced);
  return send_local(exchange, env, responder);
}

Task<void> deliver_fetched(Exchange& exchange, Env& env, Responder& responder, Fetched& fetched,
                           bool streams) {
  if (policies::reads_response_body(exchange)) {
    return deliver_read(exchange, env, responder, &fetched);
  }
  bool replaced = false;
  run_response_side(exchange, replaced);
  if (replaced) return send_local(exchange, env, responder);
  return send(exchange, env, fetched.body, {}, responder, streams);
}

}  // namespace gw::engine
