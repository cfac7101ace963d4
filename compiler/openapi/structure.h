// Checks a document against the table of OpenAPI's objects.
#pragma once
#include <unordered_set>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/openapi/objects.h"
#include "compiler/openapi/references.h"
#include "compiler/openapi/report.h"

namespace gw::compiler::openapi {

/// Walks all objects that can be reached from the root, through references as well, and reports
/// unknown and missing fields, wrong types and values, and fields that exclude each other. Each
/// value is looked at once for each kind of object that it is used as; no recursion.
class StructureCheck {
 public:
  StructureCheck(Version version, References& references, DiagnosticSink& sink);
  void run(NodeRef root);

 private:
  struct Work {
    NodeRef node;
    ObjectKind kind;
  };
  void add(NodeRef node, ObjectKind kind);
  void check_object(const Work& work);
  void check_fields(NodeRef node, ObjectKind kind);
  void check_field(const NodeRef::Entry& entry, const Field& field, const ObjectType& type);
  void check_values(const NodeRef::Entry& entry, const Field& field);
  void check_schema(NodeRef node);
  void check_type_name(NodeRef value);
  void check_children(const NodeRef::Entry& entry, const Field& field);
  void unknown_field(const NodeRef::Entry& entry, const ObjectType& type);
  void unknown_keyword(const NodeRef::Entry& entry, const Field* known);
  void missing(NodeRef node, std::string_view field, const ObjectType& type);
  void unquoted_version(NodeRef value);
  void wrong_type(NodeRef value, std::string_view field, std::string_view expected,
                  bool optional_text = false);

  // Maps whose keys are not fixed.
  void check_paths(NodeRef node);
  void check_responses(NodeRef node);
  void check_callback(NodeRef node);
  void check_requirement(NodeRef node);

  // What fields of one object demand of each other (object_checks.cc).
  void check_together(NodeRef node, ObjectKind kind);
  void check_root(NodeRef node);
  void check_components(NodeRef node);
  void check_path_item(NodeRef node);
  void check_operation(NodeRef node);
  void check_parameter(NodeRef node);
  void check_content_or_schema(NodeRef node, const ObjectType& type);
  void check_security_scheme(NodeRef node);
  void check_flow(NodeRef flows);
  void check_query_strings(NodeRef parameters);
  void exclude(NodeRef node, std::string_view a, std::string_view b);

  Version version_;
  References& references_;
  DiagnosticSink& sink_;
  std::vector<Work> work_;
  std::unordered_set<u64> seen_;
};

}  // namespace gw::compiler::openapi
