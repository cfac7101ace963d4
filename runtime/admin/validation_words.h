// How messages are held to what the document says of them, in words.
#pragma once
#include <string>

#include "runtime/table/view.h"

namespace gw::admin {

/// Of a plan that judges: what becomes of requests and answers that are not as described. Empty:
/// nothing is judged.
std::string validation_words(const table::TableView& view, const table::PlanRecord& plan);

}  // namespace gw::admin
