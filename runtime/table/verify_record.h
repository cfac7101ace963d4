// Checks of one record against its field table; a part of verify().
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::table {

/// What a record may point to. Counts are in records, `strings` and `policy_data` in bytes.
struct RecordBounds {
  Bytes policy_data;
  u64 strings = 0;
  u64 expressions = 0;
  u64 conditions = 0;
  u64 regexes = 0;
  u64 schemas = 0;
  std::span<const u32> programs = {};  // where schemas begin in SchemaPrograms, rising
  u64 networks = 0;
  u64 upstreams = 0;
  u64 schemes = 0;
  u64 late = 0;
};

/// True when every reference of the record at `record` (which holds spec.bytes readable bytes)
/// stays inside `bounds`, and every number inside its field's range. `budget` counts list
/// elements that may still be visited, so that overlapping lists cannot make it slow.
bool verify_record(const policies::RecordSpec& spec, const std::byte* record,
                   const RecordBounds& bounds, u64& budget);

/// Wrap-free: does [offset, offset + count) lie inside [0, size)?
inline bool fits(u64 offset, u64 count, u64 size) {
  return offset <= size && count <= size - offset;
}

}  // namespace gw::table
