// Content codings (RFC 9110 section 8.4.1): how the bytes of a body are compressed.
#pragma once
#include <array>
#include <span>
#include <string_view>

#include "runtime/base/types.h"
#include "runtime/http/fields.h"

namespace gw::encoding {

/// Codings that bodies can be encoded in and decoded from. The numbers are stored in tables.
enum class Coding : u8 {
  Zstd,      // RFC 8878, RFC 9659
  Brotli,    // RFC 7932
  Gzip,      // RFC 1952
  Identity,  // none
};
/// Names as they stand in header fields; index: Coding without Identity.
inline constexpr std::string_view kCodingNames[] = {"zstd", "br", "gzip"};
inline constexpr size_t kCodings = std::size(kCodingNames);
/// What a sender whose body is in another coding is told (RFC 9110 section 15.5.16).
inline constexpr std::string_view kCodingsAccepted = "zstd, br, gzip";

/// How hard an encoder tries.
enum class Level : u8 { Fast, Balanced, Small };

/// Its name in header fields; "identity" too.
std::string_view coding_name(Coding coding);

/// What the fields of a message say of its body.
struct BodyCoding {
  Coding coding = Coding::Identity;
  bool known = true;  // false: a coding that is not one of ours, or several on top of each other
};
/// Reads Content-Encoding, all fields of that name. Never allocates.
BodyCoding coding_of(const http::FieldList& fields);

/// The coding for an answer to a request with these fields, of those that `offered` lists, by the
/// qualities of Accept-Encoding (RFC 9110 section 12.5.3); of equal ones the first of `offered`.
/// Identity where the client names no coding of them, prefers none, or sends no Accept-Encoding:
/// who says nothing may have anything, and seldom can read it. A list that accepts nothing at all,
/// `identity;q=0` included, gets Identity as well, as that section asks for: whether to refuse is
/// for who makes the answer. Never allocates; linear in the field.
Coding negotiate(const http::FieldList& request, std::span<const Coding> offered);

/// In order of preference where the operator states none. Of JSON zstd makes about as few bytes as
/// brotli does for half of the time or less, and gzip makes more (bench/README.md, "Compression");
/// who cannot read zstd does not name it.
inline constexpr std::array<Coding, kCodings> kPreferred = {Coding::Zstd, Coding::Brotli,
                                                            Coding::Gzip};

}  // namespace gw::encoding
