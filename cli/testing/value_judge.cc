#include "cli/testing/value_judge.h"

#include <algorithm>
#include <boost/json.hpp>

namespace gw::cli::tests {
namespace {

namespace json = boost::json;

// The same as texts: `5` where a text is asked for is one, and "5" where a number is.
json::value as_texts(const json::value& value) {
  if (value.is_string() || value.is_object()) return value;
  if (!value.is_array()) return json::value(json::serialize(value));
  json::array list;
  for (const json::value& item : value.get_array()) list.push_back(as_texts(item));
  return list;
}

json::value as_scalars(const json::value& value) {
  if (value.is_array()) {
    json::array list;
    for (const json::value& item : value.get_array()) list.push_back(as_scalars(item));
    return list;
  }
  if (!value.is_string()) return value;
  boost::system::error_code ec;
  json::value read = json::parse(value.get_string(), ec);
  return ec || read.is_structured() ? value : read;
}

}  // namespace

bool SchemaTerms::leaves_out(std::string_view keyword) const {
  return std::ranges::find(unenforced, keyword) != unenforced.end();
}

bool ValueJudge::can_judge(const SchemaTerms& terms, compiler::NodeRef schema) {
  return schemas_.can_judge(terms.document, schema, terms.unenforced);
}

std::string ValueJudge::fault(const SchemaTerms& terms, compiler::NodeRef schema,
                              const json::value& value, Spelling spelling) {
  if (!schema) return {};
  std::string fault = fault_of(terms, schema, value);
  if (fault.empty() || spelling == Spelling::Json) return fault;
  if (fault_of(terms, schema, as_texts(value)).empty()) return {};
  if (fault_of(terms, schema, as_scalars(value)).empty()) return {};
  return fault;
}

std::string ValueJudge::fault_of(const SchemaTerms& terms, compiler::NodeRef schema,
                                 const json::value& value) {
  return schemas_.json_problem(terms.document, schema, json::serialize(value), terms.direction,
                               terms.unenforced);
}

}  // namespace gw::cli::tests
