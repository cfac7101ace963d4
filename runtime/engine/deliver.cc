#include "runtime/engine/deliver.h"

#include "runtime/engine/expression.h"
#include "runtime/engine/failed_fetch.h"
#include "runtime/engine/grpc.h"
#include "runtime/engine/plan.h"
#include "runtime/policies/compress/filter.h"
#include "runtime/policies/cors/filter.h"
#include "runtime/policies/headers/filter.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/filter.h"

namespace gw::engine {
namespace {

using policies::Phase;
using policies::PolicyId;

// A body is asked for in pieces of this size.
constexpr size_t kPieceBytes = 64 * 1024;

// The answer has come to exchange.error behind its head. gRPC can still say so: its status comes
// last, and a reset would tell a client nothing of a deadline or of a server that has died.
Task<void> break_off(Exchange& exchange, Responder& responder) {
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
Task<void> pump(Exchange& exchange, http::BodySource& body, Responder& responder) {
  for (;;) {
    Result<http::BodyChunk> piece = co_await body.next(kPieceBytes);
    if (!piece) {
      exchange.error = piece.error();
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
  }
}

// Writes exchange.response with `plain` as its body (null: none), encoded where the plan says so.
// The usual small answer is one write.
Task<void> send(Exchange& exchange, http::BodySource* plain, Responder& responder, bool streams) {
  encoding::EncodedBody encoded;
  http::BodySource* body = policies::compress_answer(exchange, plain, encoded);
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
    // From here on nothing is read from the table, and it may be long until the end.
    if (streams) responder.let_go_of_table();
  }
  co_await pump(exchange, *body, responder);
}

}  // namespace

void change_response_head(Exchange& exchange) {
  const table::TableView& view = exchange.table->view();
  const policies::CorsRecord* cors = nullptr;
  policies::write_limit_fields(exchange);
  for (const table::StepRecord& step : steps_of(exchange)) {
    if (static_cast<PolicyId>(step.policy) == PolicyId::Cors) {
      cors = &view.policy_record<policies::CorsRecord>(step.record);
    }
    if (policies::is_request_phase(static_cast<Phase>(step.phase))) continue;
    if (!holds(exchange, step.condition)) continue;
    if (static_cast<PolicyId>(step.policy) == PolicyId::Headers) {
      policies::change_headers(exchange, view.policy_record<policies::HeadersRecord>(step.record),
                               exchange.response.fields);
    }
  }
  if (cors != nullptr) policies::write_cors_fields(exchange, *cors);
}

Task<void> deliver_local(Exchange& exchange, Env& env, Responder& responder) {
  static_cast<void>(env);
  change_response_head(exchange);
  answer_as_grpc(exchange);
  http::MemoryBody memory(as_bytes(exchange.local_body));
  co_await send(exchange, &memory, responder, false);
}

Task<void> deliver_fetched(Exchange& exchange, Env& env, Responder& responder, Fetched& fetched,
                           bool streams) {
  static_cast<void>(env);
  change_response_head(exchange);
  co_await send(exchange, fetched.body, responder, streams);
}

}  // namespace gw::engine
