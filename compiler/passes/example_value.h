// A value that a schema accepts.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>

#include "compiler/openapi/model.h"

namespace gw::compiler {

/// Texts that patterns match, found before; by pattern and bounds.
using PatternExamples = std::unordered_map<std::string, std::string>;

struct ExampleOptions {
  bool required_only = false;     // no properties that may be left out
  bool of_requests = false;       // leaves out what is readOnly, in place of what is writeOnly
  bool without_examples = false;  // what the schema gives as example or default is not looked at
  std::string_view kind = {};     // the type of a schema that names none
};

inline constexpr size_t kMaxExampleBytes = 256 * 1024;

/// JSON that `schema` accepts as far as that can be told cheaply: const, default, example, enum,
/// then by type, pattern and bounds; references are followed to a depth of 8. Deterministic. A long
/// one is cut in breadth.
std::string example_value(const openapi::Document& document, NodeRef schema,
                          const ExampleOptions& options, PatternExamples& patterns);

}  // namespace gw::compiler
