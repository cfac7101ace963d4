// What two versions of operations promise: parameters, bodies, answers, headers, schemas.
#pragma once
#include <map>
#include <set>
#include <vector>

#include "compiler/diff/match.h"
#include "compiler/diff/schema_compare.h"
#include "compiler/diff/side.h"

namespace gw::compiler::diff {

class ContractCompare {
 public:
  /// `today` as of compare(); all outlive it.
  ContractCompare(const Side& old_side, const Side& new_side, const std::string& today,
                  std::vector<Finding>& findings)
      : old_(old_side), new_(new_side), today_(today), findings_(findings) {}

  void operation(const Match& match);
  /// Webhooks of the documents that a match belongs to; each pair of documents once.
  void documents(const Match& match);
  /// Tells of the schemas, once for all operations that use them.
  void finish();

 private:
  // An operation, a webhook or a callback on its way through the comparison.
  struct Context {
    SubjectRef subject;
    std::string prefix = {};       // "callback paid: "
    bool reversed = false;         // the API calls, so who sends and who receives is the other way
    bool refuses_unknown = false;  // undeclared query parameters are refused
    std::vector<std::string> old_names = {};  // of path parameters, in order of the template
    std::vector<std::string> new_names = {};
  };
  struct Parameter {
    Value value;
    std::string name;
    std::string in;
  };

  void operation_object(Value before, Value after, const Context& context);
  void words(Value before, Value after, const Context& context);
  void sunset(std::string_view subject, Value before, Value after, const Context& context,
              const std::string& where);
  void parameters(Value before, Value after, const Context& context);
  void path_place(const Parameter& parameter, Value before, Value after, const Context& context);
  void parameter_removed(const Parameter& parameter, const Context& context);
  void parameter(const Parameter& before, const Parameter& after, const Context& context);
  void request_body(Value before, Value after, const Context& context);
  void responses(Value before, Value after, const Context& context);
  void response(const std::string& status, Value before, Value after, const Context& context);
  void headers(const std::string& status, Value before, Value after, const Context& context);
  void contents(Value before, Value after, bool request, const std::string& where,
                const Context& context);
  void callbacks(Value before, Value after, const Context& context);
  void path_items(Value before, Value after, const std::string& label, const Context& context);
  void schemas(Value before, Value after, bool request, const std::string& where,
               const Context& context, bool text = false);
  std::map<std::string, Parameter> parameters_of(Value operation,
                                                 const std::vector<std::string>& names) const;

  Finding& add(std::string_view id, std::string message, const Context& context,
               const std::string& where, Value before, Value after);

  const Side& old_;
  const Side& new_;
  const std::string& today_;
  std::vector<Finding>& findings_;
  SchemaComparison schemas_;
  std::set<SubjectRef> secured_;                  // operations that ask for credentials
  std::map<u32, std::vector<SubjectRef>> roots_;  // pair of schemas -> operations
  std::set<std::pair<u32, u32>> documents_done_;
  Value old_at_;  // of the operation at hand, for what has no place of its own
  Value new_at_;
};

}  // namespace gw::compiler::diff
