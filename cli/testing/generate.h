// Tests at the boundaries of a gateway's contract, written from its documents.
#pragma once
#include "cli/testing/gateway.h"
#include "cli/testing/generated_file.h"
#include "compiler/compile.h"

namespace gw::cli::tests {

/// A test file: for each operation a request that keeps the contract, and one for each way to break
/// it, with the decision that the documents demand. What cannot be made up is told, case by case.
/// `options`: what `gateway` was compiled with. Deterministic.
GeneratedTests generate_tests(const compiler::CompileOptions& options, const Gateway& gateway);

}  // namespace gw::cli::tests
