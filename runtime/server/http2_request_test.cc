// Requests and answers over HTTP/2 in memory, by the sections of RFC 9113.
#include "runtime/server/testing/http2_fixture.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

struct Malformed {
  const char* name;
  HeaderFields fields;
};

}  // namespace

// Starting ---------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 3.3: prior knowledge begins HTTP/2 in plain text", "[http2]") {
  Http2Fixture f;
  f.client.get(1);
  f.run();
  const Http2Answer& answer = f.client.answer(1);
  CHECK(answer.status() == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.ended);
  CHECK(answer.field("content-length") == "5");
  CHECK(answer.field("date").size() == 29);
  CHECK(answer.reset == h2::kNone);
  REQUIRE(f.gateway.log.size() == 1);
  CHECK(f.gateway.log[0].version_major == 2);
  CHECK(f.counters().http2_connections == 1);
}

TEST_CASE("RFC 9113 3.4: the preface may come in pieces of any size", "[http2]") {
  const size_t piece =
      GENERATE(size_t{1}, size_t{2}, size_t{17}, size_t{18}, size_t{23}, size_t{24});
  CAPTURE(piece);
  MemoryGateway gateway(&stub_run);
  Http2Client client(gateway.connect_peer());
  std::string bytes(kHttp2Preface);
  bytes += Http2Client::raw(h2::kSettings, 0, 0);
  bytes += Http2Client::raw(h2::kHeaders, h2::kEndStream | h2::kEndHeaders, 1,
                            client.block(get_fields()));
  client.peer.send_pieces(bytes, piece);
  gateway.loop.run();
  CHECK(client.answer(1).body == "hello");
}

TEST_CASE("RFC 9113 3.4: the server's preface is a SETTINGS frame with our limits", "[http2]") {
  Http2Fixture f;
  REQUIRE_FALSE(f.client.frames.empty());
  CHECK(f.client.frames[0].type == h2::kSettings);
  CHECK(f.client.setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 100);
  CHECK(f.client.setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == 65536);
  CHECK(f.client.setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE) == 60 * 1024);
  CHECK(f.client.setting(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == h2::kNone);
  const WireFrame* window = f.client.find(h2::kWindowUpdate);
  REQUIRE(window != nullptr);
  CHECK(window->id == 0);
  CHECK(f.client.find(h2::kSettings, h2::kAck) != nullptr);
}

TEST_CASE("RFC 9113 3.4: a preface that is wrong in its second half ends the connection",
          "[http2]") {
  MemoryGateway gateway(&stub_run);
  Http2Client client(gateway.connect_peer());
  client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
  gateway.loop.run();
  CHECK(client.goaway_code() == h2::kProtocolError);
  gateway.loop.advance(std::chrono::milliseconds(gateway.options.linger_ms + 20));
  CHECK(client.peer.closed());
}

TEST_CASE("RFC 9113 3.4: what comes first must be SETTINGS", "[http2]") {
  MemoryGateway gateway(&stub_run);
  Http2Client client(gateway.connect_peer());
  client.send(kHttp2Preface);
  client.get(1);
  gateway.loop.run();
  CHECK(client.goaway_code() == h2::kProtocolError);
  CHECK(gateway.requests() == 0);
}

TEST_CASE("RFC 9113 3.3: a listener without http2 knows no prior knowledge", "[http2]") {
  MemoryGateway gateway(&stub_run);
  ListenerSettings listener;
  listener.http2 = false;
  MemoryClient client(gateway.connect_peer(&listener));
  client.peer.send(kHttp2Preface);
  gateway.loop.run();
  REQUIRE(client.answers() == 1);
  CHECK(client.answer(0).status() == 505);
}

TEST_CASE("RFC 9113 3.4: the preface begins a connection, not its second request", "[http2]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  gateway.loop.run();
  client->peer.send(kHttp2Preface);
  gateway.loop.run();
  REQUIRE(client->answers() == 2);
  CHECK(client->answer(0).status() == 200);
  CHECK(client->answer(1).status() == 505);
}

