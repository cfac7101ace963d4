// Local error answers as problem details (RFC 9457).
#pragma once
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/http/message.h"

namespace gw::http {

/// The `type` of a problem, stable across releases: `urn:gwctl:problem:` and a name that follows
/// from the status, or a more precise one given by the caller. Nothing internal is ever told.
struct Problem {
  u16 status = 500;
  std::string_view name;   // e.g. "not-found"; empty: the one of the status. Static storage
  std::string_view title;  // empty: the one of the status. Static storage
  // Further members as JSON, each with a comma in front: `,"errors":[]`. Empty: none.
  std::string_view members = {};
};

/// Status for an error that ends an exchange before an answer was begun. `what` goes to the log,
/// never to the client.
Problem problem_of(const Error& error);
std::string_view problem_name(u16 status);

/// Fills `head` (status, Content-Type, Cache-Control, framing) and returns the body, in the arena
/// of `head.fields`. Fields set before stay.
Bytes make_problem(const Problem& problem, ResponseHead& head);

}  // namespace gw::http
