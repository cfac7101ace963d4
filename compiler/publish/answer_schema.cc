#include "compiler/publish/answer_schema.h"

#include <algorithm>
#include <string>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/media_names.h"
#include "compiler/xgw/value.h"
#include "runtime/schema/format.h"

namespace gw::compiler {
namespace {

using openapi::ObjectKind;

// The item that `name` counts; absent: there is none.
NodeRef item_at(NodeRef list, std::string_view name) {
  size_t index = 0;
  for (const NodeRef item : list.items()) {
    if (std::to_string(index++) == name) return item;
  }
  return {};
}

}  // namespace

SchemaViewOptions AnswerSchemas::options(const GatewayOperation& source) const {
  return {.component = component_,
          .has_null_type = has_null_type_,
          .expression = request_values(source)};
}

SchemaOfExpression AnswerSchemas::request_values(const GatewayOperation& source) const {
  return [this, &source, shapes = request_expressions(source)](std::string_view text) {
    constexpr std::string_view kBody = "$request.body";
    if (text.starts_with(kBody)) {
      text.remove_prefix(std::min(text.size(), kBody.size() + 1));  // and the `#`
      return request_body_part(source, text);
    }
    const ShapeValue value = shapes(text);
    return SchemaPart{schema_of_types(value.shape.types, has_null_type_),
                      value.presence == Presence::Always};
  };
}

SchemaPart AnswerSchemas::request_body_part(const GatewayOperation& source,
                                            std::string_view pointer) const {
  std::vector<PublicValue> all;
  for (const openapi::MediaType& media : source.operation->request_body.content) {
    if (!is_json_type(plain_type(media.name.value))) continue;
    if (!media.schema) return {unknown_schema()};
    const PublicValue body = copier_.copy(*source.unit, media.schema, ObjectKind::Schema);
    all.push_back(schema_at(body, pointer, component_).schema);
  }
  return {any_of(std::move(all))};  // there may be no body
}

PublicValue AnswerSchemas::composed(const GatewayOperation& source,
                                    const Effective& compose) const {
  const Effective* body = compose.find("body");
  if (body == nullptr || !body->node) return unknown_schema();
  const ComposedCalls calls(module_, source, compose);
  const SchemaOfExpression others = request_values(source);
  SchemaPart made =
      schema_of_template(body->node, has_null_type_, [&](std::string_view expression) {
        CallUse use;
        return parse_call_use(expression, use) ? value_of(calls, use) : others(expression);
      });
  return made.always ? std::move(made.schema) : or_null(std::move(made.schema), has_null_type_);
}

SchemaPart AnswerSchemas::error_body(const GatewayOperation& source, NodeRef body) const {
  const SchemaOfExpression others = request_values(source);
  return schema_of_template(body, has_null_type_, [&](std::string_view expression) {
    if (expression == "$response.status") {
      return SchemaPart{schema_of_types(gw::schema::kTypeInteger, has_null_type_), true};
    }
    if (expression.starts_with("$response.body")) return SchemaPart{unknown_schema()};
    return others(expression);
  });
}

SchemaPart AnswerSchemas::value_of(const ComposedCalls& calls, const CallUse& use) const {
  const auto found = calls.calls().find(use.name);
  if (found == calls.calls().end()) return {unknown_schema()};
  const ComposedCalls::Call& call = found->second;
  if (use.part == "body") return body_part(call, use.pointer);
  const bool is_status = use.part == "status";
  const u32 type = is_status ? gw::schema::kTypeInteger : gw::schema::kTypeString;
  return {schema_of_types(type, has_null_type_), is_status && !call.may_lack && !call.fallback};
}

SchemaPart AnswerSchemas::body_part(const ComposedCalls::Call& call,
                                    std::string_view pointer) const {
  SchemaPart part = schema_at(answer_of(call), pointer, component_);
  part.always = part.always && call.is_declared && !call.may_lack && !call.may_be_absent;
  if (!call.fallback || call.of_items) return part;
  const SchemaPart fallback = part_of_fallback(call.fallback, pointer);
  part.always = part.always && fallback.always;
  if (fallback.schema.is_map()) part.schema = any_of({std::move(part.schema), fallback.schema});
  return part;
}

// A schema that is no map: there is nothing.
SchemaPart AnswerSchemas::part_of_fallback(NodeRef fallback, std::string_view pointer) const {
  for (const PathToken& token : pointer_tokens(pointer)) {
    const bool is_value = fallback.is_string() && has_expression(fallback.text());
    if (is_value) return {unknown_schema()};
    fallback = fallback.is_map()   ? fallback.get(token.name)
               : fallback.is_seq() ? item_at(fallback, token.name)
                                   : NodeRef{};
    if (!fallback) return {};
  }
  return schema_of_template(fallback, has_null_type_,
                            [](std::string_view) { return SchemaPart{unknown_schema()}; });
}

// Of all successes that the operation declares, as its own changes leave them.
PublicValue AnswerSchemas::answer_of(const ComposedCalls::Call& call) const {
  std::vector<PublicValue> all;
  if (call.callee != nullptr && call.is_declared) {
    const GatewayOperation& callee = *call.callee;
    const EffectiveOperation effective = effective_operation(module_, callee, levels_of(callee));
    const Effective* response = effective.fields.find("response");
    const Effective* changes = response == nullptr ? nullptr : response->find("body");
    for (const NodeRef schema : declared_schemas(callee, reads_forms(changes))) {
      if (!schema) return unknown_schema();
      PublicValue value = copier_.copy(*callee.unit, schema, ObjectKind::Schema);
      if (changes != nullptr) change_schema(*changes, options(callee), value);
      all.push_back(std::move(value));
    }
  }
  PublicValue answer = any_of(std::move(all));
  if (!call.of_items) return answer;
  if (call.may_be_empty) answer = or_null(std::move(answer), has_null_type_);
  if (call.fallback) {
    answer = any_of({std::move(answer), part_of_fallback(call.fallback, {}).schema});
  }
  PublicValue list = schema_of_types(gw::schema::kTypeArray, has_null_type_);
  list.set("items", std::move(answer));
  return list;
}

}  // namespace gw::compiler
