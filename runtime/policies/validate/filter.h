// Holds requests and answers to what the document declares.
#pragma once
#include "runtime/http/env.h"
#include "runtime/policies/policy.h"
#include "runtime/policies/validate/record.h"

namespace gw::policies {

/// Judges parameters, media types and the body. Wait: the body has not come yet; once
/// read_request_body() has ended it is asked again. Reply: 400 with all faults, 406, 415, or why
/// the body cannot be had. Drops what is not declared where the record says so. A body that was
/// judged is what exchange.request_body gives from then on. Allocates in the exchange's arena only,
/// unless something is wrong.
Verdict validate_request(Exchange& exchange, const ValidateRecord& record);
/// Never more than `limit_bytes`; what goes wrong is answered by validate_request().
Task<void> read_request_body(Exchange& exchange, Env& env, u64 limit_bytes);

/// The step of a plan that judges answers, or null.
const ValidateRecord* response_check(const Exchange& exchange);
/// Asks the upstream for whole answers without encoding, where their bodies will be judged.
void ask_for_plain_answer(Exchange& exchange, const ValidateRecord& record);
/// Judges what was fetched before its head is sent. The body is read whole where a schema needs it,
/// up to `limit_bytes`; a longer one is a fault. False: the answer must not be passed on. True:
/// `fetched.body` gives all of the body.
Task<bool> validate_response(Exchange& exchange, Env& env, const ValidateRecord& record,
                             u64 limit_bytes, Fetched& fetched);
/// The same for exchange.response and exchange.local_body, which a composition has made.
bool validate_composed(Exchange& exchange, const ValidateRecord& record);

}  // namespace gw::policies
