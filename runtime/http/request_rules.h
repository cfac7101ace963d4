// What the head of a request must say, whatever version it came in (RFC 9110): the rules that
// HTTP/1 and HTTP/2 share, so that a request means the same on both.
#pragma once
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/http/message.h"

namespace gw::http {

/// What the fields say together about framing, persistence and the host.
struct FieldSummary {
  u32 hosts = 0;
  u32 lengths = 0;
  u32 codings = 0;
  std::string_view host;
  std::string_view length;
  std::string_view coding;
  std::string_view patience;  // value of Keep-Alive
  bool close = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool expects_other = false;
  bool lookalike = false;  // a name that a next server may take for one of the framing
  u32 connection_options = 0;
};

/// Looks at every field once; marks lookalikes of fields that we set as removed.
FieldSummary summarise(FieldList& fields);

/// Splits `out.target` into authority, query and `raw_path` (RFC 9112 section 3.2). Errors, all
/// Origin::Downstream here and below: BadRequest, NotImplemented (CONNECT).
Result<void> split_target(RequestHead& out, std::string_view& raw_path);
/// Sets authority and host from the target and the Host field, which must agree.
Result<void> settle_host(const FieldSummary& summary, RequestHead& out);
/// Sets the normalised path that every decision is made on (base/uri_path.h).
Result<void> settle_path(std::string_view raw_path, RequestHead& out);

/// 1*DIGIT of at most 18 digits, which holds more than any disk and cannot overflow.
bool parse_length(std::string_view text, u64& out);
/// Without spaces and tabs around it.
std::string_view trim(std::string_view text);

/// Whether `text` is `host [":" port]` (RFC 3986 section 3.2.2, IPv6 in brackets, no userinfo, no
/// escapes); splits it. `host` keeps the case, brackets included.
bool parse_authority(std::string_view text, std::string_view& host, std::string_view& port);

/// token of RFC 9110 section 5.6.2.
bool is_token(std::string_view text);
/// Index of the first control byte but HT in text[from, size), or size.
size_t find_control(std::string_view text, size_t from);
/// Whether no byte of `text` would break a field line: no control byte but HT.
bool is_field_value(std::string_view text);

/// Whether a field may come after the body: nothing that frames, routes, authenticates or could be
/// taken for such (RFC 9110 section 6.5.1).
bool may_be_trailer(FieldId id, std::string_view name);

}  // namespace gw::http
