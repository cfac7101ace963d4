// Boundaries of keywords that look at a value as a whole: how many members it has and which go
// together, what a list contains, what a value must not be.
#pragma once
#include <span>
#include <string_view>

#include "cli/testing/boundary_values.h"

namespace gw::cli::tests {

/// A value that is looked at; all is borrowed.
struct WholeValue {
  const BoundaryTools& tools;
  compiler::NodeRef schema;                  // that judges it
  std::span<const compiler::NodeRef> parts;  // which hold all at once: itself, by `$ref`, by allOf
  const boost::json::value& good;            // null: none is known
  Spelling spelling;
  u32 depth;  // values around it
};

/// What `part` draws. Many keywords may have a say in these values, so each is proved: `schema`
/// accepts what is good, and refuses what is bad.
Boundaries whole_boundaries(const WholeValue& whole, compiler::NodeRef part);

/// Only answers have this property, by any of `parts`: it is not asked of requests.
bool is_of_answers(const compiler::openapi::Document& document,
                   std::span<const compiler::NodeRef> parts, std::string_view name);

/// Another value of the same kind, where that is simple; the same one otherwise.
boost::json::value varied(const boost::json::value& value, size_t by);

}  // namespace gw::cli::tests
