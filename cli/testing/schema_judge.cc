#include "cli/testing/schema_judge.h"

#include <fmt/format.h>

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

u32 SchemaJudge::root_of(const SchemaTerms& terms, compiler::NodeRef schema) {
  auto& set = sets_[&terms.document];
  if (set == nullptr) {
    set = std::make_unique<compiler::schema::SchemaSet>(terms.document, quiet_);
  }
  const u32 root = schemas_.compile_schema(*set, schema, terms.unenforced);
  quiet_.all().clear();
  return root;
}

bool SchemaJudge::can_judge(const SchemaTerms& terms, compiler::NodeRef schema) {
  return schema && root_of(terms, schema) != gw::schema::kNone;
}

std::string SchemaJudge::fault(const SchemaTerms& terms, compiler::NodeRef schema,
                               const json::value& value, Spelling spelling) {
  if (!schema) return {};
  const u32 root = root_of(terms, schema);
  if (root == gw::schema::kNone) return {};
  std::string fault = fault_of(root, terms, value);
  if (fault.empty() || spelling == Spelling::Json) return fault;
  if (fault_of(root, terms, as_texts(value)).empty()) return {};
  if (fault_of(root, terms, as_scalars(value)).empty()) return {};
  return fault;
}

std::string SchemaJudge::fault_of(u32 root, const SchemaTerms& terms, const json::value& value) {
  const std::string text = json::serialize(value);
  if (!tape_.parse(text)) return "it is no JSON that can be read";
  const gw::schema::Program program{pools_.schema_programs.data(), pools_.strings.bytes().data(),
                                    &matcher_};
  gw::schema::ErrorList errors(1);
  if (evaluator_.validate(program, root, tape_, 0, {.direction = terms.direction}, &errors)) {
    return {};
  }
  if (errors.all().empty()) return "it is refused";
  const gw::schema::SchemaError& error = errors.all().front();
  return error.pointer.empty() ? error.message
                               : fmt::format("`{}` {}", error.pointer, error.message);
}

}  // namespace gw::cli::tests
