// `security` of operations to the step that enforces it, and to what expressions may ask of
// callers.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/passes/lower_schemes.h"
#include "compiler/passes/module.h"
#include "runtime/policies/authenticate/record.h"

namespace gw::compiler {

/// What `security` comes to for one operation.
struct OperationSecurity {
  u32 number = 0;           // equal ones have equal numbers
  bool declared = false;    // somebody asks for authentication
  bool unenforced = false;  // ... and says that it is not enforced here
  bool scope_known = true;  // false: a scheme could not be lowered, and that has been said
  bool anonymous = false;   // those without credentials are let in as well
  std::optional<policies::AuthenticateRecord> record;  // none: no step
  IdentityScope scope;

  /// Some of its callers are known as consumers.
  bool names_consumers() const;
  /// table::RouteFlag: what the route of the operation says of it.
  u32 route_flags(const openapi::Operation& operation) const;
};

/// Requirement lists are lowered once, however many operations they hold for.
class SecurityLowerer {
 public:
  explicit SecurityLowerer(Module& module) : module_(module), schemes_(module) {}
  const OperationSecurity& of(const GatewayOperation& operation);

 private:
  OperationSecurity lower(const GatewayOperation& operation, NodeRef list);
  bool lower_alternative(const Unit& unit, NodeRef node, OperationSecurity& out,
                         std::vector<u32>& slots, policies::AlternativeRecord& record);
  table::Extent scopes_of(const Unit& unit, std::string_view scheme, NodeRef list);

  Module& module_;
  SchemeLowerer schemes_;
  // By list, unit and whether it is switched off: names mean schemes by unit.
  std::map<std::tuple<const Tree*, u32, const Unit*, bool>, OperationSecurity> known_;
  u32 next_number_ = 0;
};

/// Fields of a request that say who its caller is: those of the schemes that it may bring, in lower
/// case. `*` among them: something that no field says, such as a client certificate.
std::set<std::string> credential_fields(const Module& module, const OperationSecurity& security);

}  // namespace gw::compiler
