// Runs copies of requests beside the exchanges that they are copies of.
#pragma once
#include <memory>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/net/event_loop.h"

namespace gw::server {

struct Generation;
class SessionHost;

/// Of one table on one worker. Its copies keep the connections of that table, but not the table.
/// One thread. Ends when nothing is left: see is_idle().
class MirrorRunner final : public Mirrors {
 public:
  /// At a time; copies beyond it are dropped.
  static constexpr size_t kMostAtOnce = 128;
  /// Of an answer that are read, so that its connection can be kept.
  static constexpr u64 kMostAnswerBytes = u64{1} << 20;

  MirrorRunner(SessionHost& host, net::EventLoop& loop, Generation& generation);
  ~MirrorRunner() override;
  MirrorRunner(const MirrorRunner&) = delete;
  MirrorRunner& operator=(const MirrorRunner&) = delete;

  void send(const Exchange& exchange, const FetchOptions& options, Bytes body) override;
  /// Cuts off what runs; it ends soon.
  void abort();
  bool is_idle() const { return copies_.empty(); }
  u64 sent() const { return sent_; }
  u64 dropped() const { return dropped_; }

 private:
  struct Copy;

  static void on_start(void* context);
  Task<void> run(Copy& copy);
  void sweep();

  SessionHost& host_;
  net::EventLoop& loop_;
  Generation& generation_;
  std::vector<std::unique_ptr<Copy>> copies_;
  net::Deferred start_call_;
  u64 sent_ = 0;
  u64 dropped_ = 0;
};

}  // namespace gw::server
