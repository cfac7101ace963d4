// The effective x-gw of one operation: every level laid over the one before.
#pragma once
#include <array>
#include <functional>

#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"
#include "compiler/xgw/language.h"

namespace gw::compiler {

struct Level {
  std::string_view name;  // "gateway defaults", "path", ...
  NodeRef node;           // absent: the level says nothing
};

/// The levels of an operation, from the widest to the nearest.
struct Levels {
  static constexpr size_t kCount = 7;
  std::array<Level, kCount> levels;
  NodeRef service_upstream;  // `upstream` of the service entry; counts with its defaults
  std::string key() const;   // equal keys have equal effective fields
};

Levels levels_of(const GatewayOperation& operation);

/// A map of kOperationSpecs fields.
struct EffectiveOperation {
  Effective fields;
  std::vector<Removal> removals;
};

/// Lays the levels over each other. `use` of a level comes just before the level's own fields. The
/// timeouts, body limit and retries of the chosen upstream come right after the gateway's defaults.
/// Actions (upstream, respond, redirect, mock) exclude each other: the nearest level's stays.
EffectiveOperation effective_operation(const Module& module, const GatewayOperation& operation,
                                       const Levels& levels);

/// What the gateway's defaults say of requests that no operation takes: origins, limits, and bodies
/// of errors. `levels` gets the one level that counts.
EffectiveOperation defaults_alone(const Module& module, const GatewayOperation& nothing,
                                  Levels& levels);

/// What the command line says in place of the document: --upstream and --mock; and `mock: true` as
/// the empty record.
void apply_options(const Module& module, Effective& fields);

/// A policy that a level takes in by `use`.
struct UsedPolicy {
  std::string_view name;
  NodeRef node;
  bool is_own = false;  // of the document itself; otherwise of its gateway document
};
/// Calls `visit` for each policy in `use` of `level` that there is, in order.
void for_each_policy(const GatewayOperation& operation, NodeRef level,
                     const std::function<void(const UsedPolicy&)>& visit);

/// Whether field `name` with this value is an action that leaves no request to another one.
bool takes_every_request(std::string_view name, NodeRef value);

}  // namespace gw::compiler
