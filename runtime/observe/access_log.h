// One line per exchange, or for those that are chosen.
#pragma once
#include <memory>
#include <string>

#include "runtime/http/env.h"
#include "runtime/observe/log_format.h"
#include "runtime/observe/log_writer.h"
#include "runtime/observe/route_names.h"

namespace gw::observe {

/// Appends the standard line of `exchange`, newline included. `names` may be null.
void append_access_line(const Exchange& exchange, const RouteNames* names, i64 unix_ms,
                        u64 duration_us, std::string& out);

/// The log of one table on one worker: collects lines and hands them over at 256 KiB, or when
/// flush() says so. One thread.
class AccessLog {
 public:
  /// `names` are those of the table that the exchanges run by; may be null.
  AccessLog(AccessLogWriter& writer, std::shared_ptr<const LogFormat> format, const Clock& clock,
            Random& random, const RouteNames* names);
  ~AccessLog() { flush(); }
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// Writes its line if the format wants one.
  void finished(const Exchange& exchange, u64 spent_us);
  /// See ExchangeObserver.
  void answering(Exchange& exchange) const { format_->keep_answer(exchange); }
  void detach(Exchange& exchange) const { format_->keep_request(exchange); }
  void flush();

 private:
  // Waking whoever writes costs what a hundred lines cost.
  static constexpr size_t kFlushBytes = 256 * 1024;
  static constexpr size_t kBlockBytes = kFlushBytes + 16 * 1024;  // with its last line, mostly
  AccessLogWriter& writer_;
  const std::shared_ptr<const LogFormat> format_;
  const Clock& clock_;
  Random& random_;
  const RouteNames* names_;
  LogBlock block_;
};

}  // namespace gw::observe
