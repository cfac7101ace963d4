// Changes the status of an answer.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/policies/status/record.h"

namespace gw::policies {

/// What the status of the answer becomes: the closest pattern decides.
u16 mapped_status(const Exchange& exchange, const StatusRecord& record);
void change_status(Exchange& exchange, const StatusRecord& record);

}  // namespace gw::policies
