// Mock answers from the examples of a document.
#pragma once
#include "compiler/passes/module.h"
#include "runtime/policies/mock/record.h"

namespace gw::compiler {

/// Collects what `operation` may answer: for each response and media type its examples, else a
/// value generated from the schema; the first success first. `written` holds what the user set.
/// A generated value is one that its schema accepts as far as that can be told cheaply: const,
/// default, example, enum, then by type, pattern and bounds; references are followed to a depth of
/// 8. Deterministic. Bodies are at most kMaxMockBytes; a longer generated one is cut in breadth.
policies::MockRecord lower_mock(Module& module, const GatewayOperation& operation,
                                const policies::MockRecord& written);

inline constexpr size_t kMaxMockBytes = 256 * 1024;  // as kMaxExampleBytes

}  // namespace gw::compiler
