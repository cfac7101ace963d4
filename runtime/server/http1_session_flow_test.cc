// Back-pressure: how much the gateway holds when one side does not read, and that memory stays flat
// whatever passes through.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstring>

#include "runtime/http/limits.h"
#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;
using std::chrono::milliseconds;

namespace {

// What lies in a buffer of the gateway at most, for one direction: it reads only when all of the
// last read has been passed on, so one buffer's worth; the head is part of it.
constexpr u64 kMaxHeld = http::kReadBufferBytes;

std::string pattern(u64 from, size_t bytes) {
  std::string text(bytes, ' ');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (from + i) % 23);
  return text;
}

// Sends a body in blocks, the next whenever the gateway has read the one before.
struct Source {
  net::MemoryPeer peer;
  u64 left = 0;
  u64 framing = 0;  // bytes sent that are not of the body
  bool chunked = false;
  std::string block;

  void start(net::MemoryPeer to, std::string_view head, u64 bytes, size_t block_bytes,
             bool in_chunks) {
    peer = std::move(to);
    left = bytes;
    chunked = in_chunks;
    block.assign(block_bytes, 'x');
    peer.on_read([this] { more(); });
    framing = head.size();
    peer.send(head);
  }
  void more() {
    if (left == 0) return;
    const size_t bytes = static_cast<size_t>(std::min<u64>(left, block.size()));
    left -= bytes;
    if (chunked) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", bytes);
      const std::string_view end = left == 0 ? "\r\n0\r\n\r\n" : "\r\n";
      framing += std::strlen(size) + end.size();
      peer.send(size + block.substr(0, bytes) + std::string(end));
    } else {
      peer.send(std::string_view(block).substr(0, bytes));
    }
  }
};

}  // namespace

TEST_CASE("flow: a client that does not read stops the upstream", "[session][flow]") {
  MemoryGateway gateway(&stub_run);
  const bool chunked = GENERATE(false, true);
  const size_t window = GENERATE(size_t{0}, size_t{1000}, size_t{100'000});
  CAPTURE(chunked, window);
  constexpr u64 kBytes = 4'000'000;
  Source source;
  gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
    source.start(connection.peer,
                 chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         : "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n",
                 kBytes, 50'000, chunked);
  };
  auto client = gateway.connect();
  client->stop_reading();
  client->peer.set_window(window);
  client->peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  gateway.loop.advance(milliseconds(1000));
  const u64 read = gateway.origin.at(0)->peer.total_read();
  CHECK(gateway.held_down(*client) <= kMaxHeld);
  CHECK(client->peer.total_received() == window);
  gateway.loop.advance(milliseconds(1000));
  CHECK(gateway.origin[0]->peer.total_read() == read);
  // It goes on where it stopped.
  client->peer.set_window(size_t{1} << 20);
  client->read_at_once();
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).body_bytes == kBytes);
  CHECK(client->reader.problem.empty());
}

