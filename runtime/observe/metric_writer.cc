#include "runtime/observe/metric_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runtime/base/check.h"
#include "runtime/base/huge_pages.h"
#include "runtime/base/plain_text.h"

namespace gw::observe {
namespace {

void append_escaped(std::string_view value, std::string& out) {
  if (copy_plain(value, nullptr)) {
    out += value;
    return;
  }
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

constexpr size_t kMostDigits = 20;
constexpr size_t kMostEndBytes = 32 + kMostDigits;  // of a line of a histogram, behind its labels

void append_number(u64 value, std::string& out) {
  char digits[kMostDigits];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

// Microseconds as seconds, exactly: 2500 is 0.0025.
void append_seconds(u64 microseconds, std::string& out) {
  append_number(microseconds / 1'000'000, out);
  u64 rest = microseconds % 1'000'000;
  if (rest == 0) {
    out += ".0";
    return;
  }
  char digits[7] = ".";
  int last = 0;
  for (int i = 6; i > 0; --i, rest /= 10) {
    digits[i] = static_cast<char>('0' + rest % 10);
    if (last == 0 && digits[i] != '0') last = i;
  }
  out.append(digits, static_cast<size_t>(last) + 1);
}

// `le="0.0025"} `, for each bucket.
std::array<std::string, kLatencyBuckets> bucket_ends() {
  std::array<std::string, kLatencyBuckets> ends;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    ends[i] = "le=\"";
    if (i < kLatencyBounds.size()) {
      append_seconds(kLatencyBounds[i], ends[i]);
    } else {
      ends[i] += "+Inf";
    }
    ends[i] += "\"} ";
    GW_CHECK(ends[i].size() + kMostDigits < kMostEndBytes);
  }
  return ends;
}

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Info:
      break;
  }
  return "info";
}

}  // namespace

std::string_view content_type_of(MetricFormat format) {
  return format == MetricFormat::OpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

MetricFormat choose_metric_format(std::string_view accept) {
  return accept.find("application/openmetrics-text") == accept.npos ? MetricFormat::Prometheus
                                                                    : MetricFormat::OpenMetrics;
}

MetricWriter::MetricWriter(MetricFormat format, size_t expected_bytes) : format_(format) {
  text_.reserve(expected_bytes);
  prefer_huge_pages(text_.data(), text_.capacity());
}

// The older format knows the samples of counters and infos by their whole names, and no infos.
void MetricWriter::family(const MetricFamily& family) {
  name_ = family.name;
  type_ = family.type;
  const bool old = format_ == MetricFormat::Prometheus;
  const bool info = type_ == MetricType::Info;
  const std::string_view suffix = type_ == MetricType::Counter ? "_total" : info ? "_info" : "";
  fmt::format_to(std::back_inserter(text_), "# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", name_,
                 old ? suffix : "", family.help, old && info ? "gauge" : type_name(type_));
}

void MetricWriter::append_labels(std::initializer_list<MetricLabel> labels) {
  if (labels.size() == 0) return;
  char before = '{';
  for (const MetricLabel& label : labels) {
    text_ += before;
    text_ += label.name;
    text_ += "=\"";
    append_escaped(label.value, text_);
    text_ += '"';
    before = ',';
  }
  text_ += '}';
}

void MetricWriter::begin(std::string_view suffix, std::initializer_list<MetricLabel> labels) {
  text_ += name_;
  text_ += suffix;
  append_labels(labels);
  text_ += ' ';
}

void MetricWriter::sample(std::initializer_list<MetricLabel> labels, u64 value) {
  begin(type_ == MetricType::Counter ? "_total" : type_ == MetricType::Info ? "_info" : "", labels);
  append_number(value, text_);
  text_ += '\n';
}

void MetricWriter::sample(std::initializer_list<MetricLabel> labels, double value) {
  begin(type_ == MetricType::Counter ? "_total" : "", labels);
  fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

// Most of the text is this: what its lines have in common is made once.
void MetricWriter::histogram(std::initializer_list<MetricLabel> labels,
                             const LatencyTotals& latencies) {
  static const std::array<std::string, kLatencyBuckets> kEnds = bucket_ends();
  const size_t before = text_.size();
  text_ += name_;
  text_ += "_bucket";
  append_labels(labels);
  if (labels.size() == 0) {
    text_ += '{';
  } else {
    text_.back() = ',';
  }
  line_.assign(text_, before);
  text_.resize(before);
  const size_t most = kLatencyBuckets * (line_.size() + kMostEndBytes);
  if (lines_.size() < most) lines_.resize(most);
  char* at = lines_.data();
  u64 count = 0;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    count += latencies.buckets[i];
    at = std::ranges::copy(line_, at).out;
    at = std::ranges::copy(kEnds[i], at).out;
    at = std::to_chars(at, at + kMostDigits, count).ptr;
    *at++ = '\n';
  }
  text_.append(lines_.data(), at);
  begin("_sum", labels);
  append_seconds(latencies.sum_us, text_);
  text_ += '\n';
  begin("_count", labels);
  append_number(count, text_);
  text_ += '\n';
}

std::string MetricWriter::take() {
  if (format_ == MetricFormat::OpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace gw::observe
