#include "runtime/base/method.h"

namespace gw::http {
namespace {

constexpr std::string_view kNames[] = {"GET",   "HEAD",  "POST",    "PUT",   "DELETE", "OPTIONS",
                                       "PATCH", "TRACE", "CONNECT", "QUERY", ""};
static_assert(std::size(kNames) == kMethodCount);

}  // namespace

std::string_view method_name(Method method) { return kNames[static_cast<size_t>(method)]; }

Method parse_method(std::string_view token) {
  for (u32 i = 0; i + 1 < kMethodCount; ++i) {
    if (token == kNames[i]) return static_cast<Method>(i);
  }
  return Method::Other;
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::Get:
    case Method::Head:
    case Method::Put:
    case Method::Delete:
    case Method::Options:
    case Method::Trace:
    case Method::Query:
      return true;
    default:
      return false;
  }
}

}  // namespace gw::http
