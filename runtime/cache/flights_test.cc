#include "runtime/cache/flights.h"

#include <catch2/catch.hpp>
#include <thread>

#include "runtime/cache/growing_body.h"
#include "runtime/net/virtual_loop.h"
#include "runtime/net/worker_loop.h"

namespace gw::cache {
namespace {

using std::chrono::seconds;

struct Waiting {
  Exchange exchange;
  News news = News::Cancelled;
  Task<void> task;
  bool done() const { return task.done(); }
};

Task<void> wait(Flights& flights, Flight& flight, net::EventLoop& loop, TimePoint due,
                Waiting& out) {
  out.news = co_await flights.wait(flight, loop, out.exchange, due);
}

}  // namespace

TEST_CASE("flights: the first leads, the others wait for what comes of it", "[cache]") {
  net::VirtualLoop loop;
  Flights flights;
  const Key key = make_key("k", 1);
  const Flights::Joined leader = flights.join(key, loop.now());
  REQUIRE(leader.role == Role::Leader);
  CHECK(flights.try_lead(key) == nullptr);
  CHECK(flights.join(make_key("other", 1), loop.now()).role == Role::Leader);
  std::vector<std::unique_ptr<Waiting>> all;
  for (int i = 0; i < 4; ++i) {
    const Flights::Joined joined = flights.join(key, loop.now());
    REQUIRE(joined.role == Role::Waiter);
    all.push_back(std::make_unique<Waiting>());
    all.back()->task = wait(flights, *joined.flight, loop, loop.now() + seconds(5), *all.back());
    all.back()->task.start();
  }
  SECTION("it is stored") {
    flights.finish(*leader.flight, Ending::Stored, loop.now());
    loop.run();
    for (const auto& one : all) CHECK(one->news == News::Look);
    CHECK(flights.join(key, loop.now()).role == Role::Leader);
  }
  SECTION("it was for him alone") {
    flights.finish(*leader.flight, Ending::NotStored, loop.now());
    loop.run();
    for (const auto& one : all) CHECK(one->news == News::Alone);
    // So it is with the next ones, for a while.
    CHECK(flights.join(key, loop.now()).role == Role::Alone);
    loop.advance(seconds(5));
    CHECK(flights.join(key, loop.now()).role == Role::Leader);
  }
  SECTION("he dies, and the next leads") {
    flights.finish(*leader.flight, Ending::Died, loop.now());
    loop.run();
    CHECK(all[0]->news == News::Lead);
    CHECK_FALSE(all[1]->done());
    flights.finish(*leader.flight, Ending::Died, loop.now());
    loop.run();
    CHECK(all[1]->news == News::Lead);
    flights.finish(*leader.flight, Ending::Stored, loop.now());
    loop.run();
    CHECK(all[2]->news == News::Look);
    CHECK(all[3]->news == News::Look);
  }
  SECTION("time runs out, clients leave") {
    all[1]->exchange.cancel_all();
    loop.run();
    CHECK(all[1]->news == News::Cancelled);
    loop.advance(seconds(6));
    for (const int i : {0, 2, 3}) CHECK(all[static_cast<size_t>(i)]->news == News::TimedOut);
    flights.finish(*leader.flight, Ending::Died, loop.now());
    CHECK(flights.join(key, loop.now()).role == Role::Leader);
  }
  for (const auto& one : all) CHECK(one->done());
}

TEST_CASE("flights: memory of what is coming in is bounded", "[cache]") {
  Flights flights;
  CHECK(flights.take_bytes(60, 100));
  CHECK_FALSE(flights.take_bytes(60, 100));
  flights.give_bytes(60);
  CHECK(flights.take_bytes(100, 100));
}

namespace {

Task<void> read_all(GrowingSource& source, std::string& out, bool& failed) {
  for (;;) {
    const Result<http::BodyChunk> piece = co_await source.next(7);
    if (!piece) {
      failed = true;
      co_return;
    }
    out += as_text(piece->bytes);
    if (piece->end) co_return;
  }
}

}  // namespace

TEST_CASE("flights: a body that grows on one thread is read on others", "[cache]") {
  constexpr size_t kBytes = 200'000;
  std::string text(kBytes, 'a');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 26);
  const bool length_known = GENERATE(true, false);
  const auto body = std::make_shared<GrowingBody>(
      length_known ? std::optional<u64>(kBytes) : std::nullopt, kBytes);
  constexpr int kReaders = 3;
  std::string read[kReaders];
  bool failed[kReaders] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      net::WorkerLoop loop;
      Exchange exchange;
      GrowingSource source(body, loop, exchange, nullptr);
      Task<void> task = read_all(source, read[i], failed[i]);
      loop.post([&] { task.start(); });
      // Ends with the last byte.
      std::function<void()> check = [&] {
        if (task.done()) {
          loop.stop();
        } else {
          loop.post(check);
        }
      };
      loop.post(check);
      loop.run();
    });
  }
  for (size_t at = 0; at < kBytes; at += 1'000) body->append(as_bytes(text).subspan(at, 1'000));
  body->finish();
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kReaders; ++i) {
    CHECK_FALSE(failed[i]);
    CHECK((read[i] == text));
  }
  REQUIRE(body->whole() != nullptr);
  CHECK((as_text(body->whole()->view()) == text));
}

}  // namespace gw::cache
