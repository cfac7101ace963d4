// Templates: JSON values with runtime expressions, as x-gw writes them, to nodes of a table.
#pragma once
#include "compiler/diag/sink.h"
#include "compiler/emit/pools.h"
#include "compiler/syntax/node.h"
#include "compiler/xgw/encode.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {

/// A map, a list or a scalar. A text that is one expression, `$request.path.id`, keeps the type of
/// its value; one with `{$...}` in it is a text. Reports what is wrong to `sink` (extension-value)
/// and gives an empty extent then.
table::Extent encode_template(NodeRef node, const EncodeScope& scope, const AddLate& add_late,
                              const std::string& path, Pools& pools, DiagnosticSink& sink);

}  // namespace gw::compiler
