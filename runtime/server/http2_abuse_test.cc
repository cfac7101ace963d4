// What a hostile client may try on an HTTP/2 connection, and what an honest one may do unharmed.
#include "runtime/server/testing/http2_fixture.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void check_calmed(Http2Fixture& f, Http2Abuse abuse) {
  f.run();
  CHECK(f.client.goaway_code() == h2::kEnhanceYourCalm);
  CHECK(f.abuses(abuse) == 1);
  f.advance(f.gateway.options.linger_ms + 20);
  CHECK(f.client.peer.closed());
  CHECK(f.gateway.host().open_sessions() == 0);
}

std::string number(u64 value, u32 bytes) {
  std::string text;
  for (u32 i = bytes; i-- > 0;) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

}  // namespace

// Floods -----------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 10.5: rapid reset ends the connection", "[http2][abuse]") {
  Http2Fixture f;
  f.leave_unanswered();
  u32 id = 1;
  for (; f.client.goaway_code() == h2::kNone && id < 3000; id += 2) {
    f.client.hold();
    f.client.get(id);
    f.client.rst_stream(id);
    f.client.release();
    f.run();
  }
  CHECK(id / 2 == 201);
  check_calmed(f, Http2Abuse::Reset);
}

TEST_CASE("RFC 9113 10.5: rapid reset of streams that run ends the connection", "[http2][abuse]") {
  Http2Fixture f;
  f.leave_unanswered();
  u32 id = 1;
  for (; f.client.goaway_code() == h2::kNone && id < 3000; id += 2) {
    f.client.get(id);
    f.run();
    f.client.rst_stream(id);
    f.run();
    CHECK(f.gateway.host().open_sessions() == 1);
  }
  CHECK(id / 2 == 201);
  check_calmed(f, Http2Abuse::Reset);
}

TEST_CASE("RFC 9113 10.5: resets within the budget do no harm", "[http2][abuse]") {
  Http2Fixture f;
  f.leave_unanswered();
  u32 id = 1;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 20; ++i, id += 2) {
      f.client.get(id);
      f.client.rst_stream(id);
    }
    f.advance(1000);
  }
  CHECK(f.client.goaway_code() == h2::kNone);
}

TEST_CASE("RFC 9113 10.5: resets after the answer cost nothing", "[http2][abuse]") {
  Http2Fixture f;
  for (u32 id = 1; id < 1600; id += 2) {
    f.client.get(id);
    f.run();
    f.client.rst_stream(id);
  }
  f.run();
  CHECK(f.client.answered() == 800);
  CHECK(f.client.goaway_code() == h2::kNone);
}

TEST_CASE("RFC 9113 10.5: making us reset streams ends the connection", "[http2][abuse]") {
  struct Case {
    const char* name;
    void (*provoke)(Http2Client& client, u32 id);
  };
  static constexpr Case kCases[] = {
      {"malformed requests",
       [](Http2Client& client, u32 id) {
         client.headers(id, get_fields({{"connection", "x"}}), true);
       }},
      {"more DATA than announced",
       [](Http2Client& client, u32 id) {
         client.post(id, "/", {{"content-length", "1"}});
         client.data(id, "xx", false);
       }},
      {"a window beyond its bound",
       [](Http2Client& client, u32 id) {
         client.get(id);
         client.window_update(id, 0x7fffffff);
       }},
  };
  for (const Case& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      f.leave_unanswered();
      u32 id = 1;
      for (; f.client.goaway_code() == h2::kNone && id < 3000; id += 2) {
        row.provoke(f.client, id);
        f.run();
      }
      CHECK(id / 2 <= 210);
      check_calmed(f, Http2Abuse::Reset);
    }
  }
}

TEST_CASE("RFC 9113 5.1.2: a reset stream counts until its exchange has ended", "[http2][abuse]") {
  // An engine that takes its time to notice.
  static constexpr RunFunction kSlow = [](Exchange&, Env& env, Responder&) -> Task<void> {
    const TimePoint until = env.clock.now() + std::chrono::seconds(5);
    co_await env.clock.sleep_until(until);
  };
  Http2Fixture f({}, kSlow);
  u32 id = 1;
  for (int i = 0; i < 100; ++i, id += 2) {
    f.client.get(id);
    f.client.rst_stream(id);
    f.run();
    // Those that were reset in the flight that began them never run.
  }
  CHECK(f.counters().requests == 100);
  f.client.get(id);
  f.run();
  CHECK(f.client.answer(id).reset == h2::kRefusedStream);
  f.advance(6000);
  f.client.get(id + 2);
  f.run();
  CHECK(f.counters().requests == 101);
}

