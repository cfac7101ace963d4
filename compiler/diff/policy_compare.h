// What is done for requests: settings, policies, upstreams, schemes, listeners, consumers.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/diff/match.h"
#include "compiler/diff/record_text.h"
#include "compiler/diff/side.h"
#include "runtime/policies/body/record.h"

namespace gw::compiler::diff {

/// Who may call, as alternatives: of each, the schemes with the scopes that they must grant.
struct Requirements {
  using Alternative = std::map<std::string, std::vector<std::string>>;
  std::vector<Alternative> alternatives;
  bool open = false;  // whoever brings no credentials is let in
  Value where;        // of the document
};

class PolicyCompare {
 public:
  PolicyCompare(const Side& old_side, const Side& new_side, std::vector<Finding>& findings)
      : old_(old_side), new_(new_side), findings_(findings) {}

  /// Who may call an operation. Needs no policies: documents say it.
  void security(const Match& match);
  /// Settings and steps of an operation.
  void operation(const Match& match);
  /// Everything that belongs to no operation.
  void gateway(const Matches& matches);
  /// Security schemes as documents describe them, where nothing is enforced.
  void documented_schemes(const Match& match);

  static Requirements requirements_of(const Side& side, u32 route);

  /// What a consumer or a plan has of a limit in place of operations.
  struct Override {
    std::string text;
    std::optional<double> measure;  // none: a reference that nobody has resolved
  };
  /// What operations have of it, from the least to the most.
  struct Ordinary {
    double least = 0;
    double most = 0;
    bool known = true;  // none of it is a reference
  };
  using OrdinaryLimits = std::map<std::string, Ordinary>;  // by `rateLimit.NAME`

 private:
  // policy_compare.cc
  void plans(u32 old_plan, u32 new_plan, u32 old_settings, u32 new_settings);
  void settings(const Fields& before, const Fields& after);
  void steps();
  void actions();
  static std::string written_name(const table::StepRecord& step);
  void generic(std::string_view policy, const Fields& before, const Fields& after);
  void header_steps();
  void headers(const std::string& written, const Fields& before, const Fields& after);
  void body_limit(const FieldValue& before, const FieldValue& after);
  void stream_age(const FieldValue* before, const FieldValue* after);
  Finding& add(std::string_view id, std::string message, std::string_view field = {});
  Finding& add_change(std::string_view id, const std::string& field, const FieldValue* before,
                      const FieldValue* after);
  Place origin(const Side& side, u32 plan, std::string_view field) const;
  /// Where a key of the gateway is written; `value`: the item of it that has this text. What is not
  /// there has the place of what it is missing in.
  static Place gateway_place(const Side& side, std::string_view key, std::string_view value = {});
  /// What is added next is about this key.
  void at_gateway_key(std::string_view key, std::string_view value = {});

  // policy_rules.cc
  void cors();
  void validation();
  void limits();
  void limit(const std::string& name, const Fields& before, const Fields& after);
  void access();
  void authorizers();

  // policy_cache.cc
  void cache();
  void cache_memory(const table::GatewayRecord& before, const table::GatewayRecord& after);
  // policy_shape.cc
  struct SeenClass {
    std::string condition;
    u32 plan = 0;  // that its requests go through
  };
  void bodies();
  void body(const std::string& field, const table::StepRecord* before,
            const table::StepRecord* after);
  void shown_data(const table::StepRecord* before, const table::StepRecord* after,
                  const Fields& was, const Fields& is);
  void at_body_fields(Finding& finding, std::string_view old_field,
                      std::string_view new_field) const;
  policies::BodyWriting answer_writing(const Side& side, u32 plan) const;
  void answer_format();
  void compositions();
  void client_classes(size_t first_finding, u32 old_settings, u32 new_settings);
  void view(const std::string& name, const std::array<u32, 4>& compared, size_t first, size_t own);
  const table::StepRecord* body_step(const Side& side, u32 plan, bool request, bool of_view) const;
  Fields compose_fields(const Side& side, const table::StepRecord& step, u32 route,
                        std::set<std::string>& names) const;
  std::map<std::string, SeenClass> classes_of(const Side& side, u32 plan) const;

  // policy_security.cc
  void alternatives(const Requirements& before, const Requirements& after);
  void scopes(const std::string& scheme, const std::vector<std::string>& before,
              const std::vector<std::string>& after);
  void schemes();
  void scheme(const std::string& name, const Fields& before, const Fields& after);

  // policy_gateway.cc
  void upstreams(const Matches& matches);
  void upstream(const std::string& name, const Fields& before, const Fields& after);
  std::set<std::string> targets(const Fields& before, const Fields& after);
  void listeners();
  void listener(const std::string& name, const Fields& before, const Fields& after);
  void networks();
  void observation();
  void notes(const Matches& matches);
  void consumers();
  void own_limits(const std::map<std::string, Override>& before,
                  const std::map<std::string, Override>& after, std::string_view by);
  void plan_limits(std::string_view before, std::string_view after);
  void defaults();

  /// All steps of one policy in a plan, as records of the side.
  std::vector<const table::StepRecord*> steps_of(const Side& side, u32 plan, u16 policy) const;
  Fields step_fields(const Side& side, const table::StepRecord& step, u32 route) const;

  const Side& old_;
  const Side& new_;
  std::vector<Finding>& findings_;
  // The operation at hand.
  std::vector<SubjectRef> subjects_;
  std::string where_;
  Place old_place_;
  Place new_place_;
  u32 old_plan_ = 0;
  u32 new_plan_ = 0;
  u32 old_route_ = table::kNone;
  u32 new_route_ = table::kNone;
  std::optional<OrdinaryLimits> old_limits_;
  std::optional<OrdinaryLimits> new_limits_;
  std::string view_;  // the class of clients that the plans are for; empty: all others
  // Plans and settings in which nothing differed; most operations share theirs.
  std::set<std::array<u32, 4>> equal_;
};

/// Items of a list that was written as "a, b", sorted.
std::vector<std::string> items_of(const std::string& list);
/// Whether `fields` has one of that name; its text, or "".
std::string text_of(const Fields& fields, const std::string& name);

}  // namespace gw::compiler::diff
