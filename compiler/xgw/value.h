// The small languages inside values: runtime expressions, late references, conditions, networks.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/emit/pools.h"
#include "compiler/syntax/node.h"
#include "compiler/xgw/encode.h"
#include "runtime/table/format.h"

namespace gw::compiler {

/// A mistake inside a scalar: bytes [begin, end) of its text, and what is wrong there.
struct ValueError {
  u32 begin = 0;
  u32 end = 0;
  std::string message;
  std::string help = {};
};

/// Stores a late value of one reference, such as `$env.TOKEN`; its index.
using AddLate = std::function<u32(const std::vector<table::LatePart>&)>;

/// `$request.path.id`, or text with `{$...}` in it. In a rewrite (`is_path`) also `{id}` for a path
/// parameter; elsewhere also references such as `{$env.TOKEN}`. False: `error` says why.
bool parse_expression(std::string_view text, bool is_path, const EncodeScope& scope,
                      StringPool& strings, const AddLate& add_late,
                      std::vector<table::ExpressionPart>& parts, ValueError& error);
/// Whether `text` would be evaluated per request.
bool has_expression(std::string_view text);

/// Whether `text` holds `$env.` or `$file.` references.
bool has_late_reference(std::string_view text);
/// Parts of a late value. False: `error` says why.
bool parse_late(std::string_view text, StringPool& strings, std::vector<table::LatePart>& parts,
                ValueError& error);

/// A `when` value to a condition; its index, or kNone after reporting to `sink`.
u32 encode_condition(NodeRef node, const EncodeScope& scope, Pools& pools, DiagnosticSink& sink);
/// Whether condition `index` looks at who calls, or at the class of the client.
bool asks_for_identity(const Pools& pools, u32 condition);
/// Whether an expression does.
bool asks_for_identity(const Pools& pools, table::Extent expression);

/// `$jwt.NAME` or `$jwt#/POINTER` as the JSON Pointer of the claim; empty: it is neither.
std::string claim_pointer(std::string_view text);

/// Compiles `pattern` and stores it; its index, or kNone after reporting (regex-unsupported). With
/// `is_ecma` it is a schema pattern. `anchored`: the whole text must match.
u32 encode_regex(std::string_view pattern, bool is_ecma, bool anchored, Span span, Pools& pools,
                 DiagnosticSink& sink);

}  // namespace gw::compiler
