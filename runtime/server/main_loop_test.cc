#include "runtime/server/main_loop.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "runtime/server/blocked_signals.h"

using namespace gw;
using namespace gw::server;

TEST_CASE("main loop: runs what is posted, in order, and nothing after its end", "[server]") {
  const BlockedSignals blocked;
  MainLoop loop;
  std::vector<int> ran;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) CHECK(loop.post([&ran, i] { ran.push_back(i); }));
    loop.stop();
  });
  loop.run({});
  other.join();
  REQUIRE(ran.size() == 100);
  CHECK(std::ranges::is_sorted(ran));
  CHECK_FALSE(loop.post([&] { ran.clear(); }));
  CHECK(ran.size() == 100);
}

TEST_CASE("main loop: what was posted together with the order to stop still runs", "[server]") {
  const BlockedSignals blocked;
  MainLoop loop;
  bool ran = false;
  loop.stop();
  CHECK(loop.post([&] { ran = true; }));
  loop.run({});
  CHECK(ran);
}

TEST_CASE("main loop: goes on for a while after the first order to end", "[server]") {
  using std::chrono::milliseconds;
  const BlockedSignals blocked;
  MainLoop loop;
  int left = 0;
  bool ran = false;
  SECTION("until the time is over") {
    loop.stop();
    loop.run({.every_second = {}, .hang_up = {}, .reopen_logs = {}, .leave = [&] {
                ++left;
                CHECK(loop.post([&] { ran = true; }));
                return milliseconds(1);
              }});
    CHECK(ran);
  }
  SECTION("until a second one, and hears signals in between") {
    ::kill(::getpid(), SIGTERM);
    loop.run({.every_second = {},
              .hang_up = {},
              .reopen_logs =
                  [&] {
                    ran = true;
                    ::kill(::getpid(), SIGINT);
                  },
              .leave =
                  [&] {
                    ++left;
                    ::kill(::getpid(), SIGUSR1);
                    return milliseconds(std::chrono::hours(1));
                  }});
    CHECK(ran);
  }
  SECTION("not at all where there is no time") {
    loop.stop();
    loop.run({.every_second = {}, .hang_up = {}, .reopen_logs = {}, .leave = [&] {
                ++left;
                return milliseconds(0);
              }});
  }
  CHECK(left == 1);
  CHECK_FALSE(loop.post([] {}));
}

TEST_CASE("main loop: hears signals", "[server]") {
  const BlockedSignals blocked;
  MainLoop loop;
  int reloads = 0;
  int rotations = 0;
  ::kill(::getpid(), SIGUSR1);
  loop.run({.every_second = {},
            .hang_up =
                [&] {
                  if (++reloads == 1) ::kill(::getpid(), SIGTERM);
                },
            .reopen_logs =
                [&] {
                  if (++rotations == 1) ::kill(::getpid(), SIGHUP);
                },
            .leave = {}});
  CHECK(reloads == 1);
  CHECK(rotations == 1);
}
