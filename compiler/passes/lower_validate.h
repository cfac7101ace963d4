// What operations declare of their messages to the record that holds messages to it.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/module.h"
#include "compiler/passes/schema_shape.h"
#include "compiler/schema/schema_compiler.h"
#include "runtime/policies/body/record.h"
#include "runtime/policies/validate/record.h"

namespace gw::compiler {

/// The effective `validate` and `forward` of an operation.
struct ValidateModes {
  policies::ValidateMode request = policies::ValidateMode::Off;
  policies::ValidateMode response = policies::ValidateMode::Off;
  policies::UnknownAction query = policies::UnknownAction::Allow;
  policies::UnknownAction headers = policies::UnknownAction::Allow;
  policies::UnknownAction cookies = policies::UnknownAction::Allow;
  u32 errors = 0;
  bool asked = false;  // somebody has written `validate`: what cannot be done is an error

  bool judges_request() const { return request != policies::ValidateMode::Off; }
  bool judges_response() const { return response != policies::ValidateMode::Off; }
  bool looks_at_unknown() const {
    return query != policies::UnknownAction::Allow || headers != policies::UnknownAction::Allow ||
           cookies != policies::UnknownAction::Allow;
  }
};

class ValidateLowerer {
 public:
  explicit ValidateLowerer(Module& module)
      : module_(module), pools_(module.table.pools), schemas_(pools_, schema_sink_) {}

  /// Modes of operations with these levels; worked out once for equal levels.
  const ValidateModes& modes(const GatewayOperation& operation, const Levels& levels);
  /// Everything that is declared. Reports what cannot be enforced, unless `unenforced` says why.
  policies::ValidateRecord lower(const PlannedOperation& operation, const ValidateModes& modes);

  /// Gives `body` what is declared of forms, where its `format` reads them, whether they are
  /// validated or not. Fields that no style makes readable are left out, which lower() reports.
  /// False: nothing.
  bool give_request_forms(const GatewayOperation& operation, policies::BodyRecord& body);
  bool give_answer_forms(const GatewayOperation& operation, policies::BodyRecord& body);

  /// Whether the step has anything to do.
  static bool checks_request(const policies::ValidateRecord& record);
  static bool checks_response(const policies::ValidateRecord& record);

 private:
  using Keywords = std::vector<std::string_view>;
  schema::SchemaSet& set_of(const openapi::Document& document);
  void read_unenforced(const GatewayOperation& operation);
  bool is_unenforced(std::string_view keyword) const;
  u32 compile(NodeRef schema);
  void note(table::NoteKind kind, std::string_view subject, std::string_view reason, Span span);
  void note_unchecked(Diagnostic finding);

  void lower_parameters(const PlannedOperation& operation, const ValidateModes& modes,
                        policies::ValidateRecord& record);
  bool lower_parameter(const openapi::Parameter& parameter, const PlannedOperation& operation,
                       const ValidateModes& modes, policies::ParameterRecord& record);
  void shape_parameter(NodeRef schema, policies::ParameterRecord& record);
  bool shape_content(std::string_view media_type, Span span, NodeRef schema, std::string_view name,
                     policies::ParameterRecord& record);
  bool check_style(const openapi::Parameter& parameter, const policies::ParameterRecord& record);
  bool refuse_style(Span span, std::string_view name, std::string_view why);
  NodeRef content_schema(const openapi::Parameter& parameter) const;

  // In lower_validate_bodies.cc.
  std::vector<policies::MediaRecord> lower_media(const std::vector<openapi::MediaType>& content);
  policies::MediaRecord lower_media_type(const openapi::MediaType& media);
  bool lower_fields(const openapi::MediaType& media, policies::BodyFormat format,
                    std::vector<policies::ParameterRecord>& fields);
  policies::ParameterRecord lower_field(NodeRef body, const ShapeProperty& property,
                                        NodeRef encoding, policies::BodyFormat format);
  void add_form(const std::vector<openapi::MediaType>& content, u32 first, u32 last,
                std::vector<policies::BodyFormRecord>& forms);
  void warn_unvalidatable(const openapi::MediaType& media, std::string_view type);

  static policies::ParameterRecord empty_parameter();
  static bool status_range(std::string_view status, u32& first, u32& last);
  void lower_responses(const openapi::Operation& operation, policies::ValidateRecord& record);
  std::vector<policies::ParameterRecord> lower_headers(NodeRef headers);
  table::Extent lower_produces(const openapi::Operation& operation);
  table::Extent known_names(const GatewayOperation& operation);

  template <class Record>
  table::Extent store(const std::vector<Record>& records) {
    if (records.empty()) return {};
    return {pools_.policy_data.add(std::as_bytes(std::span(records))),
            static_cast<u32>(records.size())};
  }

  Module& module_;
  Pools& pools_;
  DiagnosticSink schema_sink_;  // of one schema
  schema::SchemaCompiler schemas_;
  std::map<const openapi::Document*, std::unique_ptr<schema::SchemaSet>> sets_;
  std::unordered_map<std::string, ValidateModes> modes_;  // by key of levels
  std::set<std::pair<FileId, u32>> noted_;                // places in `unenforced`
  std::set<std::pair<FileId, u32>> warned_;

  // Of the operation that is being lowered.
  const GatewayOperation* operation_ = nullptr;
  const openapi::Document* document_ = nullptr;
  bool asked_ = false;
  Keywords unenforced_;
  std::vector<table::StringRef> unread_;  // parameters that are declared, and not judged
};

}  // namespace gw::compiler
