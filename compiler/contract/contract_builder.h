// The section `contracts`: what the documents promise, as compact JSON.
#pragma once
#include <vector>

#include "compiler/passes/module.h"

namespace gw::compiler {

/// The section for all operations of a gateway, in their order. Follows references by a work list;
/// each target is written once. Deterministic. Cost: linear in the documents' size.
std::vector<std::byte> build_contracts(const Module& module);

/// A table with nothing but routes and contracts, for documents that are compared though they do
/// not compile. It is never served: its router is empty.
std::vector<std::byte> contract_table(const Module& module);

}  // namespace gw::compiler
