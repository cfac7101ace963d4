// The segment automaton: from the groups of one host to the states of the table; private to this
// folder.
#pragma once
#include <string>
#include <vector>

#include "compiler/router/pieces.h"
#include "compiler/router/router_builder.h"

namespace gw::compiler::router {

/// All paths of one shape on one host.
struct Group {
  const PathTemplate* shape = nullptr;  // of any of them
  std::string shape_text;
  u32 host = 0;
  u32 number = 0;               // in the table
  std::vector<u32> paths = {};  // candidates in the order in which they are tried
};

class Automaton {
 public:
  Automaton(TextPool& texts, RouterReport& report) : texts_(texts), report_(report) {}

  /// Adds the states of one host. `groups` come in the order of their numbers. Returns the target
  /// of the root.
  u32 add_host(const std::vector<const Group*>& groups, u32 host);
  const std::vector<u32>& words() const { return words_; }

 private:
  friend class HostAutomaton;
  TextPool& texts_;
  RouterReport& report_;
  std::vector<u32> words_;
};

}  // namespace gw::compiler::router
