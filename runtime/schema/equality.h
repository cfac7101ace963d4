// Equality of JSON values as JSON Schema has it: numbers by value, objects in any order.
#pragma once
#include <string>
#include <vector>

#include "runtime/json/tape.h"
#include "runtime/schema/program.h"

namespace gw::schema {

/// Compares values of a tape. Keeps its buffers: allocates nothing once warm. One thread.
class Equality {
 public:
  /// Linear, n log n where the members of objects stand in different orders.
  bool equal(const json::Tape& tape, u32 a, u32 b);
  /// Equal values have equal hashes; others nearly never, as nobody outside knows the seed.
  u64 hash(const json::Tape& tape, u32 node);
  /// Whether a value is the one of a value record's node.
  bool equal(const json::Tape& tape, u32 node, const Program& program, const u32* value);
  /// Whether an array holds the same value twice. n log n.
  bool has_duplicates(const json::Tape& tape, u32 array);

 private:
  struct Hashed {
    u64 hash;
    u32 node;
  };
  bool equal_texts(const json::Tape& tape, u32 a, u32 b);
  bool equal_objects(const json::Tape& tape, u32 a, u32 b);
  size_t push_sorted_keys(const json::Tape& tape, u32 object);
  u64 hash_text(const json::Tape& tape, u32 node);

  std::vector<Hashed> items_;
  std::vector<u32> keys_;  // a stack: objects within objects
  std::string buffer_;
  std::string other_buffer_;
};

}  // namespace gw::schema
