// What an HTTP/1 connection reads into: a head stays where it is, and large bodies come in large
// pieces.
#include "runtime/http/http1_input.h"

#include <catch2/catch.hpp>
#include <string>

#include "runtime/net/memory_stream.h"

namespace gw::http {
namespace {

const std::string kHead = "POST / HTTP/1.1\r\n\r\n";

struct Bench {
  net::VirtualLoop loop;
  net::MemoryPeer peer;
  std::unique_ptr<net::MemoryStream> stream = net::make_memory_stream(loop, peer);
  Http1Input input{*stream, loop.buffers};

  ~Bench() {
    stream->close(false);
    loop.run();
  }

  // Of one read, after what was there before has been consumed.
  size_t read() {
    REQUIRE(input.start_fill());
    loop.run();
    REQUIRE_FALSE(stream->reading.pending);
    return static_cast<size_t>(input.finish_fill());
  }
  std::string_view read_head() {
    read();
    const std::string_view head = input.unread().substr(0, kHead.size());
    input.consume(head.size());
    input.pin();
    return head;
  }
};

std::string some_bytes(size_t count) {
  std::string out(count, '\0');
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<char>('a' + i * 31 % 26);
  return out;
}

TEST_CASE("input: a body that is there is read in large pieces, and its head stays", "[http]") {
  Bench bench;
  const std::string body = some_bytes(200 * 1024);
  bench.peer.send(kHead + body);
  bench.loop.run();
  const std::string_view head = bench.read_head();
  std::string got(bench.input.unread());
  bench.input.consume(got.size());
  CHECK(got.size() == kReadBufferBytes - kHead.size());
  u32 reads = 1;
  for (; got.size() < body.size(); ++reads) {
    bench.read();
    CHECK(bench.input.unread().size() <= kLargeBufferBytes);
    got += bench.input.unread();
    bench.input.consume(bench.input.unread().size());
  }
  CHECK(got == body);
  CHECK(reads == 1 + 3);  // 16 KiB, 64, 64 and the rest
  CHECK(head == kHead);
}

TEST_CASE("input: who sends little at a time gets no large buffer", "[http]") {
  Bench bench;
  bench.peer.send(kHead);
  bench.loop.run();
  bench.read_head();
  for (int i = 0; i < 100; ++i) {
    bench.peer.send(some_bytes(4 * 1024));
    bench.loop.run();
    CHECK(bench.read() == 4 * 1024);
    bench.input.consume(bench.input.unread().size());
  }
  // All that there is comes into the buffer of the head, behind it.
  bench.peer.send(some_bytes(100 * 1024));
  bench.loop.run();
  CHECK(bench.read() == kReadBufferBytes - kHead.size());
}

TEST_CASE("input: the next message begins with a small buffer", "[http]") {
  Bench bench;
  bench.peer.send(kHead + some_bytes(40 * 1024));
  bench.loop.run();
  bench.read_head();
  bench.input.consume(bench.input.unread().size());
  bench.read();
  bench.input.consume(bench.input.unread().size());
  bench.input.next_message();
  bench.peer.send(some_bytes(100 * 1024));
  bench.loop.run();
  CHECK(bench.read() == kReadBufferBytes);
}

TEST_CASE("input: what lies unread goes along", "[http]") {
  Bench bench;
  const std::string body = some_bytes(kReadBufferBytes);
  bench.peer.send(kHead + body);
  bench.loop.run();
  const std::string_view head = bench.read_head();
  bench.input.consume(bench.input.unread().size() - 5);
  bench.peer.send(some_bytes(100));
  bench.loop.run();
  bench.read();
  CHECK(bench.input.unread().substr(0, 5 + kHead.size()) ==
        body.substr(body.size() - 5 - kHead.size()));
  CHECK(head == kHead);
}

}  // namespace
}  // namespace gw::http
