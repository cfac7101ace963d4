// Permits that several loops share: order of arrival, hand-over, leaving, and no permit lost.
#include "runtime/upstream/permits.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/net/virtual_loop.h"
#include "runtime/net/worker_loop.h"

using namespace gw;
using namespace gw::upstream;
using std::chrono::milliseconds;
using Outcome = Permits::Outcome;
using Offer = Permits::Offer;

namespace {

// One wait, started at once.
class Waiting {
 public:
  Waiting(Permits& permits, net::EventLoop& loop, milliseconds patience, void* owner = nullptr,
          u32 key = 0)
      : claim_{owner, key, nullptr}, due_(loop.now() + patience), task_(wait(permits, loop)) {
    task_.start();
  }
  bool done() const { return task_.done(); }

  Exchange exchange;
  Permits::Waited got;

 private:
  Task<void> wait(Permits& permits, net::EventLoop& loop) {
    got = co_await permits.wait(loop, exchange, due_, claim_);
  }
  Permits::Claim claim_;
  TimePoint due_;
  Task<void> task_;
};

struct Bench {
  net::VirtualLoop loop;
  Permits permits;

  std::unique_ptr<Waiting> wait(milliseconds patience = milliseconds(1000), void* owner = nullptr,
                                u32 key = 0) {
    return std::make_unique<Waiting>(permits, loop, patience, owner, key);
  }
};

}  // namespace

