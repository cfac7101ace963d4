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

#include "cli/testing/boundary_values.h"
#include "cli/testing/generated_caller.h"
#include "cli/testing/generated_request.h"
#include "cli/testing/stage.h"
#include "runtime/engine/explain.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/settings/record.h"
#include "runtime/policies/validate/record.h"

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

class Generator {
 public:
  Generator(const compiler::Gateway& documents, const Gateway& gateway)
      : documents_(documents), gateway_(gateway), view_(gateway.view()) {
    for (u32 i = 0; i < view_.routes().size(); ++i) {
      routes_.emplace(view_.text(view_.routes()[i].id), i);
    }
  }

  std::string run() {
    out_ = fmt::format(
        "# Tests at the boundaries of the contract of {} {}, written by\n"
        "# `gwctl test --generate`. Each expects what the documents demand.\n"
        "tests:\n",
        documents_.title.empty() ? "the gateway" : documents_.title, documents_.version);
    for (const GatewayOperation& operation : documents_.operations) {
      const auto route = routes_.find(operation.id);
      if (route != routes_.end()) add_operation(operation, route->second);
    }
    if (count_ == 0) out_.replace(out_.rfind("tests:\n"), std::string::npos, "tests: []\n");
    return std::move(out_);
  }

 private:
  // The operation that tests are written for.
  struct Target {
    const GatewayOperation& operation;
    const table::RouteRecord& route;
    const table::PlanRecord& plan;
    const policies::ValidateRecord* contract = nullptr;  // null: requests are not held to it
    std::string host;
  };

  void comment(std::string_view text) { out_ += fmt::format("  # {}\n", text); }

  void add_test(const Target& target, std::string_view what, json::object request,
                json::object expect) {
    std::string name = fmt::format("{}: {}", target.operation.id, what);
    for (u32 i = 2; !names_.insert(name).second; ++i) {
      name = fmt::format("{}: {} ({})", target.operation.id, what, i);
    }
    if (!target.host.empty()) request["host"] = target.host;
    out_ += fmt::format("  - name: {}\n    request: {}\n    expect: {}\n", to_scalar(name),
                        to_flow(request), to_flow(expect));
    ++count_;
  }

  json::object let_through(const Target& target) const {
    return {{"decision", "allow"}, {"operation", target.operation.id}};
  }
  json::object refused(const Target& target, u32 status, std::string_view by) const {
    return {
        {"decision", "deny"}, {"status", status}, {"by", by}, {"operation", target.operation.id}};
  }
  static json::object refused_without_route(u32 status, std::string_view by) {
    return {{"decision", "deny"}, {"status", status}, {"by", by}, {"operation", nullptr}};
  }

