// One of the two tables that are compared.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "compiler/diff/contract_text.h"
#include "compiler/diff/finding.h"
#include "runtime/policies/policy_list.h"
#include "runtime/table/bound_table.h"

namespace gw::compiler::diff {

/// What somebody wants to be compared.
struct Input {
  std::string name;  // as it was given, for messages
  std::shared_ptr<const table::TableFile> file;
  /// Only routes and contracts count: the document has no `x-gw`.
  bool contracts_only = false;
  /// Values of variables (--env-file). With any, references of settings are replaced by what they
  /// stand for, as far as it is known; files are never read.
  std::map<std::string, std::string> variables = {};
  /// The document did not compile, so that nobody knows where requests go.
  bool has_router = true;
};

/// A table that is open for comparison. One thread.
class Side {
 public:
  /// Null and `problem` when the table has no contracts, or cannot be bound.
  static std::unique_ptr<Side> open(const Input& input, std::string& problem);

  const table::TableView& view() const { return bound_->view(); }
  const BoundTable& bound() const { return *bound_; }
  const ContractText& contracts() const { return *contracts_; }
  bool contracts_only() const { return contracts_only_; }
  bool has_router() const { return has_router_; }

  u32 route_count() const { return static_cast<u32>(view().routes().size()); }
  const table::RouteRecord& route(u32 index) const { return view().routes()[index]; }
  std::string text(table::StringRef ref) const { return std::string(view().text(ref)); }
  const SubjectRef& subject(u32 route) const { return subjects_[route]; }
  Place place(const table::SourceRef& source) const;
  /// What a late value stands for; nothing when that is not known, see Input::variables.
  std::optional<std::string> resolved(u32 late) const;
  /// The record of a policy in a route's plan; null: it has none.
  template <class Record>
  const Record* step(u32 route_index, policies::PolicyId policy) const {
    const table::PlanRecord& plan = view().plans()[route(route_index).plan];
    for (const table::StepRecord& step : view().part(view().steps(), plan.steps)) {
      if (step.policy == static_cast<u16>(policy)) {
        return &view().policy_record<Record>(step.record);
      }
    }
    return nullptr;
  }

 private:
  Side() = default;
  std::shared_ptr<const table::TableFile> file_;
  std::shared_ptr<const BoundTable> bound_;
  std::unique_ptr<ContractText> contracts_;
  std::map<std::string, std::string> variables_;
  std::vector<SubjectRef> subjects_;  // by route
  bool contracts_only_ = false;
  bool has_router_ = true;
};

/// A place where an operation may be called, by what requests say: hosts and template with the
/// names of its parameters left out.
std::string shape_of(std::string_view path_template);

}  // namespace gw::compiler::diff
