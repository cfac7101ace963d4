// Streams that are ended by the gateway: because they are as old as `maxStreamAge` lets them be, or
// because somebody has told all of an older table to end.
#pragma once
#include "runtime/http/env.h"

namespace gw::engine {

/// Whether the gateway itself ends this exchange, now that it looks.
bool is_over(const Exchange& exchange, const Clock& clock);

/// Why, for the log; the client is told by the protocol that it speaks.
Error stream_end(const Exchange& exchange);

/// What an exchange that has broken off with `error` has ended by: that, unless it was over anyway.
Error end_of(const Exchange& exchange, const Clock& clock, const Error& error);

/// Whether the body of such an exchange may just end: a list of events has no last one, and its
/// client comes again (HTML, section 9.2.3). Anything else would look complete and not be so.
bool ends_by_itself(const Exchange& exchange);

}  // namespace gw::engine
