// Heads of HTTP messages in the form that the whole runtime works on, whatever the version on the
// wire.
#pragma once
#include <optional>
#include <string_view>

#include "runtime/base/method.h"
#include "runtime/base/types.h"
#include "runtime/base/uri_path.h"
#include "runtime/http/fields.h"

namespace gw::http {

/// How the length of a body is known (RFC 9112 section 6).
enum class Framing : u8 { None, Length, Chunked, UntilClose };

/// A request as the gateway received it, or as it is to be sent upstream. All views point into
/// memory that lives as long as the exchange.
struct RequestHead {
  explicit RequestHead(Arena& arena) : fields(arena) {}

  Method method = Method::Get;
  std::string_view method_text;  // always set
  std::string_view target;       // as received: origin-form, absolute-form or `*`
  std::string_view scheme;       // "http" or "https"
  std::string_view authority;    // host and port, from Host or the absolute form
  std::string_view host;         // authority without port, lower case, no trailing dot
  std::string_view path;         // normalised, see http/path.h; begins with '/', or "*"
  std::string_view query;        // raw, without '?'
  PathOptions path_options;      // set before parsing; what the listener's table allows
  bool has_query = false;        // tells `/a?` from `/a`
  u8 version_major = 1;
  u8 version_minor = 1;    // HTTP/1.x; 1 for HTTP/2 as well, where all that 1.1 allows is allowed
  bool keep_alive = true;  // the client wants (and may have) another request
  bool expect_continue = false;
  bool accepts_trailers = false;  // `TE: trailers`, which is said to an upstream over HTTP/2
  Framing framing = Framing::None;
  u64 content_length = 0;  // with Framing::Length
  // Of a request to an upstream over HTTP/1.1: the protocol that it asks to switch to; most often
  // none. Written as Upgrade, with the Connection that belongs to it.
  std::string_view upgrade;
  FieldList fields;  // framing and hop-by-hop fields included until strip_hop_by_hop
};

struct ResponseHead {
  explicit ResponseHead(Arena& arena) : fields(arena) {}

  u16 status = 0;
  std::string_view reason;  // as received; empty lets the writer choose
  Framing framing = Framing::None;
  u64 content_length = 0;
  std::string_view upgrade;  // of 101 and 426 over HTTP/1.1: the value of Upgrade
  FieldList fields;          // without framing fields: the writer adds its own
};

/// Removes what belongs to one connection (RFC 9110 section 7.6.1): Connection, the fields it
/// names, Keep-Alive, Proxy-Connection, Transfer-Encoding, TE, Upgrade, and what the client and a
/// proxy of its own choice say to each other (Proxy-Authorization, Proxy-Authenticate). Trailer
/// stays.
void strip_hop_by_hop(FieldList& fields);
/// Replaces `to` by what of `from`, the fields of a request, goes to the next hop: all but the
/// hop-by-hop ones, Expect and Content-Length, which say how this hop sends the body, and those
/// that ask a server for another path or method (field_names.h).
void copy_end_to_end(const FieldList& from, FieldList& to);

/// A copy of a request head, as it has been read, that needs nothing of the first one's memory: all
/// texts are in the arena of `to`, whose fields are added to.
void copy_head(const RequestHead& from, RequestHead& to);

/// Whether the fields of this id, read as comma-separated lists, hold `token` (any case).
bool has_token(const FieldList& fields, FieldId id, std::string_view token);

/// What is known of a response's body when its head is written (RFC 9110 section 6.4.1).
struct ResponseLength {
  bool bodiless = false;  // nothing follows the head, whatever length it tells
  bool known = false;     // `bytes` is told in the head
  u64 bytes = 0;
};
/// `whole_bytes`: of the body when all of it is at hand, otherwise none.
ResponseLength response_length(const ResponseHead& head, Method request_method,
                               std::optional<u64> whole_bytes);

/// Reason phrase of a status, or "".
std::string_view reason_phrase(u16 status);

}  // namespace gw::http
