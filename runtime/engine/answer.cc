#include "runtime/engine/answer.h"

#include "runtime/http/problem.h"

namespace gw::engine {

void answer_problem(Exchange& exchange, u16 status) {
  exchange.response.fields.clear();
  exchange.response.reason = {};
  exchange.response.upgrade = {};
  http::Problem problem;
  problem.status = status;
  exchange.local_body = as_text(http::make_problem(problem, exchange.response));
}

void answer_empty(Exchange& exchange, u16 status) {
  exchange.response.fields.clear();
  exchange.response.reason = {};
  exchange.response.status = status;
  exchange.response.framing = status == 204 ? http::Framing::None : http::Framing::Length;
  exchange.response.content_length = 0;
  exchange.local_body = {};
}

}  // namespace gw::engine
