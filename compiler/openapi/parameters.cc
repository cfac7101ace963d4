// Parameters, and whether they agree with the path.
#include <algorithm>

#include "compiler/openapi/model_builder.h"
#include "compiler/openapi/report.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler::openapi {
namespace {

constexpr u32 kMaxParameters = 1000;  // of one list; they are compared with each other

bool parse_place(std::string_view text, ParameterIn& in) {
  if (text == "query")
    in = ParameterIn::Query;
  else if (text == "header")
    in = ParameterIn::Header;
  else if (text == "path")
    in = ParameterIn::Path;
  else if (text == "cookie")
    in = ParameterIn::Cookie;
  else if (text == "querystring")
    in = ParameterIn::QueryString;
  else
    return false;
  return true;
}

Style style_of(std::string_view text, ParameterIn in) {
  if (text == "matrix") return Style::Matrix;
  if (text == "label") return Style::Label;
  if (text == "form") return Style::Form;
  if (text == "simple") return Style::Simple;
  if (text == "spaceDelimited") return Style::SpaceDelimited;
  if (text == "pipeDelimited") return Style::PipeDelimited;
  if (text == "deepObject") return Style::DeepObject;
  if (text == "cookie") return Style::Cookie;
  const bool simple = in == ParameterIn::Path || in == ParameterIn::Header;
  return simple ? Style::Simple : Style::Form;
}

bool same_letters(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}

}  // namespace

std::string_view parameter_in_name(ParameterIn in) {
  switch (in) {
    case ParameterIn::Query:
      return "query";
    case ParameterIn::Header:
      return "header";
    case ParameterIn::Path:
      return "path";
    case ParameterIn::Cookie:
      return "cookie";
    case ParameterIn::QueryString:
      return "querystring";
  }
  return "query";
}

std::vector<Parameter> ModelBuilder::parameters(NodeRef list, bool from_path_item) {
  std::vector<Parameter> parameters;
  if (!list) return parameters;
  if (list.size() > kMaxParameters) {
    report(sink_, {.rule = "field-value",
                   .node = list,
                   .message = "a list holds at most " + std::to_string(kMaxParameters) +
                              " parameters, not " + std::to_string(list.size()),
                   .label = "too many"});
    return parameters;
  }
  for (const NodeRef item : list.items()) {
    Parameter added;
    if (!parameter(item, added)) continue;
    added.from_path_item = from_path_item;
    check_duplicate(parameters, added);
    parameters.push_back(std::move(added));
  }
  return parameters;
}

bool ModelBuilder::parameter(NodeRef item, Parameter& parameter) {
  const NodeRef node = references_.resolve(item);
  if (!node || !node.is_map()) return false;
  parameter.name = text_at(node, "name");
  if (!parameter.name.present()) return false;
  if (!parse_place(text_at(node, "in").value, parameter.in)) return false;
  parameter.node = node;
  parameter.required = bool_at(node, "required", false);
  parameter.deprecated = bool_at(node, "deprecated", false);
  parameter.allow_empty_value = bool_at(node, "allowEmptyValue", false);
  parameter.allow_reserved = bool_at(node, "allowReserved", false);
  parameter.style = style_of(text_at(node, "style").value, parameter.in);
  const bool form = parameter.style == Style::Form || parameter.style == Style::Cookie;
  parameter.explode = bool_at(node, "explode", form);
  parameter.schema = node.get("schema");
  parameter.x_gw = node.get("x-gw");
  parameter.span = item.span();
  for (const MediaType& media : content(node.get("content"))) {
    parameter.media_type = media.name;
    if (!parameter.schema) parameter.schema = media.schema;
    break;
  }
  return true;
}