// Guards against a preface that was found in what a refused request had left behind.
TEST_CASE("RFC 9113 3.4: the preface behind a refused request begins nothing", "[http2]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send("GET /\x9d HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kHttp2Preface));
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 400);
  CHECK(client->reader.problem.empty());
  CHECK(gateway.host().counters.http2_connections == 0);
}

TEST_CASE("RFC 9113 3.1: Upgrade: h2c is ignored and not forwarded", "[http2]") {
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
  gateway.loop.run();
  REQUIRE(client->answers() == 1);
  CHECK(client->answer(0).status() == 200);
  const WireMessage& seen = gateway.origin.at(0)->reader.messages.at(0);
  CHECK(seen.count("upgrade") == 0);
  CHECK(seen.count("http2-settings") == 0);
}

// Requests ---------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 8.3.1: pseudo-headers become the request line and Host", "[http2]") {
  Http2Fixture f;
  f.client.headers(1, get_fields({{"x-a", "1"}, {"user-agent", "t"}}, "/a/./b/%41?q=1&r"), true);
  f.run();
  const WireMessage& seen = f.seen();
  CHECK(seen.start_line == "GET /a/b/A?q=1&r HTTP/1.1");
  CHECK(seen.field("host") == "a.example");
  CHECK(seen.count("host") == 1);
  CHECK(seen.field("x-a") == "1");
  CHECK(seen.field("x-forwarded-proto") == "http");
  CHECK(seen.field("x-forwarded-host") == "a.example");
}

TEST_CASE("RFC 9110 7.6.3: Via tells that the request came by HTTP/2", "[http2]") {
  Http2Fixture f;
  f.client.get(1);
  f.run();
  CHECK(f.seen().field("via") == "2.0 gwctl");
}

TEST_CASE("RFC 9113 8.3.1: Host alone names the authority", "[http2]") {
  Http2Fixture f;
  f.client.headers(
      1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "B.example:81"}}, true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.seen().field("host") == "B.example:81");
}

TEST_CASE("RFC 9113 8.3.1: Host must agree with :authority", "[http2]") {
  Http2Fixture f;
  f.client.headers(1, get_fields({{"host", "A.Example"}}), true);
  f.client.headers(3, get_fields({{"host", "b.example"}}), true);
  f.client.headers(5, get_fields({{"host", "a.example:80"}}), true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.client.answer(3).status() == 400);
  CHECK(f.client.answer(5).status() == 400);
  CHECK(f.gateway.requests() == 1);
  CHECK_FALSE(f.client.peer.closed());
}

TEST_CASE("RFC 9113 8.3.1: an authority that is none is refused", "[http2]") {
  Http2Fixture f;
  u32 id = 1;
  for (const char* authority :
       {"user@a.example", "a b", "a.example:99999", "[::1", "a..b", "a/b"}) {
    CAPTURE(authority);
    f.client.headers(
        id, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", authority}},
        true);
    f.run();
    // Bytes that no authority may hold make the request malformed; the rest is a bad request.
    const Http2Answer& answer = f.client.answer(id);
    CHECK((answer.status() == 400 || answer.reset == h2::kProtocolError));
    id += 2;
  }
  CHECK(f.gateway.requests() == 0);
}

TEST_CASE("RFC 9113 8.3.1: neither Host nor :authority is refused", "[http2]") {
  Http2Fixture f;
  f.client.headers(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}, true);
  f.run();
  const Http2Answer& answer = f.client.answer(1);
  CHECK((answer.status() == 400 || answer.reset == h2::kProtocolError));
  CHECK(f.gateway.requests() == 0);
}

TEST_CASE("RFC 9113 8.3.1: paths are normalised and refused as in HTTP/1", "[http2]") {
  Http2Fixture f;
  u32 id = 1;
  for (const char* path :
       {"/a%2fb", "/../x", "/a//b", "/a\\b", "/%zz", "/a#b", "/..;/a", "/%252e"}) {
    CAPTURE(path);
    f.client.headers(id, get_fields({}, path), true);
    f.run();
    CHECK(f.client.answer(id).status() == 400);
    CHECK(f.client.answer(id).field("content-type") == "application/problem+json");
    id += 2;
  }
  CHECK(f.gateway.requests() == 0);
  CHECK(f.counters().refused == 8);
  CHECK(f.gateway.log.size() == 8);
}

