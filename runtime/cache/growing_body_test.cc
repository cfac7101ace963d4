#include "runtime/cache/growing_body.h"

#include <catch2/catch.hpp>
#include <functional>
#include <random>
#include <thread>

#include "runtime/net/virtual_loop.h"
#include "runtime/net/worker_loop.h"

namespace gw::cache {
namespace {

using Growth = GrowingBody::Growth;

std::string text_of(size_t bytes) {
  std::string text(bytes, 'a');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return text;
}

// Reads all of a body; with a gate only as much as it is let.
struct Client {
  Client(std::shared_ptr<GrowingBody> body, net::EventLoop& loop, http::BodySource* rest = nullptr)
      : source(std::make_unique<GrowingSource>(std::move(body), loop, exchange, rest)) {}

  void start(size_t piece_bytes) {
    task = read_all(piece_bytes);
    task.start();
  }
  Task<void> read_all(size_t piece_bytes) {
    for (;;) {
      const Result<http::BodyChunk> piece = co_await source->next(piece_bytes);
      if (!piece) {
        error = piece.error();
        co_return;
      }
      read += as_text(piece->bytes);
      if (piece->end) {
        ended = true;
        co_return;
      }
    }
  }
  // One piece, of a client that is slow: what it was given last is still being sent.
  void read_once(size_t piece_bytes) {
    task = [](Client& client, size_t bytes) -> Task<void> {
      const Result<http::BodyChunk> piece = co_await client.source->next(bytes);
      if (!piece) {
        client.error = piece.error();
      } else {
        client.read += as_text(piece->bytes);
        client.ended = piece->end;
      }
    }(*this, piece_bytes);
    task.start();
  }

  Exchange exchange;
  std::unique_ptr<GrowingSource> source;
  std::string read;
  Error error;
  bool ended = false;
  Task<void> task;
};

// Appends `text` piece by piece, whenever there is room.
struct Filler {
  Filler(std::shared_ptr<GrowingBody> of, net::EventLoop& with) : body(std::move(of)), loop(with) {}
  Task<void> fill(const std::string& text, size_t piece_bytes) {
    for (size_t at = 0; at < text.size(); at += piece_bytes) {
      if (!co_await body->wait_for_room(loop, exchange, TimePoint::max())) {
        stopped = true;
        co_return;
      }
      growth = body->append(as_bytes(text).subspan(at, std::min(piece_bytes, text.size() - at)));
      appended = at + piece_bytes;
      if (growth == Growth::Overflown) co_return;
    }
    body->finish();
  }
  void start(const std::string& text, size_t piece_bytes) {
    task = fill(text, piece_bytes);
    task.start();
  }

