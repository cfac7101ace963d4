// Escapes and bracketed classes of both syntaxes.
#include <algorithm>

#include "compiler/regex/parse.h"
#include "runtime/base/hex.h"

namespace gw::compiler::regex {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_octal(char c) { return c >= '0' && c <= '7'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_digit(c) || is_letter(c) || c == '_'; }
bool is_punctuation(char c) { return c > ' ' && c < 0x7f && !is_word(c); }

struct PosixClass {
  std::string_view name;
  std::string_view pairs;  // first and last of each range
};
constexpr PosixClass kPosixClasses[] = {
    {"alnum", "09AZaz"},  {"alpha", "AZaz"},     {"ascii", ""},       {"blank", "\t\t  "},
    {"cntrl", ""},        {"digit", "09"},       {"graph", "!~"},     {"lower", "az"},
    {"print", " ~"},      {"punct", "!/:@[`{~"}, {"space", "\t\r  "}, {"upper", "AZ"},
    {"word", "09AZ__az"}, {"xdigit", "09AFaf"},
};

struct LongName {
  std::string_view name;
  std::string_view brief;
};
// ECMA-262 table of General_Category values that have long names (PropertyValueAliases.txt).
constexpr LongName kCategories[] = {
    {"Cased_Letter", "LC"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Uppercase_Letter", "Lu"},
    {"cntrl", "Cc"},
    {"digit", "Nd"},
    {"punct", "P"},
    {"Combining_Mark", "M"},
};

}  // namespace

CodePointSet Parser::folded(CodePointSet set) const {
  set.canonicalise();
  return flags_.fold_case ? fold_case(set) : set;
}

bool Parser::next_character(u32& code_point) {
  const size_t start = at_;
  const u8 lead = static_cast<u8>(text_[at_++]);
  code_point = lead;
  if (lead < 0x80) return true;
  const u32 more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (lead < 0xc2 || lead > 0xf4) return error(start, "the pattern is not valid UTF-8");
  code_point = lead & (0x3fu >> more);
  for (u32 i = 0; i < more; ++i) {
    const u8 byte = static_cast<u8>(peek());
    if (at_end() || (byte & 0xc0) != 0x80) return error(start, "the pattern is not valid UTF-8");
    code_point = code_point << 6 | (byte & 0x3fu);
    ++at_;
  }
  constexpr u32 kSmallest[] = {0, 0x80, 0x800, 0x10000};
  if (code_point < kSmallest[more] || code_point > kMaxCodePoint ||
      (code_point >= 0xd800 && code_point <= 0xdfff)) {
    return error(start, "the pattern is not valid UTF-8");
  }
  return true;
}

/// `at_` is at the backslash.
bool Parser::parse_escape() {
  const size_t start = at_;
  const char letter = peek(1);
  if (at_ + 1 >= text_.size()) return error(start, "a backslash at the end of the pattern");
  CodePointSet set;
  switch (letter) {
    case 'b':
    case 'B':
      at_ += 2;
      push_assertion(letter == 'b' ? Assertion::WordBoundary : Assertion::NotWordBoundary);
      return true;
    case 'p':
    case 'P':
      at_ += 2;
      if (!parse_property(letter == 'P', set)) return false;
      push_set(std::move(set));
      return true;
    case 'k':
      if (!re2()) return error(start, "back-references cannot run in linear time");
      break;
    case 'A':
    case 'z':
      if (!re2()) break;
      at_ += 2;
      push_assertion(letter == 'A' ? Assertion::TextBegin : Assertion::TextEnd);
      return true;
    case 'C':
      if (!re2()) break;
      return error(start, "`\\C` would split characters and is not supported");
    case 'Q':
      if (!re2()) break;
      at_ += 2;
      quoted_ = true;
      return true;
    case 'E':  // RE2 ignores a lone one
      if (!re2()) break;
      at_ += 2;
      return true;
    default:
      break;
  }
  if (parse_perl_class(letter, set)) {
    at_ += 2;
    push_set(std::move(set));
    return true;
  }
  u32 literal = 0;
  if (!parse_character_escape(false, literal)) return false;
  push_literal(literal);
  return true;
}

bool Parser::parse_perl_class(char letter, CodePointSet& set) const {
  switch (letter | 0x20) {
    case 'd':
      set.add('0', '9');
      break;
    case 'w':
      set = word_characters();
      break;
    case 's':
      set.add('\t', '\n');
      set.add('\f', '\r');
      set.add(' ', ' ');
      if (!re2()) {
        set.add('\v', '\v');
        for (const u32 c : {0xa0u, 0x1680u, 0x202fu, 0x205fu, 0x3000u, 0xfeffu}) set.add(c, c);
        set.add(0x2000, 0x200a);
        set.add(0x2028, 0x2029);
      }
      break;
    default:
      return false;
  }
  set = folded(std::move(set));
  if ((letter & 0x20) == 0) set.negate();
  return true;
}

/// After `\p` or `\P`.
bool Parser::parse_property(bool negated, CodePointSet& set) {
  const size_t start = at_ - 2;
  std::string_view name;
  if (take("{")) {
    const size_t close = text_.find('}', at_);
    if (close == std::string_view::npos) return error(start, "`\\p{` is not closed");
    name = text_.substr(at_, close - at_);
    at_ = close + 1;
  } else if (re2() && is_letter(peek())) {
    name = text_.substr(at_++, 1);
  } else {
    return error(start, "`\\p` needs a property in braces");
  }
  if (re2() && !name.empty() && name.front() == '^') {
    negated = !negated;
    name.remove_prefix(1);
  }
  if (!re2()) {
    for (const std::string_view key : {"Script=", "sc=", "General_Category=", "gc="}) {
      if (name.substr(0, key.size()) != key) continue;
      name.remove_prefix(key.size());
      break;
    }
    for (const LongName& category : kCategories) {
      if (category.name == name) name = category.brief;
    }
  }
  if (name == "LC") {
    for (const char* part : {"Lu", "Ll", "Lt"}) set.add(unicode_property(part));
    set.canonicalise();
  } else if (!re2() && name == "ASCII") {
    set = {0, 0x7f};
  } else {
    set = unicode_property(name);
  }
  if (set.empty()) {
    return error(start, "unknown or unsupported property `" + std::string(name) +
                            "`; general categories and scripts are supported");
  }
  set = folded(std::move(set));
  if (negated) set.negate();
  return true;
}

bool Parser::parse_hex(u32 digits, u32& value) {
  value = 0;
  for (u32 i = 0; i < digits; ++i) {
    const int digit = hex_value(peek());
    if (digit < 0) return false;
    value = value << 4 | static_cast<u32>(digit);
    ++at_;
  }
  return true;
}

/// `\u0041`, `\u{41}`, `\ud83d\ude00`; `at_` is after the `u`.
bool Parser::parse_ecma_unicode_escape(size_t start, u32& code_point) {
  if (take("{")) {
    code_point = 0;
    size_t digits = 0;
    for (; hex_value(peek()) >= 0 && digits < 8; ++digits, ++at_) {
      code_point = code_point << 4 | static_cast<u32>(hex_value(peek()));
    }
    if (digits == 0 || code_point > kMaxCodePoint || !take("}")) {
      return error(start, "not a code point");
    }
    return true;
  }
  if (!parse_hex(4, code_point)) return error(start, "`\\u` needs four hex digits");
  if (code_point < 0xd800 || code_point > 0xdbff || peek() != '\\' || peek(1) != 'u') return true;
  const size_t before = at_;
  at_ += 2;
  u32 low = 0;
  if (parse_hex(4, low) && low >= 0xdc00 && low <= 0xdfff) {
    code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
  } else {
    at_ = before;
  }
  return true;
}

/// An escape that stands for one character; `at_` is at the backslash.
bool Parser::parse_character_escape(bool in_class, u32& code_point) {
  const size_t start = at_++;
  if (at_end()) return error(start, "a backslash at the end of the pattern");
  const char letter = text_[at_++];
  code_point = static_cast<u8>(letter);
  switch (letter) {
    case 'f':
      code_point = '\f';
      return true;
    case 'n':
      code_point = '\n';
      return true;
    case 'r':
      code_point = '\r';
      return true;
    case 't':
      code_point = '\t';
      return true;
    case 'v':
      code_point = '\v';
      return true;
    case 'a':
      if (!re2()) break;
      code_point = '\a';
      return true;
    case 'b':
      if (re2() || !in_class) break;
      code_point = '\b';
      return true;
    case 'c':
      if (re2() || !is_letter(peek())) break;
      code_point = static_cast<u32>(text_[at_++]) & 0x1f;
      return true;
    case 'u':
      if (re2()) break;
      return parse_ecma_unicode_escape(start, code_point);
    case 'x':
      if (re2() && peek() == '{') return parse_ecma_unicode_escape(start, code_point);
      if (!parse_hex(2, code_point)) return error(start, "`\\x` needs two hex digits");
      return true;
    default:
      break;
  }
  if (is_digit(letter)) {
    const bool octal = re2() && is_octal(letter) && (letter == '0' || is_octal(peek()));
    if (octal) {
      code_point = static_cast<u32>(letter - '0');
      for (int i = 0; i < 2 && is_octal(peek()); ++i) {
        code_point = code_point * 8 + static_cast<u32>(text_[at_++] - '0');
      }
      return true;
    }
    if (letter == '0' && !is_digit(peek())) {
      code_point = 0;
      return true;
    }
    return error(start, in_class ? "unknown escape" : "back-references cannot run in linear time");
  }
  if (is_punctuation(letter) || (re2() && letter == ' ')) return true;
  return error(start, std::string("unknown escape `\\") +
                          (static_cast<u8>(letter) < 0x80 ? std::string(1, letter) : "") + "`");
}

/// `[[:alpha:]]`; `at_` is at the inner bracket. True without a set: not such a class.
bool Parser::parse_posix_class(CodePointSet& into) {
  const size_t close = text_.find(":]", at_ + 2);
  if (close == std::string_view::npos) return true;
  std::string_view name = text_.substr(at_ + 2, close - at_ - 2);
  const bool negated = !name.empty() && name.front() == '^';
  if (negated) name.remove_prefix(1);
  const auto* found = std::find_if(std::begin(kPosixClasses), std::end(kPosixClasses),
                                   [name](const PosixClass& it) { return it.name == name; });
  if (found == std::end(kPosixClasses)) return error(at_, "unknown POSIX class");
  for (size_t i = 0; i < found->pairs.size(); i += 2) {
    into.add(static_cast<u8>(found->pairs[i]), static_cast<u8>(found->pairs[i + 1]));
  }
  if (name == "ascii") into.add(0, 0x7f);
  if (name == "cntrl") {
    into.add(0, 0x1f);
    into.add(0x7f, 0x7f);
  }
  into = folded(std::move(into));
  if (negated) into.negate();
  at_ = close + 2;
  return true;
}

/// One member of a class: a set, or a single character that may begin a range.
bool Parser::parse_class_item(CodePointSet& into, std::optional<u32>& single) {
  single.reset();
  if (re2() && peek() == '[' && peek(1) == ':') {
    const size_t before = at_;
    if (!parse_posix_class(into)) return false;
    if (at_ != before) return true;
  }
  u32 literal = 0;
  if (peek() == '\\') {
    const char letter = peek(1);
    if (letter == 'p' || letter == 'P') {
      at_ += 2;
      return parse_property(letter == 'P', into);
    }
    if (parse_perl_class(letter, into)) {
      at_ += 2;
      return true;
    }
    if (!parse_character_escape(true, literal)) return false;
  } else if (!next_character(literal)) {
    return false;
  }
  single = literal;
  return true;
}

bool Parser::parse_class() {
  const size_t open = at_++;
  const bool negated = take("^");
  CodePointSet singles;  // folded as a whole
  CodePointSet sets;     // folded already
  bool first = true;
  while (at_end() || peek() != ']' || (first && re2())) {
    if (at_end()) return error(open, "the class opened here is not closed");
    first = false;
    const size_t item = at_;
    CodePointSet set;
    std::optional<u32> from;
    if (!parse_class_item(set, from)) return false;
    const bool range = peek() == '-' && at_ + 1 < text_.size() && peek(1) != ']';
    if (!range || (!from && !re2())) {
      if (range) return error(item, "a class cannot begin a range");
      if (from) singles.add(*from, *from);
      sets.add(set);
      continue;
    }
    if (!from) {  // RE2 reads `[\d-z]` as three members
      sets.add(set);
      continue;
    }
    ++at_;
    std::optional<u32> to;
    CodePointSet end_set;
    if (!parse_class_item(end_set, to)) return false;
    if (!to) return error(item, "a class cannot end a range");
    if (*to < *from) return error(item, "the range's ends are out of order");
    singles.add(*from, *to);
  }
  ++at_;
  CodePointSet all = folded(std::move(singles));
  all.add(sets);
  all.canonicalise();
  if (negated) all.negate();
  push_set(std::move(all));
  return true;
}

}  // namespace gw::compiler::regex