  void add_operation(const GatewayOperation& operation, u32 route_index) {
    const table::RouteRecord& route = view_.routes()[route_index];
    Target target{operation, route, view_.plans()[route.plan], contract_of(route), host_of(route)};
    const std::string method = operation.any_method ? "*" : operation.operation->method.value;
    if (method == "TRACE" || method == "CONNECT" || method == "OPTIONS") return;
    comment(fmt::format("{} {}", method, operation.path));
    const GeneratedRequest plain(operation, patterns_);
    add_path_tests(target, plain);
    add_size_test(target, plain);
    if (!plain.problem().empty()) return comment(plain.problem());
    add_refused_callers(target, plain);
    add_contract_tests(target, plain);
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

  // Only where it is not the one that tests use anyway.
  std::string host_of(const table::RouteRecord& route) const {
    const std::string_view host = view_.text(route.host);
    if (host.empty()) return {};
    const std::string name =
        host.starts_with("*.") ? "www" + std::string(host.substr(1)) : std::string(host);
    return name == gateway_.host ? std::string() : name;
  }

  // Paths -----------------------------------------------------------------------------------------

  void add_path_tests(const Target& target, const GeneratedRequest& plain) {
    for (const Parameter& parameter : target.operation.operation->parameters) {
      if (parameter.in != ParameterIn::Path || is_greedy(target, parameter)) continue;
      GeneratedRequest request = plain;
      request.put_path_text(parameter.name.value, "a%2Fb");
      json::object written = request.to_json();
      written.erase("body");
      add_test(target, fmt::format("an encoded slash in {}", parameter.name.value),
               std::move(written), refused_without_route(400, "request"));
      break;  // it is refused before anybody knows which parameter it stands in
    }
    add_undeclared_method(target, plain);
  }

  static bool is_greedy(const Target& target, const Parameter& parameter) {
    const std::string plus = fmt::format("{{{}+}}", parameter.name.value);
    const NodeRef greedy =
        parameter.x_gw && parameter.x_gw.is_map() ? parameter.x_gw.get("greedy") : NodeRef{};
    return bool(greedy) || target.operation.path.find(plus) != std::string::npos;
  }

  // A method that no operation whose path fits has.
  void add_undeclared_method(const Target& target, const GeneratedRequest& plain) {
    if (!plain.problem().empty()) return;
    const std::string path = plain.path();
    std::set<std::string_view> declared;
    for (const table::RouteRecord& route : view_.routes()) {
      std::string kinds;
      if (!engine::template_fits(view_.text(route.template_), path, kinds)) continue;
      declared.insert(view_.text(route.method));
    }
    if (declared.contains("*") || !seen_paths_.insert(target.host + path).second) return;
    for (const std::string_view method : {"DELETE", "PUT", "PATCH", "POST", "GET"}) {
      if (declared.contains(method)) continue;
      json::object request{{"method", method}, {"path", path}};
      return add_test(target, fmt::format("{} is not declared", method), std::move(request),
                      refused_without_route(405, "route"));
    }
  }

  void add_size_test(const Target& target, const GeneratedRequest& plain) {
    if (!plain.problem().empty()) return;
    const policies::SettingsRecord& settings = view_.settings()[target.route.settings];
    const u64 limit = gateway_.table->number(settings.max_body);
    if (limit == 0 || limit > kLargestBody) return;
    json::object request = plain.to_json();
    request.erase("body");
    request["bodySize"] = limit + 1;
    add_test(target, "a body one byte too long", std::move(request),
             refused(target, 413, "maxBody"));
  }

  // Callers ---------------------------------------------------------------------------------------

  void add_refused_callers(const Target& target, const GeneratedRequest& plain) {
    if (!asks_for_callers(target)) return;
    add_test(target, "no credential", plain.to_json(), refused(target, 401, "authenticate"));
    if (const auto caller = caller_without_scopes(gateway_, target.plan)) {
      add_test(target, "a token without the scope", with(plain, *caller),
               refused(target, 403, "authenticate"));
    }
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

  // The object of this name in `of`, made where there is none.
  static json::object& member(json::object& of, std::string_view name) {
    json::value& value = of[name];
    return value.is_object() ? value.get_object() : value.emplace_object();
  }

  static json::object with(const GeneratedRequest& plain, const Caller& caller) {
    json::object request = plain.to_json();
    for (const auto& [key, value] : caller.request) {
      json::object* known = request.contains(key) ? request.at(key).if_object() : nullptr;
      if (known == nullptr || !value.is_object()) {
        request[key] = value;
        continue;
      }
      for (const auto& [name, member] : value.get_object()) (*known)[name] = member;
    }
    return request;
  }

  // Contract --------------------------------------------------------------------------------------

  void add_contract_tests(const Target& target, const GeneratedRequest& plain) {
    const std::vector<Caller> callers = callers_of(gateway_, target.plan);
    if (callers.empty()) return comment("no caller can be made up whom its security lets in");
    const Caller* caller = &callers.front();
    const std::string why = why_refused(target, with(plain, *caller));
    if (!why.empty()) return comment(fmt::format("no request is let through: {}", why));
    for (const Caller& one : callers) {
      const std::string by = one.text.empty() ? "" : fmt::format(", by {}", one.text);
      add_test(target, "what its contract asks for" + by, with(plain, one), let_through(target));
    }
    json::object dotted = with(plain, *caller);
    dotted["path"] = "/x/.." + plain.target();
    add_test(target, "dot segments are resolved first", std::move(dotted), let_through(target));
    add_examples(target, plain, *caller);
    if (target.contract == nullptr) return;
    if (target.contract->produces.count != 0) {
      json::object request = with(plain, *caller);
      member(request, "headers")["accept"] = "application/x-undeclared";
      add_test(target, "an answer in a media type that it has not", std::move(request),
               refused(target, 406, "validate"));
    }
    for (const Parameter& parameter : target.operation.operation->parameters) {
      add_parameter_tests(target, plain, *caller, parameter);
    }
    add_body_tests(target, plain, *caller);
  }

  // Runs it once, in a gateway that nobody has called yet.
  std::string why_refused(const Target& target, const json::object& request) {
    json::object written = request;
    if (!target.host.empty()) written["host"] = target.host;
    const json::object test{
        {"tests", json::array{json::object{{"name", "base"},
                                           {"request", std::move(written)},
                                           {"expect", json::object{{"decision", "allow"}}}}}}};
    compiler::FileSet files;
    files.add("base.json", json::serialize(test));
    compiler::DiagnosticSink sink;
    Suite suite;
    if (!read_suite(files, "base.json", sink, suite) || suite.tests.empty()) {
      return "it cannot be written down";
    }
    const Outcome outcome = Stage(gateway_, nullptr).send(suite.tests[0].steps[0]);
    if (!outcome.problem.empty()) return outcome.problem;
    if (outcome.operation != target.operation.id) {
      return outcome.operation.empty() ? "its path leads nowhere"
                                       : fmt::format("its path leads to {}", outcome.operation);
    }
    return outcome.allowed ? std::string() : fmt::format("{} by {}", outcome.status, outcome.by);
  }

  void add_examples(const Target& target, const GeneratedRequest& plain, const Caller& caller) {
    const compiler::openapi::Document& document = *target.operation.unit->document;
    for (const auto& media : target.operation.operation->request_body.content) {
      if (media.name.value != "application/json") continue;
      const NodeRef examples = media.node.get("examples");
      if (!examples || !examples.is_map()) continue;
      for (const auto [key, entry] : examples.entries()) {
        const NodeRef resolved = document.resolve(entry);
        const NodeRef value = resolved && resolved.is_map() ? resolved.get("value") : NodeRef{};
        if (!value) continue;
        GeneratedRequest request = plain;
        request.set_body(node_value(value), std::string(media.name.value));
        add_test(target, fmt::format("its example {}", key.text()), with(request, caller),
                 let_through(target));
      }
    }
  }

  void add_parameter_tests(const Target& target, const GeneratedRequest& plain,
                           const Caller& caller, const Parameter& parameter) {
    const compiler::openapi::Document& document = *target.operation.unit->document;
    if (!is_simple(document, parameter)) return;
    const std::string name =
        fmt::format("{} {}", parameter_in_name(parameter.in), parameter.name.value);
    if (parameter.required && parameter.in != ParameterIn::Path) {
      GeneratedRequest request = plain;
      request.leave_out(parameter);
      add_test(target, fmt::format("{} is missing", name), with(request, caller),
               refused(target, 400, "validate"));
    }
    if (parameter.in == ParameterIn::Path && !decides_alone(target, parameter)) return;
    for (const BoundaryValue& one : boundary_values(document, parameter.schema)) {
      GeneratedRequest request = plain;
      request.put(parameter, one.value);
      add_test(target, fmt::format("{} {}", name, one.what), with(request, caller),
               one.good ? let_through(target) : refused(target, 400, "validate"));
    }
  }

  // A wrong value is a fault, and not the path of another operation.
  bool decides_alone(const Target& target, const Parameter& parameter) const {
    const std::string_view path = target.operation.path;
    const std::string segment = fmt::format("/{{{}}}", parameter.name.value);
    const size_t at = path.find(segment);
    if (at == path.npos) return false;
    const size_t end = at + segment.size();
    if (end != path.size() && path[end] != '/') return false;
    if (parameter.x_gw && parameter.x_gw.is_map() && parameter.x_gw.get("matchOnly")) return false;
    // Several operations of one path are of one template.
    const std::string shape = shape_of(path);
    return std::ranges::all_of(documents_.operations, [&](const GatewayOperation& other) {
      return other.path == path || shape_of(other.path) != shape;
    });
  }

  void add_body_tests(const Target& target, const GeneratedRequest& plain, const Caller& caller) {
    const compiler::openapi::RequestBody& body = target.operation.operation->request_body;
    if (!body.node || body.content.empty() || target.contract->media.count == 0) return;
    if (body.required) {
      GeneratedRequest request = plain;
      request.clear_body();
      add_test(target, "its body is missing", with(request, caller),
               refused(target, 400, "validate"));
    }
    const bool any = std::ranges::any_of(body.content, [](const auto& media) {
      return media.name.value == "*/*" || media.name.value.starts_with("application/*");
    });
    if (!any) {
      json::object request = with(plain, caller);
      request["body"] = "x";
      member(request, "headers")["content-type"] = "application/x-undeclared";
      add_test(target, "a media type that is not declared", std::move(request),
               refused(target, 415, "validate"));
    }
    add_broken_bodies(target, plain, caller);
  }

  void add_broken_bodies(const Target& target, const GeneratedRequest& plain,
                         const Caller& caller) {
    const compiler::openapi::RequestBody& body = target.operation.operation->request_body;
    const compiler::openapi::MediaType* media = json_media(body);
    if (media == nullptr || !media->schema || !plain.has_body() || !judges_json(*target.contract)) {
      return;
    }
    json::object half = with(plain, caller);
    half["body"] = "{";
    member(half, "headers")["content-type"] = "application/json";
    add_test(target, "half a body", std::move(half), refused(target, 400, "validate"));
    if (!plain.body().is_object()) return;
    for (const BoundaryValue& one : broken_objects(*target.operation.unit->document, media->schema,
                                                   plain.body().get_object())) {
      GeneratedRequest request = plain;
      request.set_body(one.value, std::string(media->name.value));
      add_test(target, fmt::format("body {}", one.what), with(request, caller),
               one.good ? let_through(target) : refused(target, 400, "validate"));
    }
  }

  bool judges_json(const policies::ValidateRecord& contract) const {
    return std::ranges::any_of(
        view_.policy_list<policies::MediaRecord>(contract.media), [&](const auto& media) {
          return view_.text(media.type) == "application/json" && media.schema != table::kNone;
        });
  }

  const compiler::Gateway& documents_;
  const Gateway& gateway_;
  const table::TableView& view_;
  std::map<std::string_view, u32> routes_;
  compiler::PatternExamples patterns_;
  std::set<std::string> names_;
  std::set<std::string> seen_paths_;
  std::string out_;
  size_t count_ = 0;
};

}  // namespace

std::string generate_tests(const compiler::CompileOptions& options, const Gateway& gateway) {
  compiler::FileSet files;
  compiler::DiagnosticSink sink;
  const compiler::Gateway documents = compiler::read_gateway(options, files, sink);
  return Generator(documents, gateway).run();
}

}  // namespace gw::cli::tests
