// Values that are known when documents are compiled, against their schemas.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "compiler/openapi/model.h"
#include "compiler/schema/pool_matcher.h"
#include "compiler/schema/schema_compiler.h"
#include "runtime/json/tape.h"
#include "runtime/schema/evaluator.h"

namespace gw::compiler {

/// Compiles each schema once, into pools of its own: nothing of it goes into a table. `unenforced`
/// are keywords that are left out, sorted; documents and views outlive the judge. One thread.
class SchemaJudge {
 public:
  using Direction = gw::schema::Direction;
  using Keywords = std::span<const std::string_view>;

  /// Whether values can be held to it: no dialect or pattern that is not known.
  bool can_judge(const openapi::Document& document, NodeRef schema, Keywords unenforced = {});
  /// What is wrong with a JSON text, in words; "": nothing, or it cannot be told, as where the
  /// schema cannot be enforced.
  std::string json_problem(const openapi::Document& document, NodeRef schema, std::string_view json,
                           Direction direction, Keywords unenforced = {});
  /// The same for a string.
  std::string text_problem(const openapi::Document& document, NodeRef schema, std::string_view text,
                           Direction direction);

 private:
  /// kNone: it cannot be enforced.
  u32 compile(const openapi::Document& document, NodeRef schema, Keywords unenforced);
  std::string evaluate(u32 root, Direction direction);

  Pools pools_;
  DiagnosticSink quiet_;
  schema::SchemaCompiler schemas_{pools_, quiet_};
  schema::PoolMatcher matcher_{pools_};
  std::map<const openapi::Document*, std::unique_ptr<schema::SchemaSet>> sets_;
  json::Tape tape_;
  gw::schema::Evaluator evaluator_;
};

}  // namespace gw::compiler
