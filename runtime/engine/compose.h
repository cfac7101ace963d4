// An answer that is put together from those of several calls.
#pragma once
#include "runtime/http/env.h"
#include "runtime/policies/compose/record.h"

namespace gw::engine {

/// Makes the calls of `record`, those that use no other at once, and leaves the answer in
/// exchange.response and exchange.local_body: the composed one, that of a call that is passed on,
/// or 502 or 504 with the name of a call that is required and has brought nothing. Returns when no
/// call is under way any more; the client's leaving ends them all, and so does the failure of one
/// that is required.
Task<void> compose(Exchange& exchange, Env& env, const policies::ComposeRecord& record);

}  // namespace gw::engine
