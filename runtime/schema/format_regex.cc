// The syntax of regular expressions, ECMA-262 with flag u (section 22.2.1). Only whether a text is
// one: it is never run. Back-references and look-around are syntax like everything else.
#include <algorithm>

#include "runtime/base/hex.h"
#include "runtime/schema/formats.h"
#include "runtime/schema/text_reader.h"

namespace gw::schema {
namespace {

constexpr u32 kMaxNesting = 200;
constexpr u32 kNoPoint = ~u32{0};  // a class escape, which is no single character

class RegexSyntax {
 public:
  explicit RegexSyntax(std::string_view text) : in_(text) {}

  bool holds() {
    u32 open = 0;
    bool quantifiable = false;  // what stands before may be repeated
    while (!in_.at_end()) {
      const char c = in_.peek();
      if (c == ')') {
        if (open-- == 0) return false;
        in_.take();
        quantifiable = group_is_atom_[open];
      } else if (c == '(') {
        in_.take();
        if (open == kMaxNesting || !group_begins(group_is_atom_[open])) return false;
        ++open;
        quantifiable = false;
      } else if (!term(c, quantifiable)) {
        return false;
      }
    }
    return open == 0 && largest_reference_ <= groups_ && (!names_referred_ || names_defined_);
  }

 private:
  bool term(char c, bool& quantifiable) {
    switch (c) {
      case '|':
      case '^':
      case '$':
        in_.take();
        quantifiable = false;
        return true;
      case '*':
      case '+':
      case '?':
      case '{':
        if (!quantifiable || !quantifier()) return false;
        quantifiable = false;
        return true;
      case ']':
      case '}':
        return false;
      case '[':
        quantifiable = true;
        return character_class();
      case '\\':
        in_.take();
        return escape(quantifiable);
      default:
        in_.take();
        quantifiable = true;
        return true;
    }
  }

  bool group_begins(bool& is_atom) {
    is_atom = true;
    if (!in_.take_if('?')) {
      ++groups_;
      return true;
    }
    if (in_.take_if(':')) return true;
    if (in_.take_if('=') || in_.take_if('!')) {
      is_atom = false;
      return true;
    }
    if (!in_.take_if('<')) return false;
    if (in_.take_if('=') || in_.take_if('!')) {
      is_atom = false;
      return true;
    }
    ++groups_;
    names_defined_ = true;
    return group_name();
  }

  // Behind `<`, up to `>`.
  bool group_name() {
    const char first = in_.take();
    if (!is_letter(first) && first != '_' && first != '$' && static_cast<u8>(first) < 0x80) {
      return false;
    }
    while (!in_.at_end() && in_.peek() != '>') {
      const char c = in_.take();
      const bool fits = is_letter(c) || is_digit(c) || c == '_' || c == '$';
      if (!fits && static_cast<u8>(c) < 0x80) return false;
    }
    return in_.take_if('>');
  }

  bool quantifier() {
    if (in_.take() == '{') {
      const std::string_view low = number();
      if (low.empty()) return false;
      if (in_.take_if(',')) {
        const std::string_view high = number();
        if (!high.empty() && less(high, low)) return false;
      }
      if (!in_.take_if('}')) return false;
    }
    in_.take_if('?');
    return true;
  }

  std::string_view number() {
    const std::string_view rest = in_.rest();
    const size_t begin = in_.position();
    in_.skip_digits();
    return rest.substr(0, in_.position() - begin);
  }
  static bool less(std::string_view a, std::string_view b) {
    const auto strip = [](std::string_view& text) {
      while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
    };
    strip(a);
    strip(b);
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }

