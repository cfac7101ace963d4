// Frames, states of streams, settings and flow control over HTTP/2, by the sections of RFC 9113.
#include "runtime/server/testing/http2_fixture.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// What is sent after the greeting ends the connection with `code`, and the GOAWAY arrives.
void check_connection_error(Http2Fixture& f, u32 code) {
  f.run();
  CHECK(f.client.goaway_code() == code);
  CHECK(f.client.peer.got_end());
  f.advance(f.gateway.options.linger_ms + 20);
  CHECK(f.client.peer.closed());
  CHECK_FALSE(f.client.peer.got_reset());
  CHECK(f.gateway.host().open_sessions() == 0);
}

std::string number(u64 value, u32 bytes) {
  std::string text;
  for (u32 i = bytes; i-- > 0;) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

std::string setting(u16 id, u32 value) { return number(id, 2) + number(value, 4); }

}  // namespace

// 4: frames ---------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 4.1: frames of unknown types are ignored", "[http2]") {
  Http2Fixture f;
  f.client.frame(0x42, 0xff, 0, "whatever");
  f.client.frame(0x43, 0, 17, "");
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9113 4.1: undefined flags and the reserved bit are ignored", "[http2]") {
  Http2Fixture f;
  f.client.frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream | 0xc0, 0x80000001U,
                 f.client.block(get_fields()));
  f.run();
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9113 4.2: a frame larger than SETTINGS_MAX_FRAME_SIZE is an error", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.post(1);
  f.client.frame(h2::kData, 0, 1, std::string(16385, 'a'));
  check_connection_error(f, h2::kFrameSizeError);
}

TEST_CASE("RFC 9113 4.2: frames of a fixed size have no other", "[http2]") {
  struct Case {
    const char* name;
    u8 type;
    u8 flags;
    u32 id;
    size_t bytes;
  };
  static constexpr Case kCases[] = {
      {"6.7 PING", h2::kPing, 0, 0, 7},
      {"6.9 WINDOW_UPDATE", h2::kWindowUpdate, 0, 0, 3},
      {"6.4 RST_STREAM", h2::kRstStream, 0, 1, 3},
      {"6.5 SETTINGS", h2::kSettings, 0, 0, 5},
      {"6.5 SETTINGS with ACK", h2::kSettings, h2::kAck, 0, 6},
      {"6.8 GOAWAY", h2::kGoaway, 0, 0, 7},
  };
  for (const Case& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      f.leave_unanswered();
      f.client.get(1);
      f.client.frame(row.type, row.flags, row.id, std::string(row.bytes, '\0'));
      check_connection_error(f, h2::kFrameSizeError);
    }
  }
}

TEST_CASE("RFC 9113 6: frames that belong to a stream, or to none, stay there", "[http2]") {
  struct Case {
    const char* name;
    u8 type;
    u32 id;
    size_t bytes;
  };
  static constexpr Case kCases[] = {
      {"6.1 DATA on stream 0", h2::kData, 0, 4},
      {"6.2 HEADERS on stream 0", h2::kHeaders, 0, 0},
      {"6.4 RST_STREAM on stream 0", h2::kRstStream, 0, 4},
      {"6.5 SETTINGS on a stream", h2::kSettings, 1, 0},
      {"6.7 PING on a stream", h2::kPing, 1, 8},
      {"6.8 GOAWAY on a stream", h2::kGoaway, 1, 8},
      {"6.10 CONTINUATION on stream 0", h2::kContinuation, 0, 1},
      {"6.6 PUSH_PROMISE of a client", h2::kPushPromise, 1, 8},
  };
  for (const Case& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      f.client.frame(row.type, row.type == h2::kHeaders ? h2::kEndHeaders : 0, row.id,
                     std::string(row.bytes, '\0'));
      check_connection_error(f, h2::kProtocolError);
    }
  }
}

TEST_CASE("RFC 9113 4.3: a block that HPACK cannot read is COMPRESSION_ERROR", "[http2]") {
  Http2Fixture f;
  const char* bytes = GENERATE("\xff\xff\xff\xff\xff\xff", "\xbf\xff", "\x80", "\x40\x81");
  f.client.frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, bytes);
  check_connection_error(f, h2::kCompressionError);
}

