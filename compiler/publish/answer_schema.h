// Schemas of answers that nobody has written: of what is changed, and of what is composed.
#pragma once
#include <string_view>

#include "compiler/passes/compose_shape.h"
#include "compiler/publish/object_copy.h"
#include "compiler/publish/schema_view.h"

namespace gw::compiler {

class AnswerSchemas {
 public:
  /// `version`: of the document that is printed. All outlive it.
  AnswerSchemas(const Module& module, ObjectCopier& copier, openapi::Version version)
      : module_(module),
        copier_(copier),
        has_null_type_(version != openapi::Version::V30),
        component_([this](u32 number) -> const PublicValue& {
          return copier_.value_of_component(number);
        }) {}

  /// How answers of `source` are changed.
  SchemaViewOptions options(const GatewayOperation& source) const;
  /// What the calls of `compose`, which is set, are put together to.
  PublicValue composed(const GatewayOperation& source, const Effective& compose) const;

  /// What the template of an error's body makes. Of the answer it sees, nothing but the status is
  /// known: it may come from anybody on the way.
  SchemaPart error_body(const GatewayOperation& source, NodeRef body) const;

 private:
  SchemaOfExpression request_values(const GatewayOperation& source) const;
  SchemaPart request_body_part(const GatewayOperation& source, std::string_view pointer) const;
  SchemaPart value_of(const ComposedCalls& calls, const CallUse& use) const;
  SchemaPart body_part(const ComposedCalls::Call& call, std::string_view pointer) const;
  SchemaPart part_of_fallback(NodeRef fallback, std::string_view pointer) const;
  PublicValue answer_of(const ComposedCalls::Call& call) const;

  const Module& module_;
  ObjectCopier& copier_;
  const bool has_null_type_;
  const ComponentValue component_;
};

}  // namespace gw::compiler
