// Copies of requests for other upstreams.
#pragma once
#include <array>
#include <string>

#include "runtime/http/body.h"
#include "runtime/http/env.h"
#include "runtime/policies/proxy/record.h"

namespace gw::engine {

/// Decides which copies one request is to have, and sees to it that they are sent: at once when it
/// has no body, otherwise when all of its body has passed and is short enough. Lives as long as the
/// exchange runs.
class Mirroring final : public http::BodySource {
 public:
  /// `options` as for the request itself; copies get them with another upstream, and are not
  /// repeated. env.mirrors is set.
  Mirroring(Exchange& exchange, Env& env, const policies::ProxyRecord& record,
            const FetchOptions& options);

  /// What is to be sent upstream in place of `body`, which may be null.
  http::BodySource* watch(http::BodySource* body);

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  bool must_wait() const override { return inner_->must_wait(); }
  u64 remaining_bytes() const override { return inner_->remaining_bytes(); }
  void cancel() noexcept override { inner_->cancel(); }

 private:
  struct Copy {
    u32 upstream;
    u64 max_body;
  };

  void keep(const http::BodyChunk& chunk);
  void send();

  Exchange& exchange_;
  Env& env_;
  const FetchOptions& options_;
  std::array<Copy, policies::kMaxMirrors> copies_;
  u32 count_ = 0;
  u64 longest_ = 0;  // body that any of them takes
  http::BodySource* inner_ = nullptr;
  std::string body_;
  u64 body_bytes_ = 0;
};

}  // namespace gw::engine
