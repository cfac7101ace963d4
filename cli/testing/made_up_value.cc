#include "cli/testing/made_up_value.h"

#include <boost/json.hpp>

#include "compiler/xgw/node_json.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeRef;

json::value json_of(const std::string& text) {
  boost::system::error_code ec;
  json::value parsed = json::parse(text, ec);
  return ec ? json::value() : parsed;
}

void drop_empty(json::value& value) {
  json::object* object = value.if_object();
  if (object == nullptr) return;
  json::object kept;
  for (auto& [name, member] : *object) {
    drop_empty(member);
    if (!is_empty(member) && !member.is_null()) kept[name] = std::move(member);
  }
  *object = std::move(kept);
}

json::value written_value(const BoundaryTools& tools, NodeRef schema,
                          const compiler::ExampleOptions& options, Spelling spelling) {
  json::value made =
      json_of(compiler::example_value(tools.terms.document, schema, options, tools.examples));
  if (spelling != Spelling::Json) drop_empty(made);
  return made;
}

}  // namespace

json::value value_of_node(NodeRef node) { return json_of(compiler::to_json(node)); }

bool is_empty(const json::value& value) {
  if (const json::array* list = value.if_array()) return list->empty();
  if (const json::object* object = value.if_object()) return object->empty();
  return value.is_string() && value.get_string().empty();
}

json::value made_up_value(const BoundaryTools& tools, NodeRef schema, Spelling spelling,
                          std::string& problem, std::string_view kind) {
  compiler::ExampleOptions options;
  options.kind = kind;
  options.of_requests = tools.terms.direction == gw::schema::Direction::Request;
  std::string first_problem;
  for (const bool required_only : {true, false}) {
    for (const bool without_examples : {false, true}) {
      options.required_only = required_only;
      options.without_examples = without_examples;
      json::value made = written_value(tools, schema, options, spelling);
      problem = tools.judge.fault(tools.terms, schema, made, spelling);
      if (spelling != Spelling::Json && is_empty(made)) problem = "nothing of it would be written";
      if (problem.empty()) return made;
      if (first_problem.empty()) first_problem = problem;
    }
  }
  problem = first_problem;
  return nullptr;
}

json::value full_value(const BoundaryTools& tools, NodeRef schema, Spelling spelling) {
  compiler::ExampleOptions options;
  options.of_requests = tools.terms.direction == gw::schema::Direction::Request;
  for (const bool without_examples : {false, true}) {
    options.without_examples = without_examples;
    json::value full = written_value(tools, schema, options, spelling);
    if (tools.judge.fault(tools.terms, schema, full, spelling).empty()) return full;
  }
  return nullptr;
}

}  // namespace gw::cli::tests
