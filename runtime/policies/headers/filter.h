#pragma once
#include "runtime/policies/headers/record.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// Applies the changes to `fields` (of the request to be sent upstream, or of the answer), in the
/// order remove, rename, copy, set, default, add. Values come from the request of `exchange`.
/// A value that is absent leaves its field alone. Memory: the exchange's arena.
void change_headers(Exchange& exchange, const HeadersRecord& record, http::FieldList& fields);

}  // namespace gw::policies
