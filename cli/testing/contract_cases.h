// Cases of what an operation declares: examples, and every way to break its contract in one place.
#pragma once
#include <functional>

#include "cli/testing/generated_caller.h"
#include "cli/testing/generated_file.h"
#include "cli/testing/generated_request.h"
#include "cli/testing/generated_target.h"

namespace gw::cli::tests {

/// `plain` by `caller` is let through; or lacks what could not be made up, and then nothing is but
/// what is wrong in itself. All outlive the object.
class ContractCases {
 public:
  /// Whether the gateway takes a request for one of this operation.
  using LeadsHere = std::function<bool(const boost::json::object&)>;

  ContractCases(const GeneratedTarget& target, const BoundaryTools& tools,
                const GeneratedRequest& plain, const Caller& caller, GeneratedFile& file,
                LeadsHere leads_here)
      : target_(target),
        tools_(tools),
        plain_(plain),
        caller_(caller),
        file_(file),
        leads_here_(std::move(leads_here)) {}

  void add();

 private:
  bool is_whole() const { return plain_.problem().empty(); }
  void add_example(std::string_view what, const NamedExample& example, compiler::NodeRef schema,
                   Spelling spelling, const compiler::openapi::Parameter* parameter,
                   const compiler::openapi::MediaType* media);
  void add_body_examples();
  void add_unacceptable();
  void add_undeclared(compiler::openapi::ParameterIn in, policies::Place place, u32 action);
  bool decides_alone(const compiler::openapi::Parameter& parameter) const;
  bool stays_here(const compiler::openapi::Parameter& parameter,
                  const GeneratedRequest& request) const;
  void add_parameter(const compiler::openapi::Parameter& parameter);
  void add_parameter_boundaries(const std::string& name,
                                const compiler::openapi::Parameter& parameter);
  bool is_judged(const compiler::openapi::Parameter& parameter) const;
  void add_body();
  void add_wrong_media();
  bool reads_body_before() const;
  boost::json::object unreadable() const;
  void add_half_a_body(const compiler::openapi::MediaType& media, const GeneratedRequest& whole);
  void add_full_body(const compiler::openapi::MediaType& media, const boost::json::value& good);
  void add_broken_parts(const GeneratedRequest& whole);
  void add_body_boundaries(const compiler::openapi::MediaType& media);
  const policies::MediaRecord* record_of(const compiler::openapi::MediaType& media) const;
  void add_one(std::string_view what, const GeneratedRequest& request, bool good);
  void leave_out(std::string_view what, const std::vector<Gap>& gaps);

  const GeneratedTarget& target_;
  const BoundaryTools& tools_;
  const GeneratedRequest& plain_;
  const Caller& caller_;
  GeneratedFile& file_;
  const LeadsHere leads_here_;
};

}  // namespace gw::cli::tests