  // Behind a backslash, outside a class.
  bool escape(bool& quantifiable) {
    const char c = in_.peek();
    quantifiable = true;
    if (c == 'b' || c == 'B') {
      in_.take();
      quantifiable = false;
      return true;
    }
    if (c >= '1' && c <= '9') {
      const std::string_view digits = number();
      if (digits.size() > 4) return false;
      u32 reference = 0;
      for (const char digit : digits) reference = reference * 10 + static_cast<u32>(digit - '0');
      largest_reference_ = std::max(largest_reference_, reference);
      return true;
    }
    if (c == 'k') {
      in_.take();
      names_referred_ = true;
      return in_.take_if('<') && group_name();
    }
    u32 point = 0;
    return character_escape(point);
  }

  // Escapes that stand for one character, or for a class (kNoPoint).
  bool character_escape(u32& point) {
    const char c = in_.take();
    point = static_cast<u8>(c);
    switch (c) {
      case 'd':
      case 'D':
      case 's':
      case 'S':
      case 'w':
      case 'W':
        point = kNoPoint;
        return true;
      case 'p':
      case 'P':
        point = kNoPoint;
        return property();
      case 't':
      case 'n':
      case 'v':
      case 'f':
      case 'r':
        return true;
      case 'c':
        return is_letter(in_.take());
      case '0':
        point = 0;
        return !is_digit(in_.peek());
      case 'x':
        return hex_digits(2, point);
      case 'u':
        return in_.take_if('{') ? braced_point(point) : hex_digits(4, point);
      default:
        return c != '\0' && std::string_view("^$\\.*+?()[]{}|/").find(c) != std::string_view::npos;
    }
  }

  bool hex_digits(int count, u32& point) {
    point = 0;
    for (int i = 0; i < count; ++i) {
      const int digit = hex_value(in_.peek());
      if (digit < 0) return false;
      in_.take();
      point = point * 16 + static_cast<u32>(digit);
    }
    return true;
  }

  bool braced_point(u32& point) {
    point = 0;
    bool any = false;
    while (is_hex_digit(in_.peek())) {
      u32 digit = 0;
      hex_digits(1, digit);
      point = point * 16 + digit;
      if (point > 0x10ffff) return false;
      any = true;
    }
    return any && in_.take_if('}');
  }

  // \p{Name} or \p{Name=Value}; which names there are is not known here.
  bool property() {
    if (!in_.take_if('{')) return false;
    bool any = false;
    bool value = false;
    while (!in_.at_end() && in_.peek() != '}') {
      const char c = in_.take();
      if (c == '=') {
        if (!any || value) return false;
        value = true;
        any = false;
        continue;
      }
      if (!is_letter(c) && !is_digit(c) && c != '_') return false;
      any = true;
    }
    return any && in_.take_if('}');
  }

  bool character_class() {
    in_.take();
    in_.take_if('^');
    while (!in_.at_end() && in_.peek() != ']') {
      u32 low = 0;
      if (!class_atom(low)) return false;
      if (in_.peek() != '-' || in_.peek(1) == ']' || in_.peek(1) == '\0') continue;
      in_.take();
      u32 high = 0;
      if (!class_atom(high) || low == kNoPoint || high == kNoPoint || low > high) return false;
    }
    return in_.take_if(']');
  }

  bool class_atom(u32& point) {
    const char c = in_.take();
    if (c == '\\') {
      if (in_.take_if('b')) {
        point = 8;
        return true;
      }
      if (in_.take_if('-')) {
        point = '-';
        return true;
      }
      return character_escape(point);
    }
    const u8 lead = static_cast<u8>(c);
    const int more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    point = more == 0 ? lead : lead & (0x3fu >> more);
    for (int i = 0; i < more; ++i) point = point << 6 | (static_cast<u8>(in_.take()) & 0x3f);
    return true;
  }

  TextReader in_;
  bool group_is_atom_[kMaxNesting] = {};
  u32 groups_ = 0;
  u32 largest_reference_ = 0;
  bool names_defined_ = false;
  bool names_referred_ = false;
};

}  // namespace

bool is_regex(std::string_view text) { return RegexSyntax(text).holds(); }

}  // namespace gw::schema
