#include "runtime/admin/event_feed.h"

#include <catch2/catch.hpp>
#include <optional>

#include "runtime/net/virtual_loop.h"

using namespace gw;
using namespace gw::admin;

namespace {

constexpr size_t kAtOnce = 64 * 1024;

// Somebody who listens, piece by piece.
struct Listener {
  explicit Listener(EventFeed& feed) : body(feed.subscribe()) {}

  Task<void> read(size_t max_bytes) {
    const auto next = co_await body->next(max_bytes);
    if (!next) {
      error = next.error().code;
    } else if (next->end) {
      ended = true;
    } else {
      got = std::string(as_text(next->bytes));
    }
  }
  void read_one(net::VirtualLoop& loop, size_t max_bytes = kAtOnce) {
    got.clear();
    task.emplace(read(max_bytes));
    task->start();
    loop.run();
  }

  std::unique_ptr<EventBody> body;
  std::optional<Task<void>> task;
  std::string got;
  Errc error = Errc::None;
  bool ended = false;
};

}  // namespace

TEST_CASE("events: everybody who listens is told, in order", "[events]") {
  net::VirtualLoop loop;
  EventFeed feed(loop);
  feed.publish("sample", "before anybody listens");
  Listener one(feed);
  Listener two(feed);
  one.read_one(loop);
  CHECK(one.got == ": events of gwctl\n\n");
  one.read_one(loop);  // waits
  CHECK(one.got.empty());
  feed.publish("sample", "{\"a\":1}");
  feed.publish("reload", "{}");
  loop.run();
  CHECK(one.got == "event: sample\ndata: {\"a\":1}\n\nevent: reload\ndata: {}\n\n");
  two.read_one(loop);
  CHECK(two.got.ends_with("event: reload\ndata: {}\n\n"));
  one.read_one(loop, 7);
  feed.publish("health", "{}");
  loop.run();
  CHECK(one.got == "event: ");
  one.read_one(loop);
  CHECK(one.got == "health\ndata: {}\n\n");
}

TEST_CASE("events: there are at most sixteen who listen", "[events]") {
  net::VirtualLoop loop;
  EventFeed feed(loop);
  std::vector<std::unique_ptr<Listener>> listeners;
  for (size_t i = 0; i < EventFeed::kMostSubscribers; ++i) {
    listeners.push_back(std::make_unique<Listener>(feed));
    CHECK(listeners.back()->body != nullptr);
  }
  CHECK(feed.subscribe() == nullptr);
  listeners.pop_back();
  CHECK(feed.subscribe() != nullptr);
}

TEST_CASE("events: who does not read is dropped, and others are not", "[events]") {
  net::VirtualLoop loop;
  EventFeed feed(loop);
  Listener lazy(feed);
  Listener eager(feed);
  const std::string data(10'000, 'x');
  for (size_t sent = 0; sent <= EventFeed::kMostWaitingBytes; sent += data.size()) {
    feed.publish("sample", data);
    eager.read_one(loop, 2 * kAtOnce);
  }
  CHECK(feed.subscribers() == 1);
  lazy.read_one(loop);
  CHECK(lazy.error == Errc::Cancelled);
  CHECK(eager.error == Errc::None);
}

TEST_CASE("events: end with the feed, and with the client", "[events]") {
  net::VirtualLoop loop;
  EventFeed feed(loop);
  Exchange exchange;
  Listener leaving(feed);
  Listener staying(feed);
  leaving.body->link(exchange);
  for (Listener* one : {&leaving, &staying}) {
    one->read_one(loop);
    one->read_one(loop);
  }
  exchange.cancel_all();
  loop.run();
  CHECK(leaving.error == Errc::Cancelled);
  CHECK(feed.subscribers() == 1);
  feed.close();
  loop.run();
  CHECK(staying.ended);
  CHECK(staying.error == Errc::None);
  CHECK(feed.subscribe() == nullptr);
}