TEST_CASE("RFC 7541 4.2: a table size beyond the setting is COMPRESSION_ERROR", "[http2]") {
  Http2Fixture f;
  f.client.frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, "\x3f\xe2\x1f\x82");
  check_connection_error(f, h2::kCompressionError);
}

TEST_CASE("RFC 9113 4.3: the state of HPACK outlives refused requests", "[http2]") {
  Http2Fixture f;
  // Each of them adds to the table; later ones refer to it.
  f.client.headers(1, get_fields({{"connection", "close"}, {"x-known", "value"}}), true);
  f.client.headers(3, get_fields({{"x-known", "value"}, {"x-other", "1"}}, "/a%2f"), true);
  f.client.headers(5, get_fields({{"x-known", "value"}, {"x-other", "1"}}), true);
  f.run();
  CHECK(f.client.answer(5).status() == 200);
  CHECK(f.seen().field("x-known") == "value");
  CHECK(f.seen().field("x-other") == "1");
}

// 5.1: states of streams
// ---------------------------------------------------------------------------

TEST_CASE("RFC 9113 5.1: frames on an idle stream are a connection error", "[http2]") {
  struct Case {
    const char* name;
    u8 type;
    size_t bytes;
  };
  static constexpr Case kCases[] = {{"DATA", h2::kData, 4},
                                    {"RST_STREAM", h2::kRstStream, 4},
                                    {"WINDOW_UPDATE", h2::kWindowUpdate, 4},
                                    {"CONTINUATION", h2::kContinuation, 4}};
  for (const Case& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      f.client.frame(row.type, 0, 5, std::string(row.bytes, '\1'));
      check_connection_error(f, h2::kProtocolError);
    }
  }
}

TEST_CASE("RFC 9113 5.1: DATA on a half-closed stream is STREAM_CLOSED", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  f.run();
  f.client.data(1, "more", false);
  f.run();
  const bool stream_error = f.client.answer(1).reset == h2::kStreamClosed;
  CHECK((stream_error || f.client.goaway_code() == h2::kStreamClosed));
}

TEST_CASE("RFC 9113 5.1: HEADERS on a half-closed stream is STREAM_CLOSED", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  f.run();
  f.client.get(1);
  f.run();
  const bool stream_error = f.client.answer(1).reset == h2::kStreamClosed;
  CHECK((stream_error || f.client.goaway_code() == h2::kStreamClosed));
}

TEST_CASE("RFC 9113 5.1: frames on a closed stream start nothing", "[http2]") {
  Http2Fixture f;
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).ended);
  f.client.rst_stream(1);
  f.client.window_update(1, 10);
  f.client.data(1, "late", true);
  f.run();
  CHECK(f.gateway.requests() == 1);
  CHECK(f.client.answer(1).body == "hello");
}

TEST_CASE("RFC 9113 5.1.1: stream ids of a client are odd and grow", "[http2]") {
  SECTION("even") {
    Http2Fixture f;
    f.client.get(2);
    check_connection_error(f, h2::kProtocolError);
    CHECK(f.gateway.requests() == 0);
  }
  SECTION("smaller than one before") {
    Http2Fixture f;
    f.client.get(5);
    f.run();
    f.client.get(3);
    f.run();
    CHECK(f.gateway.requests() == 1);
    CHECK_FALSE(f.client.answer(3).ended);
  }
}

TEST_CASE("RFC 9113 5.1.2: streams beyond the limit are refused one by one", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  for (u32 id = 1; id <= 205; id += 2) f.client.get(id);
  f.run();
  CHECK(f.gateway.requests() == 100);
  CHECK(f.client.answer(201).reset == h2::kRefusedStream);
  CHECK(f.client.answer(203).reset == h2::kRefusedStream);
  CHECK(f.client.answer(205).reset == h2::kRefusedStream);
  CHECK(f.counters().http2_refused_streams == 3);
  CHECK(f.client.goaway_code() == h2::kNone);
  f.answer(0, kOk);
  f.run();
  f.client.get(207);
  f.run();
  CHECK(f.gateway.requests() == 101);
}

