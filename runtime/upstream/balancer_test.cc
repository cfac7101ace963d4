// Shares of targets, agreement of workers, and who moves when a target leaves.
#include "runtime/upstream/balancer.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "runtime/base/random.h"
#include "runtime/upstream/testing/fetch_bench.h"

using namespace gw;
using namespace gw::upstream;
using gw::upstream::testing::config_of;
using std::chrono::milliseconds;

namespace {

struct SeededRandom final : Random {
  explicit SeededRandom(u64 seed) : source(seed) {}
  u64 next() override { return source.next(); }
  Xoshiro source;
};

const TimePoint kNow = TimePoint{} + std::chrono::hours(1);

UpstreamConfig upstream_of(const std::vector<u32>& weights, Balance balance) {
  UpstreamConfig config = config_of(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) config.targets[i].weight = weights[i];
  config.balance = balance;
  attach_new_state(config);
  return config;
}

void take_out(UpstreamConfig& config, size_t target) {
  config.targets[target].state->healthy = false;
  config.state->changed();
}

// How often each target is chosen for `count` requests with different keys.
std::vector<u32> spread(Balancer& balancer, size_t targets, u32 count) {
  std::vector<u32> times(targets);
  Xoshiro keys(99);
  for (u32 i = 0; i < count; ++i) {
    const Choice choice{.hash = keys.next(), .hashed = true};
    const u32 target = balancer.choose(kNow, choice);
    REQUIRE(target < targets);
    ++times[target];
  }
  return times;
}

}  // namespace

