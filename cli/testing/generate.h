// Tests at the boundaries of a gateway's contract, written from its documents.
#pragma once
#include <string>

#include "cli/testing/gateway.h"
#include "compiler/compile.h"

namespace gw::cli::tests {

/// A test file: for each operation a request that keeps the contract, and one for each way to break
/// it, with the decision that the documents demand. `options`: what `gateway` was compiled with.
/// Deterministic.
std::string generate_tests(const compiler::CompileOptions& options, const Gateway& gateway);

}  // namespace gw::cli::tests
