// Max-Forwards (RFC 9110 section 7.6.2): how many hops OPTIONS and TRACE may still go.
#pragma once
#include "runtime/http/message.h"

namespace gw::http {

enum class MaxForwards : u8 { Further, LastHop, Malformed };

/// What the field says of `request`. Further for other methods, and without the field.
MaxForwards read_max_forwards(const RequestHead& request);
/// Counts this hop in the fields of a request to an upstream, which read_max_forwards() let go on.
void count_hop(Method method, FieldList& fields);

}  // namespace gw::http
