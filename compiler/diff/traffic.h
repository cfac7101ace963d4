// Which operation takes which requests, in the one table and in the other.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "compiler/diff/match.h"
#include "compiler/diff/side.h"

namespace gw::compiler::diff {

/// A request that an operation takes: "GET shop.example/orders/7".
struct Witness {
  std::string method;
  std::string host;
  std::string path;
  std::string text() const { return method + " " + host + path; }
};

/// Requests that `route` of `side` takes, one for each of its hosts (a few at most). None when no
/// guess at its parameters is taken by it.
std::vector<Witness> witnesses_of(const Side& side, u32 route);
/// The route that takes it; nothing: none does.
std::optional<u32> route_of(const Side& side, const Witness& witness);

/// Finds requests that go elsewhere: by a witness for each operation, looked up in the other table.
void compare_traffic(const Side& old_side, const Side& new_side, const Matches& matches,
                     std::vector<Finding>& findings);

}  // namespace gw::compiler::diff
