// Reads Structured Fields (RFC 9651 section 4.2): the algorithms of that section, one function for
// each, over one cursor. Numbers are kept as integers (a Decimal in thousandths), which holds each
// of them exactly.
#include <algorithm>
#include <new>

#include "runtime/base/hex.h"
#include "runtime/http/structured_field.h"
#include "runtime/http/structured_text.h"
#include "runtime/json/text.h"

namespace gw::http::structured {
namespace {

constexpr u32 kMaxDigits = 15;         // of an Integer
constexpr u32 kMaxDecimalDigits = 12;  // of a Decimal before its point
constexpr u32 kMaxFractionDigits = 3;

// Grows within the arena by doubling: what it leaves behind is never more than what it holds.
template <class T>
class Growing {
 public:
  explicit Growing(Arena& arena) : arena_(arena) {}

  u32 size() const { return size_; }
  void push(const T& value) {
    if (size_ == capacity_) grow();
    new (&data_[size_++]) T(value);
  }
  // The one with this key, or a new one behind all others.
  T& slot(std::string_view key) {
    for (u32 i = 0; i < size_; ++i) {
      if (data_[i].key == key) return data_[i];
    }
    push(T{});
    data_[size_ - 1].key = key;
    return data_[size_ - 1];
  }
  bool has(std::string_view key) const {
    return std::any_of(data_, data_ + size_, [&](const T& each) { return each.key == key; });
  }
  std::span<const T> all() const { return {data_, size_}; }

 private:
  void grow() {
    capacity_ = capacity_ == 0 ? 2 : capacity_ * 2;
    T* larger = arena_.allocate_array<T>(capacity_);
    for (u32 i = 0; i < size_; ++i) new (&larger[i]) T(data_[i]);
    data_ = larger;
  }

  Arena& arena_;
  T* data_ = nullptr;
  u32 size_ = 0;
  u32 capacity_ = 0;
};

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

class Parser {
 public:
  Parser(std::string_view text, Arena& arena)
      : at_(text.data()), end_(text.data() + text.size()), arena_(arena) {}

  bool fail(std::string_view what) {
    if (what_.empty()) what_ = what;
    return false;
  }
  Error error() const { return {.code = Errc::BadRequest, .what = what_}; }

  void skip_spaces() {
    while (peek() == ' ') ++at_;
  }
  bool at_end() const { return at_ == end_; }

  bool item(Item& out) { return bare_item(out.value) && parameters(out.parameters); }

  bool list(Members& out) {
    Growing<Member> members(arena_);
    while (!at_end()) {
      Member member;
      if (!item_or_inner_list(member)) return false;
      if (members.size() == kMaxMembers) return fail("a list with too many members");
      members.push(member);
      if (!separator()) return false;
    }
    out = members.all();
    return true;
  }

  bool dictionary(Members& out) {
    Growing<Member> members(arena_);
    while (!at_end()) {
      Member member;
      if (!key(member.key)) return false;
      if (!take('=')) {
        if (!parameters(member.parameters)) return false;  // the value is true
      } else if (!item_or_inner_list(member)) {
        return false;
      }
      if (members.size() == kMaxMembers && !members.has(member.key)) {
        return fail("a dictionary with too many members");
      }
      members.slot(member.key) = member;
      if (!separator()) return false;
    }
    out = members.all();
    return true;
  }

 private:
  // NUL at the end, where no rule allows one.
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void skip_white_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
  }
  std::string_view since(const char* begin) const {
    return {begin, static_cast<size_t>(at_ - begin)};
  }

  // Between two members, or the end.
  bool separator() {
    skip_white_space();
    if (at_end()) return true;
    if (!take(',')) return fail("no comma between two members");
    skip_white_space();
    return !at_end() || fail("a comma at the end");
  }

  bool item_or_inner_list(Member& out) {
    if (peek() != '(') return bare_item(out.value) && parameters(out.parameters);
    out.is_inner_list = true;
    return inner_list(out.items) && parameters(out.parameters);
  }

