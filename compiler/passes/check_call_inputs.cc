#include "compiler/passes/check_call_inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/media_names.h"
#include "compiler/passes/schema_shape.h"
#include "compiler/passes/shape_proof.h"
#include "compiler/xgw/node_json.h"
#include "compiler/xgw/value.h"
#include "runtime/json/text.h"

namespace gw::compiler {
namespace {

using namespace gw::schema;

constexpr u32 kParted = kTypeObject | kTypeArray;
constexpr u32 kScalar = kTypeBool | kTypeNumber | kTypeString;

bool holds_expression(NodeRef node) {
  if (!node) return false;
  for (const auto [key, value] : node.entries()) {
    if (holds_expression(value)) return true;
  }
  for (const NodeRef item : node.items()) {
    if (holds_expression(item)) return true;
  }
  return node.is_string() && has_expression(node.text());
}

// Whether any text of a parameter of these types is read as this one.
bool reads_as_typed(std::string_view text, u32 types) {
  const bool is_bool = text == "true" || text == "false";
  return (is_bool && (types & kTypeBool) != 0) ||
         (json::is_number(text) && (types & kTypeNumber) != 0);
}

Shape value_of(const ComposedCalls& composed, const ComposedCalls::Call& call,
               std::string_view expression) {
  constexpr std::string_view kItem = "$item";
  if (!expression.starts_with(kItem)) return composed.value_of(expression, false).shape;
  expression.remove_prefix(std::min(expression.size(), kItem.size() + 1));  // and the `#`
  return value_at(composed.item_of(call), expression, Presence::Always).shape;
}

}  // namespace

struct CallInputCheck::Input {
  std::string_view call;
  const GatewayOperation& callee;
  NodeRef node;
};

void CallInputCheck::run(const ComposedCalls& composed) {
  for (const auto& [name, call] : composed.calls()) {
    if (call.callee == nullptr) continue;
    const Effective* with = call.value->find("with");
    for (const openapi::Parameter& parameter : call.callee->operation->parameters) {
      const Effective* value = with == nullptr ? nullptr : with->find(parameter.name.value);
      if (value == nullptr) value = header_of_call(*call.value, parameter);
      if (value == nullptr || !value->node || !value->node.is_scalar() || !parameter.schema)
        continue;
      const Input input{name, *call.callee, value->node};
      if (!has_expression(value->node.text())) {
        check_constant(input, parameter);
      } else if (value->node.text().starts_with('$')) {
        check_value(input, parameter, value_of(composed, call, value->node.text()));
      }
    }
    check_body(composed, name, call);
  }
}

void CallInputCheck::check_constant(const Input& input, const openapi::Parameter& parameter) {
  const openapi::Document& document = *input.callee.unit->document;
  const u32 types = SchemaShape(document).text_types(parameter.schema);
  const std::string_view text = input.node.text();
  if ((types & kParted) != 0 || text.find("$$") != text.npos) return;
  std::string problem;
  if (reads_as_typed(text, types)) {
    problem = judge_.json_problem(document, parameter.schema, text, Direction::Request);
  } else if ((types & kTypeString) != 0) {
    problem = judge_.text_problem(document, parameter.schema, text, Direction::Request);
  } else {
    problem = fmt::format("`{}` is not {}", text, type_words(types));
  }
  if (problem.empty()) return;
  report_input(Severity::Error, input.node.span(),
               fmt::format("call `{}` gives `{}` of `{}` a value that it refuses", input.call,
                           parameter.name.value, input.callee.id),
               problem, parameter.schema.span());
}

// Whatever is put into a parameter is text there: of numbers and booleans it is known which. A
// string may hold one.
void CallInputCheck::check_value(const Input& input, const openapi::Parameter& parameter,
                                 Shape value) {
  const u32 types = SchemaShape(*input.callee.unit->document).text_types(parameter.schema);
  look_into(value);
  if ((types & kParted) != 0 || value.types == kAllTypes || value.types == kTypeNull) return;
  const u32 scalars = value.types & kScalar;
  const bool is_read =
      input.node.text().starts_with("$calls.") || input.node.text().starts_with("$item");
  const bool never = scalars == 0 ? (value.types & kTypeNull) == 0
                                  : (types & kTypeString) == 0 && (scalars & kTypeString) == 0 &&
                                        (scalars & types) == 0;
  const bool maybe = (types & kTypeString) == 0 && scalars == kTypeString && is_read;
  if (!never && !maybe) return;
  report_input(
      never ? Severity::Error : Severity::Warning, input.node.span(),
      fmt::format("call `{}` gives `{}` of `{}` {}", input.call, parameter.name.value,
                  input.callee.id, never ? "what it refuses" : "a text, which it may refuse"),
      fmt::format("this is {}, and {} is declared", type_words(value.types), type_words(types)),
      parameter.schema.span());
}

void CallInputCheck::check_body(const ComposedCalls& composed, std::string_view name,
                                const ComposedCalls::Call& call) {
  const Effective* body = call.value->find("body");
  const openapi::RequestBody& declared = call.callee->operation->request_body;
  if (body == nullptr || !body->node || declared.content.empty()) return;
  const Effective* headers = call.value->find("headers");
  const bool names_type =
      headers != nullptr && std::ranges::any_of(headers->entries, [](const auto& entry) {
        return equal_ignoring_case(entry.name, "content-type");
      });
  if (names_type) return;  // it is sent as another type
  const bool takes_json = std::ranges::any_of(declared.content, [](const auto& media) {
    const std::string type = plain_type(media.name.value);
    return is_json_type(type) || type == "*/*" || type == "application/*";
  });
  if (!takes_json) {
    return report_input(
        Severity::Error, body->span(),
        fmt::format("call `{}` sends JSON, which `{}` does not take", name, call.callee->id),
        fmt::format("`{}` is declared", declared.content.front().name.value),
        declared.content.front().name.span);
  }
  if (holds_expression(body->node)) {
    prove_body(composed, name, call, body->node);
  } else {
    check_fixed_body(name, *call.callee, body->node);
  }
}

void CallInputCheck::check_fixed_body(std::string_view name, const GatewayOperation& callee,
                                      NodeRef body) {
  for (const openapi::MediaType& media : callee.operation->request_body.content) {
    if (plain_type(media.name.value) != "application/json" || !media.schema) continue;
    const std::string problem = judge_.json_problem(*callee.unit->document, media.schema,
                                                    to_json(body), Direction::Request);
    if (problem.empty()) continue;
    report_input(Severity::Error, body.span(),
                 fmt::format("call `{}` sends a body that `{}` refuses", name, callee.id), problem,
                 media.schema.span());
  }
}

void CallInputCheck::prove_body(const ComposedCalls& composed, std::string_view name,
                                const ComposedCalls::Call& call, NodeRef body) {
  Shape declared = json_request_shape(*call.callee);
  Shape made = shape_of_template(body, [&](std::string_view expression) {
                 const bool of_item = expression.starts_with("$item");
                 return of_item ? ShapeValue{value_of(composed, call, expression), Presence::Maybe}
                                : composed.value_of(expression, false);
               }).shape;
  for (const ShapeFinding& finding :
       prove_shape(made, declared, body.span(), Direction::Request).findings) {
    const bool wrong = finding.kind == ShapeFinding::Kind::Wrong;
    report_input(wrong ? Severity::Error : Severity::Warning, finding.made,
                 fmt::format("the body of call `{}` is not what `{}` takes", name, call.callee->id),
                 finding.text, finding.declared);
  }
}

void CallInputCheck::report_input(Severity severity, Span span, std::string message,
                                  std::string label, Span declared) {
  if (!reported_.insert({span.file, span.begin}).second) return;
  Diagnostic finding{.rule = "compose-input",
                     .severity = severity,
                     .message = std::move(message),
                     .primary = {span, std::move(label)}};
  if (declared.valid()) finding.related.push_back({declared, "what is declared"});
  module_.sink.report(std::move(finding));
}

}  // namespace gw::compiler
