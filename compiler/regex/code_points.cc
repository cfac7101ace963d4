// Unicode data come from RE2, which is linked anyway: its class is run once over a text that holds
// every code point, and the hits are collected. That takes some milliseconds, is done only for
// properties and non-ASCII case folding, and is remembered per thread.
#include "compiler/regex/code_points.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace gw::compiler::regex {
namespace {

constexpr u32 kSurrogateFirst = 0xd800;
constexpr u32 kSurrogateLast = 0xdfff;

void append_utf8(std::string& out, u32 c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

u32 decode_utf8(const char* p) {
  const auto byte = [p](int i) { return u32{static_cast<u8>(p[i])}; };
  if (byte(0) < 0x80) return byte(0);
  if (byte(0) < 0xe0) return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
  if (byte(0) < 0xf0) return (byte(0) & 0xf) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  return (byte(0) & 7) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
}

const std::string& every_code_point() {
  static const std::string text = [] {
    std::string all;
    all.reserve(4'400'000);
    for (u32 c = 0; c <= kMaxCodePoint; ++c) {
      if (c < kSurrogateFirst || c > kSurrogateLast) append_utf8(all, c);
    }
    return all;
  }();
  return text;
}

/// The code points that RE2 class text `text` (e.g. `\p{Greek}`) matches.
CodePointSet ask_re2(const std::string& text) {
  thread_local std::map<std::string, CodePointSet> known;
  if (const auto it = known.find(text); it != known.end()) return it->second;
  CodePointSet set;
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 expression("(" + text + "+)", options);
  if (expression.ok()) {
    re2::StringPiece rest(every_code_point());
    re2::StringPiece run;
    while (RE2::FindAndConsume(&rest, expression, &run)) {
      const char* last = run.data() + run.size() - 1;
      while ((static_cast<u8>(*last) & 0xc0) == 0x80) --last;
      const u32 first_point = decode_utf8(run.data());
      const u32 last_point = decode_utf8(last);
      if (first_point < kSurrogateFirst && last_point > kSurrogateLast) {
        set.add(first_point, kSurrogateFirst - 1);
        set.add(kSurrogateLast + 1, last_point);
      } else {
        set.add(first_point, last_point);
      }
    }
    set.canonicalise();
  }
  constexpr size_t kMaxKnown = 256;
  if (known.size() >= kMaxKnown) known.clear();
  known.emplace(text, set);
  return set;
}

}  // namespace

void CodePointSet::canonicalise() {
  std::sort(ranges_.begin(), ranges_.end());
  std::vector<CodePointRange> merged;
  for (const CodePointRange& range : ranges_) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  ranges_ = std::move(merged);
}

void CodePointSet::negate() {
  std::vector<CodePointRange> gaps;
  u32 next = 0;
  for (const CodePointRange& range : ranges_) {
    if (range.first > next) gaps.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kMaxCodePoint) gaps.push_back({next, kMaxCodePoint});
  ranges_ = std::move(gaps);
}

bool CodePointSet::contains(u32 code_point) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [code_point](const CodePointRange& range) {
    return range.first <= code_point && code_point <= range.last;
  });
}

std::string print_class(const CodePointSet& set) {
  if (set.empty()) return "[^\\x{0}-\\x{10FFFF}]";
  std::string out = "[";
  const auto print_point = [&out](u32 c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      out += static_cast<char>(c);
      return;
    }
    char text[16];
    std::snprintf(text, sizeof text, "\\x{%X}", c);
    out += text;
  };
  for (const CodePointRange& range : set.ranges()) {
    print_point(range.first);
    if (range.last == range.first) continue;
    if (range.last > range.first + 1) out += '-';
    print_point(range.last);
  }
  return out + "]";
}

CodePointSet fold_case(const CodePointSet& set) {
  if (set.empty()) return set;
  if (set.ranges().back().last >= 0x80) return ask_re2("(?i:" + print_class(set) + ")");
  CodePointSet folded = set;
  for (const CodePointRange& range : set.ranges()) {
    for (u32 c = range.first; c <= range.last; ++c) {
      const u32 lower = c | 0x20;
      if (lower < 'a' || lower > 'z') continue;
      folded.add(c ^ 0x20, c ^ 0x20);
      if (lower == 'k') folded.add(0x212a, 0x212a);  // Kelvin sign
      if (lower == 's') folded.add(0x17f, 0x17f);    // long s
    }
  }
  folded.canonicalise();
  return folded;
}

CodePointSet unicode_property(std::string_view name) {
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter) return {};
  }
  return ask_re2("\\p{" + std::string(name) + "}");
}

CodePointSet word_characters() {
  CodePointSet set;
  set.add('0', '9');
  set.add('A', 'Z');
  set.add('_', '_');
  set.add('a', 'z');
  return set;
}

}  // namespace gw::compiler::regex
