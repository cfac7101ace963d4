// Deadlines that contradict each other, or that nobody chose.
#pragma once
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/passes/module.h"
#include "runtime/policies/settings/record.h"

namespace gw::compiler {

/// How near to the operation a level is; a policy counts as the defaults that its user inherits.
int nearness(std::string_view level);

/// Looks at the effective deadlines of operations that are sent upstream; rules timeout-chain and
/// timeout-missing. A nearer level may shorten an outer deadline (`total: 2s` below an inherited
/// `try: 4s` is no finding); it cannot lengthen an inner one.
class TimeoutCheck {
 public:
  explicit TimeoutCheck(Module& module) : module_(module) {}

  /// Reports inner deadlines that the outer one cuts off.
  void check_chain(const policies::TimeoutRecord& timeout, const std::vector<EncodedField>& encoded,
                   bool streams);
  /// Counts an operation that has no deadline from any level.
  void add_unset(const GatewayOperation& operation);
  /// One finding per gateway document with operations that nobody chose deadlines for.
  void report_unset();

 private:
  struct Unset {
    const GatewayOperation* first = nullptr;
    u32 count = 0;
  };

  Module& module_;
  std::set<std::pair<u64, u64>> reported_;  // places of the two values
  std::map<u32, Unset> unset_;              // by file of the gateway document
};

}  // namespace gw::compiler