TEST_CASE("balancer: shares follow the weights", "[upstream][balancer]") {
  const auto balance = GENERATE(Balance::RoundRobin, Balance::LeastRequest, Balance::Random,
                                Balance::RingHash, Balance::Maglev);
  CAPTURE(static_cast<int>(balance));
  const UpstreamConfig config = upstream_of({1, 2, 0, 5}, balance);
  SeededRandom random(7);
  Balancer balancer(config, random);
  const std::vector<u32> times = spread(balancer, 4, 40'000);
  // A ring of points is uneven by its nature; the others are close.
  const double tolerance = balance == Balance::RingHash ? 0.35 : 0.06;
  CHECK(times[2] == 0);
  CHECK(std::abs(times[0] / 5'000.0 - 1) < tolerance);
  CHECK(std::abs(times[1] / 10'000.0 - 1) < tolerance);
  CHECK(std::abs(times[3] / 25'000.0 - 1) < tolerance);
}

TEST_CASE("balancer: workers agree on the target of a key", "[upstream][balancer]") {
  const auto balance = GENERATE(Balance::RingHash, Balance::Maglev);
  UpstreamConfig config = upstream_of({1, 1, 1, 2, 3}, balance);
  SeededRandom one_random(1);
  SeededRandom other_random(2);
  Balancer one(config, one_random);
  Balancer other(config, other_random);
  for (const bool with_one_away : {false, true}) {
    if (with_one_away) take_out(config, 3);
    Xoshiro keys(5);
    for (int i = 0; i < 2000; ++i) {
      const Choice choice{.hash = keys.next(), .hashed = true};
      CHECK(one.choose(kNow, choice) == other.choose(kNow, choice));
    }
  }
}

TEST_CASE("balancer: when a target leaves only its keys move, and come back",
          "[upstream][balancer]") {
  const auto balance = GENERATE(Balance::RingHash, Balance::Maglev);
  UpstreamConfig config = upstream_of({1, 1, 1, 1, 1, 1}, balance);
  SeededRandom random(1);
  Balancer balancer(config, random);
  const auto targets_of_keys = [&] {
    std::vector<u32> targets;
    Xoshiro keys(5);
    for (int i = 0; i < 6000; ++i) {
      targets.push_back(balancer.choose(kNow, {.hash = keys.next(), .hashed = true}));
    }
    return targets;
  };
  const std::vector<u32> before = targets_of_keys();
  take_out(config, 2);
  const std::vector<u32> without = targets_of_keys();
  std::map<u32, u32> takers;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] != 2) CHECK(without[i] == before[i]);
    if (before[i] == 2) ++takers[without[i]];
  }
  CHECK(takers.count(2) == 0);
  CHECK(takers.size() == 5);  // they are spread over all the others
  config.targets[2].state->healthy = true;
  config.state->changed();
  CHECK(targets_of_keys() == before);
}

TEST_CASE("balancer: a table with one target less moves few keys", "[upstream][balancer]") {
  const auto balance = GENERATE(Balance::RingHash, Balance::Maglev);
  const UpstreamConfig all = upstream_of({1, 1, 1, 1, 1, 1, 1, 1}, balance);
  UpstreamConfig fewer = upstream_of({1, 1, 1, 1, 1, 1, 1}, balance);
  SeededRandom random(1);
  Balancer before(all, random);
  Balancer after(fewer, random);
  Xoshiro keys(5);
  u32 moved = 0;
  constexpr u32 kKeys = 8000;
  for (u32 i = 0; i < kKeys; ++i) {
    const Choice choice{.hash = keys.next(), .hashed = true};
    const u32 was = before.choose(kNow, choice);
    if (was != 7 && after.choose(kNow, choice) != was) ++moved;
  }
  // The ring moves nobody else; Maglev, as its authors say, a few percent.
  CHECK(moved <= (balance == Balance::RingHash ? 0 : kKeys / 10));
}

TEST_CASE("balancer: who is not usable takes no part, unless too few are left",
          "[upstream][balancer]") {
  UpstreamConfig config = upstream_of({1, 1, 1, 1}, Balance::RoundRobin);
  SeededRandom random(1);
  Balancer balancer(config, random);
  take_out(config, 0);
  take_out(config, 1);
  CHECK(spread(balancer, 4, 100) == std::vector<u32>{0, 0, 50, 50});  // half is enough
  take_out(config, 2);
  CHECK(spread(balancer, 4, 100) == std::vector<u32>{25, 25, 25, 25});  // one for all is not
  config.panic_bp = 0;
  config.state->changed();
  CHECK(spread(balancer, 4, 100) == std::vector<u32>{0, 0, 0, 100});
  take_out(config, 3);
  CHECK(balancer.choose(kNow, {}) == Balancer::kNone);
}

TEST_CASE("balancer: backup targets wait until they are needed", "[upstream][balancer]") {
  UpstreamConfig config = upstream_of({1, 1, 1}, Balance::RoundRobin);
  config.targets[2].backup = true;
  SeededRandom random(1);
  Balancer balancer(config, random);
  CHECK(spread(balancer, 3, 100) == std::vector<u32>{50, 50, 0});
  take_out(config, 0);
  CHECK(spread(balancer, 3, 100) == std::vector<u32>{0, 100, 0});
  take_out(config, 1);
  CHECK(spread(balancer, 3, 100) == std::vector<u32>{0, 0, 100});
  take_out(config, 2);
  CHECK(balancer.choose(kNow, {}) == Balancer::kNone);
}

TEST_CASE("balancer: a target that comes back grows into its share", "[upstream][balancer]") {
  UpstreamConfig config = upstream_of({1, 1}, Balance::Random);
  config.slow_start_ms = 10'000;
  SeededRandom random(1);
  Balancer balancer(config, random);
  const auto share = [&](milliseconds after) {
    u32 times = 0;
    for (int i = 0; i < 20'000; ++i) times += balancer.choose(kNow + after, {}) == 1 ? 1U : 0U;
    return times / 20'000.0;
  };
  CHECK(std::abs(share(milliseconds(0)) - 0.5) < 0.02);  // never away: no ramp
  config.targets[1].state->recovered_ms = to_ms(kNow);
  config.state->changed();
  CHECK(std::abs(share(milliseconds(10)) - 0.1 / 1.1) < 0.02);
  CHECK(std::abs(share(milliseconds(5'010)) - 0.5 / 1.5) < 0.02);
  CHECK(std::abs(share(milliseconds(10'500)) - 0.5) < 0.02);
}

TEST_CASE("balancer: a client stays at its target while that is usable", "[upstream][balancer]") {
  UpstreamConfig config = upstream_of({1, 1, 1}, Balance::RoundRobin);
  SeededRandom random(1);
  Balancer balancer(config, random);
  const Choice choice{.sticky = target_token(config.targets[1])};
  for (int i = 0; i < 10; ++i) CHECK(balancer.choose(kNow, choice) == 1);
  take_out(config, 1);
  for (int i = 0; i < 10; ++i) CHECK(balancer.choose(kNow, choice) != 1);
  const Choice stranger{.sticky = 12345};
  CHECK(balancer.choose(kNow, stranger) != Balancer::kNone);
}

TEST_CASE("balancer: a further try goes to another target, if there is one",
          "[upstream][balancer]") {
  const auto balance = GENERATE(Balance::RoundRobin, Balance::LeastRequest, Balance::RingHash);
  UpstreamConfig config = upstream_of({1, 1, 1}, balance);
  SeededRandom random(1);
  Balancer balancer(config, random);
  Xoshiro keys(5);
  for (int i = 0; i < 100; ++i) {
    const u64 hash = keys.next();
    CHECK(balancer.choose(kNow, {.hash = hash, .tried = 0b011, .hashed = true}) == 2);
    CHECK(balancer.choose(kNow, {.hash = hash, .tried = 0b111, .hashed = true}) < 3);
  }
}

TEST_CASE("balancer: who has not been tried yet", "[upstream][balancer]") {
  SeededRandom random(1);
  UpstreamConfig few = upstream_of({1, 1, 1}, Balance::RoundRobin);
  Balancer three(few, random);
  CHECK(three.has_untried(kNow, 0b011));
  CHECK_FALSE(three.has_untried(kNow, 0b111));
  take_out(few, 2);
  CHECK_FALSE(three.has_untried(kNow, 0b011));
  // Of the 65th nobody knows.
  const UpstreamConfig many = upstream_of(std::vector<u32>(65, 1), Balance::RoundRobin);
  CHECK_FALSE(Balancer(many, random).has_untried(kNow, ~u64{0}));
}

TEST_CASE("balancer: what is drained takes no part, whatever becomes of the others",
          "[upstream][balancer]") {
  StateRegistry registry;
  UpstreamConfig config = config_of(3);
  config.name = "users";
  config.balance = Balance::RoundRobin;
  config.panic_bp = 5'000;
  registry.attach(config);
  SeededRandom random(7);
  Balancer balancer(config, random);
  const std::string& first = config.targets[0].address;
  REQUIRE(registry.drain("users", first));
  CHECK(spread(balancer, 3, 300) == std::vector<u32>{0, 150, 150});
  SECTION("panic does not bring it back") {
    take_out(config, 1);
    CHECK(spread(balancer, 3, 300)[0] == 0);
  }
  SECTION("the same names have it in the next table, too") {
    UpstreamConfig next = config_of(3);
    next.name = "users";
    next.balance = Balance::RoundRobin;
    registry.attach(next);
    Balancer replaced(next, random);
    CHECK(spread(replaced, 3, 300)[0] == 0);
    CHECK(registry.undrain("users", first));
    CHECK(spread(replaced, 3, 300) == std::vector<u32>{100, 100, 100});
    CHECK(spread(balancer, 3, 300) == std::vector<u32>{100, 100, 100});
    CHECK_FALSE(registry.undrain("users", first));
  }
  SECTION("all of it: nobody is left") {
    REQUIRE(registry.drain("users", ""));
    CHECK(balancer.choose(kNow, Choice{}) == Balancer::kNone);
    CHECK(registry.undrain("users", ""));
    CHECK(spread(balancer, 3, 300)[0] == 0);  // by an order of its own
    CHECK(registry.drained() == std::vector<StateRegistry::Drained>{{"users", first}});
  }
  SECTION("names that nobody has are refused") {
    CHECK_FALSE(registry.drain("orders", ""));
    CHECK_FALSE(registry.drain("users", "192.0.2.1:80"));
    CHECK_FALSE(registry.undrain("users", ""));
  }
}
