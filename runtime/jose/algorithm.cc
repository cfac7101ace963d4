#include "runtime/jose/algorithm.h"

#include <array>

namespace gw::jose {
namespace {

constexpr std::array<std::string_view, kAlgorithmCount> kNames = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",   "ES256", "ES384",
    "ES512", "EdDSA", "HS256", "HS384", "HS512", "Ed25519", "Ed448"};

}  // namespace

std::optional<Algorithm> algorithm_of(std::string_view name) {
  for (u32 i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

std::string_view algorithm_name(Algorithm algorithm) {
  return kNames[static_cast<size_t>(algorithm)];
}

}  // namespace gw::jose
