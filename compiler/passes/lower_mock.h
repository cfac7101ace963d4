// Mock answers from the examples of a document.
#pragma once
#include "compiler/passes/module.h"
#include "runtime/policies/mock/record.h"

namespace gw::compiler {

/// Collects what `operation` may answer: for each response and media type its examples, else a
/// value generated from the schema; the first success first. `written` holds what the user set.
/// Deterministic. Bodies are at most kMaxMockBytes; a longer generated one is cut in breadth.
policies::MockRecord lower_mock(Module& module, const GatewayOperation& operation,
                                const policies::MockRecord& written);

inline constexpr size_t kMaxMockBytes = 256 * 1024;

/// A value that `schema` accepts as far as that can be told cheaply, as JSON: const, default,
/// example, enum, then by type. References are followed to a depth of 8; deeper ones become null,
/// {} or [].
std::string example_of_schema(const openapi::Document& document, NodeRef schema);

}  // namespace gw::compiler
