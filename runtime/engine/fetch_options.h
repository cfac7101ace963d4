// What settings say of requests to upstreams.
#pragma once
#include "runtime/http/env.h"
#include "runtime/policies/settings/record.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {

/// Times for a connection, a try, and between pieces of an answer.
void set_timeouts(const BoundTable& table, const policies::SettingsRecord& settings,
                  FetchOptions& options);
/// For what a request is sent again, how soon, and within what budget; how often is the caller's.
/// The causes lie in the table, which outlives the fetch.
void set_retry(const BoundTable& table, const policies::SettingsRecord& settings,
               FetchOptions& options);

}  // namespace gw::engine
