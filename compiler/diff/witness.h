// Requests that show where traffic goes.
//
// Values of parameters come from the document, from its patterns as automata, and from a short list
// of what most parameters take; whether they fit is never believed, but asked of the router of the
// table in question, in the same steps as the runtime's.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/diff/match.h"
#include "compiler/diff/side.h"

namespace gw::compiler::diff {

/// A request: "GET shop.example/orders/7". The path is normalised.
struct Witness {
  std::string method;
  std::string host;
  std::string path;
  std::string text() const { return method + " " + host + path; }
};

/// Where the runtime takes a request.
struct Routed {
  u32 route = 0;
  bool accepted = false;  // false: a parameter refuses its value, which is answered with 400
  /// The parameter of the template that refuses, by number; kNone: not known.
  u32 refused = table::kNone;
};

/// What runtime/engine/routing does with it: the path in its one spelling, paths that many servers
/// read as another one refused, TRACE served by name alone. Nothing: no route takes it.
std::optional<Routed> routed(const Side& side, const Witness& witness);

/// Makes witnesses, and remembers what patterns have cost. One thread.
class WitnessMaker {
 public:
  /// Requests that `route` of `side` takes and accepts; the best first, one for each of its hosts
  /// (a few at most). Further ones have other values that its schemas name, and, with its
  /// `counterpart` in `other`, values that only one of the two accepts. None: none was found.
  std::vector<Witness> of(const Side& side, u32 route, const Side* other = nullptr,
                          u32 counterpart = table::kNone);

 private:
  struct Parameter {
    std::vector<std::string> values;  // the best first
    size_t telling = 0;               // as many of them say more than that there is one
  };
  struct Plan;
  std::vector<Parameter> parameters_of(const Side& side, u32 route, const Side* other,
                                       u32 counterpart);
  void add_schema_values(Value parameter, Value counterpart, std::vector<std::string>& out);
  void add_pattern_values(const std::string& own, const std::string& others,
                          std::vector<std::string>& out);
  const std::vector<std::byte>& automaton_of(const std::string& pattern);
  void add_requests(const Plan& plan, const std::string& host, std::string_view method,
                    std::vector<Witness>& out) const;

  std::map<std::string, std::vector<std::byte>> automata_;  // by pattern; empty: none
};

}  // namespace gw::compiler::diff
