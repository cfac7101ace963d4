// The router's meaning, written down as simply as possible: the oracle of tests. Tries every path.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/router/router_builder.h"
#include "runtime/router/router.h"

namespace gw::compiler::router {

struct NaiveLookup {
  gw::router::Outcome outcome = gw::router::Outcome::NotFound;
  bool constraint_failed = false;
  u32 route = ~u32{0};
  std::vector<std::string> captures;
  std::string allow;
  friend bool operator==(const NaiveLookup&, const NaiveLookup&) = default;
};

/// Constraints are DFAs of `input`. Their order is asked of regex::contains.
NaiveLookup naive_find(const RouterInput& input, std::string_view host, std::string_view path,
                       http::Method method, std::string_view method_text);

/// Answers constraints from the DFAs of an input.
class DfaOracle : public gw::router::ConstraintOracle {
 public:
  explicit DfaOracle(const RouterInput& input) : input_(input) {}
  bool dfa_accepts(u32 index, std::string_view value) const override;
  bool re2_accepts(u32 index, std::string_view value) const override;

 private:
  const RouterInput& input_;
};

}  // namespace gw::compiler::router
