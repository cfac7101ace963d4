// What the access log says: `observe.accessLog` of the gateway document.
#pragma once
#include "compiler/passes/module.h"
#include "runtime/policies/access_log/record.h"

namespace gw::compiler {

/// Completes `record`, which holds the fields as they are encoded from `node`, by the parts of its
/// lines, and reports what is wrong within them. `node` may be absent.
void lower_access_log(Module& module, NodeRef node, policies::AccessLogRecord& record);

}  // namespace gw::compiler
