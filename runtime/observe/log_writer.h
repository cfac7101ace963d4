// The thread that writes the access log.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/observe/log_sink.h"

namespace gw::observe {

/// Whole lines, and how many.
struct LogBlock {
  std::string text;
  u32 lines = 0;
};

/// Takes lines from all workers and writes them on a thread of its own, so that no worker waits for
/// a disk or for somebody who reads. What finds no room within 16 MiB is lost, and so is what the
/// place refuses; both are counted, and told in the process log when losing begins and ends.
class AccessLogWriter {
 public:
  static constexpr size_t kMostQueuedBytes = 16 * 1024 * 1024;

  /// Error: FileUnwritable. See LogSink for `place`.
  static Result<std::unique_ptr<AccessLogWriter>> open(const std::string& place);
  explicit AccessLogWriter(std::unique_ptr<LogSink> sink);
  /// Writes what is queued; what cannot be written within two seconds is lost.
  ~AccessLogWriter();
  AccessLogWriter(const AccessLogWriter&) = delete;
  AccessLogWriter& operator=(const AccessLogWriter&) = delete;

  /// Any thread; one short lock. Leaves `block` empty, with memory to go on.
  void submit(LogBlock& block);
  /// What was submitted before goes to the place before, what comes later to `sink`. Where the
  /// place before takes nothing for a second, what is left of it is lost. Any thread.
  void go_on_with(std::unique_ptr<LogSink> sink);
  /// The same place, opened anew; nothing for standard output. Error: FileUnwritable, and it goes
  /// on with what it has. One thread, with place().
  Result<void> reopen();
  const std::string& place() const { return place_; }

  /// Any thread: what waits to be written, or is just being.
  size_t queued_bytes() const {
    const std::lock_guard lock(mutex_);
    return queued_bytes_;
  }
  /// Any thread.
  u64 lost_lines() const { return lost_.load(std::memory_order_relaxed); }

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Piece {
    LogBlock block;
    std::unique_ptr<LogSink> sink;  // not null: from here on
  };

  void run();
  void write(Piece& piece);
  void write_lines(std::string_view lines);
  void end_torn_line();
  bool has_patience() const;
  void lose(std::string_view lines, bool begun, std::string_view reason);
  void tell_losses(std::string_view reason);
  void tell_recovery();
  void tell_change();

  std::string place_;              // by whoever calls reopen() and go_on_with()
  std::unique_ptr<LogSink> sink_;  // the thread's, as the next five
  bool torn_ = false;              // the last line at the place is not whole
  bool gave_up_ = false;           // it has taken nothing for too long
  SteadyClock::time_point taken_;  // when it last took something, or was asked to
  bool losing_ = false;            // as it was told
  u64 seen_ = 0;                   // lost lines when it was last looked whether that has changed
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Piece> queue_;
  std::vector<std::string> spare_;
  size_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::atomic<i64> stop_at_ = 0;       // of the steady clock: when it has no patience any more
  std::atomic<u32> sinks_queued_ = 0;  // a new place waits for the present one
  std::atomic<u64> lost_ = 0;
  std::thread thread_;
};

}  // namespace gw::observe
