// Documents to bound tables, for tests that need the compiler and the runtime.
#pragma once
#include <memory>
#include <string>

#include "runtime/table/bound_table.h"

namespace gw {

/// Fails the test, with the findings, when `text` does not compile.
std::shared_ptr<const table::TableFile> compiled_file(const std::string& text, bool mock = false);
/// The same, bound; fails the test when it does not bind.
std::shared_ptr<const BoundTable> compiled_table(const std::string& text, bool mock = false,
                                                 const ReferenceSource& references = {});

}  // namespace gw