TEST_CASE("RFC 9113 5.1.2: before its SETTINGS are acknowledged the limit holds too", "[http2]") {
  MemoryGateway gateway(&stub_run);
  gateway.answer = nullptr;
  Http2Client client(gateway.connect_peer());
  client.acknowledges = false;
  client.greet();
  for (u32 id = 1; id <= 201; id += 2) client.get(id);
  gateway.loop.run();
  CHECK(gateway.requests() == 100);
  CHECK(client.answer(201).reset == h2::kRefusedStream);
}

TEST_CASE("RFC 9113 5.3: PRIORITY and its flag on HEADERS are read and ignored", "[http2]") {
  Http2Fixture f;
  f.client.frame(h2::kPriority, 0, 7, number(0, 4) + "\x10");
  f.client.frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream | h2::kPriorityFlag, 1,
                 number(0x80000000U, 4) + "\xff" + f.client.block(get_fields()));
  f.run();
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9113 6.1: padding is not part of the body, and is given back", "[http2]") {
  Http2Fixture f;
  f.client.post(1);
  f.client.frame(h2::kData, h2::kPadded, 1, std::string("\x0a") + "hello" + std::string(10, '\0'));
  f.client.frame(h2::kData, h2::kPadded | h2::kEndStream, 1,
                 std::string("\x01") + " world" + std::string(1, '\0'));
  f.run();
  CHECK(f.seen().body == "hello world");
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9113 6.1, 6.2: padding as long as the frame is a connection error", "[http2]") {
  const u8 type = GENERATE(h2::kData, h2::kHeaders);
  Http2Fixture f;
  f.leave_unanswered();
  if (type == h2::kData) f.client.post(1);
  const u32 id = type == h2::kData ? 1 : 3;
  f.client.frame(type, h2::kPadded | h2::kEndHeaders, id, std::string("\x05") + "abcd");
  check_connection_error(f, h2::kProtocolError);
}

TEST_CASE("RFC 9113 6.2: a header block may come in pieces", "[http2]") {
  Http2Fixture f;
  const std::string block = f.client.block(get_fields({{"x-a", "1"}}));
  f.client.frame(h2::kHeaders, h2::kEndStream, 1, block.substr(0, 3));
  f.client.frame(h2::kContinuation, 0, 1, block.substr(3, 5));
  f.client.frame(h2::kContinuation, h2::kEndHeaders, 1, block.substr(8));
  f.run();
  CHECK(f.seen().field("x-a") == "1");
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9113 6.10: nothing comes between the pieces of a header block", "[http2]") {
  struct Case {
    const char* name;
    u8 type;
    u32 id;
    size_t bytes;
  };
  static constexpr Case kCases[] = {{"PING", h2::kPing, 0, 8},
                                    {"CONTINUATION of another stream", h2::kContinuation, 3, 1},
                                    {"HEADERS", h2::kHeaders, 3, 1},
                                    {"unknown", 0x42, 0, 1}};
  for (const Case& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      const std::string block = f.client.block(get_fields());
      f.client.frame(h2::kHeaders, h2::kEndStream, 1, block.substr(0, 3));
      f.client.frame(row.type, 0, row.id, std::string(row.bytes, '\0'));
      check_connection_error(f, h2::kProtocolError);
      CHECK(f.gateway.requests() == 0);
    }
  }
}

// 6.5: SETTINGS
// ------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 6.5.2: values out of bounds are connection errors", "[http2]") {
  struct Case {
    const char* name;
    u16 id;
    u32 value;
    u32 code;
  };
  static constexpr Case kCases[] = {
      {"ENABLE_PUSH of 2", NGHTTP2_SETTINGS_ENABLE_PUSH, 2, h2::kProtocolError},
      {"INITIAL_WINDOW_SIZE of 2^31", NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x80000000U,
       h2::kFlowControlError},
      {"MAX_FRAME_SIZE of 16383", NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16383, h2::kProtocolError},
      {"MAX_FRAME_SIZE of 2^24", NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1U << 24, h2::kProtocolError},
  };
  for (const Case& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      f.client.frame(h2::kSettings, 0, 0, setting(row.id, row.value));
      check_connection_error(f, row.code);
    }
  }
}

