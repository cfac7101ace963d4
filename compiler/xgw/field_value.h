// One value of a field: how it is written, read, shown and stored.
#pragma once
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/syntax/node.h"
#include "runtime/policies/field_number.h"

namespace gw::compiler {

/// What a field of this kind takes, for messages.
std::string_view expected(policies::FieldKind kind);
/// The bounds of a field in its unit, for messages.
std::string range_text(const policies::FieldSpec& field);

/// The stored number; nothing if the node is not one of this kind.
std::optional<u64> parse_number(policies::FieldKind kind, NodeRef node);

template <class T>
void store(std::byte* at, const T& value) {
  std::memcpy(at, &value, sizeof value);
}
void store_number(const policies::FieldSpec& field, u64 value, std::byte* at);
/// For absent values of kinds whose zero means something.
void store_absent(const policies::FieldSpec& field, std::byte* at);

}  // namespace gw::compiler
