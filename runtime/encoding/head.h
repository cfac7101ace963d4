// What the head of a message says of its bytes, when these are replaced by another encoding of the
// same content.
#pragma once
#include "runtime/http/fields.h"

namespace gw::encoding {

/// Removes the fields that describe the bytes as they were: Content-Encoding, Content-Length,
/// Accept-Ranges, and digests (RFC 9530, and those before it).
void forget_bytes(http::FieldList& fields);
/// The trailers without such fields: `trailers` itself (null: none) where there are none. Memory:
/// the list's arena.
const http::FieldList* trailers_without_bytes(const http::FieldList* trailers);
/// An ETag that promised equal bytes promises equal content from now on (RFC 9110 section 8.8.3).
/// Memory: the list's arena.
void weaken_etag(http::FieldList& fields);
/// Whether If-None-Match in `request` has the weak form of `etag`, a strong one: what the client
/// has came encoded or changed.
bool asks_weakly(const http::FieldList& request, std::string_view etag);
/// The field, of a 304 in place of a whole answer also where it was taken away with the body that
/// it describes. Null: it says nothing of it.
const http::Field* find_of_body(const http::FieldList& fields, http::FieldId id);
inline bool is_strong_etag(std::string_view etag) { return etag.starts_with('"'); }

}  // namespace gw::encoding
