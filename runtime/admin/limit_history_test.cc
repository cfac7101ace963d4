#include "runtime/admin/limit_history.h"

#include <catch2/catch.hpp>

using namespace gw;
using namespace gw::admin;
using limits::LimitUse;

namespace {

// Counts of limits, and a clock that is moved by hand.
struct Counted {
  std::map<std::string, observe::LimitTotals> totals;
  LimitHistory history;
  i64 now_ms = 1'700'000'000'000;

  void ask(const std::string& name, LimitUse use, u64 times = 1) {
    totals[name].uses[static_cast<size_t>(use)] += times;
    if (use == LimitUse::Over) totals[name].refused += times;
  }
  void sample(i64 after_ms = 5'000) {
    now_ms += after_ms;
    history.sample(now_ms, totals);
  }
  u64 uses(const char* name, LimitUse use) const {
    const LimitLately* lately = history.lately(name);
    REQUIRE(lately != nullptr);
    return lately->uses[static_cast<size_t>(use)];
  }
};

}  // namespace

TEST_CASE("limits: use is told in steps that do not round a limit away", "[limits]") {
  struct Case {
    u64 remaining, capacity;
    LimitUse use;
  };
  constexpr Case kCases[] = {
      {100, 100, LimitUse::Low},
      {51, 100, LimitUse::Low},
      {50, 100, LimitUse::Half},
      {21, 100, LimitUse::Half},
      {20, 100, LimitUse::High},
      {6, 100, LimitUse::High},
      {5, 100, LimitUse::Full},
      {0, 100, LimitUse::Full},
      {0, 1, LimitUse::Full},
      {1, 2, LimitUse::Half},
      {0, 2, LimitUse::Full},
      {2, 3, LimitUse::Low},
      {~u64{0} - 1, ~u64{0}, LimitUse::Low},
      {0, ~u64{0}, LimitUse::Full},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.remaining, one.capacity);
    CHECK(limits::limit_use(one.remaining, one.capacity) == one.use);
  }
}

TEST_CASE("limit history: what has come in the last minutes is kept, and no more", "[limits]") {
  Counted counted;
  counted.ask("few", LimitUse::Full, 3);
  counted.ask("few", LimitUse::Over, 2);
  counted.sample();
  CHECK(counted.uses("few", LimitUse::Full) == 3);
  CHECK(counted.history.lately("few")->refused == 2);
  counted.ask("few", LimitUse::Low, 7);
  counted.sample(60'000);
  CHECK(counted.uses("few", LimitUse::Low) == 7);
  CHECK(counted.uses("few", LimitUse::Full) == 3);
  for (size_t i = 0; i + 1 < kLimitMinutes; ++i) counted.sample(60'000);
  CHECK(counted.uses("few", LimitUse::Full) == 0);
  CHECK(counted.history.lately("few")->refused == 0);
  CHECK(counted.uses("few", LimitUse::Low) == 7);
  counted.sample(60'000 * 100);  // a standstill
  CHECK_FALSE(highest_use(*counted.history.lately("few")).has_value());
}

TEST_CASE("limit history: who is forgotten is gone, and counts afresh when he comes back",
          "[limits]") {
  Counted counted;
  counted.ask("few", LimitUse::Full, 3);
  counted.sample();
  counted.totals.clear();
  counted.sample();
  CHECK(counted.history.lately("few") == nullptr);
  counted.ask("few", LimitUse::Full, 1);
  counted.sample();
  CHECK(counted.uses("few", LimitUse::Full) == 1);
  counted.totals["few"] = {};  // a reload has brought other counters of this name
  counted.ask("few", LimitUse::Low, 2);
  counted.sample();
  CHECK(counted.uses("few", LimitUse::Low) == 2);
}

TEST_CASE("limit history: any number of limits takes bounded memory", "[limits]") {
  Counted counted;
  for (size_t i = 0; i < kLimitsFollowed + 10; ++i) {
    counted.ask("limit" + std::to_string(100'000 + i), LimitUse::Low);
  }
  counted.sample();
  CHECK(counted.history.lately("limit100000") != nullptr);
  CHECK(counted.history.lately("limit" + std::to_string(100'000 + kLimitsFollowed)) == nullptr);
}

TEST_CASE("limit history: the nearest to its end has met the highest use, most often", "[limits]") {
  const auto lately = [](u64 low, u64 full, u64 over) {
    LimitLately one;
    one.uses = {low, 0, 0, full, over};
    return one;
  };
  CHECK(is_nearer(lately(100, 0, 1), lately(0, 50, 0)));
  CHECK(is_nearer(lately(10, 5, 0), lately(1'000, 6, 0)));
  CHECK(is_nearer(lately(1, 0, 0), lately(0, 0, 0)));
  CHECK_FALSE(is_nearer(lately(0, 0, 0), lately(0, 0, 0)));
  CHECK_FALSE(is_nearer(lately(1, 0, 0), lately(1, 0, 0)));
}
