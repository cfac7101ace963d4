// The algorithms that signatures of tokens may have (RFC 7518 section 3, RFC 8037, RFC 9864).
#pragma once
#include <initializer_list>
#include <optional>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::jose {

/// `none` is not among them, so nothing can ask for it.
enum class Algorithm : u8 {
  Rs256,
  Rs384,
  Rs512,
  Ps256,
  Ps384,
  Ps512,
  Es256,
  Es384,
  Es512,
  EdDsa,
  Hs256,
  Hs384,
  Hs512,
  Ed25519,  // what EdDsa is with a key of that curve, by a name that says so (RFC 9864 section 2.2)
  Ed448,
};
inline constexpr u32 kAlgorithmCount = 15;

/// By its registered name, to the letter; "none" and whatever is unknown: nothing.
std::optional<Algorithm> algorithm_of(std::string_view name);
std::string_view algorithm_name(Algorithm algorithm);
constexpr bool is_hmac(Algorithm algorithm) {
  return algorithm >= Algorithm::Hs256 && algorithm <= Algorithm::Hs512;
}
/// By any of its names.
constexpr bool is_eddsa(Algorithm algorithm) {
  return algorithm == Algorithm::EdDsa || algorithm == Algorithm::Ed25519 ||
         algorithm == Algorithm::Ed448;
}

/// Which algorithms are allowed. Empty: no token is.
class AlgorithmSet {
 public:
  constexpr AlgorithmSet() = default;
  constexpr AlgorithmSet(std::initializer_list<Algorithm> algorithms) {
    for (const Algorithm algorithm : algorithms) add(algorithm);
  }
  constexpr void add(Algorithm algorithm) { bits_ |= 1U << static_cast<u32>(algorithm); }
  constexpr bool has(Algorithm algorithm) const {
    return (bits_ >> static_cast<u32>(algorithm) & 1U) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr u32 bits() const { return bits_; }

 private:
  u32 bits_ = 0;
};

}  // namespace gw::jose
