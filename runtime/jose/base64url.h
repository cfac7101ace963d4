// base64url without padding (RFC 4648 section 5, RFC 7515 section 2), strictly.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::jose {

/// How many bytes `characters` stand for. Nothing: no text is so long.
constexpr std::optional<size_t> base64url_decoded_bytes(size_t characters) {
  if (characters % 4 == 1) return std::nullopt;
  return characters / 4 * 3 + (characters % 4 == 0 ? 0 : characters % 4 - 1);
}

/// Writes base64url_decoded_bytes(text.size()) bytes to `out`. False: a character outside the
/// alphabet (padding and white space included), a length that nothing has, or bits that are left
/// over and not zero; each value has one text only. No allocation.
[[nodiscard]] bool base64url_decode(std::string_view text, u8* out);
/// The same into a string, whose memory is used again.
[[nodiscard]] bool base64url_decode(std::string_view text, std::string& out);

std::string base64url_encode(std::string_view bytes);

}  // namespace gw::jose
