#include "runtime/jose/failure.h"

namespace gw::jose {

std::string_view failure_text(Failure failure) {
  switch (failure) {
    case Failure::None:
      return "";
    case Failure::TooLarge:
      return "the token is too large";
    case Failure::Malformed:
      return "the token is malformed";
    case Failure::Encrypted:
      return "encrypted tokens are not accepted";
    case Failure::HeaderInvalid:
      return "the header of the token is malformed";
    case Failure::AlgorithmNotAllowed:
      return "the algorithm of the token is not allowed";
    case Failure::ExtensionUnknown:
      return "the token needs an extension that is not known here";
    case Failure::KeyUnknown:
      return "the key of the token is not known";
    case Failure::KeyUnfit:
      return "the key of the token is not for its algorithm";
    case Failure::SignatureInvalid:
      return "the signature of the token is invalid";
    case Failure::ClaimsInvalid:
      return "the claims of the token are malformed";
    case Failure::TypeWrong:
      return "the token is of another type";
    case Failure::IssuerWrong:
      return "the token is of another issuer";
    case Failure::AudienceWrong:
      return "the token is for another audience";
    case Failure::ExpiryMissing:
      return "the token does not say when it expires";
    case Failure::Expired:
      return "the token has expired";
    case Failure::NotYetValid:
      return "the token is not valid yet";
    case Failure::IssuedInFuture:
      return "the token was issued in the future";
    case Failure::ClaimMissing:
      return "a required claim is missing";
    case Failure::ClaimWrong:
      return "a required claim has another value";
    case Failure::KeysUnavailable:
      return "the keys of the issuer are not available";
  }
  return "";
}

}  // namespace gw::jose
