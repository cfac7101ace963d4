// Numbers of JSON as what they say: decimal fractions of any length, compared without rounding.
#pragma once
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::schema {

/// A number taken apart: sign, digits from the first to the last that is not zero, and the position
/// of the point. Views the text.
struct Decimal {
  std::string_view digits;  // may hold the point; empty: zero
  u32 digit_count = 0;      // without the point
  bool negative = false;
  i64 exponent = 0;  // the value is 0.DIGITS times ten to this
  /// 1 or -1: the written exponent has more digits than any arithmetic needs. It is left out of
  /// `exponent`, and compared as text: such a number is larger, or nearer to zero, than all others.
  int huge = 0;
  std::string_view huge_exponent;

  bool is_zero() const { return digits.empty(); }
  bool is_integer() const {
    if (is_zero() || huge != 0) return huge >= 0;
    return exponent >= static_cast<i64>(digit_count);
  }
};

/// `text` is a number as JSON writes it.
Decimal parse_decimal(std::string_view text);
/// Negative, zero or positive, as a is less than, equal to or greater than b.
int compare(const Decimal& a, const Decimal& b);
/// Whether a number is digits * 10^exponent times an integer. `digits` is not zero.
bool is_multiple(const Decimal& number, u64 digits, i32 exponent);
/// Appends bytes that are the same for equal numbers only.
void append_canonical(const Decimal& number, std::string& out);
/// The value of an integer that fits; false: it has a fraction, an exponent, or more than 18
/// digits.
bool small_integer(std::string_view text, i64& value);

}  // namespace gw::schema
