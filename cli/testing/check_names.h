// Whether the names in tests are names of the gateway.
#pragma once
#include "cli/testing/gateway.h"
#include "cli/testing/suite.h"

namespace gw::cli::tests {

/// Reports operations, upstreams, consumers, schemes and deciders that the gateway has not: a reply
/// of an upstream that nobody asks would be left unused without a word. False after findings.
bool check_names(const Suite& suite, const Gateway& gateway, compiler::DiagnosticSink& sink);

}  // namespace gw::cli::tests
