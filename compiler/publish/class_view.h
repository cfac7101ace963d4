// The answers of an operation as its callers get them, or one class of them.
#pragma once
#include <string_view>

#include "compiler/passes/module.h"
#include "compiler/publish/object_copy.h"
#include "compiler/xgw/effective.h"

namespace gw::compiler {

/// The view of `client` in `fields`, those of an operation; null: there is none.
const Effective* view_of_class(const Effective& fields, std::string_view client);

/// Gives the answers of successes in `responses`, a Responses Object of `source`, the schemas that
/// the changes in `fields`, its effective ones, leave, and those of the view of `client`; "": of no
/// class. Where a view composes they are what its calls are put together to. Errors with bodies of
/// their own (`response.errors`) have the schemas of these, those that are not declared as well.
/// False, and nothing is changed: bodies stay as they are declared. `version` is that of the
/// document which `copier` writes. Cost: that of change_schema() for each media type.
bool show_answers(const Module& module, const GatewayOperation& source, const Effective& fields,
                  std::string_view client, openapi::Version version, ObjectCopier& copier,
                  PublicValue& responses);

}  // namespace gw::compiler
