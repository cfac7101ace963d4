#include "cli/testing/answer_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/testing/contract_cases.h"
#include "cli/testing/value_text.h"
#include "runtime/base/units.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/settings/record.h"
#include "runtime/policies/upstream/record.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeKind;
using compiler::NodeRef;
using compiler::openapi::MediaType;
using compiler::openapi::Response;
using policies::PolicyId;

constexpr size_t kLongestExample = 32 * 1024;

class AnswerCases {
 public:
  AnswerCases(const GeneratedTarget& target, const BoundaryTools& tools,
              const GeneratedRequest& plain, const Caller& caller, GeneratedFile& file)
      : target_(target),
        terms_{tools.terms.document, tools.terms.unenforced, gw::schema::Direction::Response},
        tools_{terms_, tools.judge, tools.patterns, tools.examples},
        plain_(plain),
        caller_(caller),
        file_(file) {}

  void add() {
    if (!has_step(PolicyId::Proxy)) return;  // nobody is asked, or several are
    for (const Response& response : target_.operation.operation->responses) {
      const u32 status = status_of(response);
      if (status < 200 || status == 204 || status == 304) continue;
      for (const MediaType& media : response.content) {
        const BodyKind kind = kind_of(media);
        if (kind != BodyKind::Json && kind != BodyKind::Text) continue;
        for (const NamedExample& example : examples_of(target_.document(), media.node)) {
          add_example(response, status, media, example);
        }
      }
    }
  }

 private:
  bool has_step(PolicyId policy) const {
    return std::ranges::any_of(target_.steps(), [&](const table::StepRecord& step) {
      return static_cast<PolicyId>(step.policy) == policy;
    });
  }

  // One that the response is for; 0: none is sure.
  static u32 status_of(const Response& response) {
    const std::string_view text = response.status.value;
    if (const auto status = parse_count(text)) return static_cast<u32>(*status);
    const bool wide = text.size() == 3 && text[0] >= '2' && text[0] <= '5';
    return wide ? static_cast<u32>(text[0] - '0') * 100 : 0;
  }

  void add_example(const Response& response, u32 status, const MediaType& media,
                   const NamedExample& example) {
    const std::string name = fmt::format("its answer {}{}{}", response.status.value,
                                         example.name.empty() ? "" : " ", example.name);
    const std::string fault = tools_.judge.fault(terms_, media.schema, example.value);
    if (!fault.empty()) {
      return file_.leave_out(name, "the schema beside it refuses it: " + fault);
    }
    if (const std::string why = obstacle(status); !why.empty()) return file_.leave_out(name, why);
    const bool is_json = kind_of(media) == BodyKind::Json;
    if (!is_json && !example.value.is_string()) return file_.leave_out(name, "it is no text");
    json::value body = example.value;
    if (is_json && (body.is_string() || body.is_null())) body = json::value(json::serialize(body));
    if (json::serialize(body).size() > kLongestExample) {
      return file_.leave_out(name, "it is longer than a test file should be");
    }
    json::object headers;
    if (const std::string why = add_headers(response, headers); !why.empty()) {
      return file_.leave_out(name, why);
    }
    headers["content-type"] = sent_type(media);
    json::object answer{{"status", status}, {"headers", std::move(headers)}, {"body", body}};
    if (has_step(PolicyId::Authorizer)) answer["of"] = own_upstream();
    json::object expect = file_.let_through();
    if (!changes_status()) expect["status"] = status;
    if (!changes_body(status)) expect["exact"] = body;
    file_.add(name, with_caller(plain_, caller_), json::array{std::move(answer)},
              std::move(expect));
  }

  // Why an answer of this status may not be the one that counts.
  std::string obstacle(u32 status) const {
    const policies::RetryRecord& retry = target_.view.settings()[target_.route.settings].retry;
    const auto causes = target_.view.policy_list<policies::RetryCauseRecord>(retry.causes);
    const bool repeated = std::ranges::any_of(causes, [&](const auto& cause) {
      return cause.kind == policies::kRetryOnStatus && cause.status == status;
    });
    if (repeated) return "the gateway asks once more after this status";
    if (has_step(PolicyId::Authorizer) && (own_upstream().empty() || asks_own_upstream_first())) {
      return "its authorizer would take the answer";
    }
    return {};
  }

  std::string own_upstream() const {
    if (target_.plan.upstream == table::kNone) return {};
    return std::string(target_.view.text(target_.view.upstreams()[target_.plan.upstream].name));
  }

  bool asks_own_upstream_first() const {
    return std::ranges::any_of(target_.steps(), [&](const table::StepRecord& step) {
      return static_cast<PolicyId>(step.policy) == PolicyId::Authorizer &&
             target_.view.policy_record<policies::AuthorizerRecord>(step.record).upstream ==
                 target_.plan.upstream;
    });
  }

  // Fields that the answer must have. What stands in the way; "": nothing.
  std::string add_headers(const Response& response, json::object& out) {
    const NodeRef declared = response.node.get("headers");
    if (!declared || !declared.is_map()) return {};
    for (const auto [key, entry] : declared.entries()) {
      const NodeRef header = target_.document().resolve(entry);
      const NodeRef required = header && header.is_map() ? header.get("required") : NodeRef{};
      if (!required || required.kind() != NodeKind::Bool || !required.boolean()) continue;
      std::string problem;
      const json::value value =
          sound_value(tools_, header, header.get("schema"), Spelling::Text, problem);
      if (!problem.empty() || value.is_structured() || value.is_null()) {
        return fmt::format("no value is made up for its header `{}`", key.text());
      }
      out[key.text()] = plain_text(value);
    }
    return {};
  }

  // What a class of clients gets is another matter.
  bool changes_status() const {
    return has_step(PolicyId::Status) || has_step(PolicyId::ClientClass);
  }

  bool changes_body(u32 status) const {
    if (changes_status() || target_.operation.operation->method.value == "HEAD") return true;
    return std::ranges::any_of(target_.steps(), [&](const table::StepRecord& step) {
      const auto policy = static_cast<PolicyId>(step.policy);
      const bool answers = static_cast<policies::Phase>(step.phase) > policies::Phase::Action;
      return answers && (policy == PolicyId::Body || (policy == PolicyId::Errors && status >= 400));
    });
  }

  const GeneratedTarget& target_;
  const SchemaTerms terms_;
  const BoundaryTools tools_;
  const GeneratedRequest& plain_;
  const Caller& caller_;
  GeneratedFile& file_;
};

}  // namespace

void add_answer_cases(const GeneratedTarget& target, const BoundaryTools& tools,
                      const GeneratedRequest& plain, const Caller& caller, GeneratedFile& file) {
  AnswerCases(target, tools, plain, caller, file).add();
}

}  // namespace gw::cli::tests
