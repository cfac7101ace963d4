// What a client is told who is not let in: WWW-Authenticate (RFC 9110 section 11.6.1).
#pragma once
#include <span>
#include <string_view>

#include "runtime/http/exchange.h"
#include "runtime/policies/authenticate/record.h"

namespace gw::identity {

/// Adds a challenge for each scheme of each alternative to exchange.response: Bearer (RFC 6750
/// section 3) with `invalid_token` and a reason where one was brought, Basic (RFC 7617), and for
/// keys and certificates, which have no registered scheme, `ApiKey` and `ClientCertificate`.
void challenge(Exchange& exchange, const policies::AuthenticateRecord& record);

/// The challenge of 403: `insufficient_scope` and the scopes that are asked for.
void challenge_for_scopes(Exchange& exchange, std::span<const policies::SchemeUseRecord> uses);

/// Why nobody was let in, for the log; static text without anything of the credential.
std::string_view reason_of(const Identity& identity);

}  // namespace gw::identity
