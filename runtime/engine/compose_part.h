// One call of a composition: its own exchange, run by the engine or sent to an upstream directly.
#pragma once
#include <string>

#include "runtime/engine/message_values.h"
#include "runtime/http/env.h"
#include "runtime/policies/compose/record.h"

namespace gw::engine {

/// Keeps an answer in memory, up to a bound.
class CollectingResponder final : public Responder {
 public:
  CollectingResponder(Exchange& exchange, u64 max_bytes)
      : exchange_(exchange), max_bytes_(max_bytes), fields_(exchange.arena) {}

  Task<Result<void>> inform(const http::ResponseHead& head) override;
  void head(const http::ResponseHead& head) override;
  Task<Result<void>> data(Bytes bytes) override;
  Task<Result<void>> end(Bytes last, const http::FieldList* trailers) override;
  void reset() noexcept override { complete_ = false; }
  bool head_sent() const override { return status_ != 0; }
  bool client_gone() const override { return exchange_.client_gone; }

  /// An answer is there as a whole.
  bool complete() const { return complete_; }
  bool too_long() const { return too_long_; }
  u16 status() const { return status_; }
  const http::FieldList& fields() const { return fields_; }
  std::string_view body() const { return body_; }

 private:
  bool take(Bytes bytes);

  Exchange& exchange_;
  u64 max_bytes_;
  http::FieldList fields_;
  std::string body_;
  u16 status_ = 0;
  bool complete_ = false;
  bool too_long_ = false;
};

/// What has become of one. `fields` and `body` live as long as the part.
struct PartAnswer {
  u16 status = 0;  // 0: there is none
  const http::FieldList* fields = nullptr;
  std::string_view body;
  bool timed_out = false;
};

/// Made for one call, or one item of a call with `forEach`. Does not move; one thread.
class CallPart final : private CancelListener {
 public:
  /// The values of the request are worked out here, with `parent` as it is now. !applies(): one of
  /// them is absent, so that there is nothing to ask. `budget`: calls that it may make in its turn.
  CallPart(Exchange& parent, Env& env, const policies::CallRecord& record, u32 budget);
  bool applies() const { return applies_; }

  /// Once. answer() says what came.
  Task<void> run();
  const PartAnswer& answer() const { return answer_; }
  const Exchange& exchange() const { return call_; }
  /// What is under way ends soon.
  void cancel() noexcept;

 private:
  void cancelled() noexcept override { cancel(); }
  bool make_request(Exchange& parent);
  bool make_path(Exchange& parent, http::RequestHead& request);
  void add_fields(Exchange& parent, http::RequestHead& request);
  Task<void> run_operation();
  Task<void> ask_upstream();

  Env& env_;
  const policies::CallRecord& record_;
  Exchange call_;
  CollectingResponder responder_;
  http::MemoryBody body_{{}};
  bool has_body_ = false;
  bool applies_ = false;
  PartAnswer answer_;
};

}  // namespace gw::engine