TEST_CASE("flow: an upstream that does not read stops the client", "[session][flow]") {
  MemoryGateway gateway(&stub_run);
  const bool chunked = GENERATE(false, true);
  CAPTURE(chunked);
  constexpr u64 kBytes = 4'000'000;
  constexpr size_t kWindow = 100'000;
  gateway.origin_reads = false;
  const auto accept = gateway.connector.on_accept;
  gateway.connector.on_accept = [&](net::MemoryPeer peer) {
    peer.set_window(kWindow);
    accept(std::move(peer));
  };
  auto client = gateway.connect();
  Source source;
  source.start(client->peer,
               chunked ? "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n",
               kBytes, 50'000, chunked);
  gateway.loop.advance(milliseconds(1000));
  const u64 read = client->peer.total_read();
  CHECK(gateway.origin.at(0)->peer.total_received() == kWindow);
  CHECK(read <= kWindow + kMaxHeld);
  gateway.loop.advance(milliseconds(1000));
  CHECK(client->peer.total_read() == read);
  gateway.origin_reads = true;
  gateway.origin_changed(*gateway.origin[0]);
  gateway.loop.run();
  REQUIRE(gateway.requests() == 1);
  CHECK(gateway.origin[0]->reader.messages[0].body_bytes == kBytes);
  CHECK(gateway.origin[0]->reader.problem.empty());
  CHECK(client->answers() == 1);
}

TEST_CASE("flow: bytes keep their order whatever the pieces", "[session][flow]") {
  MemoryGateway gateway(&stub_run);
  const size_t piece = GENERATE(size_t{1}, size_t{100}, size_t{8191}, size_t{16384}, size_t{65536});
  const size_t window = GENERATE(size_t{1}, size_t{4097}, size_t{1} << 20);
  CAPTURE(piece, window);
  const std::string up = pattern(0, 40'000);
  const std::string down = pattern(5, 50'000);
  gateway.answer = [&](OriginConnection& connection, const WireMessage& request) {
    CHECK(request.body == up);
    connection.peer.send_pieces("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + down, piece);
  };
  auto client = gateway.connect();
  client->peer.set_window(window);
  client->peer.send_pieces("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n" + up,
                           piece);
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).body == down);
}

namespace {

// What the far end of a stream makes of it.
struct Sink {
  net::MemoryPeer peer;
  const Source* source = nullptr;
  u64 body = 0;
  u64 peak = 0;  // of body bytes between the source and here
  bool head_done = false;

  // True: all of it has come.
  bool take(u64 expected) {
    std::string_view got;
    const std::string taken = peer.take();
    got = taken;
    if (!head_done) {
      const size_t end = got.find("\r\n\r\n");
      if (end == got.npos) return false;
      head_done = true;
      got.remove_prefix(end + 4);
    }
    body += static_cast<u64>(std::count(got.begin(), got.end(), 'x'));
    const u64 in = source->peer.total_read() - std::min(source->peer.total_read(), source->framing);
    if (in > body) peak = std::max(peak, in - body);
    return body == expected;
  }
};

// `bytes` up or down; the peak of what is held, and of the arena.
void stream_through(u64 bytes, bool down, bool chunked) {
  MemoryGateway gateway(&stub_run);
  const std::string framing = chunked ? std::string("Transfer-Encoding: chunked\r\n\r\n")
                                      : "Content-Length: " + std::to_string(bytes) + "\r\n\r\n";
  Source source;
  Sink sink;
  sink.source = &source;
  bool answered = false;
  gateway.connector.on_accept = [&](net::MemoryPeer peer) {
    // Less room than a buffer's worth, so that writes have to wait.
    if (!down) sink.peer = peer;
    if (!down) peer.set_window(10'000);
    peer.on_change([&] {
      net::MemoryPeer& origin = down ? source.peer : sink.peer;
      if (down) {
        if (answered) return;
        answered = true;
        source.start(origin, "HTTP/1.1 200 OK\r\n" + framing, bytes, 128 * 1024, chunked);
      } else if (sink.take(bytes) && !answered) {
        answered = true;
        origin.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
    });
    if (down) source.peer = peer;
  };
  auto client = gateway.connect();
  net::MemoryPeer peer = client->peer;
  client->stop_reading();
  if (down) {
    sink.peer = peer;
    peer.set_window(10'000);
    peer.on_change([&] { sink.take(bytes); });
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  } else {
    source.start(peer, "POST / HTTP/1.1\r\nHost: a\r\n" + framing, bytes, 128 * 1024, chunked);
  }
  gateway.loop.run();
  source.peer.on_change(nullptr);
  sink.peer.on_change(nullptr);
  source.peer.on_read(nullptr);
  CHECK(sink.body == bytes);
  CHECK(sink.peak > 0);
  CHECK(sink.peak <= kMaxHeld);
  REQUIRE(gateway.log.size() == 1);
  CHECK(gateway.log[0].status == 200);
  CHECK(gateway.log[0].error.code == Errc::None);
  CHECK((down ? gateway.log[0].response_bytes : gateway.log[0].request_bytes) == bytes);
  CHECK(gateway.log[0].arena_bytes <= 16 * 1024);
}

}  // namespace

// In memory, 1 GiB is a matter of a second or two; sanitizers get less.
#ifdef GW_SANITIZED
constexpr u64 kLargeBytes = u64{64} << 20;
#else
constexpr u64 kLargeBytes = u64{1} << 30;
#endif

TEST_CASE("flow: 1 GiB down, by length", "[session][flow]") {
  stream_through(kLargeBytes, true, false);
}
TEST_CASE("flow: 1 GiB down, chunked", "[session][flow]") {
  stream_through(kLargeBytes, true, true);
}
TEST_CASE("flow: 1 GiB up, by length", "[session][flow]") {
  stream_through(kLargeBytes, false, false);
}
TEST_CASE("flow: 1 GiB up, chunked", "[session][flow]") {
  stream_through(kLargeBytes, false, true);
}
