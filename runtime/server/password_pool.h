// Password hashes are checked by threads of their own: one takes as long as thousands of requests.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/identity/services.h"
#include "runtime/net/worker_loop.h"

namespace gw::server {

/// One per process. Threads are started with the first job. Any thread.
class PasswordPool {
 public:
  static constexpr size_t kMaxWaiting = 128;

  explicit PasswordPool(u32 threads) : thread_count_(threads) {}
  /// Waits for what is being hashed; what waits is not done.
  ~PasswordPool();
  PasswordPool(const PasswordPool&) = delete;
  PasswordPool& operator=(const PasswordPool&) = delete;

  struct Job {
    std::string hash;
    std::string password;
    std::function<void(bool right)> done;  // called by a thread of the pool
  };
  /// False: too many wait.
  bool submit(Job job);

 private:
  void run();

  const u32 thread_count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// The pool as one worker sees it. Used on its thread, which goes on meanwhile.
class WorkerPasswords final : public PasswordChecker {
 public:
  WorkerPasswords(net::WorkerLoop& loop, PasswordPool& pool) : loop_(loop), pool_(pool) {}
  Task<Verdict> check(std::string_view hash, std::string_view password) override;

 private:
  net::WorkerLoop& loop_;
  PasswordPool& pool_;
};

}  // namespace gw::server
