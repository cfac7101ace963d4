#include "runtime/engine/failed_fetch.h"

#include <charconv>
#include <iterator>

#include "runtime/engine/answer.h"
#include "runtime/policies/respond/filter.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

// What the upstream has to say while nothing can be sent to it; null: nothing, or it is not that.
const policies::UnavailableRecord* unavailable_answer(const Exchange& exchange,
                                                      const Error& error) {
  const bool unavailable = error.code == Errc::ConnectFailed || error.code == Errc::CircuitOpen;
  if (!unavailable || exchange.upstream == table::kNone) return nullptr;
  const table::TableView& view = exchange.table->view();
  const policies::UnavailableRecord& record = view.upstreams()[exchange.upstream].unavailable;
  const bool says_something =
      record.body.offset != table::kNone || record.headers.count != 0 || record.status != 503;
  return says_something ? &record : nullptr;
}

}  // namespace

u16 status_of(const Error& error) {
  switch (error.code) {
    case Errc::BodyTooLarge:
      return 413;
    case Errc::RequestTimeout:
      return 408;
    case Errc::BadRequest:
    case Errc::RequestInvalid:
      return 400;
    case Errc::PeerClosed:  // in the middle of its body
      return error.origin == Origin::Downstream ? 400 : 502;
    case Errc::UpstreamTimeout:
      return 504;
    case Errc::ConnectFailed:
    case Errc::UpstreamOverflow:
    case Errc::CircuitOpen:
    case Errc::StreamEnded:
      return 503;
    case Errc::Internal:
      return 500;
    default:
      return 502;
  }
}

void answer_failed_fetch(Exchange& exchange, const Error& error, u32 retry_after_seconds) {
  exchange.error = error;
  if (const policies::UnavailableRecord* record = unavailable_answer(exchange, error)) {
    policies::respond_unavailable(exchange, *record);
  } else {
    answer_problem(exchange, status_of(error));
  }
  http::FieldList& fields = exchange.response.fields;
  if (retry_after_seconds == 0 || fields.find("retry-after") != nullptr) return;
  char text[10];
  char* end = std::to_chars(text, std::end(text), retry_after_seconds).ptr;
  const std::string_view digits(text, static_cast<size_t>(end - text));
  fields.add("retry-after", exchange.arena.copy(digits));
}

void answer_refused_response(Exchange& exchange) {
  if (exchange.error.code != Errc::None) return answer_failed_fetch(exchange, exchange.error, 0);
  exchange.error = Error{.code = Errc::ResponseInvalid,
                         .origin = Origin::Upstream,
                         .what = "answer breaks the contract"};
  answer_problem(exchange, 502);
}

}  // namespace gw::engine
