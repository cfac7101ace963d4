// Changes bodies, of requests before they are forwarded and of answers before they are delivered.
#pragma once
#include "runtime/http/env.h"
#include "runtime/policies/body/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// Makes the body of the request a value for expressions and change_request_body(). Wait: it has
/// not come yet; read_body_to_change() sees to it. Reply: 400, 413, 415. What is neither JSON nor,
/// where both are read, a form is left alone.
Verdict prepare_request_body(Exchange& exchange, const BodyRecord& record);
Task<void> read_body_to_change(Exchange& exchange, Env& env, const BodyRecord& record,
                               u64 limit_bytes);
/// After the fields of exchange.upstream_request are there.
Verdict change_request_body(Exchange& exchange, const BodyRecord& record);

/// The steps of the plan that read or change the body of this answer hold for it. Before its status
/// is changed.
bool reads_response_body(Exchange& exchange);
/// Some answer of this plan may be read: it is asked for whole and without encoding.
void ask_for_readable_answer(Exchange& exchange);
/// Reads the body of exchange.response, from `source` (null: exchange.local_body). Afterwards
/// exchange.local_body has it and `source` is null, or it is not to be changed and `source` gives
/// all of it. False: it cannot be read, and must not be passed on; exchange.error says why.
Task<bool> prepare_response_body(Exchange& exchange, Env& env, http::BodySource*& source);
/// One step. False as above. Nothing happens to a body that was not read, or that neither came as
/// that of a success nor is to be seen as one.
bool change_response_body(Exchange& exchange, const BodyRecord& record);

}  // namespace gw::policies