TEST_CASE("RFC 9113 8.3.1: an asterisk is for OPTIONS", "[http2]") {
  Http2Fixture f;
  f.client.headers(
      1, {{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}}, true);
  f.client.headers(3, get_fields({}, "*"), true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.client.answer(3).reset == h2::kProtocolError);
  CHECK(f.gateway.requests() == 1);
}

TEST_CASE("RFC 9113 8.5: CONNECT is not served", "[http2]") {
  Http2Fixture f;
  f.client.headers(1, {{":method", "CONNECT"}, {":authority", "a.example:443"}}, true);
  f.run();
  CHECK(f.client.answer(1).status() == 501);
  CHECK(f.gateway.requests() == 0);
}

TEST_CASE("RFC 8441 4: :protocol is refused, as its setting was not sent", "[http2]") {
  Http2Fixture f;
  f.client.headers(1,
                   {{":method", "CONNECT"},
                    {":protocol", "websocket"},
                    {":scheme", "http"},
                    {":path", "/"},
                    {":authority", "a"}},
                   false);
  f.run();
  CHECK(f.client.answer(1).reset == h2::kProtocolError);
}

TEST_CASE("RFC 9113 8.2.3: crumbs of cookies are joined", "[http2]") {
  Http2Fixture f;
  f.client.headers(
      1, get_fields({{"cookie", "a=1"}, {"x-b", "2"}, {"cookie", "c=3"}, {"cookie", "d=4"}}), true);
  f.run();
  CHECK(f.seen().count("cookie") == 1);
  CHECK(f.seen().field("cookie") == "a=1; c=3; d=4");
}

TEST_CASE("RFC 9113 8.1.1: malformed requests reset their stream alone", "[http2]") {
  const HeaderFields base = get_fields();
  const auto with = [&](const HeaderFields& more) {
    HeaderFields fields = base;
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  };
  const auto without = [&](std::string_view name) {
    HeaderFields fields;
    for (const auto& field : base) {
      if (field.first != name) fields.push_back(field);
    }
    return fields;
  };
  const Malformed kCases[] = {
      {"8.2.1 upper-case name", with({{"X-Upper", "1"}})},
      {"8.2.1 space in a name", with({{"x a", "1"}})},
      {"8.2.1 colon in a name", with({{"x:a", "1"}})},
      {"8.2.1 control byte in a name", with({{std::string("x\x01", 2), "1"}})},
      {"8.2.1 empty name", with({{"", "1"}})},
      {"8.2.1 CR LF in a value", with({{"x-a", "1\r\nx-b: 2"}})},
      {"8.2.1 NUL in a value", with({{"x-a", std::string("1\0", 2)}})},
      {"8.2.1 DEL in a value", with({{"x-a", "1\x7f"}})},
      {"8.2.1 space before a value", with({{"x-a", " 1"}})},
      {"8.2.1 tab behind a value", with({{"x-a", "1\t"}})},
      {"8.2.2 connection", with({{"connection", "close"}})},
      {"8.2.2 keep-alive", with({{"keep-alive", "5"}})},
      {"8.2.2 proxy-connection", with({{"proxy-connection", "close"}})},
      {"8.2.2 transfer-encoding", with({{"transfer-encoding", "chunked"}})},
      {"8.2.2 upgrade", with({{"upgrade", "websocket"}})},
      {"8.2.2 te other than trailers", with({{"te", "gzip"}})},
      {"8.3 unknown pseudo-header", with({{":foo", "1"}})},
      {"8.3 pseudo-header of an answer", with({{":status", "200"}})},
      {"8.3 :method twice", with({{":method", "GET"}})},
      {"8.3 :path twice", with({{":path", "/b"}})},
      {"8.3 :scheme twice", with({{":scheme", "http"}})},
      {"8.3 :authority twice", with({{":authority", "a.example"}})},
      {"8.3 pseudo-header behind a field",
       {{":method", "GET"},
        {":scheme", "http"},
        {"x-a", "1"},
        {":path", "/"},
        {":authority", "a"}}},
      {"8.3.1 no :method", without(":method")},
      {"8.3.1 no :scheme", without(":scheme")},
      {"8.3.1 no :path", without(":path")},
      {"8.3.1 empty :path",
       {{":method", "GET"}, {":scheme", "http"}, {":path", ""}, {":authority", "a"}}},
      {"8.3.1 relative :path",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "a/b"}, {":authority", "a"}}},
      {"8.3.1 absolute URI as :path",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "http://a/"}, {":authority", "a"}}},
      {"8.3.1 method with a space",
       {{":method", "GET /x"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}},
      {"8.3.1 other scheme",
       {{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {":authority", "a"}}},
      {"8.1.1 content-length twice", with({{"content-length", "1"}, {"content-length", "1"}})},
      {"8.1.1 content-length that is no number", with({{"content-length", "1x"}})},
      {"8.1.1 content-length with a sign", with({{"content-length", "+1"}})},
      {"8.1.1 content-length without a body", with({{"content-length", "1"}})},
      {"8.3.1 Host twice", with({{"host", "a.example"}, {"host", "a.example"}})},
  };
  for (const Malformed& row : kCases) {
    DYNAMIC_SECTION(row.name) {
      Http2Fixture f;
      f.client.headers(1, row.fields, true);
      f.client.get(3);
      f.run();
      CHECK(f.client.answer(1).reset == h2::kProtocolError);
      CHECK(f.client.answer(1).fields.empty());
      CHECK(f.client.answer(3).status() == 200);
      CHECK(f.gateway.requests() == 1);
      CHECK(f.client.goaway_code() == h2::kNone);
    }
  }
}

