// Metrics as Prometheus reads them: text format 0.0.4, and OpenMetrics 1.0.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

#include "runtime/base/types.h"
#include "runtime/observe/totals.h"

namespace gw::observe {

enum class MetricFormat : u8 { Prometheus, OpenMetrics };
std::string_view content_type_of(MetricFormat format);
/// By the field Accept of who asks; Prometheus where it does not ask for OpenMetrics.
MetricFormat choose_metric_format(std::string_view accept);

enum class MetricType : u8 { Counter, Gauge, Histogram, Info };

struct MetricFamily {
  std::string_view name;  // without the `_total` of counters and the `_info` of infos
  MetricType type;
  std::string_view help;  // one line
};

struct MetricLabel {
  std::string_view name;
  std::string_view value;  // any text
};

/// Writes families one after the other, each with all of its samples. Appends to a string of its
/// own; about 60 ns per sample. One thread.
class MetricWriter {
 public:
  /// There will be about `expected_bytes` of text: growing to millions of them by doubling takes
  /// as long as writing them.
  explicit MetricWriter(MetricFormat format, size_t expected_bytes = 0);

  /// Begins a family; each name once.
  void family(const MetricFamily& family);
  void sample(std::initializer_list<MetricLabel> labels, u64 value);
  void sample(std::initializer_list<MetricLabel> labels, double value);
  /// Buckets of latencies with their bounds, sum and count.
  void histogram(std::initializer_list<MetricLabel> labels, const LatencyTotals& latencies);
  /// No more is written. The text.
  std::string take();

 private:
  void begin(std::string_view suffix, std::initializer_list<MetricLabel> labels);
  void append_labels(std::initializer_list<MetricLabel> labels);

  const MetricFormat format_;
  std::string name_;
  MetricType type_ = MetricType::Gauge;
  std::string text_;
  std::string line_;   // the beginning of many
  std::string lines_;  // memory for those of a histogram
};

}  // namespace gw::observe
