#include <catch2/catch.hpp>

#include "runtime/limits/counter_store.h"

namespace gw::limits {
namespace {

constexpr i64 kHour = 3'600'000;
constexpr i64 kDay = 24 * kHour;

TEST_CASE("period: ends with the hour, the day, the week on Monday, the month", "[limits]") {
  struct Case {
    const char* when;
    i64 unix_ms;
    Period period;
    i64 end_ms;
  };
  const Case cases[] = {
      {"1970-01-01 00:00", 0, Period::Hour, kHour},
      {"1970-01-01 00:59:59.999", kHour - 1, Period::Hour, kHour},
      {"1970-01-01 01:00", kHour, Period::Hour, 2 * kHour},
      {"1970-01-01 23:59", kDay - 60'000, Period::Day, kDay},
      {"a Thursday", 0, Period::Week, 4 * kDay},
      {"a Sunday", 3 * kDay, Period::Week, 4 * kDay},
      {"a Monday", 4 * kDay, Period::Week, 11 * kDay},
      {"January", 30 * kDay, Period::Month, 31 * kDay},
      {"2024-02-29, a leap year", 1'709'164'800'000, Period::Month, 1'709'251'200'000},
      {"2026-02-28", 1'772'236'800'000, Period::Month, 1'772'323'200'000},
      {"2026-12-31", 1'798'675'200'000, Period::Month, 1'798'761'600'000},
      {"2100-02-28, no leap year", 4'107'456'000'000, Period::Month, 4'107'542'400'000},
      {"2019-12-30, a Monday", 1'577'664'000'000, Period::Week, 1'578'268'800'000},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.when) {
      CHECK(static_cast<i64>(period_end_hours(c.unix_ms, c.period)) * kHour == c.end_ms);
    }
  }
}

TEST_CASE("period: every hour of 200 years lies before its ends, and they move on", "[limits]") {
  for (const Period period : {Period::Hour, Period::Day, Period::Week, Period::Month}) {
    u64 last = 0;
    for (u64 hour = 0; hour < 200 * 366 * 24; hour += 7) {
      const u64 end = period_end_hours(static_cast<i64>(hour) * kHour, period);
      const u64 longest = period == Period::Month ? 31 * 24 : period == Period::Week ? 7 * 24 : 24;
      if (end <= hour || end - hour > longest || end < last) {
        CAPTURE(hour, end);
        FAIL("a period that does not hold its own time");
      }
      last = end;
    }
  }
}

}  // namespace
}  // namespace gw::limits
