// From the trees of a checked document to its model.
#pragma once
#include <map>
#include <string_view>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/openapi/load.h"
#include "compiler/openapi/model.h"
#include "compiler/openapi/path_template.h"
#include "compiler/openapi/references.h"

namespace gw::compiler::openapi {

/// Reads what StructureCheck has looked at; leaves out what does not have the right shape, and
/// reports what only shows between objects: parameters against paths, names against what they
/// name.
class ModelBuilder {
 public:
  ModelBuilder(const FileSet& files, References& references, const LoadOptions& options,
               DiagnosticSink& sink);
  /// `document.root` and `document.version` are set.
  void build(Document& document);

 private:
  // servers.cc
  std::vector<Server> servers(NodeRef list);
  Server server(NodeRef node);
  std::string substitute(NodeRef url, NodeRef variables);
  void check_variable(NodeRef variable);

  // security.cc
  void security_schemes(Document& document);
  Security security(NodeRef owner);

  // parameters.cc
  std::vector<Parameter> parameters(NodeRef list, bool from_path_item);
  bool parameter(NodeRef item, Parameter& parameter);
  void check_duplicate(const std::vector<Parameter>& known, const Parameter& parameter);
  void check_path_parameters(const PathItem& item);
  std::vector<const Parameter*> unused_path_parameters(
      const PathItem& item, const std::vector<TemplateName>& names) const;
  static const Operation* operation_without(const PathItem& item, std::string_view name);

  // model_builder.cc
  std::vector<PathItem> path_items(NodeRef map, bool webhooks);
  PathItem path_item(const NodeRef::Entry& entry, bool webhook);
  void add_operations(NodeRef from, PathItem& item, const std::vector<Server>& inherited);
  Operation operation(std::string method, Span span, NodeRef node, const PathItem& item);
  RequestBody request_body(NodeRef node);
  std::vector<Response> responses(NodeRef map);
  std::vector<MediaType> content(NodeRef map);
  void check_path_key(NodeRef key);
  void check_operation_id(const Operation& operation);
  Span text_span(NodeRef node, u32 begin, u32 end) const;

  const FileSet& files_;
  References& references_;
  const LoadOptions& options_;
  DiagnosticSink& sink_;
  Document* document_ = nullptr;
  std::map<std::string_view, Span> operation_ids_;
};

/// A string or other scalar under a key; not present when there is none.
Located<std::string_view> text_at(NodeRef node, std::string_view key);
bool bool_at(NodeRef node, std::string_view key, bool otherwise);

}  // namespace gw::compiler::openapi
