#include "runtime/observe/access_log.h"

namespace gw::observe {

void append_access_line(const Exchange& exchange, const RouteNames* names, i64 unix_ms,
                        u64 duration_us, std::string& out) {
  LogFormat::standard()->append({exchange, names_of(exchange, names), unix_ms, duration_us}, out);
}

AccessLog::AccessLog(AccessLogWriter& writer, std::shared_ptr<const LogFormat> format,
                     const Clock& clock, Random& random, const RouteNames* names)
    : writer_(writer), format_(std::move(format)), clock_(clock), random_(random), names_(names) {}

void AccessLog::finished(const Exchange& exchange, u64 spent_us) {
  if (!format_->wants(exchange.response.status, spent_us, random_)) return;
  // Not piece by piece: what has grown there is copied each time.
  if (block_.text.capacity() < kBlockBytes) block_.text.reserve(kBlockBytes);
  format_->append({exchange, names_of(exchange, names_), clock_.unix_ms(), spent_us}, block_.text);
  ++block_.lines;
  if (block_.text.size() >= kFlushBytes) flush();
}

void AccessLog::flush() {
  if (block_.lines != 0) writer_.submit(block_);
}

}  // namespace gw::observe
