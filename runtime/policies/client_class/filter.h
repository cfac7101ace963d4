// Finds out about the class of a client.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/policies/client_class/record.h"

namespace gw::policies {

/// Sets exchange.client_class, and exchange.plan where this class has one of its own. False: the
/// table is broken.
bool choose_client_class(Exchange& exchange, const ClientClassRecord& record);
/// Adds what decided about the class to Vary.
void write_class_fields(Exchange& exchange, const ClientClassRecord& record);

}  // namespace gw::policies
