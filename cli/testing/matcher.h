// Comparing values with what was expected of them.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/testing/value.h"
#include "compiler/diag/sink.h"

namespace gw::cli::tests {

/// One difference.
struct Mismatch {
  std::string where;     // "status", "headers x-id", "body /items/0/id"
  std::string expected;  // YAML, one line
  std::string got;
  compiler::Span span;  // of what was expected
};

/// A matcher is a map whose keys are all among these, with values that they can have:
///   {matches: RE}          the whole of a text, RE2
///   {present: true|false}  whether it is there at all
///   {type: integer}        its type in JSON: string, integer, number, boolean, object, array, null
///   {not: VALUE}           anything that VALUE does not match
bool is_matcher(const Value& value);

/// Whether patterns in `value`, at any depth, can be used; false after findings.
bool matcher_is_good(const Value& value, compiler::DiagnosticSink& sink);

/// How members are compared that `expected` does not name: `Subset` lets an object have more.
/// `Exact` knows no matchers.
enum class Match : u8 { Subset, Exact };

/// Adds the differences between `actual` (null: it is not there) and `expected`.
void compare(const Value& expected, const boost::json::value* actual, Match how,
             const std::string& where, std::vector<Mismatch>& out);

/// `texts`: all values of a field, in order.
void compare_field(const Value& expected, const std::vector<std::string>& texts,
                   const std::string& where, std::vector<Mismatch>& out);

}  // namespace gw::cli::tests
