// Forms (application/x-www-form-urlencoded) as JSON values, and the other way round.
#pragma once
#include <string>
#include <string_view>

#include "runtime/http/exchange.h"
#include "runtime/json/value_tree.h"

namespace gw::policies {

/// The form that a request has sent. Where its plan validates such a body its fields are what the
/// schema says: numbers, booleans, lists, objects that are written as JSON. Without, and where it
/// is not what the schema says but passes, they are texts, and names that stand several times are
/// lists. Null: too many fields.
json::Value* read_form(Exchange& exchange, json::ValueTree& tree, std::string_view body);

/// Lists become several pairs; what is deeper is written as JSON, as OpenAPI has it by default.
/// False: no object, or longer than `max_bytes`.
bool write_form(json::ValueTree& tree, json::Value& root, size_t max_bytes, std::string& out);

}  // namespace gw::policies