void ModelBuilder::check_duplicate(const std::vector<Parameter>& known,
                                   const Parameter& parameter) {
  for (const Parameter& earlier : known) {
    if (earlier.in != parameter.in) continue;
    const bool header = parameter.in == ParameterIn::Header;
    const bool same = header ? same_letters(earlier.name.value, parameter.name.value)
                             : earlier.name.value == parameter.name.value;
    if (!same) continue;
    report(sink_, {.rule = "parameter-duplicate",
                   .node = parameter.node,
                   .message = "the parameter " + in_quotes(parameter.name.value) + " in " +
                              in_quotes(parameter_in_name(parameter.in)) + " stands twice",
                   .label = "again here",
                   .help = "remove one of the two",
                   .span = parameter.span,
                   .related = {{earlier.span, "first here"}}});
    return;
  }
}

void ModelBuilder::check_path_parameters(const PathItem& item) {
  std::vector<TemplateName> names;
  if (!parse_template(item.path.value, names).message.empty()) return;
  std::vector<const Parameter*> unused = unused_path_parameters(item, names);
  const NodeRef key = document_->root.get("paths").key_of(item.path.value);
  for (const TemplateName& name : names) {
    if (name.greedy) continue;  // the rest of a path needs no schema
    const Operation* lacking = operation_without(item, name.name);
    if (lacking == nullptr) continue;
    Finding finding{.rule = "path-parameter-undeclared",
                    .node = key,
                    .message = "the path parameter " + in_quotes(name.name) + " is not declared",
                    .label = "no parameter of this name",
                    .help = "declare it under `parameters` of the path, with `in: path`",
                    .span = text_span(key, name.begin, name.end),
                    .related = {{lacking->method.span, "in this operation"}}};
    // Two names that differ by a slip are one mistake, not an undeclared and an unused parameter.
    std::vector<std::string_view> unused_names;
    for (const Parameter* parameter : unused) unused_names.push_back(parameter->name.value);
    const std::string_view meant = nearest(name.name, unused_names);
    if (!meant.empty()) {
      const auto is_meant = [&](const Parameter* p) { return p->name.value == meant; };
      const auto found = std::find_if(unused.begin(), unused.end(), is_meant);
      finding.related = {{(*found)->name.span, "declared under this name"}};
      finding.help = "use one name: " + in_quotes(name.name) + " or " + in_quotes(meant);
      unused.erase(std::remove_if(unused.begin(), unused.end(), is_meant), unused.end());
    }
    report(sink_, std::move(finding));
  }
  for (const Parameter* parameter : unused) {
    report(sink_, {.rule = "path-parameter-unused",
                   .node = parameter->node,
                   .message = "the path " + in_quotes(item.path.value) + " has no `{" +
                              std::string(parameter->name.value) + "}`",
                   .label = "declared here",
                   .span = parameter->span,
                   .related = {{item.path.span, "the path"}}});
  }
}

/// Path parameters of the item and its operations whose name is not in the path; one per place.
std::vector<const Parameter*> ModelBuilder::unused_path_parameters(
    const PathItem& item, const std::vector<TemplateName>& names) const {
  std::vector<const Parameter*> unused;
  const auto in_path = [&](const Parameter& parameter) {
    return std::any_of(names.begin(), names.end(), [&](const TemplateName& name) {
      return name.name == parameter.name.value ||
             (name.greedy && parameter.name.value == std::string(name.name) + "+");
    });
  };
  const auto add = [&](const std::vector<Parameter>& parameters) {
    for (const Parameter& parameter : parameters) {
      if (parameter.in != ParameterIn::Path || in_path(parameter)) continue;
      const auto same_place = [&](const Parameter* p) { return p->span == parameter.span; };
      if (std::none_of(unused.begin(), unused.end(), same_place)) unused.push_back(&parameter);
    }
  };
  add(item.parameters);
  for (const Operation& operation : item.operations) add(operation.parameters);
  return unused;
}

/// The first operation for which nobody declares this path parameter; null: none.
const Operation* ModelBuilder::operation_without(const PathItem& item, std::string_view name) {
  for (const Operation& operation : item.operations) {
    const auto declares = [&](const Parameter& parameter) {
      return parameter.in == ParameterIn::Path && parameter.name.value == name;
    };
    const auto& parameters = operation.parameters;
    if (std::none_of(parameters.begin(), parameters.end(), declares)) return &operation;
  }
  return nullptr;
}

}  // namespace gw::compiler::openapi
