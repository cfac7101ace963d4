// What a view makes of the schema of an answer.
#pragma once
#include "compiler/publish/template_schema.h"
#include "compiler/xgw/effective.h"

namespace gw::compiler {

struct SchemaViewOptions {
  ComponentValue component;
  bool has_null_type = false;          // since 3.1; 3.0 has `nullable`
  SchemaOfExpression expression = {};  // but for `$response.body`; empty: none is known
};

/// Changes `schema` as the fields of `body` (kBodyFields) change the values that it describes, in
/// the order in which the runtime does. Components on the way are written out, as other operations
/// show them unchanged. What a schema cannot say is left out: it allows more then, never less, and
/// never names a member that is taken away. `$response.body` is what `schema` was before. Cost:
/// bounded, see the source.
void change_schema(const Effective& body, const SchemaViewOptions& options, PublicValue& schema);

}  // namespace gw::compiler
