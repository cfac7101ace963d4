// The text of a printed document.
#pragma once
#include <string>

#include "compiler/publish/components.h"
#include "compiler/publish/public_value.h"

namespace gw::compiler {

/// JSON with two spaces of indentation, ending with a line feed. `components` have their names.
std::string write_json(const PublicValue& value, const Components& components);
/// YAML 1.2 in block style, which readers of 1.1 take for the same: what they would read as
/// something else stands in quotes.
std::string write_yaml(const PublicValue& value, const Components& components);

}  // namespace gw::compiler