TEST_CASE("RFC 9113 6.10: a block of too many CONTINUATION frames ends it", "[http2][abuse]") {
  Http2Fixture f;
  f.client.frame(h2::kHeaders, h2::kEndStream, 1, "\x82");
  for (int i = 0; i < 8; ++i) f.client.frame(h2::kContinuation, 0, 1, "\x86");
  f.run();
  CHECK(f.client.goaway_code() == h2::kNone);
  f.client.frame(h2::kContinuation, 0, 1, "\x84");
  check_calmed(f, Http2Abuse::Continuation);
}

TEST_CASE("RFC 9113 6.10: so do empty ones", "[http2][abuse]") {
  Http2Fixture f;
  f.client.frame(h2::kHeaders, h2::kEndStream, 1, "");
  for (int i = 0; i < 9; ++i) f.client.frame(h2::kContinuation, 0, 1, "");
  check_calmed(f, Http2Abuse::Continuation);
}

TEST_CASE("RFC 9113 10.5.1: a block of too many bytes ends the connection", "[http2][abuse]") {
  Http2Fixture f;
  // A literal that is never indexed, of any length: the block is well formed.
  const std::string junk = "\x10\x01x\x7f\xfb\x7e" + std::string(16378, 'v');
  f.client.frame(h2::kHeaders, 0, 1, junk);
  for (int i = 0; i < 8; ++i) f.client.frame(h2::kContinuation, 0, 1, junk);
  check_calmed(f, Http2Abuse::Continuation);
}

TEST_CASE("RFC 9113 10.5.1: a block that unpacks to a mebibyte ends it", "[http2][abuse]") {
  Http2Fixture f;
  // One field of 2900 bytes in the table, then one byte for each time that it is named again.
  std::string block = f.client.block(get_fields({{"x-bomb", std::string(2900, 'b')}}));
  block += std::string(12000, '\xbe');
  f.client.frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, block);
  check_calmed(f, Http2Abuse::HeaderList);
  CHECK(f.gateway.requests() == 0);
}

TEST_CASE("RFC 9113 10.5: floods of control frames end the connection", "[http2][abuse]") {
  struct Case {
    const char* name;
    Http2Abuse abuse;
    u8 type;
    u8 flags;
    u32 id;
    std::string payload;
    u32 allowed;  // at once
  };
  const Case kCases[] = {
      {"SETTINGS", Http2Abuse::Settings, h2::kSettings, 0, 0, "", 30},
      {"SETTINGS with a value", Http2Abuse::Settings, h2::kSettings, 0, 0,
       number(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2) + number(1000, 4), 30},
      {"PING", Http2Abuse::Ping, h2::kPing, 0, 0, "12345678", 200},
      {"PING ACK", Http2Abuse::Ping, h2::kPing, h2::kAck, 0, "12345678", 200},
      {"PRIORITY", Http2Abuse::Priority, h2::kPriority, 0, 9, number(0, 4) + "\x10", 200},
      {"PRIORITY_UPDATE", Http2Abuse::Priority, 16, 0, 0, number(9, 4) + "u=1", 200},
      {"WINDOW_UPDATE", Http2Abuse::WindowUpdate, h2::kWindowUpdate, 0, 0, number(1, 4), 1000},
      {"unknown", Http2Abuse::Unknown, 0x42, 0, 0, "", 100},
  };
  for (const Case& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      std::string allowed;
      for (u32 i = 0; i < row.allowed; ++i) {
        allowed += Http2Client::raw(row.type, row.flags, row.id, row.payload);
      }
      f.client.send(allowed);
      f.run();
      CHECK(f.client.goaway_code() == h2::kNone);
      std::string more;
      for (u32 i = 0; i < 10; ++i) {
        more += Http2Client::raw(row.type, row.flags, row.id, row.payload);
      }
      f.client.send(more);
      check_calmed(f, row.abuse);
    }
  }
}

