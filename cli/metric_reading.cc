#include "cli/metric_reading.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

namespace gw::cli {
namespace {

struct Sample {
  std::string_view name;
  std::map<std::string, std::string, std::less<>> labels;
  double value = 0;

  std::string label(std::string_view name_of) const {
    const auto found = labels.find(name_of);
    return found == labels.end() ? std::string() : found->second;
  }
  u64 count() const { return value < 0 ? 0 : static_cast<u64>(value); }
};

// `a="b",c="d"}`; what is behind it is left in `rest`.
bool read_labels(std::string_view& rest, Sample& sample) {
  while (!rest.empty() && rest.front() != '}') {
    const size_t equals = rest.find("=\"");
    if (equals == rest.npos) return false;
    const std::string_view name = rest.substr(0, equals);
    rest.remove_prefix(equals + 2);
    std::string value;
    for (; !rest.empty() && rest.front() != '"'; rest.remove_prefix(1)) {
      if (rest.front() == '\\' && rest.size() > 1) {
        rest.remove_prefix(1);
        value += rest.front() == 'n' ? '\n' : rest.front();
        continue;
      }
      value += rest.front();
    }
    if (rest.empty()) return false;
    rest.remove_prefix(1);
    sample.labels.emplace(name, std::move(value));
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return true;
}

std::optional<Sample> read_sample(std::string_view line) {
  if (line.empty() || line.front() == '#') return std::nullopt;
  Sample sample;
  const size_t end = line.find_first_of("{ ");
  if (end == line.npos) return std::nullopt;
  sample.name = line.substr(0, end);
  std::string_view rest = line.substr(end);
  if (rest.front() == '{') {
    rest.remove_prefix(1);
    if (!read_labels(rest, sample)) return std::nullopt;
  }
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), sample.value);
  if (read.ec != std::errc()) return std::nullopt;
  return sample;
}

size_t status_class(std::string_view name) {
  for (size_t i = 0; i < observe::kStatusClasses; ++i) {
    if (observe::status_class_name(static_cast<observe::StatusClass>(i)) == name) return i;
  }
  return observe::kStatusClasses - 1;
}

// Buckets of the text count all below; those of totals count what is in them.
void add_bucket(observe::LatencyTotals& totals, const Sample& sample) {
  const std::string le = sample.label("le");
  size_t index = observe::kLatencyBounds.size();
  if (le != "+Inf") {
    double seconds = 0;
    std::from_chars(le.data(), le.data() + le.size(), seconds);
    index = observe::latency_bucket(static_cast<u64>(seconds * 1e6 + 0.5));
  }
  u64 below = 0;
  for (size_t i = 0; i < index; ++i) below += totals.buckets[i];
  totals.buckets[index] = sample.count() - std::min(sample.count(), below);
}

void read_operation(const Sample& sample, MetricReading& reading) {
  MetricReading::Operation& operation = reading.operations[sample.label("operation")];
  if (sample.name == "gw_http_requests_total") {
    operation.requests[status_class(sample.label("status_class"))] = sample.count();
  } else if (sample.name == "gw_http_request_duration_seconds_bucket") {
    add_bucket(operation.duration, sample);
  } else if (sample.name == "gw_http_requests_in_flight") {
    operation.in_flight = sample.count();
  } else if (sample.name == "gw_policy_denials_total") {
    operation.denials += sample.count();
  }
}

// A target that is out for several reasons is out once.
using Unusable = std::set<std::pair<std::string, std::string>>;

void read_upstream(const Sample& sample, MetricReading& reading, Unusable& unusable) {
  const std::string name = sample.label("upstream");
  MetricReading::Upstream& upstream = reading.upstreams[name];
  if (sample.name == "gw_upstream_tries_total") {
    upstream.tries += sample.count();
    if (sample.label("outcome") != "answered") upstream.failed += sample.count();
  } else if (sample.name == "gw_upstream_try_duration_seconds_bucket") {
    add_bucket(upstream.duration, sample);
  } else if (sample.name == "gw_upstream_requests_in_flight") {
    upstream.in_flight = sample.count();
  } else if (sample.name == "gw_upstream_target_healthy") {
    ++upstream.targets;
    if (sample.count() == 0) unusable.emplace(name, sample.label("target"));
  } else if (sample.name == "gw_upstream_target_ejected" ||
             sample.name == "gw_upstream_target_drained") {
    if (sample.count() != 0) unusable.emplace(name, sample.label("target"));
  }
}

void read_limit(const Sample& sample, MetricReading& reading) {
  MetricReading::Limit& limit = reading.limits[sample.label("limit")];
  if (sample.name == "gw_limit_refusals_total") {
    if (sample.label("mode") == "enforced") limit.refused += sample.count();
  } else if (sample.name == "gw_limit_usage_total") {
    const auto used = std::ranges::find(limits::kLimitUseNames, sample.label("used"));
    if (used == std::end(limits::kLimitUseNames)) return;
    limit.uses[static_cast<size_t>(used - std::begin(limits::kLimitUseNames))] += sample.count();
  }
}

}  // namespace

MetricReading read_metrics(std::string_view text) {
  MetricReading reading;
  Unusable unusable;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const auto sample = read_sample(text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (!sample) continue;
    if (sample->labels.contains("operation")) {
      read_operation(*sample, reading);
    } else if (sample->labels.contains("upstream")) {
      read_upstream(*sample, reading, unusable);
    } else if (sample->labels.contains("limit")) {
      read_limit(*sample, reading);
    } else if (sample->name == "gw_connections") {
      reading.connections += sample->count();
    } else if (sample->name == "gw_ready") {
      reading.ready = sample->count() != 0;
    } else if (sample->name == "gw_table_info") {
      reading.table = sample->label("digest");
    }
  }
  for (const auto& [upstream, target] : unusable) ++reading.upstreams[upstream].unusable;
  return reading;
}

}  // namespace gw::cli
