// Patterns of a compilation, before there is a table.
#pragma once
#include <map>
#include <memory>
#include <string_view>

#include "compiler/emit/pools.h"
#include "runtime/schema/program.h"

namespace re2 {
class RE2;
}

namespace gw::compiler::schema {

/// Runs patterns out of the pools of a compilation, as a bound table would. The pools outlive it,
/// and may grow meanwhile. One thread.
class PoolMatcher final : public gw::schema::PatternMatcher {
 public:
  explicit PoolMatcher(const Pools& pools);
  ~PoolMatcher() override;
  bool matches(u32 regex, std::string_view text) const override;

 private:
  const Pools& pools_;
  mutable std::map<u32, std::unique_ptr<re2::RE2>> fallbacks_;  // automata that would be too large
};

}  // namespace gw::compiler::schema
