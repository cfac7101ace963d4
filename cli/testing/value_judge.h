// Whether values keep the schemas of a document: of what a document gives as an example, or what is
// made up, nobody knows before.
#pragma once
#include <boost/json/value.hpp>
#include <span>
#include <string>
#include <string_view>

#include "compiler/passes/schema_judge.h"

namespace gw::cli::tests {

/// How a value gets into a request: as JSON, as a text that may stand for a number as well, or as a
/// form of such texts, in which objects without a style are JSON.
enum class Spelling : u8 { Json, Text, Form };

/// What a schema is judged by. Views must outlive the judge.
struct SchemaTerms {
  const compiler::openapi::Document& document;
  std::span<const std::string_view> unenforced;  // keywords that are left out, sorted
  gw::schema::Direction direction = gw::schema::Direction::Request;

  bool leaves_out(std::string_view keyword) const;
};

/// Compiles each schema once. One thread.
class ValueJudge {
 public:
  /// Whether the schema can be held to at all: no dialect or pattern that is not known.
  bool can_judge(const SchemaTerms& terms, compiler::NodeRef schema);
  /// What the schema has against the value, for people; "": nothing, or it cannot be judged.
  std::string fault(const SchemaTerms& terms, compiler::NodeRef schema,
                    const boost::json::value& value, Spelling spelling = Spelling::Json);

 private:
  std::string fault_of(const SchemaTerms& terms, compiler::NodeRef schema,
                       const boost::json::value& value);

  compiler::SchemaJudge schemas_;
};

}  // namespace gw::cli::tests
