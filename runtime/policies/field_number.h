// Numbers of fields as they are written and shown, by the kind of the field.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// `5s`, `64KiB`, `20%`, `100/min`, `true`, `7`. Empty: the form or the unit is wrong. Of kinds
/// with is_number().
std::optional<u64> parse_number(FieldKind kind, std::string_view text);
/// The other way.
std::string show_number(FieldKind kind, u64 value);

}  // namespace gw::policies
