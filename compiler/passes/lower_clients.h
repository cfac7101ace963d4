// `clients`: the classes of clients of a gateway.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/passes/module.h"
#include "runtime/policies/client_class/record.h"

namespace gw::compiler {

struct ClientClass {
  std::string_view name;
  NodeRef key;
  u32 condition = table::kNone;  // kNone: the rest
};

/// All classes of the gateway, each before those that contain it, the rest last. Reports classes
/// that overlap. Called once.
std::vector<ClientClass> lower_clients(Module& module);

/// Fields whose values decide about the class, as Vary lists them (RFC 9110 section 12.5.5): `*`
/// when it is something that no field says. `credentials`: fields by which the callers of an
/// operation are known. Sorted.
std::string vary_of(const Module& module, const std::vector<ClientClass>& classes,
                    const std::set<std::string>& credentials);

}  // namespace gw::compiler
