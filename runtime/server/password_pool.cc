#include "runtime/server/password_pool.h"

#include <openssl/crypto.h>

#include <coroutine>

#include "runtime/identity/password_hash.h"

namespace gw::server {
namespace {

// Gives the job away and is resumed on the worker's thread.
struct PasswordAwaiter {
  net::WorkerLoop& loop;
  PasswordPool& pool;
  std::string_view hash;
  std::string_view password;
  PasswordChecker::Verdict verdict = PasswordChecker::Verdict::Busy;

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    PasswordPool::Job job;
    job.hash = hash;
    job.password = password;
    job.done = [this, handle](bool right) {
      loop.post([this, handle, right] {
        verdict = right ? PasswordChecker::Verdict::Right : PasswordChecker::Verdict::Wrong;
        handle.resume();
      });
    };
    return pool.submit(std::move(job));
  }
  PasswordChecker::Verdict await_resume() const { return verdict; }
};

}  // namespace

PasswordPool::~PasswordPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool PasswordPool::submit(Job job) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMaxWaiting) return false;
  waiting_.push_back(std::move(job));
  if (threads_.size() < thread_count_) threads_.emplace_back([this] { run(); });
  changed_.notify_one();
  return true;
}

void PasswordPool::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const bool right = identity::is_password(job.hash, job.password);
    OPENSSL_cleanse(job.password.data(), job.password.size());
    job.done(right);
  }
}

Task<PasswordChecker::Verdict> WorkerPasswords::check(std::string_view hash,
                                                      std::string_view password) {
  PasswordAwaiter awaiter{.loop = loop_, .pool = pool_, .hash = hash, .password = password};
  co_return co_await awaiter;
}

}  // namespace gw::server