TEST_CASE("RFC 9113 10.5: budgets refill with time", "[http2][abuse]") {
  Http2Fixture f;
  for (int i = 0; i < 60; ++i) {
    for (int j = 0; j < 10; ++j) f.client.frame(h2::kPing, 0, 0, "12345678");
    f.advance(1000);
  }
  CHECK(f.client.goaway_code() == h2::kNone);
  CHECK(f.client.count(h2::kPing) == 600);
}

TEST_CASE("RFC 9113 10.5: GOAWAY again and again ends the connection", "[http2][abuse]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  for (int i = 0; i < 101; ++i) {
    f.client.frame(h2::kGoaway, 0, 0, number(0, 8));
  }
  check_calmed(f, Http2Abuse::Unknown);
}

TEST_CASE("RFC 9113 10.5: empty frames that end nothing end the connection", "[http2][abuse]") {
  const bool padded = GENERATE(false, true);
  CAPTURE(padded);
  Http2Fixture f;
  f.leave_unanswered();
  f.client.post(1);
  f.run();
  const std::string payload = padded ? std::string("\x03") + std::string(3, '\0') : "";
  for (int i = 0; i < 100; ++i) f.client.frame(h2::kData, padded ? h2::kPadded : 0, 1, payload);
  f.run();
  CHECK(f.client.goaway_code() == h2::kNone);
  f.client.frame(h2::kData, padded ? h2::kPadded : 0, 1, payload);
  check_calmed(f, Http2Abuse::EmptyFrame);
}

TEST_CASE("RFC 9113 10.5: windows opened byte by byte end the connection", "[http2][abuse]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  f.client.opens_windows = false;
  f.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'a');
  f.client.get(1);
  f.run();
  u32 sent = 0;
  for (; f.client.goaway_code() == h2::kNone && sent < 3000; ++sent) {
    f.client.window_update(1, 1);
    f.run();
  }
  CHECK(sent < 1020);
  check_calmed(f, Http2Abuse::WindowUpdate);
}

TEST_CASE("RFC 9113 6.9: a long download may open its windows as often as it likes",
          "[http2][abuse]") {
  Http2Fixture f;
  f.client.keep_bytes = 0;
  const std::string body(1 << 20, 'a');
  f.gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
    connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
    for (int i = 0; i < 64; ++i) connection.peer.send(body);
  };
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).ended);
  CHECK(f.client.answer(1).body_bytes == 67108864);
  CHECK(f.client.goaway_code() == h2::kNone);
}

// Slow clients -----------------------------------------------------------------------------------

TEST_CASE("RFC 9113 10.5: a header block that does not end has a deadline", "[http2][abuse]") {
  Http2Fixture f;
  const bool whole_frame = GENERATE(true, false);
  std::string bytes = Http2Client::raw(h2::kHeaders, h2::kEndStream, 1, "\x82\x86");
  if (!whole_frame) bytes.pop_back();
  f.client.send(bytes);
  f.advance(f.gateway.options.head_timeout_ms - 100);
  CHECK(f.client.goaway_code() == h2::kNone);
  f.advance(200);
  check_calmed(f, Http2Abuse::SlowHead);
}

TEST_CASE("RFC 9113 3.4: a preface that does not end has a deadline", "[http2][abuse]") {
  MemoryGateway gateway(&stub_run);
  Http2Client client(gateway.connect_peer());
  client.send(kHttp2Preface.substr(0, 20));
  gateway.loop.run();
  gateway.loop.advance(
      std::chrono::milliseconds(gateway.options.head_timeout_ms + gateway.options.linger_ms + 100));
  CHECK(client.peer.closed());
}

TEST_CASE("RFC 9113 9.1: an idle connection is told to go, then closed", "[http2][abuse]") {
  Http2Fixture f;
  f.client.get(1);
  f.run();
  f.advance(f.gateway.options.idle_timeout_ms - 100);
  CHECK(f.client.goaway_code() == h2::kNone);
  f.advance(200);
  CHECK(f.client.goaway_code() == h2::kNoError);
  CHECK(f.client.goaway_last() == 1);
  f.advance(f.gateway.options.linger_ms + 20);
  CHECK(f.client.peer.closed());
}