TEST_CASE("RFC 9113 6.5.2: unknown settings are ignored", "[http2]") {
  Http2Fixture f;
  f.client.frame(h2::kSettings, 0, 0, setting(0xfafa, 7) + setting(0, 1));
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9113 6.5.3: each SETTINGS is acknowledged", "[http2]") {
  Http2Fixture f;
  f.client.settings({{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0}});
  f.client.settings({{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 4096}});
  f.run();
  CHECK(std::count_if(f.client.frames.begin(), f.client.frames.end(), [](const WireFrame& frame) {
          return frame.type == h2::kSettings && (frame.flags & h2::kAck) != 0;
        }) == 3);
}

TEST_CASE("RFC 9113 6.5.3: an acknowledgement that nobody waits for is an error", "[http2]") {
  Http2Fixture f;
  f.client.frame(h2::kSettings, h2::kAck, 0);
  check_connection_error(f, h2::kProtocolError);
}

TEST_CASE("RFC 9113 6.5.3: SETTINGS that are not acknowledged in time end it", "[http2]") {
  MemoryGateway gateway(&stub_run);
  Http2Client client(gateway.connect_peer());
  client.acknowledges = false;
  client.greet();
  gateway.loop.run();
  gateway.loop.advance(std::chrono::milliseconds(gateway.options.head_timeout_ms - 100));
  CHECK(client.goaway_code() == h2::kNone);
  gateway.loop.advance(std::chrono::milliseconds(200));
  CHECK(client.goaway_code() == h2::kSettingsTimeout);
}

TEST_CASE("RFC 9113 6.5.2: a header table of size 0 is honoured", "[http2]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0}});
  for (u32 id = 1; id < 9; id += 2) f.client.get(id);
  f.run();
  CHECK(f.client.answered() == 4);
  CHECK(f.client.answer(7).body == "hello");
}

// 6.7, 6.8 ---------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 6.7: PING is answered with its payload", "[http2]") {
  Http2Fixture f;
  f.client.frame(h2::kPing, 0, 0, "12345678");
  f.run();
  const WireFrame* answer = f.client.find(h2::kPing, h2::kAck);
  REQUIRE(answer != nullptr);
  CHECK(answer->payload == "12345678");
}

TEST_CASE("RFC 9113 6.8: after GOAWAY of the client its streams are finished", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1);
  f.run();
  f.client.frame(h2::kGoaway, 0, 0, number(0, 4) + number(0, 4));
  f.run();
  CHECK_FALSE(f.client.peer.got_end());
  f.answer(0, kOk);
  f.run();
  CHECK(f.client.answer(1).body == "ok");
  CHECK(f.client.peer.got_end());
}

// 6.9: flow control
// --------------------------------------------------------------------------------

TEST_CASE("RFC 9113 6.9: WINDOW_UPDATE of 0 is an error", "[http2]") {
  SECTION("of the connection") {
    Http2Fixture f;
    f.client.window_update(0, 0);
    check_connection_error(f, h2::kProtocolError);
  }
  SECTION("of a stream") {
    Http2Fixture f;
    f.leave_unanswered();
    f.client.get(1);
    f.run();
    f.client.window_update(1, 0);
    f.run();
    const bool stream_error = f.client.answer(1).reset == h2::kProtocolError;
    CHECK((stream_error || f.client.goaway_code() == h2::kProtocolError));
  }
}

TEST_CASE("RFC 9113 6.9.1: a window beyond 2^31-1 is FLOW_CONTROL_ERROR", "[http2]") {
  SECTION("of the connection") {
    Http2Fixture f;
    f.client.window_update(0, 0x7fffffff);
    check_connection_error(f, h2::kFlowControlError);
  }
  SECTION("of a stream") {
    Http2Fixture f;
    f.leave_unanswered();
    f.client.get(1);
    f.client.get(3);
    f.run();
    f.client.window_update(1, 0x7fffffff);
    f.run();
    CHECK(f.client.answer(1).reset == h2::kFlowControlError);
    f.answer(1, kOk);
    f.run();
    CHECK(f.client.answer(3).status() == 200);
  }
  SECTION("by SETTINGS") {
    Http2Fixture f;
    f.leave_unanswered();
    f.client.get(1);
    f.run();
    f.client.window_update(1, 1000);
    f.client.settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff}});
    f.run();
    const bool stream_error = f.client.answer(1).reset == h2::kFlowControlError;
    CHECK((stream_error || f.client.goaway_code() == h2::kFlowControlError));
  }
}

