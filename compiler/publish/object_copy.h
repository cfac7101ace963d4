// Objects of OpenAPI documents as values for the printed one: without `x-gw`, with references to
// its components, in the dialect of its version.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "compiler/openapi/objects.h"
#include "compiler/publish/components.h"
#include "compiler/syntax/limits.h"

namespace gw::compiler {

class ObjectCopier {
 public:
  /// `version`: of the document that is printed. All outlive the copier.
  ObjectCopier(const Gateway& gateway, openapi::Version version, Components& components);

  /// A value of the kind as a document of `unit` has it.
  PublicValue copy(const Unit& unit, NodeRef node, openapi::ObjectKind kind);
  /// A reference to the scheme that `name` means in the document of `unit`; kNoComponent: none.
  u32 scheme(const Unit& unit, std::string_view name);
  /// A list of security requirements.
  PublicValue security(const Unit& unit, NodeRef list);
  /// The value of a component; copied when it is first asked for.
  const PublicValue& value_of_component(u32 number);
  /// `node` as it is.
  PublicValue literal(NodeRef node) { return value_of(node, budget_); }
  /// False: aliases unfold to more than a document may hold, and something is missing.
  bool is_complete() const { return budget_ > 0; }

 private:
  PublicValue copy_object(const Unit& unit, NodeRef node, openapi::ObjectKind kind);
  PublicValue copy_reference(const Unit& unit, NodeRef node, openapi::ObjectKind kind);
  PublicValue copy_field(const Unit& unit, NodeRef node, const openapi::Field& field);
  PublicValue copy_all(const Unit& unit, NodeRef node, openapi::ObjectKind kind);
  u32 component_of(const Unit& unit, NodeRef reference, openapi::ObjectKind kind);
  void finish_schema(const Unit& unit, NodeRef node, PublicValue& schema);
  void raise_dialect(PublicValue& schema) const;
  void finish_discriminator(const Unit& unit, NodeRef node, PublicValue& schema);
  void map_alternatives(const Unit& unit, NodeRef node, PublicValue& mapping);
  void map_children(const Unit& unit, NodeRef node, PublicValue& mapping);
  void finish_link(const Unit& unit, PublicValue& link) const;
  const GatewayOperation* find_operation(const Unit& unit, std::string_view id) const;
  const GatewayOperation* find_operation_by_pointer(const Unit& unit, std::string_view text) const;

  const Gateway& gateway_;
  const openapi::Version version_;
  Components& components_;
  u64 budget_ = kMaxExpanded;
  u32 path_item_depth_ = 0;
};

/// The last part of a reference, unescaped, or the name of its file without extension.
std::string label_of(std::string_view reference);

}  // namespace gw::compiler
