// The x-gw language described for editors and for people, from the same tables that decode it.
#pragma once
#include <string>

#include "runtime/policies/field_spec.h"

namespace gw::compiler {

/// JSON Schema (2020-12) of the value of `x-gw` at each place: `$defs` root, service, path,
/// operation, parameter; the schema itself accepts any of them.
std::string x_gw_json_schema();

/// JSON Schema of one record, its shorthand included.
std::string record_json_schema(const policies::RecordSpec& spec);
/// Reference rows of one record.
std::string record_reference(const policies::RecordSpec& spec);

/// The language reference as Markdown: one table per place and record.
std::string x_gw_reference();

}  // namespace gw::compiler
