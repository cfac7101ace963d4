// Checks that untrusted bytes are a well-formed table, once, before any of them is used.
#pragma once
#include <optional>

#include "runtime/base/result.h"
#include "runtime/base/types.h"
#include "runtime/table/format.h"

namespace gw::table {

/// Confirms that every offset, count, index, automaton and record in `file` stays inside its
/// section.
///
/// After success each accessor of TableView is memory-safe for any request without further
/// checks, as long as nobody changes the bytes. Semantics are the compiler's duty.
///
/// `file` must be 64-byte aligned (a mapping is). Cost: linear; a large file is
/// read by two threads at once. Any thread.
/// Errors: TableTruncated, TableCorrupt, TableVersion, TableFeature; `what` names the section or
/// the field of the header.
/// A file of another kind than the expected one is refused (TableFeature, `kind`).
/// `known_digest`: what digest_of() says of it, computed as it came; nothing: it is read for that.
Result<void> verify(Bytes file, TableKind kind = TableKind::Gateway,
                    std::optional<u64> known_digest = {});

/// Feature names this runtime knows.
bool is_known_feature(std::string_view name);

/// Name of a section for people; "unknown" for one of a later version.
std::string_view section_name(SectionKind kind);

}  // namespace gw::table
