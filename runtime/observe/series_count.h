// How many series the metrics of a table can come to.
#pragma once
#include "runtime/table/view.h"

namespace gw::observe {

/// At most, with every status, outcome and policy seen once: all labels are names of the table, so
/// that this is known before anybody asks. Without those of the process and its workers.
u64 most_series(const table::TableView& view);

}  // namespace gw::observe
