// Records of a table as fields with their values in words, by their field tables.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "compiler/diff/side.h"
#include "runtime/policies/field_spec.h"

namespace gw::compiler::diff {

struct FieldValue {
  std::string text;                // with its unit, as a user would write it
  std::optional<u64> number = {};  // of numbers that are known
  policies::FieldKind kind = policies::FieldKind::String;
  bool secret = false;  // shown as such, never its text
  std::string shown() const { return secret ? "(hidden)" : text; }
};

/// By path: "timeout.total", "targets.http://a:1.weight". Absent fields are left out.
using Fields = std::map<std::string, FieldValue>;

/// Names that either has.
std::set<std::string> names_of(const Fields& before, const Fields& after);
/// Null: it is absent.
const FieldValue* find(const Fields& fields, const std::string& name);

/// All fields of a record of `side`; `captures` are names of path parameters, for expressions.
Fields fields_of(const Side& side, const policies::RecordSpec& spec, const void* record,
                 std::span<const table::StringRef> captures = {});

std::string expression_text(const Side& side, table::Extent parts,
                            std::span<const table::StringRef> captures);
/// "" for kNone.
std::string condition_text(const Side& side, u32 condition);
std::string networks_text(const Side& side, table::Extent networks);

}  // namespace gw::compiler::diff
