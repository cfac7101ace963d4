#pragma once
#include "runtime/policies/policy.h"
#include "runtime/policies/redirect/record.h"

namespace gw::policies {

/// Answers with Location, the request's query kept unless the target has its own. Always Reply; a
/// target whose values are absent in this request is answered with 404.
Verdict redirect(Exchange& exchange, const RedirectRecord& record);

}  // namespace gw::policies
