#include "runtime/http/stream_channel.h"

#include <catch2/catch.hpp>
#include <optional>

#include "runtime/net/memory_stream.h"

namespace gw::http {
namespace {

using std::chrono::milliseconds;

// Longer than a channel waits before it looks, and a tick of the wheel.
constexpr milliseconds kLook{40};

struct Bench {
  net::VirtualLoop loop;
  net::MemoryPeer peer;
  std::unique_ptr<net::MemoryStream> stream = net::make_memory_stream(loop, peer);
  Http1Input input{*stream, loop.buffers};
  StreamChannel channel{loop, *stream, input, Origin::Upstream};
  std::optional<std::string> got;  // empty text: the end of the stream
  Errc error = Errc::None;
  bool written = false;

  ~Bench() {
    channel.abort();
    loop.run();
    stream->close(false);
    loop.run();
  }

  Task<void> read_one() {
    const Result<Bytes> bytes = co_await channel.read();
    if (bytes) {
      got = std::string(as_text(*bytes));
    } else {
      error = bytes.error().code;
    }
  }
  Task<void> write_one(std::string_view text) {
    const Result<void> sent = co_await channel.write(as_bytes(text));
    written = sent.has_value();
    if (!sent) error = sent.error().code;
  }
};

TEST_CASE("stream channel: an end that came with the last bytes is found soon", "[http][channel]") {
  Bench bench;
  Task<void> first = bench.read_one();
  first.start();
  bench.peer.send_with_end("bye");
  bench.loop.run();
  CHECK(bench.got == "bye");
  bench.got.reset();
  Task<void> second = bench.read_one();
  second.start();
  bench.loop.run();
  CHECK_FALSE(bench.got);
  bench.loop.advance(kLook);
  CHECK(bench.got == "");
}

TEST_CASE("stream channel: looking disturbs nothing", "[http][channel]") {
  Bench bench;
  Task<void> read = bench.read_one();
  read.start();
  bench.loop.advance(10 * kLook);
  CHECK_FALSE(bench.got);
  CHECK(bench.error == Errc::None);
  bench.peer.send("late");
  bench.loop.run();
  CHECK(bench.got == "late");
}

TEST_CASE("stream channel: a write that waits is not cut off by a look", "[http][channel]") {
  Bench bench;
  bench.peer.set_window(4);
  Task<void> first = bench.read_one();
  first.start();
  bench.peer.send_with_end("bye");
  bench.loop.run();
  CHECK(bench.got == "bye");
  bench.got.reset();
  Task<void> second = bench.read_one();
  second.start();
  Task<void> write = bench.write_one("more than fits");
  write.start();
  bench.loop.advance(10 * kLook);
  CHECK_FALSE(bench.written);
  CHECK(bench.error == Errc::None);
  std::string taken;
  while (taken.size() < 14) {
    taken += bench.peer.take();
    bench.loop.run();
  }
  CHECK(taken == "more than fits");
  CHECK(bench.written);
  bench.loop.advance(kLook);
  CHECK(bench.got == "");
}

TEST_CASE("stream channel: given up while a look is under way", "[http][channel]") {
  Bench bench;
  Task<void> read = bench.read_one();
  read.start();
  bench.peer.send_with_end("");
  bench.channel.abort();
  bench.loop.advance(kLook);
  CHECK(bench.error == Errc::Cancelled);
}

}  // namespace
}  // namespace gw::http
