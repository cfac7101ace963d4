#include "runtime/schema/decimal.h"

#include <algorithm>

namespace gw::schema {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr size_t kMaxExponentDigits = 15;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits without the point; nothing but zeros behind the last.
class DigitReader {
 public:
  explicit DigitReader(std::string_view digits) : at_(digits.data()), end_(at_ + digits.size()) {}
  bool more() const { return at_ != end_; }
  u32 next() {
    if (at_ == end_) return 0;
    if (*at_ == '.') ++at_;
    return static_cast<u32>(*at_++ - '0');
  }

 private:
  const char* at_;
  const char* end_;
};

void parse_exponent(std::string_view text, Decimal& number) {
  const bool negative = text[0] == '-';
  if (!is_digit(text[0])) text.remove_prefix(1);
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
  if (text.size() > kMaxExponentDigits) {
    number.huge = negative ? -1 : 1;
    number.huge_exponent = text;
    return;
  }
  i64 value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  number.exponent += negative ? -value : value;
}

int compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.huge != b.huge) return a.huge < b.huge ? -1 : 1;
  if (a.huge != 0 && a.huge_exponent != b.huge_exponent) {
    const bool less = a.huge_exponent.size() != b.huge_exponent.size()
                          ? a.huge_exponent.size() < b.huge_exponent.size()
                          : a.huge_exponent < b.huge_exponent;
    return less ? -a.huge : a.huge;
  }
  if (a.exponent != b.exponent) return a.exponent < b.exponent ? -1 : 1;
  DigitReader left(a.digits);
  DigitReader right(b.digits);
  while (left.more() || right.more()) {
    const u32 x = left.next();
    const u32 y = right.next();
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

u64 multiply_mod(u64 a, u64 b, u64 modulus) {
  return static_cast<u64>(static_cast<Wide>(a) * b % modulus);
}

u64 power_of_ten_mod(u64 exponent, u64 modulus) {
  u64 result = 1 % modulus;
  u64 base = 10 % modulus;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply_mod(result, base, modulus);
    base = multiply_mod(base, base, modulus);
  }
  return result;
}

}  // namespace

Decimal parse_decimal(std::string_view text) {
  Decimal number;
  if (text[0] == '-') {
    number.negative = true;
    text.remove_prefix(1);
  }
  // One pass: this is on the way of every number that has a limit.
  constexpr size_t kNowhere = std::string_view::npos;
  size_t end = 0;
  size_t first = kNowhere;
  size_t last = 0;
  size_t point = kNowhere;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '.') {
      point = end;
    } else if (!is_digit(c)) {
      break;
    } else if (c != '0') {
      if (first == kNowhere) first = end;
      last = end;
    }
  }
  if (first == kNowhere) return {};
  if (point == kNowhere) point = end;
  number.digits = text.substr(first, last - first + 1);
  const bool point_inside = point > first && point < last;
  number.digit_count = static_cast<u32>(number.digits.size() - (point_inside ? 1 : 0));
  number.exponent =
      point > first ? static_cast<i64>(point - first) : -static_cast<i64>(first - point - 1);
  if (end < text.size()) parse_exponent(text.substr(end + 1), number);
  return number;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.is_zero() && b.is_zero()) return 0;
  if (a.is_zero()) return b.negative ? 1 : -1;
  if (b.is_zero()) return a.negative ? -1 : 1;
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int order = compare_magnitudes(a, b);
  return a.negative ? -order : order;
}

bool is_multiple(const Decimal& number, u64 digits, i32 exponent) {
  if (number.is_zero()) return true;
  if (number.huge != 0) return false;
  while (digits % 10 == 0) {
    digits /= 10;
    ++exponent;
  }
  // N * 10^shift must be divisible by `digits`; neither ends with a zero.
  const i64 shift = number.exponent - static_cast<i64>(number.digit_count) - exponent;
  if (shift < 0) return false;
  u64 rest = 0;
  for (DigitReader reader(number.digits); reader.more();) {
    rest = static_cast<u64>((static_cast<Wide>(rest) * 10 + reader.next()) % digits);
  }
  return multiply_mod(rest, power_of_ten_mod(static_cast<u64>(shift), digits), digits) == 0;
}

void append_canonical(const Decimal& number, std::string& out) {
  if (number.is_zero()) {
    out += '0';
    return;
  }
  out += number.negative ? '-' : '+';
  for (DigitReader reader(number.digits); reader.more();) {
    out += static_cast<char>('0' + reader.next());
  }
  out += 'e';
  out += std::to_string(number.exponent);
  if (number.huge == 0) return;
  out += number.huge > 0 ? '+' : '-';
  out += number.huge_exponent;
}

bool small_integer(std::string_view text, i64& value) {
  const bool negative = text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.size() > 18) return false;
  i64 result = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    result = result * 10 + (c - '0');
  }
  value = negative ? -result : result;
  return true;
}

}  // namespace gw::schema