TEST_CASE("RFC 9113 8.2: names that look like framing are a bad request", "[http2]") {
  Http2Fixture f;
  u32 id = 1;
  for (const char* name : {"content_length", "transfer_encoding", "contentlength"}) {
    CAPTURE(name);
    f.client.headers(id, get_fields({{name, "1"}}), true);
    f.run();
    CHECK(f.client.answer(id).status() == 400);
    id += 2;
  }
  CHECK(f.gateway.requests() == 0);
}

TEST_CASE("RFC 9113 8.2.2: te: trailers is allowed and not forwarded", "[http2]") {
  Http2Fixture f;
  f.client.headers(1, get_fields({{"te", "trailers"}}), true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.seen().count("te") == 0);
}

TEST_CASE("RFC 9110 10.1.1: an unknown expectation is 417", "[http2]") {
  Http2Fixture f;
  f.client.headers(1, get_fields({{"expect", "99-wait"}}), true);
  f.run();
  CHECK(f.client.answer(1).status() == 417);
}

// Limits -----------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 10.5.1: a path of more than 8 KiB is 414", "[http2]") {
  Http2Fixture f;
  f.client.headers(1, get_fields({}, "/" + std::string(8 * 1024 - 1, 'a')), true);
  f.client.headers(3, get_fields({}, "/" + std::string(8 * 1024, 'a')), true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.client.answer(3).status() == 414);
}

TEST_CASE("RFC 9113 10.5.1: a header list of more than 60 KiB is 431", "[http2]") {
  Http2Fixture f;
  HeaderFields large = get_fields();
  for (int i = 0; i < 20; ++i) large.emplace_back("x-" + std::to_string(i), std::string(4000, 'v'));
  f.client.headers(1, large, true);
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(1).status() == 431);
  CHECK(f.client.answer(3).status() == 200);
  CHECK(f.gateway.requests() == 1);
}

TEST_CASE("RFC 9113 10.5.1: a hundred fields pass, one more is 431", "[http2]") {
  Http2Fixture f;
  HeaderFields many = get_fields();
  for (int i = 0; i < 100; ++i) many.emplace_back("x-" + std::to_string(i), "v");
  f.client.headers(1, many, true);
  many.emplace_back("x-more", "v");
  f.client.headers(3, many, true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.client.answer(3).status() == 431);
}

// Bodies -----------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 8.1: a body with its length is forwarded with it", "[http2]") {
  Http2Fixture f;
  f.client.post(1, "/users", {{"content-length", "11"}});
  f.client.data(1, "hello ", false);
  f.client.data(1, "world", true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.seen().body == "hello world");
  CHECK(f.seen().field("content-length") == "11");
  CHECK(f.gateway.log.at(0).request_bytes == 11);
}

