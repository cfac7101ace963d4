// Rules about limits: ratelimit-missing-public, ratelimit-key-spoofable, ratelimit-unreachable,
// ratelimit-429-undocumented.
#pragma once
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "compiler/passes/lower_limits.h"
#include "compiler/passes/module.h"

namespace gw::compiler {

/// Looks at the limits of each distinct combination of levels, then at all operations together.
class LimitCheck {
 public:
  explicit LimitCheck(Module& module) : module_(module) {}

  /// Reports keys that a client can make up, and limits that another one makes idle.
  void check(const std::vector<LoweredLimit>& limits);
  /// Counts an operation; `limited`: a rate or a quota is enforced on it.
  void add_operation(const GatewayOperation& operation, bool limited);
  /// One finding of each kind per gateway document.
  void report_all();

 private:
  struct Tally {
    const GatewayOperation* unlimited = nullptr;  // the first that anybody may call
    u32 unlimited_count = 0;
    const GatewayOperation* undocumented = nullptr;
    u32 undocumented_count = 0;
    bool has_limits = false;
  };
  void check_key(const LoweredLimit& limit);
  void check_idle(const LoweredLimit& limit, const LoweredLimit& other);
  bool everybody_is_trusted() const;

  Module& module_;
  std::set<std::pair<u32, u32>> reported_;  // places
  std::map<u32, Tally> tallies_;            // by file of the gateway document
};

}  // namespace gw::compiler
