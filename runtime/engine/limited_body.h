// A request body with a limit on its bytes.
#pragma once
#include "runtime/http/body.h"
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Passes `inner` on, counts into exchange.request_bytes, and fails with BodyTooLarge as soon as
/// more than `limit_bytes` came. Lives as long as the exchange runs.
class LimitedBody final : public http::BodySource {
 public:
  LimitedBody(Exchange& exchange, http::BodySource* inner, u64 limit_bytes)
      : exchange_(exchange), inner_(inner), limit_bytes_(limit_bytes) {}

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  u64 remaining_bytes() const override { return inner_->remaining_bytes(); }
  void cancel() noexcept override { inner_->cancel(); }

 private:
  Exchange& exchange_;
  http::BodySource* inner_;
  u64 limit_bytes_;
};

}  // namespace gw::engine
