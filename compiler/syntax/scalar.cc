#include "compiler/syntax/scalar.h"

#include <cstring>

#include "runtime/base/hex.h"

namespace gw::compiler {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text, bool (*accepts)(char)) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!accepts(c)) return false;
  }
  return true;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }
bool is_hex(char c) { return hex_value(c) >= 0; }

/// Int or Float of `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, else
/// String.
NodeKind number_kind(std::string_view text) {
  size_t i = text[0] == '-' || text[0] == '+' ? 1 : 0;
  const std::string_view rest = text.substr(i);
  if (rest == ".inf" || rest == ".Inf" || rest == ".INF") return NodeKind::Float;
  const size_t whole_begin = i;
  while (i < text.size() && is_digit(text[i])) ++i;
  const bool whole = i > whole_begin;
  if (whole && i == text.size()) return NodeKind::Int;
  if (i < text.size() && text[i] == '.') {
    const size_t fraction_begin = ++i;
    while (i < text.size() && is_digit(text[i])) ++i;
    if (!whole && i == fraction_begin) return NodeKind::String;
  } else if (!whole) {
    return NodeKind::String;
  }
  if (i == text.size()) return NodeKind::Float;
  if (text[i] != 'e' && text[i] != 'E') return NodeKind::String;
  if (++i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  return all_digits(text.substr(i), is_digit) ? NodeKind::Float : NodeKind::String;
}

bool one_of(std::string_view text, std::string_view a, std::string_view b, std::string_view c) {
  return text == a || text == b || text == c;
}

/// Length of the well-formed sequence at the begin of `bytes`, or 0. Table 3-7 of the Unicode
/// Standard.
size_t sequence_length(std::string_view bytes) {
  const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<u8>(bytes[i]) : u8{0}; };
  const auto continues = [&](size_t i, u8 low = 0x80, u8 high = 0xbf) {
    return at(i) >= low && at(i) <= high;
  };
  const u8 lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const u8 low = lead == 0xe0 ? 0xa0 : 0x80;
    const u8 high = lead == 0xed ? 0x9f : 0xbf;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const u8 low = lead == 0xf0 ? 0x90 : 0x80;
    const u8 high = lead == 0xf4 ? 0x8f : 0xbf;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

NodeKind plain_kind(std::string_view text) {
  if (text.empty() || text == "~") return NodeKind::Null;
  const char first = text[0];
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    if (text.size() > 2 && text[0] == '0' && text[1] == 'o') {
      return all_digits(text.substr(2), is_octal) ? NodeKind::Int : NodeKind::String;
    }
    if (text.size() > 2 && text[0] == '0' && text[1] == 'x') {
      return all_digits(text.substr(2), is_hex) ? NodeKind::Int : NodeKind::String;
    }
    if (one_of(text, ".nan", ".NaN", ".NAN")) return NodeKind::Float;
    return number_kind(text);
  }
  if (text.size() == 4) {
    if (one_of(text, "null", "Null", "NULL")) return NodeKind::Null;
    if (one_of(text, "true", "True", "TRUE")) return NodeKind::Bool;
  }
  if (text.size() == 5 && one_of(text, "false", "False", "FALSE")) return NodeKind::Bool;
  return NodeKind::String;
}

size_t find_invalid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    u64 word = 0;
    while (i + sizeof word <= text.size()) {  // eight ASCII bytes at a time
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & 0x8080808080808080u) != 0) break;
      i += sizeof word;
    }
    if (i == text.size()) break;
    const size_t length = sequence_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return kAllValid;
}

void append_utf8(std::string& text, u32 code_point) {
  const auto put = [&](u32 byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

Diagnostic syntax_error(Span span, std::string message, std::string label, std::string help) {
  return {.rule = "syntax",
          .message = std::move(message),
          .primary = {span, std::move(label)},
          .help = std::move(help)};
}

void finish_tree(Tree& tree, DiagnosticSink& sink) {
  tree.finish([&](u32 first, u32 second) {
    const NodeRef earlier{&tree, first};
    const NodeRef later{&tree, second};
    sink.report({.rule = "duplicate-key",
                 .message = "the key `" + std::string(later.text()) + "` stands twice in one map",
                 .primary = {later.span(), "again here"},
                 .related = {{earlier.span(), "first here"}},
                 .help = "remove one of the two, or rename it",
                 .pointer = tree.pointer(second)});
  });
}

}  // namespace gw::compiler
