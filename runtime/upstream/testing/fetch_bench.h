// Fetches through a pool in memory, without a session.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/upstream/pool_fetcher.h"
#include "runtime/upstream/testing/memory_connector.h"

namespace gw::upstream::testing {

class FetchBench;

/// A request body that is given piece by piece by the test.
class PushedBody final : public http::BodySource {
 public:
  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  void cancel() noexcept override;
  u64 remaining_bytes() const override { return announced; }

  void push(std::string piece, bool end);
  void break_off(Errc code);
  u64 announced = ~u64{0};

 private:
  struct Wait {
    PushedBody& body;
    bool await_ready() const { return body.ready_ || body.cancelled_; }
    void await_suspend(std::coroutine_handle<> waiter) { body.waiter_ = waiter; }
    void await_resume() const {}
  };
  void wake();

  std::coroutine_handle<> waiter_;
  std::string piece_;
  std::string handed_out_;
  bool ready_ = false;
  bool end_ = false;
  bool cancelled_ = false;
  Errc error_ = Errc::None;
};

/// One fetch: started at once; the body of the answer is read when read_on() was called.
class Fetching {
 public:
  Fetching(FetchBench& owner, const char* method);
  ~Fetching();

  void start(http::BodySource* body, bool read_body = true);
  bool done() const { return task_.done(); }

  Exchange exchange;
  FetchOptions options;
  Error error;     // of the fetch, or of the body
  u32 status = 0;  // 0: no head
  u32 retry_after_seconds = 0;
  std::string body;
  std::string trailers;  // lines of `name: value`
  bool complete = false;

 private:
  Task<void> fetch(http::BodySource* body, bool read_body);
  FetchBench& bench_;
  Task<void> task_;
};

class FetchBench {
 public:
  explicit FetchBench(UpstreamConfig config);
  ~FetchBench();

  /// Runs a whole fetch without a body; the origin's part must be done by on_request.
  std::unique_ptr<Fetching> get(const char* method = "GET");

  /// A pool of other targets takes the place of the one there is; fetches go through it from now
  /// on.
  void replace_targets(std::vector<TargetConfig> targets);

  net::VirtualLoop loop;
  MemoryConnector connector;
  std::vector<std::unique_ptr<net::MemoryPeer>> origin;
  /// Called when bytes of a request have come on a connection; the default answers each piece.
  std::function<void(net::MemoryPeer&, size_t connection)> on_request;
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  std::shared_ptr<Pool> pool;
  std::unique_ptr<PoolFetcher> fetcher;
  std::vector<std::unique_ptr<PoolFetcher>> old_fetchers;  // of replaced targets

 private:
  struct FixedRandom final : Random {
    u64 next() override { return source.next(); }
    Xoshiro source{7};
  };
  FixedRandom random_;
};

/// `count` targets of weight 1.
UpstreamConfig config_of(size_t count);

}  // namespace gw::upstream::testing
