// Says whether a JSON value satisfies a compiled schema.
#pragma once
#include <string>
#include <vector>

#include "runtime/json/tape.h"
#include "runtime/schema/equality.h"
#include "runtime/schema/errors.h"
#include "runtime/schema/program.h"

namespace gw::schema {

/// Which way the instance goes: a property marked readOnly is refused in requests and not required
/// there, one marked writeOnly the same in responses.
enum class Direction : u8 { Neither, Request, Response };

struct ValidateOptions {
  Direction direction = Direction::Neither;
};

/// Nested evaluations, of schemas within schemas and values within values.
inline constexpr u32 kMaxEvaluationDepth = 1024;

/// Evaluates programs. Keeps its buffers: without a list of errors it allocates nothing once warm.
/// One thread at a time.
class Evaluator {
 public:
  /// Whether the value at `node` satisfies the schema at `root`, which is one of `program`. With
  /// `errors` all faults are looked for until the list is full; without, the first one ends it.
  ///
  /// What would nest too deeply or take more than a number of steps proportional to the tape's size
  /// is refused: a schema may lead back to itself. The time depends on the instance at most
  /// linearly, with a factor log n for uniqueItems.
  bool validate(const Program& program, u32 root, const json::Tape& tape, u32 node,
                const ValidateOptions& options = {}, ErrorList* errors = nullptr);

 private:
  class Run;
  Equality equality_;
  std::vector<u64> evaluated_;  // a stack of bit sets: children that some schema has looked at
  std::vector<u32> scope_;      // resources, the outermost first
  std::string buffer_;
};

}  // namespace gw::schema
