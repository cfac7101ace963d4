// The check that makes a section SchemaPrograms safe to use.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw::schema {

/// Confirms that every record and instruction stays inside `words`, every schema that is named is
/// one, every text lies in `strings` and every pattern below `regex_count`. `words` may come from
/// anybody. Whether schemas lead back to themselves is not looked at: evaluation has limits of its
/// own. Linear. `roots`, when given, gets the indices of all schemas, rising: whoever names a root
/// must name one of them. Errors: TableCorrupt.
Result<void> verify_schemas(std::span<const u32> words, std::string_view strings, u64 regex_count,
                            std::vector<u32>* roots = nullptr);

}  // namespace gw::schema
