// What logs and traces tell of the head of a request.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::observe {

/// `1.1`, `2`.
inline std::string_view version_text(const http::RequestHead& request) {
  if (request.version_major != 1) return request.version_major == 2 ? "2" : "3";
  return request.version_minor == 0 ? "1.0" : "1.1";
}

/// Gives `piece(text)` the path in pieces, with `*` in the place of captures that are secrets
/// (ExchangeNames::secret_captures).
template <typename Piece>
void each_piece_of_shown_path(const Exchange& exchange, u32 secret_captures, Piece piece) {
  const std::string_view path = exchange.request.path;
  u32 at = 0;
  for (u32 i = 0; secret_captures != 0 && i < exchange.capture_count; ++i) {
    const Capture& capture = exchange.captures[i];
    const bool inside = capture.begin >= at && capture.begin <= capture.end;
    if ((secret_captures >> i & 1) == 0 || !inside || capture.end > path.size()) continue;
    piece(path.substr(at, capture.begin - at));
    piece(std::string_view("*"));
    at = capture.end;
  }
  piece(path.substr(at));
}

}  // namespace gw::observe
