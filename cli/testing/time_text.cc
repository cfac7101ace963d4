// Times of tests, as RFC 3339 writes them.
#include <fmt/format.h>

#include <chrono>

#include "cli/testing/suite.h"

namespace gw::cli::tests {
namespace {

class TimeText {
 public:
  explicit TimeText(std::string_view text) : rest_(text) {}

  bool number(size_t digits, i64& out) {
    if (rest_.size() < digits) return false;
    out = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      out = out * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return true;
  }
  bool one_of(std::string_view characters, char& out) {
    if (rest_.empty() || characters.find(rest_.front()) == characters.npos) return false;
    out = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  bool skip(std::string_view characters) {
    char ignored = 0;
    return one_of(characters, ignored);
  }
  // Milliseconds of a fraction; what is finer is cut off.
  bool fraction(i64& out) {
    out = 0;
    i64 unit = 100;
    size_t digits = 0;
    i64 digit = 0;
    while (number(1, digit)) {
      out += digit * unit;
      unit /= 10;
      ++digits;
    }
    return digits > 0;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace

std::optional<i64> parse_time(std::string_view text) {
  TimeText in(text);
  i64 year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction = 0;
  const bool begun = in.number(4, year) && in.skip("-") && in.number(2, month) && in.skip("-") &&
                     in.number(2, day) && in.skip("Tt ") && in.number(2, hour) && in.skip(":") &&
                     in.number(2, minute) && in.skip(":") && in.number(2, second);
  if (!begun || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  if (in.skip(".") && !in.fraction(fraction)) return std::nullopt;
  i64 offset_minutes = 0;
  char sign = 0;
  if (in.one_of("+-", sign)) {
    i64 hours = 0, minutes = 0;
    if (!in.number(2, hours) || !in.skip(":") || !in.number(2, minutes)) return std::nullopt;
    if (hours > 23 || minutes > 59) return std::nullopt;
    offset_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
  } else if (!in.skip("Zz")) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!in.at_end() || !date.ok()) return std::nullopt;
  const i64 days = std::chrono::sys_days(date).time_since_epoch().count();
  const i64 seconds = ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
  return seconds * 1000 + fraction;
}

std::string format_time(i64 unix_ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> when{std::chrono::milliseconds(unix_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(when - day)};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace gw::cli::tests
