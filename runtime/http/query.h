// Queries as lists of names and values (application/x-www-form-urlencoded, as URL says it).
#pragma once
#include <string_view>

#include "runtime/base/arena.h"

namespace gw::http {

/// `text` without percent-encoding, and with spaces for `+` when `is_form`. A view of `text` itself
/// when nothing changes, otherwise in the arena. What is no encoding stays as it is.
std::string_view percent_decoded(Arena& arena, std::string_view text, bool is_form);

/// One `name=value` of a query, as written.
struct QueryPair {
  std::string_view text;
  std::string_view name;
  std::string_view value;  // empty without `=`
};

/// Takes the next pair off the front of `rest`; false at the end. Empty ones are passed over.
bool next_query_pair(std::string_view& rest, QueryPair& out);

/// Whether the name of a pair is `name`, decoded if need be.
inline bool is_query_name(Arena& arena, const QueryPair& pair, std::string_view name) {
  return pair.name == name || percent_decoded(arena, pair.name, true) == name;
}

}  // namespace gw::http
