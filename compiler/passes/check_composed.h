// Fields that a composed operation has no use for: it sends no request of its own, so that what
// they say of it would be ignored.
#pragma once
#include <string_view>

#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"

namespace gw::compiler {

/// `fields` are effective ones, with a view laid over them where `view`, the view as it is written,
/// is there: then only what it says itself is looked at. Without `compose` there is nothing to
/// report. Called once for each operation and view.
void check_composed(Module& module, const GatewayOperation& source, const Effective& fields,
                    const Effective* view);

}  // namespace gw::compiler
