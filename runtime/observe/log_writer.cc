#include "runtime/observe/log_writer.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/log.h"

namespace gw::observe {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMostSpare = 8;
constexpr int kLookMs = 50;  // how often a place that is full is left to look at orders
constexpr auto kPatienceAtEnd = 2s;
constexpr auto kPatienceWithOthers = 1s;
constexpr std::string_view kTooSlow = "lines come faster than they are taken";

u64 count_lines(std::string_view text) { return static_cast<u64>(std::ranges::count(text, '\n')); }

i64 ticks(std::chrono::steady_clock::time_point when) {
  return when.time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

Result<std::unique_ptr<AccessLogWriter>> AccessLogWriter::open(const std::string& place) {
  auto sink = LogSink::open(place);
  if (!sink) return fail(sink.error());
  return std::make_unique<AccessLogWriter>(*std::move(sink));
}

AccessLogWriter::AccessLogWriter(std::unique_ptr<LogSink> sink)
    : place_(sink->place()), sink_(std::move(sink)), thread_([this] { run(); }) {}

AccessLogWriter::~AccessLogWriter() {
  stop_at_.store(ticks(SteadyClock::now() + kPatienceAtEnd));
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void AccessLogWriter::submit(LogBlock& block) {
  {
    const std::lock_guard lock(mutex_);
    if (queued_bytes_ + block.text.size() > kMostQueuedBytes) {
      lost_.fetch_add(block.lines, std::memory_order_relaxed);
      block.text.clear();
      block.lines = 0;
      return;
    }
    queued_bytes_ += block.text.size();
    queue_.push_back({{std::move(block.text), block.lines}, nullptr});
    block = {};
    if (!spare_.empty()) {
      block.text = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  changed_.notify_one();
}

void AccessLogWriter::go_on_with(std::unique_ptr<LogSink> sink) {
  place_ = sink->place();
  sinks_queued_.fetch_add(1);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({{}, std::move(sink)});
  }
  changed_.notify_one();
}

Result<void> AccessLogWriter::reopen() {
  auto sink = LogSink::open(place_);
  if (!sink) return fail(sink.error());
  if ((*sink)->can_be_reopened()) go_on_with(*std::move(sink));
  return {};
}

void AccessLogWriter::run() {
  std::vector<Piece> taken;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    taken.swap(queue_);
    lock.unlock();
    for (Piece& piece : taken) write(piece);
    tell_change();
    taken.clear();
    lock.lock();
  }
}

void AccessLogWriter::write(Piece& piece) {
  if (piece.sink != nullptr) {
    sink_ = std::move(piece.sink);
    torn_ = gave_up_ = false;
    sinks_queued_.fetch_sub(1);
    return;
  }
  std::string& text = piece.block.text;
  write_lines(text);
  const std::lock_guard lock(mutex_);
  queued_bytes_ -= text.size();
  text.clear();
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(text));
}

void AccessLogWriter::write_lines(std::string_view lines) {
  bool begun = false;
  if (!gave_up_) taken_ = SteadyClock::now();
  while (!lines.empty()) {
    if (torn_ && !begun) end_torn_line();
    const LogSink::Step step = sink_->write(lines);
    if (step.error != 0) {
      lose(lines.substr(0, step.bytes), begun, std::strerror(step.error));
      begun = false;
    } else if (step.bytes > 0) {
      begun = lines[step.bytes - 1] != '\n';
    }
    if (!step.busy) {
      taken_ = SteadyClock::now();
      gave_up_ = false;
    } else if (!has_patience()) {
      gave_up_ = true;
      lose(lines, begun, "nobody takes them");
      return;
    } else {
      sink_->wait(kLookMs);
      if (lost_lines() != seen_) tell_losses(kTooSlow);
    }
    lines.remove_prefix(step.bytes);
  }
}

// So that the line which comes next is one of its own.
void AccessLogWriter::end_torn_line() {
  const LogSink::Step step = sink_->write("\n");
  if (step.error == 0 && step.bytes == 1) torn_ = false;
}

bool AccessLogWriter::has_patience() const {
  const auto now = SteadyClock::now();
  const i64 stop_at = stop_at_.load();
  if (stop_at != 0 && ticks(now) >= stop_at) return false;
  return sinks_queued_.load() == 0 || now - taken_ < kPatienceWithOthers;
}

void AccessLogWriter::lose(std::string_view lines, bool begun, std::string_view reason) {
  torn_ = torn_ || begun;
  lost_.fetch_add(count_lines(lines), std::memory_order_relaxed);
  tell_losses(reason);
}

void AccessLogWriter::tell_losses(std::string_view reason) {
  if (losing_) return;
  losing_ = true;
  log(LogLevel::Warning, "access_log_loses_lines", {{"to", sink_->place()}, {"reason", reason}});
}

void AccessLogWriter::tell_recovery() {
  losing_ = false;
  log(LogLevel::Info, "access_log_recovered",
      {{"to", sink_->place()}, {"lines_lost", static_cast<i64>(seen_)}});
}

// After all that was queued: it has recovered when nothing of that is lost.
void AccessLogWriter::tell_change() {
  const u64 lost = lost_lines();
  if (lost != seen_) {
    seen_ = lost;
    tell_losses(kTooSlow);
  } else if (losing_) {
    tell_recovery();
  }
}

}  // namespace gw::observe
