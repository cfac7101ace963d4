// The body of a stream by itself, and what a stream pins.
#include "runtime/server/http2_body.h"

#include <algorithm>

#include "runtime/server/testing/http2_fixture.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

struct BodyHost : Http2BodyHost {
  void body_waits() override { ++waits; }
  void body_wait_over() override { ++waits_over; }
  void body_consumed(size_t bytes) override { consumed += bytes; }
  size_t waits = 0;
  size_t waits_over = 0;
  size_t consumed = 0;
};

std::string text_of(size_t from, size_t bytes) {
  std::string text(bytes, 0);
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>((from + i) * 31 >> 3);
  return text;
}

// One read that must not wait.
http::BodyChunk take(Http2Body& body, size_t max_bytes) {
  auto task = body.next(max_bytes);
  task.start();
  GW_CHECK(task.done());
  return *task.result();
}

}  // namespace

TEST_CASE("http2 body: what goes in comes out, whatever the pieces", "[http2][body]") {
  const size_t in_piece = GENERATE(size_t{1}, size_t{1000}, size_t{16384}, size_t{65536});
  const size_t out_piece = GENERATE(size_t{1}, size_t{7000}, size_t{1000000});
  CAPTURE(in_piece, out_piece);
  net::BufferPool pool;
  BodyHost host;
  Http2Body body(host);
  body.begin(pool);
  constexpr size_t kAll = 300'000;
  size_t in = 0;
  size_t out = 0;
  bool same = true;
  while (out < kAll) {
    // As much as the window allows, then one read.
    while (in < kAll && body.held_bytes() + in_piece <= kStreamWindowBytes) {
      const size_t bytes = std::min(in_piece, kAll - in);
      same &= body.append(as_bytes(text_of(in, bytes)));
      in += bytes;
      if (in == kAll) body.end(nullptr);
    }
    const http::BodyChunk chunk = take(body, out_piece);
    same &= !chunk.bytes.empty() && as_text(chunk.bytes) == text_of(out, chunk.bytes.size());
    if (!same) break;
    out += chunk.bytes.size();
    same &= chunk.end == (out == kAll);
    // An unread byte may lie behind the one that is lent; the window opens with the next read.
    if (in == out && in < kAll) {
      http::BodyChunk nothing;
      same &= !body.take_buffered(nothing);
    }
  }
  CHECK(same);
  CHECK(body.at_end());
  CHECK(host.waits == 0);
}

TEST_CASE("http2 body: takes no more than the window", "[http2][body]") {
  net::BufferPool pool;
  BodyHost host;
  Http2Body body(host);
  body.begin(pool);
  CHECK(body.append(as_bytes(text_of(0, kStreamWindowBytes))));
  CHECK_FALSE(body.append(as_bytes("x")));
  CHECK(body.held_bytes() == kStreamWindowBytes);
  take(body, 10);
  // Lent is not consumed.
  CHECK(host.consumed == 0);
  CHECK_FALSE(body.append(as_bytes("x")));
  take(body, 10);
  CHECK(host.consumed == 10);
  CHECK(body.append(as_bytes(text_of(0, 10))));
  CHECK_FALSE(body.append(as_bytes("x")));
}

TEST_CASE("http2 body: a reader waits, and is woken or cancelled", "[http2][body]") {
  net::BufferPool pool;
  BodyHost host;
  Http2Body body(host);
  body.begin(pool);
  auto task = body.next(100);
  task.start();
  CHECK_FALSE(task.done());
  CHECK(host.waits == 1);
  body.wake();  // for nothing
  CHECK_FALSE(task.done());
  SECTION("by bytes") {
    CHECK(body.append(as_bytes("abc")));
    body.wake();
    REQUIRE(task.done());
    CHECK(as_text(task.result()->bytes) == "abc");
  }
  SECTION("by the end") {
    body.end(nullptr);
    body.wake();
    REQUIRE(task.done());
    CHECK(task.result()->end);
  }
  SECTION("by an error") {
    body.fail(Error{.code = Errc::RequestTimeout});
    body.wake();
    REQUIRE(task.done());
    CHECK(task.result().error().code == Errc::RequestTimeout);
  }
  SECTION("by cancel") {
    body.cancel();
    REQUIRE(task.done());
    CHECK(task.result().error().code == Errc::Cancelled);
  }
  CHECK(host.waits_over == 1);
}

TEST_CASE("http2 body: an error is told instead of what came before it", "[http2][body]") {
  net::BufferPool pool;
  BodyHost host;
  Http2Body body(host);
  body.begin(pool);
  CHECK(body.append(as_bytes("abc")));
  body.end(nullptr);
  body.fail(Error{.code = Errc::BadRequest});
  http::BodyChunk chunk;
  CHECK_FALSE(body.take_buffered(chunk));
  auto task = body.next(100);
  task.start();
  REQUIRE(task.done());
  CHECK(task.result().error().code == Errc::BadRequest);
}

TEST_CASE("http2 body: tells what is left, where it is known", "[http2][body]") {
  net::BufferPool pool;
  BodyHost host;
  Http2Body body(host);
  body.begin(pool);
  CHECK(body.remaining_bytes() == ~u64{0});
  body.expect(10);
  CHECK(body.remaining_bytes() == 10);
  CHECK(body.append(as_bytes("abcdef")));
  CHECK(body.remaining_bytes() == 10);
  take(body, 4);
  CHECK(body.remaining_bytes() == 6);
  body.reset();
  body.begin(pool);
  CHECK(body.append(as_bytes("abcdef")));
  body.end(nullptr);
  CHECK(body.remaining_bytes() == 6);
}

TEST_CASE("http2: a table is pinned by streams, not by the connection", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  f.client.get(3);
  f.run();
  Generation& first = *f.gateway.host().current;
  CHECK(first.pins == 2);
  // Another table is published while both run.
  Generation second(first.table, f.gateway.loop, f.gateway.host().random, first.env.fetcher,
                    first.env.observer);
  f.gateway.host().current = &second;
  f.client.get(5);
  f.run();
  CHECK(first.pins == 2);
  CHECK(second.pins == 1);
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  f.answer(0, ok);
  f.client.rst_stream(3);
  f.run();
  CHECK(first.pins == 0);
  CHECK(second.pins == 1);
  f.answer(2, ok);
  f.run();
  CHECK(second.pins == 0);
  CHECK_FALSE(f.client.peer.closed());
  f.gateway.host().current = &first;
}

TEST_CASE("http2: without a table a stream is answered with 503", "[http2]") {
  Http2Fixture f;
  Generation* kept = f.gateway.host().current;
  f.gateway.host().current = nullptr;
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).status() == 503);
  f.gateway.host().current = kept;
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(3).status() == 200);
}

TEST_CASE("http2: answers that are ready in one turn leave together", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  for (u32 id = 1; id < 20; id += 2) f.client.get(id);
  f.run();
  REQUIRE(f.gateway.origin.size() == 10);
  f.client.stop_reading();
  size_t events = 0;
  f.client.peer.on_change([&] { ++events; });
  for (size_t i = 0; i < 10; ++i) f.answer(i, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  f.gateway.loop.run();
  CHECK(events == 1);
  f.client.read_at_once();
  CHECK(f.client.answered() == 10);
}
