// Signed texts in compact serialisation (RFC 7515), after the advice of RFC 8725.
#pragma once
#include <string>
#include <string_view>

#include "runtime/jose/algorithm.h"
#include "runtime/jose/failure.h"
#include "runtime/jose/key_set.h"

namespace gw::jose {

struct JwsLimits {
  size_t token_bytes = 8 * 1024;   // of the whole text
  size_t header_bytes = 4 * 1024;  // of the header in base64url
};

struct VerifiedJws {
  Failure failure = Failure::Malformed;
  Algorithm algorithm = Algorithm::Rs256;
  std::string payload;  // with Failure::None only
  std::string type;     // `typ` as it stands there; "": none
};

/// Verifies `token` with the keys that KeySet::candidates gives for it. What the header says of
/// keys (`jwk`, `jku`, `x5u`, `x5c`) is not looked at; `crit` and `b64` are refused. Failures:
/// TooLarge to SignatureInvalid. Any thread. Some allocations, and tens of microseconds for each
/// key that is tried.
VerifiedJws verify_jws(std::string_view token, const KeySet& keys, AlgorithmSet allowed,
                       const JwsLimits& limits = {});

}  // namespace gw::jose
