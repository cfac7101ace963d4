// `upstream.split`, `upstream.force` and `mirror` to the records of the proxy.
#pragma once
#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"
#include "compiler/xgw/language.h"
#include "runtime/policies/proxy/record.h"

namespace gw::compiler {

/// Fills the lists of `proxy` from the fields of one operation, and reports names of upstreams that
/// do not exist, shares of more than everything, and conditions for an upstream that takes no part.
/// `proxy.upstream` is set. `used` gets all upstreams that take part.
void lower_split(Module& module, const Effective& fields, const OperationRecord& record,
                 policies::ProxyRecord& proxy, std::vector<u32>& used);

}  // namespace gw::compiler
