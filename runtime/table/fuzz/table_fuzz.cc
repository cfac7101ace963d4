// Property: a table that verify() accepts can be read, bound and served, whatever is in it. The
// digest is repaired, or the fuzzer would see nothing behind it. Seeds: corpus/table_fuzz, small
// tables that compiler/emit/table_test.cc makes.
#include <cstdint>
#include <vector>

#include "runtime/table/fuzz/exercise_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 * 1024) return 0;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> file(bytes, bytes + size);
  gw::table::repair_digest(file);
  (void)gw::table::exercise_table(file);
  return 0;
}
