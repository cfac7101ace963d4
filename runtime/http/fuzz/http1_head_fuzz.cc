// Property: a head is found and judged the same however it is cut into pieces; what the parser
// accepts is written to an upstream as a head that it accepts again, with the same meaning.
// Input: one byte that chooses pieces and kind, then the head.
#include <cstdint>
#include <string>

#include "runtime/base/check.h"
#include "runtime/http/http1_head.h"
#include "runtime/http/http1_writer.h"

using namespace gw;
using namespace gw::http;

namespace {

HeadScanner::State scan(const std::string& text, size_t piece, size_t& head_bytes) {
  HeadScanner scanner;
  auto state = HeadScanner::State::NeedMore;
  for (size_t end = piece; state == HeadScanner::State::NeedMore; end += piece) {
    state = scanner.scan(std::string_view(text).substr(0, end));
    if (end >= text.size()) break;
  }
  head_bytes = state == HeadScanner::State::Complete ? scanner.head_bytes() : 0;
  return state;
}

void check_request(std::string_view head) {
  Arena arena;
  RequestHead request(arena);
  if (!parse_request_head(head, request)) return;
  GW_CHECK(!request.path.empty() && (request.path.front() == '/' || request.path == "*"));
  GW_CHECK(request.method_text.find_first_of(" \r\n") == std::string_view::npos);
  for (const char c : request.host) GW_CHECK(c > ' ' && c != 0x7f && (c < 'A' || c > 'Z'));
  // HTTP/1.0 may name no host; the empty one that is sent then is refused of HTTP/1.1.
  if (request.authority.empty()) return;
  strip_hop_by_hop(request.fields);
  const Bytes written =
      write_request_head(request, "", "origin", request.framing, request.content_length);
  HeadScanner scanner;
  GW_CHECK(scanner.scan(as_text(written)) == HeadScanner::State::Complete);
  GW_CHECK(scanner.head_bytes() == written.size());
  Arena other;
  RequestHead again(other);
  const auto parsed = parse_request_head(as_text(written), again);
  if (!parsed && parsed.error().code == Errc::HeadTooLarge) return;  // a length was added
  GW_CHECK(parsed.has_value());
  GW_CHECK(again.method_text == request.method_text);
  GW_CHECK(again.path == request.path);
  GW_CHECK(again.query == request.query && again.has_query == request.has_query);
  GW_CHECK(again.host == request.host);
  GW_CHECK(again.authority == request.authority);
  GW_CHECK(again.framing == request.framing && again.content_length == request.content_length);
}

void check_response(std::string_view head) {
  Arena arena;
  ResponseHead response(arena);
  ResponseWire wire;
  if (!parse_response_head(head, Method::Get, response, wire)) return;
  GW_CHECK(response.status >= 100 && response.status <= 999);
  ResponseExtras extras;
  extras.framing = wire.framing;
  extras.content_length = wire.content_length;
  const Bytes written = write_response_head(response, extras);
  HeadScanner scanner;
  GW_CHECK(scanner.scan(as_text(written)) == HeadScanner::State::Complete);
  GW_CHECK(scanner.head_bytes() == written.size());
  Arena other;
  ResponseHead again(other);
  ResponseWire again_wire;
  const auto parsed = parse_response_head(as_text(written), Method::Get, again, again_wire);
  if (!parsed && wire.framing == Framing::None) return;  // the extras say nothing of 1xx and 204
  GW_CHECK(parsed.has_value());
  GW_CHECK(again.status == response.status);
  GW_CHECK(again_wire.framing == wire.framing);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 60 * 1024) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  size_t whole = 0;
  size_t pieces = 0;
  const auto state = scan(text, text.size() + 1, whole);
  GW_CHECK(scan(text, 1 + data[0] % 64, pieces) == state);
  GW_CHECK(pieces == whole);
  if (state != HeadScanner::State::Complete) return 0;
  const std::string_view head = std::string_view(text).substr(0, whole);
  if ((data[0] & 0x80) != 0) {
    check_response(head);
  } else {
    check_request(head);
  }
  return 0;
}
