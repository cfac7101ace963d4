// For tests: a tree as text, so that two can be compared and a difference can be read.
#pragma once
#include <string>

#include "compiler/syntax/node.h"

namespace gw::compiler {

/// The value as one line of JSON with keys in source order; numbers as written, with `spans` each
/// value followed by @begin-end. Bounded by the readers' depth limit.
inline std::string dump(NodeRef node, bool spans = false) {
  std::string out;
  if (!node) return "absent";
  if (node.is_map()) {
    out = "{";
    for (const NodeRef::Entry entry : node.entries()) {
      if (out.size() > 1) out += ", ";
      out += dump(entry.key, spans) + ": " + dump(entry.value, spans);
    }
    out += "}";
  } else if (node.is_seq()) {
    out = "[";
    for (const NodeRef item : node.items()) {
      if (out.size() > 1) out += ", ";
      out += dump(item, spans);
    }
    out += "]";
  } else if (node.is_null()) {
    out = "null";
  } else if (node.is_string()) {
    out = "\"" + std::string(node.text()) + "\"";
  } else {
    out = std::string(node.text());
  }
  if (spans) {
    out += "@" + std::to_string(node.span().begin) + "-" + std::to_string(node.span().end);
  }
  return out;
}

}  // namespace gw::compiler
