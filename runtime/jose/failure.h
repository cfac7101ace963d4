// Why a token is not accepted.
#pragma once
#include <string_view>

#include "runtime/base/types.h"

namespace gw::jose {

enum class Failure : u8 {
  None,
  TooLarge,
  Malformed,            // not three parts in base64url
  Encrypted,            // a JWE
  HeaderInvalid,        // no JSON object, a member twice, or of a wrong type
  AlgorithmNotAllowed,  // `none`, unknown, or not in the list
  ExtensionUnknown,     // `crit` or `b64`
  KeyUnknown,           // no key of this `kid`: the issuer may have new ones
  KeyUnfit,             // no key of this `kid` is for this algorithm
  SignatureInvalid,
  ClaimsInvalid,  // no JSON object, a member twice, or a date that is no number
  TypeWrong,      // `typ`
  IssuerWrong,
  AudienceWrong,
  ExpiryMissing,
  Expired,
  NotYetValid,
  IssuedInFuture,
  ClaimMissing,
  ClaimWrong,
  KeysUnavailable,  // of callers that have no keys: the one that is not the client's fault
};

/// For logs and `error_description` (RFC 6750 section 3): static, within its characters, and never
/// anything out of the token.
std::string_view failure_text(Failure failure);

}  // namespace gw::jose
