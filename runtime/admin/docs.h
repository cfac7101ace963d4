// The public operations of a table for those who call them: what the documents promise, and the
// policies that apply, in words.
#pragma once
#include <boost/json/object.hpp>
#include <string>

#include "runtime/table/table_file.h"

namespace gw::admin {

/// Operations of one answer.
inline constexpr size_t kOperationsOfPage = 200;

struct DocsQuestion {
  std::string client = {};  // name of a class; empty: none, and all operations are shown
  std::string search = {};  // a part of the id or of `METHOD HOST/PATH`, whatever its case
  size_t from = 0;  // index of a route: `next` of the page before, or `previous` of a later one
};

/// One page of the operations as clients of a class meet them; those that refuse the whole class
/// are left out. Empty: there is no such class. About 100 µs for each operation of the page, most
/// of it for its schemas, and 100 ns for each of the table; one pass over the section `contracts`.
/// Memory for one page, which is bounded (SchemaOutliner, Promises). Any thread.
boost::json::object docs_json(const table::TableFile& file, const DocsQuestion& question);

}  // namespace gw::admin
