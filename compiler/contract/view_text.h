// What answers are for whoever gets others than are declared, as the text of a fragment.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "compiler/publish/components.h"

namespace gw::compiler {

/// `responses`, a Responses Object, by its statuses. A reference is the number that `number_of`
/// gives for its component, and a response that is written out the one that `number_of_text` gives
/// for its text, so that operations share them. kNone of the latter: there is no room for it, and
/// nothing is returned. Without places: what a view makes is written nowhere.
std::optional<std::string> view_text(const PublicValue& responses, const Components& components,
                                     const std::function<u32(const Component&)>& number_of,
                                     const std::function<u32(std::string)>& number_of_text);

}  // namespace gw::compiler