  std::shared_ptr<GrowingBody> body;
  net::EventLoop& loop;
  Exchange exchange;
  Growth growth = Growth::Kept;
  size_t appended = 0;
  bool stopped = false;
  Task<void> task;
};

}  // namespace

TEST_CASE("growing body: beyond what is kept it goes on for those who read along", "[cache]") {
  constexpr size_t kLimit = 100'000;
  net::VirtualLoop loop;
  const auto body = std::make_shared<GrowingBody>(std::nullopt, kLimit);
  const std::string text = text_of(3'000'000);
  Client owner(body, loop);
  Client other(body, loop);
  owner.start(10'000);
  other.start(64'000);
  Filler filler(body, loop);
  filler.start(text, 20'000);
  loop.run();
  CHECK((owner.read == text));
  CHECK((other.read == text));
  CHECK((owner.ended && other.ended));
  CHECK(filler.growth == Growth::Windowed);
  CHECK(body->whole() == nullptr);
  // From its beginning nobody can have it any more.
  CHECK_FALSE(Client(body, loop).source->entered());
}

TEST_CASE("growing body: alone, its owner goes on without it", "[cache]") {
  net::VirtualLoop loop;
  const auto body = std::make_shared<GrowingBody>(std::nullopt, 10);
  http::MemoryBody rest(as_bytes(std::string_view("rest")));
  Client owner(body, loop, &rest);
  owner.start(100);
  SECTION("when nobody else has come") {}
  SECTION("when the others have left") {
    Client other(body, loop);
    other.read_once(100);
    body->append(as_bytes(std::string_view("01234")));
    loop.run();
    CHECK(other.read == "01234");
  }
  Filler filler(body, loop);
  const bool shared = !owner.read.empty();
  filler.start(shared ? "56789abc" : "0123456789abc", 20);
  loop.run();
  CHECK(filler.growth == Growth::Overflown);
  CHECK(owner.read == "0123456789abcrest");
  CHECK(owner.ended);
  CHECK_FALSE(Client(body, loop).source->entered());
}

TEST_CASE("growing body: who reads slowly holds up the others for a while, and no longer",
          "[cache]") {
  constexpr size_t kLimit = 100'000;
  net::VirtualLoop loop;
  const auto body = std::make_shared<GrowingBody>(std::nullopt, kLimit);
  const std::string text = text_of(1'000'000);
  Client fast(body, loop);
  fast.start(64'000);
  auto slow = std::make_unique<Client>(body, loop);
  slow->read_once(64'000);
  Filler filler(body, loop);
  filler.start(text, 10'000);
  loop.run();
  // What is kept for the slow one is bounded.
  CHECK_FALSE(fast.ended);
  CHECK(filler.appended <= kLimit + 300'000);
  const size_t before = fast.read.size();

  SECTION("as long as it takes a block in that time, it is waited for") {
    while (!slow->ended && slow->error.code == Errc::None) {
      loop.advance(GrowingBody::kPatience - std::chrono::milliseconds(1));
      REQUIRE(slow->task.done());
      for (int i = 0; i < 8 && slow->task.done() && !slow->ended; ++i) slow->read_once(64'000);
      loop.run();
    }
    CHECK((slow->read == text));
    CHECK((fast.read == text));
  }
  SECTION("otherwise it is left behind, and told so") {
    const Bytes held = as_bytes(slow->read);
    loop.advance(GrowingBody::kPatience - std::chrono::milliseconds(1));
    CHECK(fast.read.size() == before);
    loop.advance(std::chrono::milliseconds(10));
    CHECK((fast.read == text));
    CHECK((as_text(held) == std::string_view(text).substr(0, held.size())));
    slow->read_once(64'000);
    loop.run();
    CHECK(slow->error.code == Errc::Cancelled);
    CHECK_FALSE(slow->ended);
  }
  SECTION("when it leaves, it holds up nobody") {
    slow.reset();
    loop.run();
    CHECK((fast.read == text));
  }
}

TEST_CASE("growing body: when nobody reads any more, the fetch is over", "[cache]") {
  net::VirtualLoop loop;
  const auto body = std::make_shared<GrowingBody>(std::nullopt, 1'000);
  auto one = std::make_unique<Client>(body, loop);
  one->read_once(10);
  const std::string text = text_of(1'000'000);
  Filler filler(body, loop);
  int told = 0;
  filler.start(text, 10'000);
  loop.run();
  CHECK_FALSE(filler.task.done());
  SECTION("and whoever waits for the upstream is told") {
    body->when_abandoned([&] { ++told; });
    CHECK(told == 0);
    one.reset();
    CHECK(told == 1);
  }
  SECTION("also when they had gone before") {
    one.reset();
    body->when_abandoned([&] { ++told; });
    CHECK(told == 1);
  }
  loop.run();
  CHECK(filler.task.done());
  CHECK(filler.stopped);
}

TEST_CASE("growing body: behind its end nobody who fetched it is told anything", "[cache]") {
  net::VirtualLoop loop;
  const auto body = std::make_shared<GrowingBody>(std::nullopt, 10);
  auto slow = std::make_unique<Client>(body, loop);
  slow->read_once(10);
  body->append(as_bytes(std::string_view("0123456789abcdef")));
  loop.run();
  int told = 0;
  body->when_abandoned([&] { ++told; });
  body->finish();
  CHECK_FALSE(body->is_growing());
  slow.reset();
  CHECK(told == 0);
}

TEST_CASE("growing body: its filler goes on when its client leaves, and ends when it must",
          "[cache]") {
  net::VirtualLoop loop;
  const auto body = std::make_shared<GrowingBody>(std::nullopt, 1'000);
  Client one(body, loop);
  one.read_once(10);
  const std::string text = text_of(200'000);
  Filler filler(body, loop);
  filler.exchange.fetch_is_shared = true;
  filler.exchange.client_gone = true;
  filler.start(text, 10'000);
  loop.run();
  CHECK_FALSE(filler.task.done());
  SECTION("it goes on") {
    one.start(100'000);
    loop.run();
    CHECK((one.read == text));
  }
  SECTION("it ends") {
    filler.exchange.fetch_is_shared = false;
    filler.exchange.cancel_all();
    loop.run();
    CHECK(filler.stopped);
  }
}

// Clients that come, read as they like and leave, each on one of several threads: whoever reads to
// the end has the whole, byte by byte, and whoever does not has its beginning.
TEST_CASE("growing body: random clients on several threads", "[cache]") {
  constexpr size_t kLimit = 200'000;
  constexpr u32 kThreads = 4;
  constexpr u32 kClients = 6;
  const std::string text = text_of(2'000'000);
  for (u32 round = 0; round < 8; ++round) {
    const auto body = std::make_shared<GrowingBody>(std::nullopt, kLimit);
    std::atomic<u32> whole{0};
    std::atomic<u32> wrong{0};
    std::atomic<u32> entered{0};
    std::vector<std::thread> threads;
    for (u32 t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(round * 100 + t);
        net::WorkerLoop loop;
        std::vector<std::unique_ptr<Client>> clients;
        for (u32 i = 0; i < kClients; ++i) {
          clients.push_back(std::make_unique<Client>(body, loop));
          if (!clients.back()->source->entered()) clients.pop_back();
        }
        entered += static_cast<u32>(clients.size());
        loop.post([&] {
          for (const auto& client : clients) client->start(1 + random() % 100'000);
        });
        std::function<void()> check = [&] {
          bool all = true;
          for (const auto& client : clients) all = all && client->task.done();
          if (all) {
            loop.stop();
          } else {
            loop.post(check);
          }
        };
        loop.post(check);
        loop.run();
        for (const auto& client : clients) {
          if (client->ended && client->read == text) ++whole;
          if (!text.starts_with(client->read)) ++wrong;
        }
      });
    }
    net::WorkerLoop loop;
    Filler filler(body, loop);
    // Not before somebody reads: alone, it would end.
    while (entered < kThreads * kClients) std::this_thread::yield();
    loop.post([&] { filler.start(text, 30'000); });
    std::function<void()> check = [&] {
      if (filler.task.done()) {
        loop.stop();
      } else {
        loop.post(check);
      }
    };
    loop.post(check);
    loop.run();
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(whole == kThreads * kClients);
  }
}

}  // namespace gw::cache
