// `views`: what an operation has for classes of clients.
#pragma once
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/lower_clients.h"

namespace gw::compiler {

/// One of the plans of an operation: for a class of clients, or for all that have no view.
struct PlanView {
  std::string_view name;       // of the class; empty: of whoever has no view
  Effective body;              // what it does to the bodies of answers
  bool limits_wait = false;    // limits are counted where the class is known
  bool vary = false;           // answers of classes differ
  std::span<const u32> plans;  // of each class, 1 + index; of the operation's own plan alone
};

/// Classes that there are not, and policies that a view would drop.
void check_views(Module& module, const std::vector<ClientClass>& clients,
                 const EffectiveOperation& effective, const Effective& views);

/// Whether a view of `views` says something of limits.
bool views_limit(const Effective& views);

/// Lays a view over the fields of its operation. Its changes of bodies are kept apart, in `body`:
/// they come behind those of the operation, so that it shows nothing that others do not see.
void lay_view(const Effective& view, Effective& fields, Effective& body);

/// The step that finds out about the class; `clients` is not empty.
/// `credentials`: see vary_of().
policies::ClientClassRecord class_record(Module& module, const std::vector<ClientClass>& clients,
                                         const PlanView& view,
                                         const std::set<std::string>& credentials);

}  // namespace gw::compiler
