// The public operations of a table for those who call them: what the documents promise, and the
// policies that apply, in words.
#pragma once
#include <boost/json/object.hpp>
#include <string_view>

#include "runtime/table/table_file.h"

namespace gw::admin {

/// More operations are counted, not shown.
inline constexpr size_t kOperationsDocumented = 2000;

/// As clients of the class `client` meet them; "": of no class. Empty: there is no such class.
/// About 20 µs for each operation. Any thread.
boost::json::object docs_json(const table::TableFile& file, std::string_view client);

}  // namespace gw::admin