TEST_CASE("RFC 9113 9.1: PING does not keep an idle connection", "[http2][abuse]") {
  Http2Fixture f;
  for (int i = 0; i < 19; ++i) {
    f.client.frame(h2::kPing, 0, 0, "12345678");
    f.advance(10'000);
  }
  CHECK(f.client.goaway_code() == h2::kNoError);
}

TEST_CASE("streams: a client that listens need not speak", "[http2][abuse]") {
  static constexpr u32 kIdleMs = 5'000;
  constexpr RunFunction kStreams = [](Exchange& exchange, Env& env, Responder& to) -> Task<void> {
    exchange.streams = true;
    exchange.idle_ms = kIdleMs;
    co_await stub_run(exchange, env, to);
  };
  const StubTimeouts before = stub_timeouts();
  stub_timeouts() = {.connect_ms = 100, .try_ms = 60'000, .idle_ms = 60'000, .total_ms = 0};
  Http2Fixture f({}, kStreams);
  f.leave_unanswered();
  f.client.post(1);
  f.client.data(1, "a", false);
  f.run();
  REQUIRE(f.gateway.origin.size() == 1);
  f.answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 4; ++i) {
    f.advance(kIdleMs - 200);
    f.answer(0, "1\r\nx\r\n");
    f.run();
    REQUIRE(f.client.answer(1).reset == h2::kNone);
  }
  CHECK(f.client.answer(1).body == "xxxx");
  f.advance(kIdleMs - 100);
  CHECK(f.client.answer(1).reset == h2::kNone);
  f.advance(200);
  CHECK(f.client.answer(1).reset == h2::kInternalError);
  CHECK(f.gateway.log.at(0).error.code == Errc::RequestTimeout);
  stub_timeouts() = before;
}

TEST_CASE("RFC 9110 15.5.9: a body that stalls is answered with 408", "[http2][abuse]") {
  Http2Fixture f;
  stub_timeouts().try_ms = 300'000;
  f.leave_unanswered();
  f.client.post(1);
  f.client.data(1, "some", false);
  f.advance(f.gateway.options.body_stall_ms - 100);
  CHECK_FALSE(f.client.has(1));
  f.advance(200);
  stub_timeouts().try_ms = 5000;
  CHECK(f.client.answer(1).status() == 408);
  CHECK(f.client.answer(1).ended);
  CHECK(f.client.answer(1).reset == h2::kNoError);
  CHECK_FALSE(f.client.peer.closed());
}

TEST_CASE("RFC 9113 10.5: a client that opens no window is reset", "[http2][abuse]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  f.client.opens_windows = false;
  f.client.get(1);
  f.run();
  f.advance(f.gateway.options.write_stall_ms - 100);
  CHECK(f.client.answer(1).reset == h2::kNone);
  f.advance(200);
  CHECK(f.client.answer(1).reset == h2::kCancel);
  CHECK(f.gateway.log.at(0).error.code == Errc::RequestTimeout);
  CHECK_FALSE(f.client.peer.closed());
}

