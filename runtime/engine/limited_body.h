// A request body with a limit on its bytes.
#pragma once
#include "runtime/http/body.h"
#include "runtime/http/exchange.h"

namespace gw::engine {

/// Passes `inner` on, and fails with BodyTooLarge as soon as more than `limit_bytes` came. Its
/// count is its own: a server counts what it reads into exchange.request_bytes as well, and what
/// nobody counted is put there. Lives as long as the exchange runs.
class LimitedBody final : public http::BodySource {
 public:
  LimitedBody(Exchange& exchange, http::BodySource* inner, u64 limit_bytes)
      : exchange_(exchange), inner_(inner), limit_bytes_(limit_bytes) {}

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  u64 remaining_bytes() const override { return inner_->remaining_bytes(); }
  void cancel() noexcept override { inner_->cancel(); }

 private:
  void count(u64 bytes);

  Exchange& exchange_;
  http::BodySource* inner_;
  u64 limit_bytes_;
  u64 taken_bytes_ = 0;
};

}  // namespace gw::engine
