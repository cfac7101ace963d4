// Request methods.
#pragma once
#include <string_view>

#include "runtime/base/types.h"

namespace gw::http {

/// Methods that the table indexes by number. Other: any further token, carried as text. The order
/// is part of the table format (method masks); never reorder.
enum class Method : u8 {
  Get,
  Head,
  Post,
  Put,
  Delete,
  Options,
  Patch,
  Trace,
  Connect,
  Query,
  Other,
};
inline constexpr u32 kMethodCount = 11;

std::string_view method_name(Method method);  // "" for Other
Method parse_method(std::string_view token);  // methods are case-sensitive (RFC 9110 section 9.1)
/// Safe to send twice (RFC 9110 section 9.2.2). Other is not.
bool is_idempotent(Method method);

}  // namespace gw::http
