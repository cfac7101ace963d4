#include "compiler/passes/schema_judge.h"

#include <fmt/format.h>

#include "runtime/json/tape_builder.h"

namespace gw::compiler {

u32 SchemaJudge::compile(const openapi::Document& document, NodeRef schema, Keywords unenforced) {
  std::unique_ptr<schema::SchemaSet>& set = sets_[&document];
  if (set == nullptr) set = std::make_unique<schema::SchemaSet>(document, quiet_);
  const u32 root = schemas_.compile_schema(*set, schema, unenforced);
  quiet_.all().clear();
  return root;
}

bool SchemaJudge::can_judge(const openapi::Document& document, NodeRef schema,
                            Keywords unenforced) {
  return schema && compile(document, schema, unenforced) != gw::schema::kNone;
}

std::string SchemaJudge::json_problem(const openapi::Document& document, NodeRef schema,
                                      std::string_view json, Direction direction,
                                      Keywords unenforced) {
  const u32 root = compile(document, schema, unenforced);
  if (root == gw::schema::kNone) return {};  // where it is enforced, that is an error of its own
  if (!tape_.parse(json)) return "it is no JSON";
  return evaluate(root, direction);
}

std::string SchemaJudge::text_problem(const openapi::Document& document, NodeRef schema,
                                      std::string_view text, Direction direction) {
  const u32 root = compile(document, schema, {});
  if (root == gw::schema::kNone) return {};
  json::TapeBuilder builder(tape_);
  builder.string(text);
  if (!builder.finish()) return "it is no UTF-8";
  return evaluate(root, direction);
}

std::string SchemaJudge::evaluate(u32 root, Direction direction) {
  const gw::schema::Program program{pools_.schema_programs.data(), pools_.strings.bytes().data(),
                                    &matcher_};
  gw::schema::ErrorList errors(1);
  if (evaluator_.validate(program, root, tape_, 0, {.direction = direction}, &errors)) return {};
  if (errors.all().empty()) return "it is refused";
  const gw::schema::SchemaError& error = errors.all().front();
  return error.pointer.empty() ? error.message
                               : fmt::format("`{}` {}", error.pointer, error.message);
}

}  // namespace gw::compiler
