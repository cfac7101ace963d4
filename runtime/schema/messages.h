// The words of schema errors: of the schema, never of the instance.
#pragma once
#include <string>
#include <string_view>

#include "runtime/base/types.h"
#include "runtime/schema/formats.h"

namespace gw::schema {

/// "must be a string or null"; `types` of TypeBit.
std::string type_message(u32 types);
std::string missing_message(std::string_view name);
std::string_view limit_keyword(u32 kind);
std::string limit_message(u32 kind, std::string_view bound);
std::string at_least_message(u32 count, std::string_view noun);
std::string at_most_message(u32 count, std::string_view noun);
std::string format_message(Format format);

}  // namespace gw::schema
