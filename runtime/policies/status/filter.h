// Changes the status of an answer.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/policies/status/record.h"

namespace gw::policies {

/// The closest pattern decides.
void change_status(Exchange& exchange, const StatusRecord& record);

}  // namespace gw::policies