TEST_CASE("RFC 9113 6.9: a client keeps to the window of its stream", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.gateway.origin_reads = false;
  f.client.post(1);
  f.run();
  f.gateway.origin.at(0)->peer.set_window(0);
  for (int i = 0; i < 12; ++i) f.client.data(1, std::string(16384, 'a'), false);
  f.run();
  CHECK(f.client.answer(1).reset == h2::kFlowControlError);
  CHECK(f.client.goaway_code() == h2::kNone);
}

TEST_CASE("RFC 9113 6.9: a window is given back only when the body is read", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.gateway.origin_reads = false;
  f.client.post(1);
  f.run();
  REQUIRE(f.gateway.origin.size() == 1);
  f.gateway.origin[0]->peer.set_window(0);
  f.client.data(1, std::string(65536, 'a'), false);
  f.run();
  const auto updates = [&] {
    return std::count_if(
        f.client.frames.begin(), f.client.frames.end(),
        [](const WireFrame& frame) { return frame.type == h2::kWindowUpdate && frame.id == 1; });
  };
  CHECK(updates() == 0);
  f.gateway.origin[0]->peer.set_window(1 << 20);
  f.run();
  CHECK(updates() > 0);
}

TEST_CASE("RFC 9113 5.2: uploads of many streams stay within the connection's window", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.gateway.origin_reads = false;
  for (u32 id = 1; id < 40; id += 2) f.client.post(id);
  f.run();
  for (auto& connection : f.gateway.origin) connection->peer.set_window(0);
  // 16 of 64 KiB fill the mebibyte of the connection.
  for (u32 id = 1; id < 33; id += 2) f.client.data(id, std::string(65536, 'a'), false);
  f.run();
  CHECK(f.client.goaway_code() == h2::kNone);
  f.client.data(33, std::string(16384, 'a'), false);
  check_connection_error(f, h2::kFlowControlError);
}

TEST_CASE("RFC 9113 6.9.1: an answer waits for the window of its stream", "[http2]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 3}});
  f.client.opens_windows = false;
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.client.answer(1).body == "hel");
  CHECK_FALSE(f.client.answer(1).ended);
  f.client.window_update(1, 1);
  f.run();
  CHECK(f.client.answer(1).body == "hell");
  f.client.window_update(1, 1);
  f.run();
  CHECK(f.client.answer(1).body == "hello");
  CHECK(f.client.answer(1).ended);
}

TEST_CASE("RFC 9113 6.9.2: a window may shrink below zero and come back", "[http2]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 3}});
  f.client.opens_windows = false;
  f.client.get(1);
  f.run();
  f.client.settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  f.client.window_update(1, 3);
  f.run();
  CHECK(f.client.answer(1).body == "hel");
  f.client.settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100}});
  f.run();
  CHECK(f.client.answer(1).body == "hello");
}

TEST_CASE("RFC 9113 6.9.1: answers share the window of the connection", "[http2]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}});
  f.client.opens_windows = false;
  f.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + std::string(50000, 'a');
  f.client.get(1);
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(1).body_bytes + f.client.answer(3).body_bytes == 65535);
  f.client.window_update(0, 100000);
  f.run();
  CHECK(f.client.answer(1).ended);
  CHECK(f.client.answer(3).ended);
}

TEST_CASE("RFC 9113 6.9: a stream without window does not hold up others", "[http2]") {
  Http2Fixture f({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  f.client.opens_windows = false;
  f.client.get(1);
  f.client.get(3);
  f.run();
  f.client.window_update(3, 100);
  f.run();
  CHECK(f.client.answer(3).body == "hello");
  CHECK(f.client.answer(1).body.empty());
  CHECK(f.client.answer(1).status() == 200);
}
