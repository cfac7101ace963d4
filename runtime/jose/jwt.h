// Tokens whose claims are checked (RFC 7519, RFC 9068).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/jose/claims.h"
#include "runtime/jose/jws.h"

namespace gw::jose {

enum class ClaimType : u8 { String, Integer, Number, Boolean, Array, Object };

struct ClaimRule {
  std::string pointer;  // JSON Pointer: `/tenant`, `/realm_access/roles`
  bool required = true;
  std::optional<ClaimType> type = {};    // none: any
  std::vector<std::string> values = {};  // one of them, for a list as one of its items; empty: any
};

struct JwtRules {
  std::string issuer;                  // `iss`, to the letter; "": not looked at
  std::vector<std::string> audiences;  // one is in `aud`; empty: not looked at
  AlgorithmSet algorithms;
  u32 clock_skew_s = 30;
  bool require_expiry = true;
  /// `typ`, such as `at+jwt`; `application/` before it makes no difference, nor does case. "": any.
  std::string type;
  std::vector<ClaimRule> claims;
  JwsLimits limits;
};

struct JwtResult {
  Failure failure = Failure::Malformed;
  ClaimsPtr claims;        // with Failure::None only
  i64 valid_until_ms = 0;  // since 1970, the skew included; the year 9999 for one that never ends
};

/// Verifies `token` and checks its claims at `now_ms`, wall time since 1970. A worker, or any
/// thread that keeps the claims to itself. Cost as verify_jws.
JwtResult verify_jwt(std::string_view token, const KeySet& keys, const JwtRules& rules, i64 now_ms);

/// The claims alone, of what has been verified otherwise. `type` is `typ` of the header.
Failure check_claims(const Claims& claims, std::string_view type, const JwtRules& rules, i64 now_ms,
                     i64& valid_until_ms);

}  // namespace gw::jose
