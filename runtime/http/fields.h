// Header and trailer fields of one message.
#pragma once
#include <string_view>

#include "runtime/base/arena.h"
#include "runtime/base/types.h"

namespace gw::http {

/// Fields that the gateway itself reads or writes. GW_FIELD(enumerator, lower-case name).
#define GW_KNOWN_FIELDS(GW_FIELD)                                \
  GW_FIELD(Accept, "accept")                                     \
  GW_FIELD(AcceptEncoding, "accept-encoding")                    \
  GW_FIELD(AcceptLanguage, "accept-language")                    \
  GW_FIELD(Age, "age")                                           \
  GW_FIELD(Allow, "allow")                                       \
  GW_FIELD(Authorization, "authorization")                       \
  GW_FIELD(CacheControl, "cache-control")                        \
  GW_FIELD(Connection, "connection")                             \
  GW_FIELD(ContentEncoding, "content-encoding")                  \
  GW_FIELD(ContentLength, "content-length")                      \
  GW_FIELD(ContentType, "content-type")                          \
  GW_FIELD(Cookie, "cookie")                                     \
  GW_FIELD(Date, "date")                                         \
  GW_FIELD(Etag, "etag")                                         \
  GW_FIELD(Expect, "expect")                                     \
  GW_FIELD(Expires, "expires")                                   \
  GW_FIELD(Forwarded, "forwarded")                               \
  GW_FIELD(Host, "host")                                         \
  GW_FIELD(Http2Settings, "http2-settings")                      \
  GW_FIELD(IfModifiedSince, "if-modified-since")                 \
  GW_FIELD(IfNoneMatch, "if-none-match")                         \
  GW_FIELD(KeepAlive, "keep-alive")                              \
  GW_FIELD(LastModified, "last-modified")                        \
  GW_FIELD(Location, "location")                                 \
  GW_FIELD(MaxForwards, "max-forwards")                          \
  GW_FIELD(Origin, "origin")                                     \
  GW_FIELD(Pragma, "pragma")                                     \
  GW_FIELD(Prefer, "prefer")                                     \
  GW_FIELD(ProxyAuthenticate, "proxy-authenticate")              \
  GW_FIELD(ProxyAuthorization, "proxy-authorization")            \
  GW_FIELD(ProxyConnection, "proxy-connection")                  \
  GW_FIELD(Range, "range")                                       \
  GW_FIELD(RetryAfter, "retry-after")                            \
  GW_FIELD(Server, "server")                                     \
  GW_FIELD(SetCookie, "set-cookie")                              \
  GW_FIELD(StrictTransportSecurity, "strict-transport-security") \
  GW_FIELD(Te, "te")                                             \
  GW_FIELD(Traceparent, "traceparent")                           \
  GW_FIELD(Tracestate, "tracestate")                             \
  GW_FIELD(Trailer, "trailer")                                   \
  GW_FIELD(TransferEncoding, "transfer-encoding")                \
  GW_FIELD(Upgrade, "upgrade")                                   \
  GW_FIELD(UserAgent, "user-agent")                              \
  GW_FIELD(Vary, "vary")                                         \
  GW_FIELD(Via, "via")                                           \
  GW_FIELD(WwwAuthenticate, "www-authenticate")                  \
  GW_FIELD(XForwardedFor, "x-forwarded-for")                     \
  GW_FIELD(XForwardedHost, "x-forwarded-host")                   \
  GW_FIELD(XForwardedPort, "x-forwarded-port")                   \
  GW_FIELD(XForwardedProto, "x-forwarded-proto")                 \
  GW_FIELD(XRequestId, "x-request-id")

enum class FieldId : u8 {
  Other = 0,
#define GW_FIELD(enumerator, name) enumerator,
  GW_KNOWN_FIELDS(GW_FIELD)
#undef GW_FIELD
};

/// Known id of `name`, compared without case; Other when it is none of them. No allocation.
FieldId field_id(std::string_view name);
/// Lower-case name of a known field.
std::string_view field_name(FieldId id);
/// ASCII comparison without case (RFC 9110 section 5.1).
bool equal_fold(std::string_view a, std::string_view b);

struct Field {
  std::string_view name;   // as received; compare with equal_fold or by id
  std::string_view value;  // without surrounding white space
  FieldId id = FieldId::Other;
  bool removed = false;  // removing marks, so that no field moves
  bool checked = false;  // no byte of it breaks its line; the writer need not look again
};

/// Fields in order. Names and values are views into memory of the exchange (its buffers or its
/// arena); the list itself lives in the arena given to it. One thread.
class FieldList {
 public:
  explicit FieldList(Arena& arena) : arena_(&arena) {}

  void add(FieldId id, std::string_view name, std::string_view value);
  void add(const Field& field);
  void add(FieldId id, std::string_view value) { add(id, field_name(id), value); }
  void add(std::string_view name, std::string_view value) { add(field_id(name), name, value); }
  /// Replaces all fields of this name by one.
  void set(FieldId id, std::string_view value);
  void set(std::string_view name, std::string_view value);
  void remove(FieldId id);
  void remove(std::string_view name);
  /// First that is not removed, or null.
  const Field* find(FieldId id) const;
  const Field* find(std::string_view name) const;
  /// Value of the first, or empty.
  std::string_view value(FieldId id) const {
    const Field* field = find(id);
    return field == nullptr ? std::string_view{} : field->value;
  }
  bool has(FieldId id) const { return find(id) != nullptr; }
  /// Number of slots, removed ones included; use with begin()/end().
  u32 size() const { return count_; }
  void clear() {
    count_ = 0;
    capacity_ = 0;
    fields_ = nullptr;
  }

  Field* begin() { return fields_; }
  Field* end() { return fields_ + count_; }
  const Field* begin() const { return fields_; }
  const Field* end() const { return fields_ + count_; }
  Arena& arena() const { return *arena_; }

 private:
  Arena* arena_;
  Field* fields_ = nullptr;
  u32 count_ = 0;
  u32 capacity_ = 0;
};

}  // namespace gw::http
