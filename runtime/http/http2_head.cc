#include "runtime/http/http2_head.h"

#include <cstring>

#include "runtime/http/limits.h"
#include "runtime/http/request_rules.h"

namespace gw::http {
namespace {

Unexpected<Error> refuse(Errc code, std::string_view what) {
  return fail(Error{.code = code, .origin = Origin::Downstream, .what = what});
}

// Fields that HTTP/2 has no place for (RFC 9113 section 8.2.2).
bool belongs_to_connection(FieldId id) {
  switch (id) {
    case FieldId::Connection:
    case FieldId::KeepAlive:
    case FieldId::ProxyConnection:
    case FieldId::TransferEncoding:
    case FieldId::Upgrade:
    case FieldId::Http2Settings:
      return true;
    default:
      return false;
  }
}

// A request without END_STREAM may still have an empty body; one with it has none, which for these
// methods is said upstream (RFC 9110 section 8.6).
bool announces_empty_body(Method method) {
  return method == Method::Post || method == Method::Put || method == Method::Patch;
}

Field checked_field(FieldId id, std::string_view name, std::string_view value) {
  Field field{name, value, id};
  field.checked = true;
  return field;
}

}  // namespace

bool Http2HeadReader::add_pseudo(std::string_view name, std::string_view value) {
  if (has_regular_) return false;
  Arena& arena = out_->fields.arena();
  if (name == ":method") {
    if (!out_->method_text.empty() || !is_token(value)) return false;
    out_->method_text = arena.copy(value);
    out_->method = parse_method(out_->method_text);
    return true;
  }
  if (name == ":path") {
    if (path_bytes_ != 0 || value.empty()) return false;
    path_bytes_ = value.size();
    if (path_bytes_ <= kMaxRequestLineBytes) path_ = arena.copy(value);
    return true;
  }
  if (name == ":authority") {
    if (has_authority_) return false;
    has_authority_ = true;
    out_->authority = arena.copy(value);
    return true;
  }
  // The transport says which it is; what the client says must only be one of the two.
  if (name == ":scheme") return equal_fold(value, "http") || equal_fold(value, "https");
  return false;
}

bool Http2HeadReader::add(std::string_view name, std::string_view value) {
  decoded_bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (decoded_bytes_ > kMaxHeadBytes) too_large_ = true;
  if (name.empty()) return false;
  // A path alone that is too long is another answer than a head that is.
  const bool over = too_large_ && name != ":path";
  if (over) return true;
  if (name.front() == ':') return add_pseudo(name, value);
  has_regular_ = true;
  const FieldId id = field_id(name);
  if (belongs_to_connection(id)) return false;
  if (id == FieldId::Te && !equal_fold(value, "trailers")) return false;
  if (id == FieldId::Cookie && cookies_++ > 0) {
    out_->fields.add(checked_field(id, field_name(id), out_->fields.arena().copy(value)));
    return true;
  }
  if (++fields_ > kMaxFields) {
    too_large_ = true;
    return true;
  }
  Arena& arena = out_->fields.arena();
  const std::string_view kept = id == FieldId::Other ? arena.copy(name) : field_name(id);
  out_->fields.add(checked_field(id, kept, arena.copy(value)));
  return true;
}

// Crumbs become one field again (RFC 9113 section 8.2.3).
void Http2HeadReader::join_cookies() {
  if (cookies_ < 2) return;
  size_t bytes = 0;
  for (const Field& field : out_->fields) {
    if (field.id == FieldId::Cookie) bytes += field.value.size() + 2;
  }
  char* const begin = static_cast<char*>(out_->fields.arena().allocate(bytes, 1));
  char* to = begin;
  Field* first = nullptr;
  for (Field& field : out_->fields) {
    if (field.id != FieldId::Cookie) continue;
    if (first == nullptr) {
      first = &field;
    } else {
      std::memcpy(to, "; ", 2);
      to += 2;
      field.removed = true;
    }
    if (!field.value.empty()) std::memcpy(to, field.value.data(), field.value.size());
    to += field.value.size();
  }
  first->value = {begin, static_cast<size_t>(to - begin)};
}

// Who comes behind reads Host (RFC 9113 section 8.3.1).
void Http2HeadReader::add_host() {
  if (out_->fields.has(FieldId::Host)) return;
  out_->fields.add(checked_field(FieldId::Host, field_name(FieldId::Host), out_->authority));
}

void Http2HeadReader::settle_framing(const FieldSummary& summary, bool end) {
  if (summary.lengths == 1) {
    out_->framing = Framing::Length;
  } else if (!end) {
    out_->framing = Framing::Chunked;
  } else if (announces_empty_body(out_->method)) {
    out_->framing = Framing::Length;
    out_->content_length = 0;
  }
}

Result<void> Http2HeadReader::finish(bool end) {
  out_->version_major = 2;
  if (path_bytes_ > kMaxRequestLineBytes) {
    return refuse(Errc::UriTooLong, "path too long");
  }
  if (too_large_) return refuse(Errc::HeadTooLarge, "header list too large");
  out_->target = path_;
  if (out_->method == Method::Connect) {
    return refuse(Errc::NotImplemented, "CONNECT is not served");
  }
  // An absolute URI is for HTTP/1 alone.
  if (path_.empty() || (path_.front() != '/' && path_ != "*")) {
    return refuse(Errc::BadRequest, "path does not begin with a slash");
  }
  std::string_view raw_path;
  GW_TRY(split_target(*out_, raw_path));
  const FieldSummary summary = summarise(out_->fields);
  if (summary.lookalike) return refuse(Errc::BadRequest, "name that looks like framing");
  if (has_authority_ && out_->authority.empty()) {
    return refuse(Errc::BadRequest, "empty authority");
  }
  GW_TRY(settle_host(summary, *out_));
  if (summary.lengths > 1) return refuse(Errc::BadRequest, "several Content-Length fields");
  if (summary.lengths == 1 && !parse_length(summary.length, out_->content_length)) {
    return refuse(Errc::BadRequest, "malformed Content-Length");
  }
  settle_framing(summary, end);
  GW_TRY(settle_path(raw_path, *out_));
  if (summary.expects_other) {
    return refuse(Errc::ExpectationUnsupported, "expectation other than 100-continue");
  }
  out_->expect_continue = summary.expects_continue;
  join_cookies();
  add_host();
  return {};
}

bool Http2TrailerReader::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (bytes_ > kMaxTrailerBytes || ++fields_ > kMaxTrailerFields) return false;
  if (name.empty() || name.front() == ':') return false;
  const FieldId id = field_id(name);
  if (!may_be_trailer(id, name)) return true;
  Arena& arena = out_->arena();
  out_->add(checked_field(id, arena.copy(name), arena.copy(value)));
  return true;
}

}  // namespace gw::http