  bool inner_list(std::span<const Item>& out) {
    ++at_;
    Growing<Item> items(arena_);
    while (!at_end()) {
      skip_spaces();
      if (take(')')) {
        out = items.all();
        return true;
      }
      Item each;
      if (!item(each)) return false;
      if (items.size() == kMaxInnerItems) return fail("an inner list with too many items");
      items.push(each);
      if (peek() != ' ' && peek() != ')') return fail("no space between two items");
    }
    return fail("an inner list without its end");
  }

  bool parameters(std::span<const Parameter>& out) {
    if (peek() != ';') return true;
    Growing<Parameter> all(arena_);
    while (take(';')) {
      skip_spaces();
      Parameter each{.key = {}, .value = BareItem::boolean(true)};
      if (!key(each.key)) return false;
      if (take('=') && !bare_item(each.value)) return false;
      if (all.size() == kMaxParameters && !all.has(each.key)) {
        return fail("an item with too many parameters");
      }
      all.slot(each.key) = each;
    }
    out = all.all();
    return true;
  }

  bool key(std::string_view& out) {
    const char* begin = at_;
    if (!is_key_start(peek())) return fail("no key where one must be");
    while (is_key_character(peek())) ++at_;
    out = since(begin);
    return out.size() <= kMaxKeyBytes || fail("a key that is too long");
  }

  bool bare_item(BareItem& out) {
    const char first = peek();
    if (first == '-' || is_digit(first)) return number(out);
    if (first == '"') return string(out);
    if (is_token_start(first)) return token(out);
    switch (first) {
      case ':':
        return byte_sequence(out);
      case '?':
        return boolean(out);
      case '@':
        return date(out);
      case '%':
        return display_string(out);
      default:
        return fail("no value where one must be");
    }
  }

  bool number(BareItem& out) {
    const bool negative = take('-');
    u32 digits = 0;
    i64 value = 0;
    for (; is_digit(peek()); ++at_, ++digits) {
      if (digits == kMaxDigits) return fail("a number with too many digits");
      value = value * 10 + (*at_ - '0');
    }
    if (digits == 0) return fail("a number without digits");
    out = BareItem::integer(value);
    if (take('.') && !fraction(digits, out)) return false;
    if (negative) out.number = -out.number;
    return true;
  }

  bool fraction(u32 digits_before, BareItem& out) {
    if (digits_before > kMaxDecimalDigits) return fail("a decimal with too many digits");
    out.type = Type::Decimal;
    u32 digits = 0;
    for (; is_digit(peek()); ++at_, ++digits) {
      if (digits == kMaxFractionDigits) return fail("a decimal with too many digits");
      out.number = out.number * 10 + (*at_ - '0');
    }
    if (digits == 0) return fail("a decimal that ends in its point");
    for (; digits < kMaxFractionDigits; ++digits) out.number *= 10;
    return true;
  }

  bool string(BareItem& out) {
    const char* begin = ++at_;
    bool escaped = false;
    for (; at_ != end_ && *at_ != '"'; ++at_) {
      if (!is_visible(*at_)) return fail("a character that no string has");
      if (*at_ != '\\') continue;
      escaped = true;
      ++at_;
      if (peek() != '"' && peek() != '\\') return fail("an escape of what needs none");
    }
    out = BareItem::string(since(begin));
    if (!take('"')) return fail("a string without its end");
    if (escaped) out.text = unescaped(out.text);
    return true;
  }

  std::string_view unescaped(std::string_view text) {
    char* to = static_cast<char*>(arena_.allocate(text.size(), 1));
    size_t size = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\') ++i;
      to[size++] = text[i];
    }
    return {to, size};
  }

  bool token(BareItem& out) {
    const char* begin = at_;
    while (is_token_character(peek())) ++at_;
    out = BareItem::token(since(begin));
    return true;
  }

  bool byte_sequence(BareItem& out) {
    const char* begin = ++at_;
    while (at_ != end_ && *at_ != ':') ++at_;
    const std::string_view text = since(begin);
    if (!take(':')) return fail("a byte sequence without its end");
    out = BareItem::bytes({});
    return base64(text, out.text);
  }

