// Templates (runtime/table/template_format.h) to JSON texts.
#pragma once
#include <string>

#include "runtime/http/exchange.h"
#include "runtime/table/format.h"

namespace gw::engine {

/// Appends the value of a template. A member or item that is absent is left out; a template that is
/// nothing but an absent value is `null`. False: the text would be longer than `max_bytes`, or the
/// template is broken.
bool write_template(Exchange& exchange, table::Extent nodes, size_t max_bytes, std::string& out);

/// The same, but false as well when the whole value is absent.
bool write_present_template(Exchange& exchange, table::Extent nodes, size_t max_bytes,
                            std::string& out);

}  // namespace gw::engine
