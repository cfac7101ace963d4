// What an answer is for a class of clients, as the text of a fragment.
#pragma once
#include <functional>
#include <string>

#include "compiler/publish/components.h"

namespace gw::compiler {

/// The answers of successes in `responses`, a Responses Object, by their statuses; references are
/// the numbers that `number_of` gives for their components. Without places: what a view makes is
/// written nowhere.
std::string view_text(const PublicValue& responses, const Components& components,
                      const std::function<u32(const Component&)>& number_of);

}  // namespace gw::compiler