TEST_CASE("permits: as many as the limit, and back", "[upstream][permits]") {
  Bench bench;
  bench.permits.set_limit(2);
  CHECK(bench.permits.try_take());
  CHECK(bench.permits.try_take());
  CHECK_FALSE(bench.permits.try_take());
  bench.permits.give();
  CHECK(bench.permits.taken() == 1);
  CHECK(bench.permits.try_take());
  bench.permits.set_limit(0);
  for (int i = 0; i < 10'000; ++i) REQUIRE(bench.permits.try_take());
}

TEST_CASE("permits: who has waited longest comes first, and newcomers do not overtake",
          "[upstream][permits]") {
  Bench bench;
  bench.permits.set_limit(1);
  CHECK(bench.permits.try_take());
  auto first = bench.wait();
  auto second = bench.wait();
  CHECK(bench.permits.waiting() == 2);
  bench.permits.give();
  CHECK_FALSE(bench.permits.try_take());
  bench.loop.run();
  CHECK(first->done());
  CHECK(first->got.outcome == Outcome::Granted);
  CHECK_FALSE(second->done());
  bench.permits.give();
  bench.loop.run();
  CHECK(second->got.outcome == Outcome::Granted);
  CHECK(bench.permits.taken() == 1);
  CHECK(bench.permits.waiting() == 0);
}

TEST_CASE("permits: one that is free is granted without waiting", "[upstream][permits]") {
  Bench bench;
  bench.permits.set_limit(1);
  auto one = bench.wait();
  CHECK(one->done());
  CHECK(one->got.outcome == Outcome::Granted);
}

TEST_CASE("permits: waiting ends in time, and leaves the queue", "[upstream][permits]") {
  Bench bench;
  bench.permits.set_limit(1);
  CHECK(bench.permits.try_take());
  auto hasty = bench.wait(milliseconds(100));
  auto patient = bench.wait(milliseconds(1000));
  bench.loop.advance(milliseconds(150));
  CHECK(hasty->got.outcome == Outcome::TimedOut);
  CHECK(hasty->done());
  CHECK_FALSE(patient->done());
  bench.permits.give();
  bench.loop.run();
  CHECK(patient->got.outcome == Outcome::Granted);
}

TEST_CASE("permits: a client that goes leaves the queue", "[upstream][permits]") {
  Bench bench;
  bench.permits.set_limit(1);
  CHECK(bench.permits.try_take());
  auto gone = bench.wait();
  gone->exchange.client_gone = true;
  gone->exchange.cancel_all();
  bench.loop.run();
  CHECK(gone->got.outcome == Outcome::Cancelled);
  CHECK(bench.permits.waiting() == 0);
  bench.permits.give();
  CHECK(bench.permits.taken() == 0);
}

TEST_CASE("permits: a grant on its way is not undone by a deadline or a client that goes",
          "[upstream][permits]") {
  Bench bench;
  bench.permits.set_limit(1);
  CHECK(bench.permits.try_take());
  auto one = bench.wait(milliseconds(50));
  bench.permits.give();
  one->exchange.cancel_all();
  bench.loop.advance(milliseconds(100));
  CHECK(one->got.outcome == Outcome::Granted);
  CHECK(bench.permits.taken() == 1);
}

TEST_CASE("permits: a limit that is raised lets in who waits", "[upstream][permits]") {
  Bench bench;
  bench.permits.set_limit(1);
  CHECK(bench.permits.try_take());
  auto a = bench.wait();
  auto b = bench.wait();
  auto c = bench.wait();
  bench.permits.set_limit(3);
  bench.loop.run();
  CHECK(a->done());
  CHECK(b->done());
  CHECK_FALSE(c->done());
  // One that is lowered takes none away.
  bench.permits.set_limit(1);
  bench.permits.give();
  bench.permits.give();
  bench.loop.run();
  CHECK_FALSE(c->done());
  bench.permits.give();
  bench.loop.run();
  CHECK(c->done());
}

TEST_CASE("permits: a thing is passed on to its owner's waiter, but not for ever",
          "[upstream][permits]") {
  Bench bench;
  int here = 0;
  int thing = 0;
  bench.permits.set_limit(1);
  CHECK(bench.permits.try_take());
  auto other = bench.wait(milliseconds(1000), nullptr, 0);
  const Permits::Claim claim{&here, 7, nullptr};
  CHECK(bench.permits.offer(claim, &thing, 3) == Offer::Declined);
  for (int i = 0; i < 2; ++i) {
    auto own = bench.wait(milliseconds(1000), &here, 7);
    CHECK(bench.permits.offer(claim, &thing, 3) == Offer::Taken);
    bench.loop.run();
    CHECK(own->got.outcome == Outcome::Offered);
    CHECK(own->got.offered == &thing);
  }
  auto own = bench.wait(milliseconds(1000), &here, 7);
  CHECK(bench.permits.offer(claim, &thing, 3) == Offer::Overdue);
  bench.permits.give();
  bench.loop.run();
  CHECK(other->got.outcome == Outcome::Granted);
  // Now it is the first itself.
  CHECK(bench.permits.offer(claim, &thing, 3) == Offer::Taken);
  bench.loop.run();
  CHECK(own->done());
  CHECK(bench.permits.offer(claim, &thing, 3) == Offer::Declined);
}

namespace {

// Behind what else the loop has to do.
struct NextTurn {
  net::EventLoop& loop;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    loop.post([handle] { handle.resume(); });
  }
  void await_resume() const {}
};

// Takes a permit, or waits for one, gives it back; many times on one thread.
struct Worker {
  Worker(Permits& shared, i32 rounds, std::atomic<u32>& holding, u32 most)
      : permits(shared), rounds_left(rounds), held(holding), limit(most) {}

  Task<void> go() {
    while (rounds_left-- > 0) {
      if (!permits.try_take()) {
        const TimePoint due = loop.now() + std::chrono::hours(1);
        const Permits::Claim claim;
        const auto waited = co_await permits.wait(loop, exchange, due, claim);
        if (waited.outcome != Outcome::Granted) wrong = true;
      }
      if (++held > limit) wrong = true;
      NextTurn turn{loop};
      co_await turn;
      --held;
      permits.give();
    }
    if (--running == 0) loop.stop();
  }

  net::WorkerLoop loop;
  Permits& permits;
  i32 rounds_left;
  std::atomic<u32>& held;
  u32 limit;
  u32 running = 0;
  bool wrong = false;
  Exchange exchange;
};

}  // namespace

TEST_CASE("permits: threads share them exactly, and none of them starves", "[upstream][permits]") {
  constexpr u32 kLimit = 2;
  Permits permits;
  permits.set_limit(kLimit);
  std::atomic<u32> held{0};
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  for (int w = 0; w < 3; ++w) {
    workers.push_back(std::make_unique<Worker>(permits, 2'000, held, kLimit));
  }
  for (auto& worker : workers) {
    threads.emplace_back([&worker = *worker] {
      std::vector<Task<void>> own;
      for (int i = 0; i < 4; ++i) own.push_back(worker.go());
      worker.running = 4;
      worker.loop.post([&] {
        for (Task<void>& task : own) task.start();
      });
      worker.loop.run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& worker : workers) CHECK_FALSE(worker->wrong);
  CHECK(permits.taken() == 0);
  CHECK(permits.waiting() == 0);
}
