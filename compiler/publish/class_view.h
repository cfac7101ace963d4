// The answers of an operation as one class of clients gets them.
#pragma once
#include <string_view>

#include "compiler/publish/object_copy.h"
#include "compiler/xgw/effective.h"

namespace gw::compiler {

/// Gives the answers of successes in `responses`, a Responses Object, the schemas that the view of
/// `client` in `fields`, those of the operation, leaves. False, and nothing is changed: there is no
/// such view, or it leaves bodies as they are. `version` is that of the document which `copier`
/// writes. Cost: that of change_schema() for each media type.
bool show_view(const Effective& fields, std::string_view client, openapi::Version version,
               ObjectCopier& copier, PublicValue& responses);

}  // namespace gw::compiler
