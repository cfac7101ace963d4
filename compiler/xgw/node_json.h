// Values of documents as JSON.
#pragma once
#include <string>
#include <string_view>

#include "compiler/syntax/node.h"

namespace gw::compiler {

/// The value of a node as compact JSON; keys in source order. Depth-bounded by the reader.
std::string to_json(NodeRef node);
/// A value that is no map and no list.
void append_json_scalar(NodeRef node, std::string& out);
/// A text as a JSON string, quotes included.
void append_json_string(std::string_view text, std::string& out);

}  // namespace gw::compiler
