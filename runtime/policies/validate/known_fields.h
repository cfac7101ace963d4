// Fields of requests that need no declaration, and cookies.
#pragma once
#include "runtime/http/fields.h"
#include "runtime/policies/validate/parameters.h"

namespace gw::validate {

/// Whether a field is one that HTTP itself, its caches and proxies, or tracing live by: such fields
/// are not parameters, and pass even where nothing undeclared does.
bool belongs_to_http(std::string_view name);

/// Cookies of all Cookie fields; false: more than kMaxPairs. Memory: `arena`. Names and values as
/// written, without quotes around values.
bool split_cookies(const http::FieldList& fields, Arena& arena, std::span<Pair>& out);

}  // namespace gw::validate
