#include "runtime/http/http1_head.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "runtime/http/limits.h"

using namespace gw;
using namespace gw::http;

namespace {

struct Parsed {
  Arena arena;
  RequestHead head{arena};
  bool complete = false;
  Errc code = Errc::None;
};

void parse(std::string_view text, Parsed& out) {
  HeadScanner scanner;
  const auto state = scanner.scan(text);
  if (state == HeadScanner::State::Invalid) out.code = Errc::BadRequest;
  if (state != HeadScanner::State::Complete) return;
  out.complete = true;
  const auto result = parse_request_head(text.substr(0, scanner.head_bytes()), out.head);
  out.code = result ? Errc::None : result.error().code;
}

Errc code_of(const std::string& text) {
  Parsed parsed;
  parse(text, parsed);
  return parsed.code;
}

std::string with(const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; }
std::string line(const std::string& request_line) { return request_line + "\r\nHost: a\r\n\r\n"; }

Errc response_code(const std::string& text, Method method = Method::Get) {
  Arena arena;
  ResponseHead head(arena);
  ResponseWire wire;
  HeadScanner scanner;
  if (scanner.scan(text) != HeadScanner::State::Complete) return Errc::UpstreamInvalid;
  const auto result = parse_response_head(text, method, head, wire);
  return result ? Errc::None : result.error().code;
}

}  // namespace

TEST_CASE("http1 head: a request in all its parts", "[http][http1_head]") {
  Parsed parsed;
  parse(
      "POST /a/./b?x=1 HTTP/1.1\r\nHost: Shop.Example:8080\r\nContent-Length: 5\r\n"
      "X-Thing: \t some value \r\nExpect: 100-Continue\r\n\r\n",
      parsed);
  REQUIRE(parsed.code == Errc::None);
  const RequestHead& head = parsed.head;
  CHECK(head.method == Method::Post);
  CHECK(head.target == "/a/./b?x=1");
  CHECK(head.path == "/a/b");
  CHECK(head.query == "x=1");
  CHECK(head.has_query);
  CHECK(head.authority == "Shop.Example:8080");
  CHECK(head.host == "shop.example");
  CHECK(head.framing == Framing::Length);
  CHECK(head.content_length == 5);
  CHECK(head.expect_continue);
  CHECK(head.keep_alive);
  REQUIRE(head.fields.find("x-thing") != nullptr);
  CHECK(head.fields.find("x-thing")->value == "some value");
  CHECK(head.fields.find(FieldId::Host)->value == "Shop.Example:8080");
}

TEST_CASE("http1 head: absolute form replaces Host and must agree with it", "[http][http1_head]") {
  Parsed parsed;
  parse("GET http://A.example?q HTTP/1.1\r\nHost: a.example\r\n\r\n", parsed);
  REQUIRE(parsed.code == Errc::None);
  CHECK(parsed.head.host == "a.example");
  CHECK(parsed.head.path == "/");
  CHECK(parsed.head.query == "q");
  CHECK(code_of("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n") == Errc::BadRequest);
  CHECK(code_of("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n") == Errc::BadRequest);
  CHECK(code_of("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n") == Errc::BadRequest);
  CHECK(code_of("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n") == Errc::BadRequest);
}

