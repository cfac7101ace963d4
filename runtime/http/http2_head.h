// Heads and trailers of HTTP/2 requests: from decoded fields to what the runtime works on
// (RFC 9113 section 8). What belongs to frames, streams and HPACK is checked before.
#pragma once
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/http/message.h"
#include "runtime/http/request_rules.h"

namespace gw::http {

/// Bytes of one field in a header list (RFC 9113 section 6.5.2).
inline constexpr size_t kFieldOverheadBytes = 32;

/// Collects the fields of one request as HPACK gives them. Names and values are copied into the
/// arena of the head; beyond the limits of http/limits.h nothing is copied any more, only counted.
class Http2HeadReader {
 public:
  /// A head to be read into `out`, which is as new and stays until the last call.
  explicit Http2HeadReader(RequestHead& out) : out_(&out) {}

  /// The next field: a lower-case name and a value that a field may have, as the caller has
  /// checked; or a pseudo-header. False: the request is malformed (RFC 9113 section 8.1.1).
  bool add(std::string_view name, std::string_view value);
  /// Checks the whole and completes the head as an HTTP/1 one would be: with Host, one Cookie, a
  /// normalised path. `end`: no body follows. Errors, Origin::Downstream: BadRequest, UriTooLong,
  /// HeadTooLarge, ExpectationUnsupported, NotImplemented.
  Result<void> finish(bool end);
  /// Size of the list as it was decoded, kept or not.
  size_t decoded_bytes() const { return decoded_bytes_; }

 private:
  bool add_pseudo(std::string_view name, std::string_view value);
  void join_cookies();
  void add_host();
  void settle_framing(const FieldSummary& summary, bool end);

  RequestHead* out_;
  std::string_view path_;
  size_t decoded_bytes_ = 0;
  size_t path_bytes_ = 0;
  u32 fields_ = 0;
  u32 cookies_ = 0;
  bool too_large_ = false;
  bool has_authority_ = false;
  bool has_regular_ = false;  // pseudo-headers come first
};

/// The same for trailers, of at most 8 KiB and 32 fields.
class Http2TrailerReader {
 public:
  explicit Http2TrailerReader(FieldList& out) : out_(&out) {}
  /// What must not come as a trailer is left out. False: too many, too large, or a pseudo-header.
  bool add(std::string_view name, std::string_view value);

 private:
  FieldList* out_;
  size_t bytes_ = 0;
  u32 fields_ = 0;
};

}  // namespace gw::http