TEST_CASE("RFC 9113 8.1: a body of unknown length that comes at once gets one", "[http2]") {
  Http2Fixture f;
  f.client.hold();
  f.client.post(1);
  f.client.data(1, "hello world", true);
  f.client.release();
  f.run();
  CHECK(f.seen().body == "hello world");
  CHECK(f.seen().field("content-length") == "11");
}

TEST_CASE("RFC 9113 8.1: a body of unknown length is forwarded in chunks as it comes", "[http2]") {
  Http2Fixture f;
  f.client.post(1);
  f.run();
  f.client.data(1, "hello ", false);
  f.run();
  f.client.data(1, "world", true);
  f.run();
  CHECK(f.seen().chunked);
  CHECK(f.seen().body == "hello world");
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9113 8.1: POST that ends with its head says upstream that it is empty", "[http2]") {
  Http2Fixture f;
  f.client.headers(
      1, {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}, true);
  f.run();
  CHECK(f.seen().field("content-length") == "0");
  CHECK_FALSE(f.seen().chunked);
}

TEST_CASE("RFC 9113 8.1: an empty DATA frame may end the request", "[http2]") {
  Http2Fixture f;
  f.client.post(1);
  f.client.data(1, "", true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.seen().body.empty());
  CHECK(f.seen().complete);
}

TEST_CASE("RFC 9113 8.1.1: less DATA than content-length says is malformed", "[http2]") {
  Http2Fixture f;
  f.client.post(1, "/users", {{"content-length", "11"}});
  f.client.data(1, "hello", true);
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(1).reset == h2::kProtocolError);
  CHECK(f.client.answer(1).fields.empty());
  CHECK(f.client.answer(3).status() == 200);
  CHECK(f.seen(0).complete == false);
}

TEST_CASE("RFC 9113 8.1.1: more DATA than content-length says is malformed", "[http2]") {
  Http2Fixture f;
  f.client.post(1, "/users", {{"content-length", "3"}});
  f.client.data(1, "hello", false);
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(1).reset == h2::kProtocolError);
  CHECK(f.client.answer(3).status() == 200);
}

TEST_CASE("RFC 9113 8.1: trailers of a request are forwarded", "[http2]") {
  Http2Fixture f;
  f.client.post(1);
  f.client.data(1, "hello", false);
  f.client.headers(1, {{"x-sum", "1"}, {"authorization", "no"}, {"host", "evil"}}, true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.seen().body == "hello");
  REQUIRE(f.seen().trailers.size() == 1);
  CHECK(f.seen().trailers[0].name == "x-sum");
}

TEST_CASE("RFC 9113 8.1: pseudo-headers in trailers are malformed", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.post(1);
  f.client.data(1, "hello", false);
  f.client.headers(1, {{":path", "/b"}}, true);
  f.run();
  CHECK(f.client.answer(1).reset == h2::kProtocolError);
}

TEST_CASE("RFC 9113 8.1: trailers that do not end the stream are malformed", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.post(1);
  f.client.data(1, "hello", false);
  f.client.headers(1, {{"x-sum", "1"}}, false);
  f.run();
  CHECK(f.client.answer(1).reset == h2::kProtocolError);
}

TEST_CASE("RFC 9113 10.5.1: trailers have limits of their own", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.post(1);
  f.client.data(1, "hello", false);
  HeaderFields many;
  for (int i = 0; i < 33; ++i) many.emplace_back("x-" + std::to_string(i), "v");
  f.client.headers(1, many, true);
  f.client.post(3);
  f.client.data(3, "hello", false);
  f.client.headers(3, {{"x-large", std::string(8 * 1024, 'v')}}, true);
  f.run();
  CHECK(f.client.answer(1).reset == h2::kProtocolError);
  CHECK(f.client.answer(3).reset == h2::kProtocolError);
}

