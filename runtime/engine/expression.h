// Runtime expressions: values of a request, put together when it runs.
#pragma once
#include <string>
#include <string_view>

#include "runtime/http/exchange.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {

/// Value of the expression `parts`; false when a part of it is absent (no such header, ...) or
/// cannot stand where it would be put (an empty or dot segment in a path). The text lies in the
/// request or in the exchange's arena. Never allocates for an expression of one plain part.
bool evaluate(Exchange& exchange, table::Extent parts, std::string_view& out);

/// First value of query parameter `name`, decoded into the arena if need be. False: absent.
bool query_value(Exchange& exchange, std::string_view name, std::string_view& out);
/// Value of cookie `name` (RFC 6265 section 5.4), as sent. False: absent.
bool cookie_value(const Exchange& exchange, std::string_view name, std::string_view& out);
/// Capture `index`, percent-decoded. False: there is none.
bool capture_value(Exchange& exchange, u32 index, std::string_view& out);

/// Appends `text` as a value of a query: everything but unreserved characters as %XX.
void append_query_encoded(std::string_view text, std::string& out);

/// Whether condition `index` holds; kNone always does. A value that is absent fails every test but
/// a negated one.
bool holds(Exchange& exchange, u32 condition);

}  // namespace gw::engine
