// Collects diagnostics in any order and gives them back in a stable one.
#pragma once
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace gw::compiler {

class DiagnosticSink {
 public:
  /// More than these are counted, but not kept: a hostile document has as many as it likes.
  static constexpr size_t kMaxDiagnostics = 200'000;

  /// Keeps `diagnostic`. An exact repetition (rule, place and message) is dropped.
  void report(Diagnostic diagnostic);
  /// All, by file, position, rule; stable.
  const std::vector<Diagnostic>& sorted();
  /// Unsorted, as reported.
  std::vector<Diagnostic>& all() { return diagnostics_; }
  size_t count(Severity at_least) const;
  size_t error_count() const { return count(Severity::Error); }

 private:
  std::vector<Diagnostic> diagnostics_;
  bool sorted_ = true;
  size_t dropped_[3] = {};  // by severity
};

/// Nearest of `candidates` to `word` by edit distance (with transpositions), if near enough to
/// be what was meant; empty otherwise.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);
/// "did you mean `x`?" or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace gw::compiler
