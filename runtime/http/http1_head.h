// Heads of HTTP/1 messages: where they end, what they say, and what is refused (RFC 9112).
//
// Reading goes in two steps. HeadScanner looks at every byte once, finds the empty line and refuses
// control bytes, bare CR or LF and folded lines; only a whole head is parsed, so that the buffer
// need not move afterwards. The parsers then check syntax (Beast) and meaning (here).
#pragma once
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/http/message.h"
#include "runtime/http/request_rules.h"

namespace gw::http {

/// Finds the end of a head that arrives in pieces.
class HeadScanner {
 public:
  enum class State : u8 { NeedMore, Complete, Invalid };

  /// `data` holds the bytes from the first of the start line on; it may move and grow between
  /// calls. Each byte is looked at once. After Complete or Invalid only reset() is allowed.
  State scan(std::string_view data);
  /// Length of the head with its empty line, after Complete.
  size_t head_bytes() const { return at_; }
  bool in_first_line() const { return line_count_ == 0; }
  void reset() { *this = {}; }

 private:
  size_t at_ = 0;
  size_t line_start_ = 0;
  u32 line_count_ = 0;
};

/// Reads a whole request head, as HeadScanner delimits it. Views in `out` point into `head`, or
/// into the arena of `out.fields` (normalised path, lower-case host). Errors, all
/// Origin::Downstream: BadRequest, UriTooLong, HeadTooLarge, VersionUnsupported,
/// ExpectationUnsupported, NotImplemented. After any of them the connection cannot be used again.
Result<void> parse_request_head(std::string_view head, RequestHead& out);

/// What the head of a response says about the connection and the body that follows.
struct ResponseWire {
  Framing framing = Framing::None;  // of the bytes that follow
  u64 content_length = 0;
  bool keep_alive = false;
  u32 patience_s = 0;        // how long the target keeps an idle connection; 0: it does not say
  std::string_view upgrade;  // of 101: the protocol that the connection has been switched to
};

/// Reads a whole response head to a request of `method`. Hop-by-hop and framing fields are not in
/// `out.fields`; `out.framing` tells what the head says of the body, which for HEAD and 304 is not
/// what follows (`wire` says that). Errors: UpstreamInvalid, Origin::Upstream.
Result<void> parse_response_head(std::string_view head, Method method, ResponseHead& out,
                                 ResponseWire& wire);

}  // namespace gw::http
