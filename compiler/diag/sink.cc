#include "compiler/diag/sink.h"

#include <algorithm>
#include <tuple>

#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

auto order_of(const Diagnostic& d) {
  return std::tuple(d.primary.span.file, d.primary.span.begin, d.primary.span.end, d.rule,
                    std::string_view(d.message));
}

/// Damerau-Levenshtein distance in its optimal string alignment form, cut off above `limit`.
/// Cost: O(|a| * |b|), three rows.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
  const size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (difference > limit) return limit + 1;
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    size_t lowest = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
      lowest = std::min(lowest, row[j]);
    }
    if (lowest > limit) return limit + 1;
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::Info:
      return "info";
    case Severity::Warning:
      return "warning";
    case Severity::Error:
      return "error";
  }
  return "error";
}

void DiagnosticSink::report(Diagnostic diagnostic) {
  if (diagnostics_.size() >= kMaxDiagnostics) {
    ++dropped_[static_cast<size_t>(diagnostic.severity)];
    return;
  }
  diagnostics_.push_back(std::move(diagnostic));
  sorted_ = false;
}

const std::vector<Diagnostic>& DiagnosticSink::sorted() {
  if (sorted_) return diagnostics_;
  std::stable_sort(
      diagnostics_.begin(), diagnostics_.end(),
      [](const Diagnostic& a, const Diagnostic& b) { return order_of(a) < order_of(b); });
  const auto same = [](const Diagnostic& a, const Diagnostic& b) {
    return order_of(a) == order_of(b);
  };
  diagnostics_.erase(std::unique(diagnostics_.begin(), diagnostics_.end(), same),
                     diagnostics_.end());
  sorted_ = true;
  return diagnostics_;
}

size_t DiagnosticSink::count(Severity at_least) const {
  size_t dropped = 0;
  for (size_t severity = static_cast<size_t>(at_least); severity < 3; ++severity) {
    dropped += dropped_[severity];
  }
  return dropped + static_cast<size_t>(
                       std::count_if(diagnostics_.begin(), diagnostics_.end(),
                                     [&](const Diagnostic& d) { return d.severity >= at_least; }));
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr size_t kLongestWord = 100;  // nobody mistypes longer ones, and the cost is quadratic
  constexpr size_t kShortestPrefix = 4;
  if (word.empty() || word.size() > kLongestWord) return {};
  // A third of the word may be wrong; a mere difference of case is always near.
  const size_t limit = std::max<size_t>(1, word.size() / 3);
  const std::string wanted = lower_case(word);
  std::string_view best;
  size_t best_distance = limit + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate == word || candidate.empty()) continue;
    const std::string known = lower_case(candidate);
    size_t distance = edit_distance(wanted, known, limit);
    // `bearer` for `bearerAuth`: the begin of a word stands for it, when nothing is nearer.
    if (wanted.size() >= kShortestPrefix && known.starts_with(wanted)) {
      distance = std::min(distance, limit);
    }
    // A word of which nothing is left would be a guess, not a correction.
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view best = nearest(word, candidates);
  if (best.empty()) return {};
  return "did you mean `" + std::string(best) + "`?";
}

}  // namespace gw::compiler