TEST_CASE("RFC 9113 10.5: a window of a byte now and then is no reading", "[http2][abuse]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  f.client.opens_windows = false;
  f.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + std::string(10000, 'a');
  f.client.get(1);
  f.run();
  for (int i = 0; i < 7; ++i) {
    f.client.window_update(1, 1);
    f.advance(10'000);
  }
  CHECK(f.client.answer(1).reset == h2::kCancel);
}

TEST_CASE("RFC 9113 10.5: whoever takes 4 KiB in a minute reads", "[http2][abuse]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  f.client.opens_windows = false;
  f.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + std::string(16384, 'a');
  f.client.get(1);
  f.run();
  for (int i = 0; i < 4; ++i) {
    f.advance(50'000);
    f.client.window_update(1, 4096);
    f.run();
  }
  CHECK(f.client.answer(1).ended);
}

TEST_CASE("RFC 9113 10.5: a connection that does not read is closed", "[http2][abuse]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}});
  f.client.stop_reading();
  f.client.peer.set_window(1000);
  f.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + std::string(50000, 'a');
  f.client.get(1);
  f.gateway.loop.run();
  f.gateway.loop.advance(std::chrono::milliseconds(f.gateway.options.write_stall_ms + 200));
  CHECK(f.client.peer.closed());
  CHECK(f.gateway.host().open_sessions() == 0);
}

// Back-pressure ----------------------------------------------------------------------------------

TEST_CASE("RFC 9113 5.2: an answer is read no faster than it is taken", "[http2][abuse]") {
  Http2Fixture f;
  f.client.opens_windows = false;
  f.client.keep_bytes = 0;
  const std::string body(1 << 20, 'a');
  f.gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
    connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
    for (int i = 0; i < 16; ++i) connection.peer.send(body);
  };
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).body_bytes == 65535);
  // What the client has a window for, one piece, and what one read brings.
  CHECK(f.gateway.origin.at(0)->peer.total_read() < 65535 + 2 * 65536);
  for (int i = 0; i < 16; ++i) {
    f.client.window_update(0, 65536);
    f.client.window_update(1, 65536);
    f.run();
  }
  CHECK(f.client.answer(1).body_bytes == 17 * 65536 - 1);
  CHECK(f.gateway.origin[0]->peer.total_read() < 17 * 65536 + 2 * 65536);
  f.client.rst_stream(1);
  f.run();
  CHECK(f.gateway.log.size() == 1);
}

TEST_CASE("RFC 9113 5.2: a socket that is full holds the upstream up", "[http2][abuse]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30}});
  f.client.window_update(0, 1 << 30);
  f.run();
  f.client.stop_reading();
  f.client.peer.set_window(100'000);
  const std::string body(1 << 20, 'a');
  f.gateway.answer = [&](OriginConnection& connection, const WireMessage&) {
    connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
    for (int i = 0; i < 16; ++i) connection.peer.send(body);
  };
  f.client.get(1);
  f.gateway.loop.run();
  CHECK(f.gateway.origin.at(0)->peer.total_read() < 100'000 + 3 * 65536);
  f.client.keep_bytes = 0;
  f.client.read_at_once();
  f.run();
  CHECK(f.client.answer(1).body_bytes == 16777216);
}

// Cancelling -------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 5.4.2: RST_STREAM cancels the exchange at once", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  f.client.get(3);
  f.run();
  REQUIRE(f.gateway.origin.size() == 2);
  f.client.rst_stream(1);
  f.run();
  REQUIRE(f.gateway.log.size() == 1);
  CHECK(f.gateway.log[0].client_gone);
  CHECK(f.gateway.origin[0]->peer.closed());
  CHECK_FALSE(f.gateway.origin[1]->peer.closed());
  f.answer(1, kOk);
  f.run();
  CHECK(f.client.answer(3).body == "ok");
}

TEST_CASE("RFC 9113 5.4.2: RST_STREAM in the flight of its request starts nothing", "[http2]") {
  Http2Fixture f;
  f.client.hold();
  f.client.get(1);
  f.client.rst_stream(1);
  f.client.get(3);
  f.client.release();
  f.run();
  CHECK(f.gateway.requests() == 1);
  CHECK(f.client.answer(3).status() == 200);
  CHECK(f.gateway.log.size() == 1);
}

TEST_CASE("RFC 9113 5.4.2: RST_STREAM within an upload and within a download", "[http2]") {
  Http2Fixture f;
  f.gateway.answer = [](OriginConnection& connection, const WireMessage& request) {
    if (request.start_line.starts_with("GET")) {
      connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nsome");
    }
  };
  f.client.post(1);
  f.client.data(1, std::string(1000, 'a'), false);
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(3).body == "some");
  f.client.rst_stream(1);
  f.client.rst_stream(3);
  f.run();
  CHECK(f.gateway.log.size() == 2);
  for (const auto& connection : f.gateway.origin) CHECK(connection->peer.closed());
  f.client.get(5);
  f.run();
  CHECK(f.client.answer(5).status() == 200);
}

