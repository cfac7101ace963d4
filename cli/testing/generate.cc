// What a contract demands at its boundaries. What is expected of a request follows from the
// document, not from what the gateway does: a test that fails is a fault of one of the two. The
// engine is asked one thing only, whether the request that breaks nothing is let through; where it
// is not, because of a rule that no request can be made up for, that is said in a comment.
#include "cli/testing/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "cli/testing/answer_cases.h"
#include "cli/testing/contract_cases.h"
#include "cli/testing/stage.h"
#include "compiler/passes/module.h"
#include "runtime/engine/explain.h"
#include "runtime/policies/settings/record.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::GatewayOperation;
using compiler::NodeRef;
using compiler::openapi::Parameter;
using compiler::openapi::ParameterIn;
using policies::PolicyId;

constexpr u64 kLargestBody = u64{8} << 20;  // beyond, a test of the limit would be slow

// All shapes are compared without the names of their parameters.
std::string shape_of(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == '{') out += "{}";
    inside = (inside || c == '{') && c != '}';
    if (!inside && c != '}') out += c;
  }
  return out;
}

// Keywords of `unenforced` at any level of the operation: the gateway does not hold to them.
std::vector<std::string_view> unenforced_keywords(const GatewayOperation& operation) {
  std::vector<std::string_view> out;
  for (const NodeRef level : {operation.operation->x_gw, operation.item->x_gw,
                              operation.unit->document->x_gw, operation.unit->gateway_x_gw}) {
    const NodeRef reasons = level && level.is_map() ? level.get("unenforced") : NodeRef{};
    if (!reasons || !reasons.is_map()) continue;
    for (const auto [key, reason] : reasons.entries()) out.push_back(key.text());
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string title_of(const compiler::Gateway& documents) {
  return fmt::format("{} {}", documents.title.empty() ? "the gateway" : documents.title,
                     documents.version);
}

class Generator {
 public:
  Generator(const compiler::Gateway& documents, const Gateway& gateway)
      : documents_(documents),
        gateway_(gateway),
        view_(gateway.view()),
        file_(title_of(documents)) {
    for (u32 i = 0; i < view_.routes().size(); ++i) {
      routes_.emplace(view_.text(view_.routes()[i].id), i);
    }
  }

  GeneratedTests run() {
    for (const GatewayOperation& operation : documents_.operations) {
      const auto route = routes_.find(operation.id);
      if (route != routes_.end()) add_operation(operation, view_.routes()[route->second]);
    }
    return file_.finish();
  }

 private:
  using Target = GeneratedTarget;

  void add_operation(const GatewayOperation& operation, const table::RouteRecord& route) {
    const std::string method = operation.any_method ? "*" : operation.operation->method.value;
    if (method == "TRACE" || method == "CONNECT" || method == "OPTIONS") return;
    const Target target{operation,
                        view_,
                        route,
                        view_.plans()[route.plan],
                        contract_of(route),
                        is_only_template(operation.path)};
    host_ = host_of(view_, route);
    if (host_ == gateway_.host) host_.clear();  // tests use it anyway
    file_.begin_operation(fmt::format("{} {}", method, operation.path), operation.id, host_);
    const std::vector<std::string_view> unenforced = unenforced_keywords(operation);
    const SchemaTerms terms{target.document(), unenforced};
    const BoundaryTools tools{terms, judge_, breaker_, patterns_};
    GeneratedRequest plain(operation, tools);
    if (operation.any_method) plain.set_method(free_method(plain.path()));
    add_encoded_slash(target, plain);
    if (!plain.path_problem().empty()) {
      return file_.leave_out("what needs its path", plain.path_problem());
    }
    add_undeclared_method(plain);
    if (const std::string other = leads_elsewhere(target, plain); !other.empty()) {
      return file_.leave_out("what needs its path", fmt::format("it leads to {}", other));
    }
    add_size_test(target, plain);
    add_refused_callers(target, plain);
    add_callers(target, tools, plain);
  }

  const policies::ValidateRecord* contract_of(const table::RouteRecord& route) const {
    for (const table::StepRecord& step :
         view_.part(view_.steps(), view_.plans()[route.plan].steps)) {
      if (static_cast<PolicyId>(step.policy) != PolicyId::Validate) continue;
      if (static_cast<policies::Phase>(step.phase) != policies::Phase::RequestValidation) continue;
      const auto& record = view_.policy_record<policies::ValidateRecord>(step.record);
      const bool enforced =
          static_cast<policies::ValidateMode>(record.request) == policies::ValidateMode::Enforce;
      return enforced ? &record : nullptr;
    }
    return nullptr;
  }

  bool is_only_template(const std::string& path) const {
    // Several operations of one path are of one template.
    const std::string shape = shape_of(path);
    return std::ranges::all_of(documents_.operations, [&](const GatewayOperation& other) {
      return other.path == path || shape_of(other.path) != shape;
    });
  }

  // Paths -----------------------------------------------------------------------------------------

  void add_encoded_slash(const Target& target, const GeneratedRequest& plain) {
    for (const Parameter& parameter : target.operation.operation->parameters) {
      if (parameter.in != ParameterIn::Path || is_greedy(target.operation, parameter)) continue;
      GeneratedRequest request = plain;
      request.put_path_text(std::string(parameter.name.value), "a%2Fb");
      json::object written = request.to_json();
      written.erase("body");
      file_.add(fmt::format("an encoded slash in {}", parameter.name.value), std::move(written),
                GeneratedFile::refused_without_route(400, "request"));
      return;  // it is refused before anybody knows which parameter it stands in
    }
  }

  // Of all operations whose path fits.
  std::set<std::string_view> methods_at(const std::string& path) const {
    std::set<std::string_view> declared;
    for (const table::RouteRecord& route : view_.routes()) {
      std::string kinds;
      if (!engine::template_fits(view_.text(route.template_), path, kinds)) continue;
      declared.insert(view_.text(route.method));
    }
    return declared;
  }

  // One that an operation of any method gets.
  std::string_view free_method(const std::string& path) const {
    const std::set<std::string_view> declared = methods_at(path);
    for (const std::string_view method : {"GET", "POST", "PUT", "DELETE"}) {
      if (!declared.contains(method)) return method;
    }
    return "PATCH";
  }

  // The operation that takes the path although this one's fits, too; only where others' do at all.
  std::string leads_elsewhere(const Target& target, const GeneratedRequest& plain) const {
    const std::string path = plain.path();
    const std::string_view own = view_.text(target.route.template_);
    const bool shared = std::ranges::any_of(view_.routes(), [&](const table::RouteRecord& route) {
      std::string kinds;
      const std::string_view other = view_.text(route.template_);
      return other != own && engine::template_fits(other, path, kinds);
    });
    if (!shared) return {};
    const Outcome outcome = tried(plain.to_json());
    return outcome.operation == target.operation.id ? std::string() : outcome.operation;
  }

  // A method that no operation whose path fits has.
  void add_undeclared_method(const GeneratedRequest& plain) {
    const std::string path = plain.path();
    const std::set<std::string_view> declared = methods_at(path);
    if (declared.contains("*") || !seen_paths_.insert(host_ + path).second) return;
    for (const std::string_view method : {"DELETE", "PUT", "PATCH", "POST", "GET"}) {
      if (declared.contains(method)) continue;
      return file_.add(fmt::format("{} is not declared", method),
                       {{"method", method}, {"path", path}},
                       GeneratedFile::refused_without_route(405, "route"));
    }
  }

  void add_size_test(const Target& target, const GeneratedRequest& plain) {
    const policies::SettingsRecord& settings = view_.settings()[target.route.settings];
    const u64 limit = gateway_.table->number(settings.max_body);
    if (limit == 0 || limit > kLargestBody) return;
    json::object request = plain.to_json();
    request.erase("body");
    request["bodySize"] = limit + 1;
    file_.add("a body one byte too long", std::move(request), file_.refused(413, "maxBody"));
  }

  // Callers ---------------------------------------------------------------------------------------

  void add_refused_callers(const Target& target, const GeneratedRequest& plain) {
    if (const auto caller = caller_not_allowed(gateway_, target.route, plain)) {
      file_.add("somebody whom `allow` does not name", with_caller(plain, *caller),
                file_.refused(403, "allow"));
    }
    if (!asks_for_callers(target)) return;
    add_refused(target, plain, "no credential", strangers_to(gateway_, target.route), 401);
    add_refused(target, plain, "a token without the scope",
                callers_without_scopes(gateway_, target.route), 403);
  }

  // The first of `callers` whom no rule refuses that comes before authentication.
  void add_refused(const Target& target, const GeneratedRequest& plain, std::string_view what,
                   const std::vector<Caller>& callers, u32 status) {
    std::string why;
    for (const Caller& caller : callers) {
      const json::object request = with_caller(plain, caller);
      if (has_early_rules(target)) {
        const Outcome outcome = tried(request);
        if (outcome.by == "allow" || outcome.by == "deny" || outcome.by == "equals") {
          if (why.empty()) why = fmt::format("`{}` comes first, and refuses it", outcome.by);
          continue;
        }
      }
      return file_.add(what, request, file_.refused(status, "authenticate"));
    }
    if (!why.empty()) file_.leave_out(what, why);
  }

  static bool has_early_rules(const Target& target) {
    for (const table::StepRecord& step : target.steps()) {
      const auto policy = static_cast<PolicyId>(step.policy);
      if (policy == PolicyId::Authenticate) return false;
      if (policy == PolicyId::Access) return true;
    }
    return false;
  }

  // By the document: `security` that lists alternatives, none of them empty.
  static bool asks_for_callers(const Target& target) {
    const NodeRef security = compiler::security_of(target.operation);
    if (!security || !security.is_seq() || security.size() == 0) return false;
    if ((target.route.flags & table::kRouteSecurityUnenforced) != 0) return false;
    for (const NodeRef alternative : security.items()) {
      if (!alternative.is_map() || alternative.size() == 0) return false;
    }
    return true;
  }

  // What each alternative of its security lets in, and then the contract, by the first of them.
  void add_callers(const Target& target, const BoundaryTools& tools,
                   const GeneratedRequest& plain) {
    std::vector<Caller> admitted;
    for (const CallerChoice& choice : callers_of(gateway_, target.route)) {
      const std::string name = fmt::format("what its contract asks for{}{}",
                                           choice.text.empty() ? "" : ", by ", choice.text);
      std::string why = "no caller can be made up whom its security lets in";
      const Caller* caller = admitted_one(target, plain, choice, why);
      if (caller != nullptr) admitted.push_back(*caller);
      if (caller == nullptr || !plain.problem().empty()) {
        file_.leave_out(name, caller == nullptr ? why : plain.problem());
      } else {
        file_.add(name, with_caller(plain, *caller), file_.let_through());
      }
    }
    if (admitted.empty())
      return file_.leave_out("what breaks its contract", "nobody is let through");
    if (plain.problem().empty()) {
      json::object dotted = with_caller(plain, admitted.front());
      dotted["path"] = "/x/.." + std::string(dotted["path"].as_string());
      file_.add("dot segments are resolved first", std::move(dotted), file_.let_through());
    }
    const auto leads_here = [&](const json::object& request) {
      return tried(request).operation == target.operation.id;
    };
    ContractCases(target, tools, plain, admitted.front(), file_, leads_here).add();
    if (!plain.problem().empty()) return;
    add_answer_cases(target, tools, plain, admitted.front(), file_);
  }

  // The first whom the engine lets as far as the contract; null: nobody, and `why` tells of the
  // first.
  const Caller* admitted_one(const Target& target, const GeneratedRequest& plain,
                             const CallerChoice& choice, std::string& why) const {
    bool first = true;
    for (const Caller& caller : choice.callers) {
      const std::string refusal = why_refused(target, with_caller(plain, caller));
      if (refusal.empty()) return &caller;
      if (std::exchange(first, false)) why = refusal;
    }
    return nullptr;
  }

  // That a request breaks its contract is for the test to find.
  std::string why_refused(const Target& target, const json::object& request) const {
    const Outcome outcome = tried(request);
    if (!outcome.problem.empty()) return outcome.problem;
    if (outcome.operation != target.operation.id) {
      return outcome.operation.empty() ? "its path leads nowhere"
                                       : fmt::format("its path leads to {}", outcome.operation);
    }
    if (outcome.allowed || outcome.by == "validate") return {};
    return fmt::format("it is answered with {} by `{}`", outcome.status, outcome.by);
  }

  // Runs it once, in a gateway that nobody has called yet.
  Outcome tried(const json::object& request) const {
    json::object written = request;
    if (!host_.empty()) written["host"] = host_;
    const json::object test{
        {"tests", json::array{json::object{{"name", "base"},
                                           {"request", std::move(written)},
                                           {"expect", json::object{{"decision", "allow"}}}}}}};
    compiler::FileSet files;
    files.add("base.json", json::serialize(test));
    compiler::DiagnosticSink sink;
    Suite suite;
    if (!read_suite(files, "base.json", sink, suite) || suite.tests.empty()) {
      Outcome nothing;
      nothing.problem = "it cannot be written down";
      return nothing;
    }
    return Stage(gateway_, nullptr).send(suite.tests[0].steps[0]);
  }

  const compiler::Gateway& documents_;
  const Gateway& gateway_;
  const table::TableView& view_;
  std::map<std::string_view, u32> routes_;
  ValueJudge judge_;
  PatternBreaker breaker_;
  compiler::PatternExamples patterns_;
  std::set<std::string> seen_paths_;
  std::string host_;  // of the operation
  GeneratedFile file_;
};

}  // namespace

GeneratedTests generate_tests(const compiler::CompileOptions& options, const Gateway& gateway) {
  compiler::FileSet files;
  compiler::DiagnosticSink sink;
  const compiler::Gateway documents = compiler::read_gateway(options, files, sink);
  return Generator(documents, gateway).run();
}

}  // namespace gw::cli::tests
