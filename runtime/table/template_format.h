// Templates: JSON values with runtime expressions in them, as flat lists of nodes in the order of
// the text. They have no loops and no code, so that writing one always ends; what is not there
// leaves its member out.
#pragma once
#include "runtime/table/format.h"

namespace gw::table {

enum class TemplateKind : u32 {
  Literal,  // `text` is JSON
  Object,   // its members follow
  Array,    // its items follow
  Json,     // one expression; its value as JSON: of bodies and claims whatever they hold
  Number,   // one expression whose text is a number
  Boolean,  // one expression whose text is `true` or `false`
  Text,     // a string: parts put together
};
inline constexpr TemplateKind kLastTemplateKind = TemplateKind::Text;

struct TemplateNode {
  TemplateKind kind;
  u32 end;         // index, within the template, behind this node and all below it
  StringRef key;   // of a member: JSON, quotes included
  StringRef text;  // of a literal
  Extent value;    // into Expressions
};
static_assert(sizeof(TemplateNode) == 32 && std::has_unique_object_representations_v<TemplateNode>);

/// Nodes of one template.
inline constexpr u32 kMaxTemplateNodes = 4096;
/// Objects and arrays within each other.
inline constexpr u32 kMaxTemplateDepth = 32;

}  // namespace gw::table
