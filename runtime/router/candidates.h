// What a matched path is asked next: the method and, for complex groups, the constraints; private
// to this folder.
#pragma once
#include <string_view>

#include "runtime/router/router.h"
#include "runtime/router/segments.h"

namespace gw::router {

/// Everything of a request but the shape of its path.
struct Request {
  std::string_view path;
  http::Method method;
  std::string_view method_text;
  const ConstraintOracle& oracle;
  const Capture* captures;
};

inline u32 method_bit(http::Method method) {
  return method == http::Method::Other ? 0 : u32{1} << static_cast<u32>(method);
}

inline u32 rank_of(u32 methods, u32 bit) { return bit_count(methods & (bit - 1)); }

/// The bit under which `methods` serves the request: its own, or GET's for HEAD; 0: none.
inline u32 served_bit(u32 methods, http::Method method) {
  const u32 bit = method_bit(method);
  if ((methods & bit) != 0) return bit;
  constexpr u32 kGet = 1u << static_cast<u32>(http::Method::Get);
  return method == http::Method::Head ? methods & kGet : 0;
}

/// What `lookup` says if a path has nothing for the method.
void refuse_method(http::Method method, Lookup& lookup);

/// Chooses among the candidates of a complex group, whose details begin at `words`. Returns the
/// index of the Allow text if none has the method, else kNone.
u32 choose_candidate(const u32* words, const char* texts, const Request& request, Lookup& lookup);

/// The capture whose constraint keeps the candidate with this route from taking the request; kNone:
/// there is none, or no such candidate.
u32 refused_capture(const u32* words, u32 route, const Request& request);

}  // namespace gw::router
