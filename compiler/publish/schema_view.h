// What a view makes of the schema of an answer.
#pragma once
#include <functional>

#include "compiler/publish/public_value.h"
#include "compiler/xgw/effective.h"

namespace gw::compiler {

struct SchemaViewOptions {
  /// The value of a component; it does not change what was given before.
  std::function<const PublicValue&(u32 component)> component;
  bool has_null_type = false;  // since 3.1; 3.0 has `nullable`
};

/// Changes `schema` as the fields of `body` (kBodyFields) change the values that it describes, in
/// the order in which the runtime does. Components on the way are written out, as other operations
/// show them unchanged. What a schema cannot say is left out: it allows more then, never less, and
/// never names a member that is taken away. A `template` leaves it as it is: what was declared is
/// all that is known of it. Cost: bounded, see the source.
void change_schema(const Effective& body, const SchemaViewOptions& options, PublicValue& schema);

}  // namespace gw::compiler
