// Forms (application/x-www-form-urlencoded) as JSON, and the other way round.
#pragma once
#include <string>
#include <string_view>

#include "runtime/base/arena.h"
#include "runtime/base/result.h"
#include "runtime/http/exchange.h"
#include "runtime/json/value_tree.h"
#include "runtime/policies/body/record.h"
#include "runtime/table/view.h"

namespace gw::policies {

/// What `record` knows of a form that comes with `status`; of a request it is 0. Null: nothing.
const BodyFormRecord* find_form(const table::TableView& view, const BodyRecord& record, u32 status);

/// The form `body` as the text of a JSON object, in `arena`. What `form` declares comes first, as
/// numbers, booleans, lists and objects; all else, and what does not fit, are texts, and lists of
/// them where a name stands several times: whether that may be is for validation to say.
/// BadRequest: it is not UTF-8. BodyTooLarge: too many fields. About linear in the body.
Result<std::string_view> read_form(const table::TableView& view, const BodyFormRecord* form,
                                   std::string_view body, Arena& arena);

/// Lists become several pairs; what is deeper is written as JSON, as OpenAPI has it by default.
/// False: `value` is no object, or longer than `max_bytes`.
bool write_form(Exchange& exchange, json::ValueTree& tree, json::Value& value, size_t max_bytes,
                std::string& out);

}  // namespace gw::policies