TEST_CASE("RFC 9110 10.1.1: 100 is sent when the body is wanted", "[http2]") {
  Http2Fixture f;
  f.client.post(1, "/users", {{"content-length", "5"}, {"expect", "100-continue"}});
  f.run();
  REQUIRE(f.client.answer(1).interim.size() == 1);
  CHECK(f.client.answer(1).interim[0][0].second == "100");
  f.client.data(1, "hello", true);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK(f.seen().body == "hello");
  CHECK(f.seen().count("expect") == 0);
}

TEST_CASE("RFC 9110 10.1.1: 100 is not sent when the body is there already", "[http2]") {
  Http2Fixture f;
  f.client.hold();
  f.client.post(1, "/users", {{"content-length", "5"}, {"expect", "100-continue"}});
  f.client.data(1, "hello", true);
  f.client.release();
  f.run();
  CHECK(f.client.answer(1).interim.empty());
  CHECK(f.client.answer(1).status() == 200);
}

// Answers ----------------------------------------------------------------------------------------

TEST_CASE("RFC 9113 8.1: an answer of unknown length has no content-length", "[http2]") {
  Http2Fixture f;
  f.gateway.answer_text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).body == "hello");
  CHECK_FALSE(f.client.answer(1).ended);
  f.answer(0, "6\r\n world\r\n0\r\n\r\n");
  f.run();
  CHECK(f.client.answer(1).body == "hello world");
  CHECK(f.client.answer(1).count("content-length") == 0);
  CHECK(f.client.answer(1).count("transfer-encoding") == 0);
  CHECK(f.client.answer(1).ended);
}

TEST_CASE("RFC 9113 8.1: trailers of an answer follow its body", "[http2]") {
  Http2Fixture f;
  f.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).body == "hello");
  CHECK(f.client.answer(1).trailers == HeaderFields{{"x-sum", "1"}});
  CHECK(f.client.answer(1).ended);
}

TEST_CASE("RFC 9113 8.1: 1xx of the upstream are passed on", "[http2]") {
  Http2Fixture f;
  f.gateway.answer_text =
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  f.client.get(1);
  f.run();
  REQUIRE(f.client.answer(1).interim.size() == 1);
  CHECK(f.client.answer(1).interim[0] == HeaderFields{{":status", "103"}, {"link", "</a>"}});
  CHECK(f.client.answer(1).status() == 200);
}

TEST_CASE("RFC 9110 9.3.2: an answer to HEAD has a length and no body", "[http2]") {
  Http2Fixture f;
  f.gateway.answer_text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  f.client.headers(
      1, {{":method", "HEAD"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}, true);
  f.run();
  CHECK(f.client.answer(1).field("content-length") == "5");
  CHECK(f.client.answer(1).data_frames == 0);
  CHECK(f.client.answer(1).ended);
}

TEST_CASE("RFC 9110 15.3.5, 15.4.5: 204 and 304 have no body", "[http2]") {
  Http2Fixture f;
  f.gateway.answer_text = "HTTP/1.1 204 No Content\r\n\r\n";
  f.client.get(1);
  f.run();
  f.gateway.answer_text = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n";
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(1).status() == 204);
  CHECK(f.client.answer(1).count("content-length") == 0);
  CHECK(f.client.answer(1).ended);
  CHECK(f.client.answer(3).status() == 304);
  CHECK(f.client.answer(3).field("etag") == "\"a\"");
  CHECK(f.client.answer(3).ended);
  CHECK(f.client.answer(3).data_frames == 0);
}

TEST_CASE("RFC 9113 8.2.2: fields of one connection do not pass from upstream", "[http2]") {
  Http2Fixture f;
  f.gateway.answer_text =
      "HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
      "Content-Length: 2\r\nX-End: 2\r\n\r\nok";
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).count("connection") == 0);
  CHECK(f.client.answer(1).count("keep-alive") == 0);
  CHECK(f.client.answer(1).count("x-hop") == 0);
  CHECK(f.client.answer(1).field("x-end") == "2");
}

