// Values of documents as JSON.
#pragma once
#include <string>

#include "compiler/syntax/node.h"

namespace gw::compiler {

/// The value of a node as compact JSON; keys in source order. Depth-bounded by the reader.
std::string to_json(NodeRef node);

}  // namespace gw::compiler
