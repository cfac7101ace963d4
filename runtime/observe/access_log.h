// One JSON line per exchange.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/http/env.h"
#include "runtime/observe/route_names.h"

namespace gw::observe {

/// Appends the line of `exchange`, newline included. Never holds a query, a header value but the
/// request id, or a body; of what breaks the contract a name, up to 200 bytes of a JSON Pointer
/// and a keyword. `names` may be null.
void append_access_line(const Exchange& exchange, const RouteNames* names, i64 unix_ms,
                        u64 duration_us, bool with_path, std::string& out);

/// Takes blocks of lines from all workers and writes them on a thread of its own, so that no worker
/// waits for a disk. When the writer cannot keep up, blocks beyond 16 MiB are dropped and counted.
class AccessLogWriter {
 public:
  /// `-` is standard output. Error: FileUnwritable.
  static Result<std::unique_ptr<AccessLogWriter>> open(const std::string& path);
  ~AccessLogWriter();
  AccessLogWriter(const AccessLogWriter&) = delete;
  AccessLogWriter& operator=(const AccessLogWriter&) = delete;

  /// Any thread; one short lock. Leaves `lines` empty, with memory to go on.
  void submit(std::string& lines);
  u64 dropped_blocks() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  AccessLogWriter(int descriptor, bool owned);
  void run();

  const int descriptor_;
  const bool owned_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> blocks_;
  std::vector<std::string> spare_;
  size_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::atomic<u64> dropped_{0};
  std::thread thread_;
};

/// The log of one table on one worker: collects lines and hands them over at 64 KiB, or by flush().
class AccessLog {
 public:
  /// `names` are those of the table that the exchanges run by; may be null.
  AccessLog(AccessLogWriter& writer, const Clock& clock, const RouteNames* names, bool with_path)
      : writer_(writer), clock_(clock), names_(names), with_path_(with_path) {}
  ~AccessLog() { flush(); }
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  void finished(const Exchange& exchange, u64 spent_us);
  void flush();

 private:
  static constexpr size_t kFlushBytes = 64 * 1024;
  AccessLogWriter& writer_;
  const Clock& clock_;
  const RouteNames* names_;
  bool with_path_;
  std::string lines_;
};

}  // namespace gw::observe
