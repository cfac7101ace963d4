// Fetching from upstreams: admission, tries, repetitions.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "runtime/upstream/pool.h"

namespace gw::upstream {

/// The fetcher of one table on one worker.
class PoolFetcher final : public Fetcher {
 public:
  PoolFetcher(net::EventLoop& loop, std::vector<std::shared_ptr<Pool>> pools)
      : loop_(loop), pools_(std::move(pools)) {}

  Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                           http::BodySource* body, const FetchOptions& options,
                           Responder* responder, Fetched& out) override;
  void release(Fetched& out) noexcept override;
  const std::vector<std::shared_ptr<Pool>>& pools() const { return pools_; }

 private:
  Task<Result<void>> fetch_admitted(Call& call, Pool& pool, http::BodySource* body, Fetched& out);
  Task<Result<void>> read_body(Call& call, http::BodySource& body);
  Task<Result<void>> try_once(Call& call, Pool& pool, Fetched& out, bool fresh);
  Task<Result<void>> try_again(Call& call, Pool& pool, Fetched& out, const Result<void>& first);
  void note_retry_after(Call& call, const http::ResponseHead& head) const;
  std::optional<TimePoint> time_of_repetition(const Call& call, Pool& pool, u32 number) const;
  Task<Result<TargetStream*>> connect(Call& call, Pool& pool, u32 target);
  TimePoint connect_due(const FetchOptions& options) const;
  void give_back(Fetched& out) noexcept;
  TargetStream* stream_of(const Fetched& out) const {
    return static_cast<TargetStream*>(out.connection);
  }

  net::EventLoop& loop_;
  std::vector<std::shared_ptr<Pool>> pools_;
};

}  // namespace gw::upstream
