// The policies of an operation in words, from the fields that are in effect for it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/table/view.h"

namespace gw::admin {

struct PolicyWords {
  std::string name;   // `cache`, `rateLimit.perClient`
  std::string words;  // one sentence for each field
};

/// What holds for clients of the class `client`; "": of none. Fields that nobody has set, so that
/// their defaults hold, are left out; every other one is in it, if need be as `field: value`. What
/// messages are held to is always told, since that needs no field.
std::vector<PolicyWords> policy_words(const table::TableView& view, const table::RouteRecord& route,
                                      std::string_view client);
/// The sentence for one field.
std::string field_words(std::string_view field, std::string_view value);

}  // namespace gw::admin