TEST_CASE("RFC 9113 8.2.1: no white space is around the values of an answer", "[http2]") {
  static constexpr RunFunction kAnswers = [](Exchange& exchange, Env&,
                                             Responder& responder) -> Task<void> {
    exchange.response.status = 200;
    exchange.response.fields.add("X-Spaced", " a b\t");
    exchange.response.fields.add("x-broken", "a\r\nb: c");
    responder.head(exchange.response);
    const Result<void> sent = co_await responder.end({}, nullptr);
    if (!sent) exchange.error = sent.error();
  };
  Http2Fixture f({}, kAnswers);
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).field("x-spaced") == "a b");
  CHECK(f.client.answer(1).count("x-broken") == 0);
}

TEST_CASE("RFC 9113 8.1: an answer that breaks off upstream is reset, never ended", "[http2]") {
  Http2Fixture f;
  f.gateway.answer = [](OriginConnection& connection, const WireMessage&) {
    connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbroken off");
    connection.peer.close();
  };
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).status() == 200);
  CHECK_FALSE(f.client.answer(1).ended);
  CHECK(f.client.answer(1).reset == h2::kInternalError);
  CHECK(f.counters().broken == 1);
  CHECK_FALSE(f.client.peer.closed());
}

TEST_CASE("RFC 9113 8.1: an early answer is followed by RST_STREAM of NO_ERROR", "[http2]") {
  Http2Fixture f;
  f.gateway.answer = nullptr;
  f.gateway.on_bytes = [](OriginConnection& connection) {
    if (connection.reader.messages.size() > connection.served) {
      ++connection.served;
      connection.peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    }
  };
  f.client.post(1, "/users", {{"content-length", "100000"}});
  f.client.data(1, std::string(1000, 'a'), false);
  f.run();
  CHECK(f.client.answer(1).status() == 413);
  CHECK(f.client.answer(1).ended);
  CHECK(f.client.answer(1).reset == h2::kNoError);
  // What the client still sends on it harms nobody, and gives back its window.
  f.client.data(1, std::string(60000, 'a'), false);
  f.gateway.on_bytes = nullptr;
  f.gateway.answer = [](OriginConnection& connection, const WireMessage&) {
    connection.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  };
  f.client.get(3);
  f.run();
  CHECK(f.client.answer(3).status() == 200);
  CHECK(f.client.goaway_code() == h2::kNone);
}

TEST_CASE("RFC 9113 5: an upstream that cannot be reached is an answer on the stream", "[http2]") {
  Http2Fixture f;
  f.gateway.connector.script.push_back(upstream::testing::MemoryConnector::Outcome::Refuse);
  f.client.get(1);
  f.run();
  CHECK(f.client.answer(1).status() == 502);
  CHECK(f.client.answer(1).field("content-type") == "application/problem+json");
  CHECK_FALSE(f.client.peer.closed());
}

// Multiplexing -----------------------------------------------------------------------------------

TEST_CASE("RFC 9113 5: a slow stream does not hold up others", "[http2]") {
  Http2Fixture f;
  f.leave_unanswered();
  f.client.get(1, "/slow");
  f.client.get(3, "/fast");
  f.run();
  REQUIRE(f.gateway.origin.size() == 2);
  f.answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfast");
  f.run();
  CHECK(f.client.answer(3).body == "fast");
  CHECK_FALSE(f.client.has(1));
  f.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
  f.run();
  CHECK(f.client.answer(1).body == "slow");
}

TEST_CASE("RFC 9113 5: many streams in one flight are all answered", "[http2]") {
  Http2Fixture f;
  f.client.hold();
  for (u32 id = 1; id < 200; id += 2) f.client.get(id, "/r/" + std::to_string(id));
  f.client.release();
  f.run();
  CHECK(f.client.answered() == 100);
  CHECK(f.gateway.log.size() == 100);
  // On and on: there is no limit to streams one after the other.
  for (u32 round = 1; round < 30; ++round) {
    f.client.hold();
    for (u32 id = 1; id < 200; id += 2) f.client.get(round * 200 + id);
    f.client.release();
    f.run();
  }
  CHECK(f.client.answered() == 3000);
  CHECK(f.client.goaway_code() == h2::kNone);
}

TEST_CASE("RFC 9113 8.4: nothing is pushed", "[http2]") {
  Http2Fixture f;
  f.client.get(1);
  f.run();
  CHECK(f.client.count(h2::kPushPromise) == 0);
}
