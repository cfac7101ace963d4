// What calls of a composition send, against what the operations that they call declare.
#pragma once
#include <set>
#include <string_view>
#include <utility>

#include "compiler/passes/compose_shape.h"
#include "compiler/passes/schema_judge.h"

namespace gw::compiler {

/// Parameters that lack, or are not there, are reported when calls are lowered.
class CallInputCheck {
 public:
  explicit CallInputCheck(Module& module) : module_(module) {}

  /// `composed`: of one operation, or one of its views. What is written once is reported once.
  void run(const ComposedCalls& composed);

 private:
  struct Input;

  void check_constant(const Input& input, const openapi::Parameter& parameter);
  void check_value(const Input& input, const openapi::Parameter& parameter, Shape value);
  void check_body(const ComposedCalls& composed, std::string_view name,
                  const ComposedCalls::Call& call);
  void check_fixed_body(std::string_view name, const GatewayOperation& callee, NodeRef body);
  void prove_body(const ComposedCalls& composed, std::string_view name,
                  const ComposedCalls::Call& call, NodeRef body);
  void report_input(Severity severity, Span span, std::string message, std::string label,
                    Span declared);

  Module& module_;
  SchemaJudge judge_;
  std::set<std::pair<FileId, u32>> reported_;
};

}  // namespace gw::compiler