TEST_CASE("RFC 9113 5.4.1: a client that closes cancels all its exchanges", "[http2]") {
  const int way = GENERATE(0, 1, 2);
  CAPTURE(way);
  Http2Fixture f;
  f.leave_unanswered();
  for (u32 id = 1; id < 20; id += 2) f.client.get(id);
  f.run();
  if (way == 0) f.client.peer.reset();
  if (way == 1) f.client.peer.close();
  if (way == 2) f.client.peer.finish();
  f.gateway.loop.run();
  CHECK(f.gateway.log.size() == 10);
  CHECK(f.gateway.host().open_sessions() == 0);
}

TEST_CASE("RFC 9113 5.4.1: an end that came with the last frame is noticed", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.peer.send_with_end(Http2Client::raw(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1,
                                               f.client.block(get_fields())));
  f.gateway.loop.run();
  CHECK(f.gateway.requests() == 1);
  f.gateway.loop.advance(std::chrono::milliseconds(200));
  CHECK(f.gateway.log.size() == 1);
  CHECK(f.gateway.host().open_sessions() == 0);
}

// Whoever has no more to ask may leave with the last frame that he owes.
TEST_CASE("RFC 9113 5.4.1: an end that came to a connection at rest is noticed", "[http2]") {
  Http2Fixture f;
  f.client.get(1);
  f.run();
  REQUIRE(f.gateway.log.size() == 1);
  REQUIRE(f.gateway.host().open_sessions() == 1);
  f.client.peer.send_with_end(
      Http2Client::raw(h2::kWindowUpdate, 0, 0, std::string("\0\0\0\1", 4)));
  f.gateway.loop.run();
  f.gateway.loop.advance(std::chrono::milliseconds(200));
  CHECK(f.gateway.host().open_sessions() == 0);
}

// Draining ---------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 6.8: draining loses no request", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  f.run();
  f.client.acknowledges = false;
  f.gateway.host().drain();
  f.run();
  CHECK(f.client.goaway_code() == h2::kNoError);
  CHECK(f.client.goaway_last() == 0x7fffffff);
  // This one was on its way when we said it.
  f.client.get(3);
  f.run();
  CHECK(f.gateway.requests() == 2);
  const WireFrame* ping = f.client.find(h2::kPing);
  REQUIRE(ping != nullptr);
  f.client.frame(h2::kPing, h2::kAck, 0, ping->payload);
  f.run();
  CHECK(f.client.count(h2::kGoaway) == 2);
  CHECK(f.client.goaway_last() == 3);
  f.client.get(5);
  f.run();
  CHECK(f.gateway.requests() == 2);
  CHECK_FALSE(f.client.peer.got_end());
  f.answer(0, kOk);
  f.answer(1, kOk);
  f.run();
  CHECK(f.client.answer(1).body == "ok");
  CHECK(f.client.answer(3).body == "ok");
  CHECK(f.client.peer.got_end());
  f.client.peer.close();
  f.run();
  CHECK(f.gateway.host().open_sessions() == 0);
}

TEST_CASE("RFC 9113 6.8: draining does not wait for a PING that is not answered", "[http2]") {
  Http2Fixture f;
  f.client.acknowledges = false;
  f.gateway.host().drain();
  f.advance(1100);
  CHECK(f.client.count(h2::kGoaway) == 2);
  CHECK(f.client.goaway_last() == 0);
  f.advance(f.gateway.options.linger_ms + 20);
  CHECK(f.client.peer.closed());
}

TEST_CASE("RFC 9113 6.8: abort ends everything at once", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  f.client.post(3);
  f.run();
  f.gateway.host().abort();
  f.gateway.loop.run();
  CHECK(f.client.peer.got_reset());
  CHECK(f.gateway.log.size() == 2);
  CHECK(f.gateway.host().open_sessions() == 0);
}

TEST_CASE("RFC 9113 5.4: whatever operation fails, the session ends", "[http2]") {
  for (u64 countdown = 1; countdown < 80; ++countdown) {
    CAPTURE(countdown);
    MemoryGateway gateway(&stub_run);
    gateway.faults.countdown = countdown;
    gateway.faults.error = ECONNRESET;
    gateway.faults.half_done = countdown % 2 == 0;
    Http2Client client(gateway.connect_peer());
    client.greet();
    for (u32 id = 1; id < 12; id += 2) client.get(id);
    client.post(13);
    client.data(13, std::string(20000, 'a'), true);
    gateway.loop.run();
    CHECK(gateway.comes_to_rest());
  }
}