TEST_CASE("http1 head: what is refused, and how", "[http][http1_head]") {
  struct Case {
    std::string name;
    std::string text;
    Errc code;
  };
  std::string many = "Host: a\r\n";
  for (int i = 0; i < 100; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  const std::vector<Case> cases = {
      {"plain", with("Host: a\r\n"), Errc::None},
      {"no host", with(""), Errc::BadRequest},
      {"two hosts", with("Host: a\r\nHost: a\r\n"), Errc::BadRequest},
      {"host list", with("Host: a, b\r\n"), Errc::BadRequest},
      {"host with path", with("Host: a/b\r\n"), Errc::BadRequest},
      {"host with userinfo", with("Host: u@a\r\n"), Errc::BadRequest},
      {"empty host", with("Host: \r\n"), Errc::BadRequest},
      {"port too large", with("Host: a:65536\r\n"), Errc::BadRequest},
      {"port no number", with("Host: a:b\r\n"), Errc::BadRequest},
      {"IPv6", with("Host: [::1]:80\r\n"), Errc::None},
      {"IPv6 unclosed", with("Host: [::1\r\n"), Errc::BadRequest},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", Errc::BadRequest},
      {"bare CR in value", with("Host: a\r\nX: a\rb\r\n"), Errc::BadRequest},
      {"NUL in value", with(std::string("Host: a\r\nX: a\0b\r\n", 17)), Errc::BadRequest},
      {"control in value", with("Host: a\r\nX: a\x01\r\n"), Errc::BadRequest},
      {"DEL in value", with("Host: a\r\nX: a\x7f\r\n"), Errc::BadRequest},
      {"obs-text in value", with("Host: a\r\nX: caf\xc3\xa9\r\n"), Errc::None},
      {"obs-fold", with("Host: a\r\nX: a\r\n b\r\n"), Errc::BadRequest},
      {"fold before fields", "GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", Errc::BadRequest},
      {"space before colon", with("Host: a\r\nX : a\r\n"), Errc::BadRequest},
      {"empty name", with("Host: a\r\n: a\r\n"), Errc::BadRequest},
      {"no colon", with("Host: a\r\nXYZ\r\n"), Errc::BadRequest},
      {"name no token", with("Host: a\r\nX(: a\r\n"), Errc::BadRequest},
      {"name with obs-text", with("Host: a\r\nX\xc3: a\r\n"), Errc::BadRequest},
      {"two lengths", with("Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n"),
       Errc::BadRequest},
      {"length list", with("Host: a\r\nContent-Length: 1, 1\r\n"), Errc::BadRequest},
      {"length signed", with("Host: a\r\nContent-Length: +1\r\n"), Errc::BadRequest},
      {"length negative", with("Host: a\r\nContent-Length: -1\r\n"), Errc::BadRequest},
      {"length hex", with("Host: a\r\nContent-Length: 0x1\r\n"), Errc::BadRequest},
      {"length empty", with("Host: a\r\nContent-Length: \r\n"), Errc::BadRequest},
      {"length huge", with("Host: a\r\nContent-Length: 18446744073709551616\r\n"),
       Errc::BadRequest},
      {"length and coding", with("Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
       Errc::BadRequest},
      {"coding and length", with("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
       Errc::BadRequest},
      {"gzip", with("Host: a\r\nTransfer-Encoding: gzip\r\n"), Errc::NotImplemented},
      {"gzip, chunked", with("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n"),
       Errc::NotImplemented},
      {"chunked, gzip", with("Host: a\r\nTransfer-Encoding: chunked, gzip\r\n"), Errc::BadRequest},
      {"chunked twice", with("Host: a\r\nTransfer-Encoding: chunked, chunked\r\n"),
       Errc::BadRequest},
      {"chunked in two fields",
       with("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       Errc::BadRequest},
      {"coding empty", with("Host: a\r\nTransfer-Encoding: \r\n"), Errc::BadRequest},
      {"lookalike length", with("Host: a\r\nContent_Length: 1\r\n"), Errc::BadRequest},
      {"lookalike without dash", with("Host: a\r\nTransferEncoding: chunked\r\n"),
       Errc::BadRequest},
      {"names in Connection", with("Host: a\r\nConnection: " + std::string(64, ',') + "\r\n"),
       Errc::BadRequest},
      {"lookalike coding", with("Host: a\r\nTransfer_Encoding: chunked\r\n"), Errc::BadRequest},
      {"coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Errc::BadRequest},
      {"1.0 without host", "GET / HTTP/1.0\r\n\r\n", Errc::None},
      {"0.9", "GET /\r\n\r\n", Errc::BadRequest},
      {"2.0", line("GET / HTTP/2.0"), Errc::VersionUnsupported},
      {"preface", "PRI * HTTP/2.0\r\n\r\n", Errc::VersionUnsupported},
      {"1.2 is read as 1.1", line("GET / HTTP/1.2"), Errc::None},
      {"1.2 without host", "GET / HTTP/1.2\r\n\r\n", Errc::BadRequest},
      {"3.0", line("GET / HTTP/3.0"), Errc::VersionUnsupported},
      {"lower-case version", line("GET / http/1.1"), Errc::BadRequest},
      {"short version", line("GET / HTTP/1"), Errc::BadRequest},
      {"long version", line("GET / HTTP/1.10"), Errc::BadRequest},
      {"two spaces", line("GET  / HTTP/1.1"), Errc::BadRequest},
      {"space in target", line("GET /a b HTTP/1.1"), Errc::BadRequest},
      {"tab", line("GET\t/ HTTP/1.1"), Errc::BadRequest},
      {"space at the end", line("GET / HTTP/1.1 "), Errc::BadRequest},
      {"space at the start", line(" GET / HTTP/1.1"), Errc::BadRequest},
      {"method no token", line("G(T / HTTP/1.1"), Errc::BadRequest},
      {"own method", line("BREW / HTTP/1.1"), Errc::None},
      {"fragment", line("GET /#a HTTP/1.1"), Errc::BadRequest},
      {"obs-text in target", line("GET /\xc3\xa9 HTTP/1.1"), Errc::BadRequest},
      {"relative target", line("GET a HTTP/1.1"), Errc::BadRequest},
      {"asterisk", line("GET * HTTP/1.1"), Errc::BadRequest},
      {"asterisk for OPTIONS", line("OPTIONS * HTTP/1.1"), Errc::None},
      {"CONNECT", line("CONNECT a:443 HTTP/1.1"), Errc::NotImplemented},
      {"encoded slash", line("GET /a%2fb HTTP/1.1"), Errc::BadRequest},
      {"above root", line("GET /../a HTTP/1.1"), Errc::BadRequest},
      {"other expectation", with("Host: a\r\nExpect: fish\r\n"), Errc::ExpectationUnsupported},
      {"101 fields", with(many), Errc::HeadTooLarge},
      {"long line", line("GET /" + std::string(kMaxRequestLineBytes, 'a') + " HTTP/1.1"),
       Errc::UriTooLong},
  };
  for (const Case& row : cases) {
    DYNAMIC_SECTION(row.name) { CHECK(code_of(row.text) == row.code); }
  }
}

TEST_CASE("http1 head: keep-alive by version and Connection", "[http][http1_head]") {
  const auto keep = [](const std::string& text) {
    Parsed parsed;
    parse(text, parsed);
    REQUIRE(parsed.code == Errc::None);
    return parsed.head.keep_alive;
  };
  CHECK(keep("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK_FALSE(keep("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"));
  CHECK_FALSE(keep("GET / HTTP/1.0\r\n\r\n"));
  CHECK(keep("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("http1 head: the scanner finds the same end in pieces of any size", "[http]") {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: some longer value here\r\n\r\nrest";
  for (size_t split = 0; split <= text.size(); ++split) {
    HeadScanner scanner;
    CAPTURE(split);
    const auto first = scanner.scan(std::string_view(text).substr(0, split));
    if (first == HeadScanner::State::NeedMore) {
      REQUIRE(scanner.scan(text) == HeadScanner::State::Complete);
    }
    REQUIRE(scanner.head_bytes() == text.size() - 4);
  }
}

TEST_CASE("http1 head: answers are read as strictly", "[http][http1_head]") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  CHECK(response_code(ok + "\r\n") == Errc::None);
  CHECK(response_code("HTTP/1.1 200 \r\n\r\n") == Errc::None);
  CHECK(response_code("HTTP/1.1 200\r\n\r\n") == Errc::None);
  CHECK(response_code("HTTP/1.1 200\t\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n") ==
        Errc::UpstreamInvalid);
  CHECK(response_code(ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        Errc::UpstreamInvalid);
  CHECK(response_code(ok + "Transfer-Encoding: gzip\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code(ok + "Content-Length: x\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code(ok + "A : b\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        Errc::UpstreamInvalid);
  CHECK(response_code("HTTP/2.0 200 OK\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code("HTTP/1.1 99 OK\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code("HTTP/1.1 600 OK\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code("junk\r\n\r\n") == Errc::UpstreamInvalid);
  CHECK(response_code("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n") == Errc::UpstreamInvalid);
}

TEST_CASE("http1 head: HEAD and 304 keep the length but have no body", "[http][http1_head]") {
  Arena arena;
  ResponseHead head(arena);
  ResponseWire wire;
  REQUIRE(parse_response_head("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX: y\r\n\r\n", Method::Head,
                              head, wire));
  CHECK(wire.framing == Framing::None);
  CHECK(head.framing == Framing::Length);
  CHECK(head.content_length == 7);
  CHECK_FALSE(head.fields.has(FieldId::ContentLength));
  CHECK(wire.keep_alive);
}

TEST_CASE("http1 head: how long a target keeps an idle connection", "[http][http1_head]") {
  const std::pair<const char*, u32> values[] = {{"timeout=5", 5},
                                                {"max=100, Timeout=72", 72},
                                                {"timeout=999999999", 86'400},
                                                {"timeout", 0},
                                                {"timeout=", 0},
                                                {"timeout=5s", 0},
                                                {"max=1000", 0},
                                                {"timeout=-1, timeout=3", 3},
                                                {", ,", 0}};
  for (const auto& [value, expected] : values) {
    CAPTURE(value);
    Arena arena;
    ResponseHead head(arena);
    ResponseWire wire;
    const std::string text = "HTTP/1.1 204 No\r\nKeep-Alive: " + std::string(value) + "\r\n\r\n";
    REQUIRE(parse_response_head(text, Method::Get, head, wire));
    CHECK(wire.patience_s == expected);
    CHECK_FALSE(head.fields.has(FieldId::KeepAlive));
  }
}
