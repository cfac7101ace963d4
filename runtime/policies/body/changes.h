// What a BodyRecord does to one JSON value.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/json/value_tree.h"
#include "runtime/policies/body/record.h"

namespace gw::policies {

/// Changes `root`, which becomes another value at most by its content. Expressions are those of the
/// exchange; they see messages as they came. False: the result would be longer than
/// record.max_size. Always ends; linear in value times paths.
bool change_value(Exchange& exchange, const BodyRecord& record, json::ValueTree& tree,
                  json::Value& root);

/// Whether it changes anything.
bool changes_value(const BodyRecord& record);

}  // namespace gw::policies
