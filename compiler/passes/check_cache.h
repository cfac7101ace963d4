// Rules about `cache`: cache-authenticated-no-key, cache-method, cache-ttl, cache-set-cookie,
// cache-ignores-negotiation.
#pragma once
#include "compiler/passes/lower_cache.h"

namespace gw::compiler {

/// Looks at one operation. `cache`: its effective field, `record`: what it has become.
void check_cache(Module& module, const CacheInput& input, const Effective& cache,
                 const policies::CacheRecord& record);

/// Whether any part of a value is written at the operation itself, and not inherited.
bool is_written_here(const Effective& value);

}  // namespace gw::compiler
