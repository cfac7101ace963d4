// Our own YAML parser: the whole of block and flow style in one pass over the bytes.
#pragma once
#include "compiler/syntax/yaml_builder.h"
#include "compiler/syntax/yaml_text.h"

namespace gw::compiler {

enum class YamlOutcome : u8 {
  Done,
  Failed,   // a finding says why
  Unusual,  // valid perhaps, but it uses what only the complete reader knows; nothing is reported
};

/// Parses the one document of `text` into `builder`. Left to the complete reader: directives,
/// explicit (`? `) and empty keys. Recursion is bounded by the builder's depth limit.
YamlOutcome parse_yaml(std::string_view text, YamlBuilder& builder);

}  // namespace gw::compiler
