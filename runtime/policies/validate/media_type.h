// Media types, as Content-Type and Accept name them (RFC 9110 section 8.3.1 and 12.5.1).
#pragma once
#include <span>
#include <string_view>

#include "runtime/base/arena.h"

namespace gw::validate {

struct MediaType {
  std::string_view type;        // lower case, without parameters: "application/json"
  std::string_view parameters;  // from the first `;` on, as written
};

/// False: it is none. Memory: `arena`, when there are capital letters.
bool parse_media_type(std::string_view text, Arena& arena, MediaType& out);
/// The value of a parameter without quotes; empty: it is not there. Escapes in quotes stay.
std::string_view media_parameter(const MediaType& media, std::string_view name);
/// Whether a parameter that decides how a body is read stands there twice: two readers could take
/// different ones.
bool is_ambiguous(const MediaType& media);
/// Whether `type` is one that `pattern` means: equal, `text/*`, `*/*`, or `application/*+json`.
bool media_matches(std::string_view pattern, std::string_view type);
/// `application/json`, or one written in it (`+json`).
inline bool is_json_type(std::string_view type) {
  return media_matches("application/json", type) || media_matches("application/*+json", type);
}
/// Whether any of `types` can be sent to who says `accept`; the most specific range decides about a
/// type. An empty value accepts everything.
bool accepts_any(std::string_view accept, std::span<const std::string_view> types, Arena& arena);

}  // namespace gw::validate
