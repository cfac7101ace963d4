// The path of a request as logs and traces may tell it.
#pragma once
#include "runtime/http/exchange.h"

namespace gw::observe {

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
