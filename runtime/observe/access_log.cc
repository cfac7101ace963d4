#include "runtime/observe/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <ctime>

#include "runtime/base/log.h"
#include "runtime/cache/use.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/observe/error_names.h"
#include "runtime/observe/trace.h"

namespace gw::observe {
namespace {

constexpr size_t kMaxQueuedBytes = 16 * 1024 * 1024;

void append_number(u64 value, std::string& out) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

void append_text(std::string_view key, std::string_view value, std::string& out) {
  if (value.empty()) return;
  out += ",\"";
  out += key;
  out += "\":\"";
  append_json_escaped(value, out);
  out += '"';
}

void append_count(std::string_view key, u64 value, std::string& out) {
  out += ",\"";
  out += key;
  out += "\":";
  append_number(value, out);
}

void append_padded(u64 value, u32 width, std::string& out) {
  char digits[4];
  for (u32 i = width; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits, width);
}

void append_time(i64 unix_ms, std::string& out) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  append_padded(static_cast<u64>(parts.tm_year + 1900), 4, out);
  out += '-';
  append_padded(static_cast<u64>(parts.tm_mon + 1), 2, out);
  out += '-';
  append_padded(static_cast<u64>(parts.tm_mday), 2, out);
  out += 'T';
  append_padded(static_cast<u64>(parts.tm_hour), 2, out);
  out += ':';
  append_padded(static_cast<u64>(parts.tm_min), 2, out);
  out += ':';
  append_padded(static_cast<u64>(parts.tm_sec), 2, out);
  out += '.';
  append_padded(static_cast<u64>(unix_ms % 1000), 3, out);
  out += 'Z';
}

void append_tries(const Exchange& exchange, std::string& out) {
  if (exchange.try_count == 0) return;
  out += ",\"tries\":[";
  for (u32 i = 0; i < exchange.try_count; ++i) {
    const TryRecord& record = exchange.tries[i];
    if (i > 0) out += ',';
    out += "{\"us\":";
    append_number(record.microseconds, out);
    append_text("target", record.target, out);
    if (record.status != 0) append_count("status", record.status, out);
    append_text("error", error_name(record.error), out);
    out += '}';
  }
  out += ']';
}

// The limit that refused, and one in shadow mode that would have.
void append_limits(const Exchange& exchange, std::string& out) {
  if (exchange.limits == nullptr) return;
  append_text("limit", exchange.limits->refused_by, out);
  append_text("shadow_limit", exchange.limits->would_refuse, out);
}

// What broke the contract, whether it was refused or not.
void append_faults(const Exchange& exchange, std::string& out) {
  if (exchange.validation == nullptr) return;
  const Validation& found = *exchange.validation;
  if (found.request_faults != 0) append_count("request_faults", found.request_faults, out);
  append_text("request_fault", found.request_fault, out);
  if (found.response_faults != 0) append_count("response_faults", found.response_faults, out);
  append_text("response_fault", found.response_fault, out);
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a full disk must not stop the gateway
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

void append_access_line(const Exchange& exchange, const RouteNames* names, i64 unix_ms,
                        u64 duration_us, bool with_path, std::string& out) {
  out += "{\"time\":\"";
  append_time(unix_ms, out);
  out += '"';
  append_text("request_id", exchange.request_id, out);
  if (exchange.trace != nullptr) append_text("trace_id", hex_text(exchange.trace->trace_id), out);
  append_text("client", exchange.client_text, out);
  const ExchangeNames known = names_of(exchange, names);
  append_text("consumer", known.consumer, out);
  append_text("operation", known.operation, out);
  append_text("method", exchange.request.method_text, out);
  append_text("template", known.path_template, out);
  if (with_path) append_text("path", exchange.request.path, out);
  append_count("status", exchange.response.status, out);
  append_count("request_bytes", exchange.request_bytes, out);
  append_count("response_bytes", exchange.response_bytes, out);
  append_count("duration_us", duration_us, out);
  append_text("upstream", known.upstream, out);
  append_tries(exchange, out);
  append_limits(exchange, out);
  if (exchange.cache_outcome != cache::Outcome::None) {
    append_text("cache", cache::outcome_name(exchange.cache_outcome), out);
  }
  append_faults(exchange, out);
  append_text("error", error_name(exchange.error.code), out);
  append_text("detail", exchange.error.what, out);
  out += "}\n";
}

void AccessLog::finished(const Exchange& exchange, u64 spent_us) {
  append_access_line(exchange, names_, clock_.unix_ms(), spent_us, with_path_, lines_);
  if (lines_.size() >= kFlushBytes) flush();
}

void AccessLog::flush() {
  if (!lines_.empty()) writer_.submit(lines_);
}

Result<std::unique_ptr<AccessLogWriter>> AccessLogWriter::open(const std::string& path) {
  if (path == "-") return std::unique_ptr<AccessLogWriter>(new AccessLogWriter(1, false));
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return fail(
        Error{.code = Errc::FileUnwritable, .sys = errno, .what = "cannot open access log"});
  }
  return std::unique_ptr<AccessLogWriter>(new AccessLogWriter(descriptor, true));
}

AccessLogWriter::AccessLogWriter(int descriptor, bool owned)
    : descriptor_(descriptor), owned_(owned), thread_([this] { run(); }) {}

AccessLogWriter::~AccessLogWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (owned_) ::close(descriptor_);
}

void AccessLogWriter::submit(std::string& lines) {
  {
    const std::lock_guard lock(mutex_);
    if (queued_bytes_ + lines.size() > kMaxQueuedBytes) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      lines.clear();
      return;
    }
    queued_bytes_ += lines.size();
    blocks_.push_back(std::move(lines));
    lines = {};
    if (!spare_.empty()) {
      lines = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  changed_.notify_one();
}

void AccessLogWriter::run() {
  std::vector<std::string> taken;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !blocks_.empty(); });
    if (blocks_.empty()) return;
    taken.swap(blocks_);
    queued_bytes_ = 0;
    lock.unlock();
    for (std::string& block : taken) {
      write_all(descriptor_, block);
      block.clear();
    }
    lock.lock();
    for (std::string& block : taken) {
      if (spare_.size() < 32) spare_.push_back(std::move(block));
    }
    taken.clear();
  }
}

}  // namespace gw::observe
