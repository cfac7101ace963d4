// Spans on their way from the workers to who sends them to a collector.
#pragma once
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/types.h"

namespace gw::observe {

/// Finished spans in the JSON of OTLP. Any thread; a short lock for each exchange that is recorded.
/// Never blocks on the network: beyond its bound what is new is dropped, and counted.
class SpanQueue {
 public:
  static constexpr size_t kMostBytes = size_t{8} << 20;

  /// `spans`: objects separated by commas. Leaves it empty.
  void add(std::string& spans, u32 count);
  struct Batch {
    std::string spans;
    u32 count = 0;
  };
  /// The oldest, about `most` of them; empty: there are none.
  Batch take(u32 most);

  void count_exported(u64 spans) { exported_.fetch_add(spans, std::memory_order_relaxed); }
  void count_lost(u64 spans) { lost_.fetch_add(spans, std::memory_order_relaxed); }
  u64 exported() const { return exported_.load(std::memory_order_relaxed); }
  /// For want of room, or since the collector would not have them.
  u64 lost() const { return lost_.load(std::memory_order_relaxed); }
  u32 waiting() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Batch> batches_;  // one for each exchange, oldest first
  size_t taken_ = 0;            // of them
  size_t bytes_ = 0;
  u32 waiting_ = 0;
  std::atomic<u64> exported_{0};
  std::atomic<u64> lost_{0};
};

}  // namespace gw::observe