  // Padding that is missing and bits that are left over are let pass (section 4.2.7).
  bool base64(std::string_view text, std::string_view& out) {
    size_t padding = 0;
    while (padding < 2 && text.ends_with('=')) {
      text.remove_suffix(1);
      ++padding;
    }
    if (text.size() % 4 == 1) return fail("a byte sequence that is no base64");
    if (padding != 0 && (text.size() + padding) % 4 != 0) {
      return fail("a byte sequence with wrong padding");
    }
    char* to = static_cast<char*>(arena_.allocate(text.size(), 1));
    size_t size = 0;
    u32 bits = 0;
    u32 bit_count = 0;
    for (const char c : text) {
      const int digit = base64_digit(c);
      if (digit < 0) return fail("a byte sequence that is no base64");
      bits = (bits << 6 | static_cast<u32>(digit)) & 0xffffff;
      bit_count += 6;
      if (bit_count < 8) continue;
      bit_count -= 8;
      to[size++] = static_cast<char>(bits >> bit_count);
    }
    out = {to, size};
    return true;
  }

  bool boolean(BareItem& out) {
    ++at_;
    const char c = peek();
    if (c != '0' && c != '1') return fail("a boolean that is neither 0 nor 1");
    ++at_;
    out = BareItem::boolean(c == '1');
    return true;
  }

  bool date(BareItem& out) {
    ++at_;
    if (!number(out)) return false;
    if (out.type != Type::Integer) return fail("a date that is no integer");
    out.type = Type::Date;
    return true;
  }

  bool display_string(BareItem& out) {
    ++at_;
    if (!take('"')) return fail("a display string without quotes");
    const char* begin = at_;
    while (at_ != end_ && *at_ != '"') ++at_;
    const std::string_view text = since(begin);
    if (!take('"')) return fail("a display string without its end");
    out = BareItem::display({});
    return percent_decoded(text, out.text);
  }

  bool percent_decoded(std::string_view text, std::string_view& out) {
    char* to = static_cast<char*>(arena_.allocate(text.size(), 1));
    size_t size = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (!is_visible(text[i])) return fail("a character that no display string has");
      if (text[i] != '%') {
        to[size++] = text[i];
        continue;
      }
      // Capitals are refused (section 4.2.10).
      const int high = i + 2 < text.size() ? lower_hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? lower_hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail("a percent sign without two digits");
      to[size++] = static_cast<char>(high << 4 | low);
      i += 2;
    }
    out = {to, size};
    return json::is_utf8(out) || fail("a display string that is no UTF-8");
  }

  const char* at_;
  const char* end_;
  Arena& arena_;
  std::string_view what_;
};

// What all three have in common: spaces around the value, and nothing behind it.
template <class T, class Read>
Result<T> parse(std::string_view text, Arena& arena, Read read) {
  if (text.size() > kMaxTextBytes) return fail(Errc::BadRequest, "a field that is too long");
  Parser parser(text, arena);
  T out{};
  parser.skip_spaces();
  if (!(parser.*read)(out)) return fail(parser.error());
  parser.skip_spaces();
  if (!parser.at_end()) return fail(Errc::BadRequest, "something behind the value");
  return out;
}

}  // namespace

Result<Item> parse_item(std::string_view text, Arena& arena) {
  return parse<Item>(text, arena, &Parser::item);
}
Result<Members> parse_list(std::string_view text, Arena& arena) {
  return parse<Members>(text, arena, &Parser::list);
}
Result<Members> parse_dictionary(std::string_view text, Arena& arena) {
  return parse<Members>(text, arena, &Parser::dictionary);
}

std::string_view join_lines(std::span<const std::string_view> lines, Arena& arena) {
  if (lines.empty()) return {};
  if (lines.size() == 1) return lines[0];
  size_t bytes = 2 * (lines.size() - 1);
  for (const std::string_view line : lines) bytes += line.size();
  char* to = static_cast<char*>(arena.allocate(bytes, 1));
  size_t at = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) {
      to[at++] = ',';
      to[at++] = ' ';
    }
    std::ranges::copy(lines[i], to + at);
    at += lines[i].size();
  }
  return {to, at};
}

const BareItem* find(std::span<const Parameter> parameters, std::string_view key) {
  for (const Parameter& each : parameters) {
    if (each.key == key) return &each.value;
  }
  return nullptr;
}

const Member* find(Members dictionary, std::string_view key) {
  for (const Member& each : dictionary) {
    if (each.key == key) return &each;
  }
  return nullptr;
}

}  // namespace gw::http::structured
