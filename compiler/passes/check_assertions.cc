#include "compiler/passes/check_assertions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "compiler/passes/plan_steps.h"
#include "compiler/xgw/language.h"
#include "runtime/base/method.h"
#include "runtime/base/units.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/compose/record.h"
#include "runtime/policies/proxy/record.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/validate/record.h"

namespace gw::compiler {
namespace {

using policies::LimitKind;
using policies::Phase;
using policies::PolicyId;

// Assertions of one gateway document.
struct Assertions {
  const openapi::Document* gateway = nullptr;
  NodeRef list;
};

std::vector<Assertions> all_assertions(const Module& module) {
  std::vector<Assertions> found;
  std::set<const openapi::Document*> seen;
  for (const Unit& unit : module.gateway.units) {
    if (unit.gateway == nullptr || !seen.insert(unit.gateway).second) continue;
    const NodeRef list = unit.gateway_x_gw && unit.gateway_x_gw.is_map()
                             ? unit.gateway_x_gw.get("assert")
                             : NodeRef{};
    if (list) found.push_back({unit.gateway, list});
  }
  return found;
}

std::vector<std::string_view> texts_of(NodeRef node) {
  std::vector<std::string_view> texts;
  if (!node) return texts;
  if (node.is_scalar()) texts.push_back(node.text());
  for (const NodeRef item : node.items()) texts.push_back(item.text());
  return texts;
}

template <size_t n>
std::vector<std::string_view> names_of(const PlainField (&fields)[n]) {
  std::vector<std::string_view> names;
  for (const PlainField& field : fields) names.push_back(field.name);
  return names;
}

bool has_policy(const Module& module, const PlannedOperation& operation, PolicyId policy) {
  const table::Extent steps = module.table.plans[operation.plan].steps;
  for (u32 i = 0; i < steps.count; ++i) {
    if (module.table.steps[steps.offset + i].policy == static_cast<u16>(policy)) return true;
  }
  return false;
}

// Who brings no credential at all is let in.
bool is_public(const Module& module, const PlannedOperation& operation) {
  return operation.anonymous || !has_policy(module, operation, PolicyId::Authenticate);
}

// A limit that refuses, for everybody: not one in shadow, nor one that consumers alone have.
bool has_limit(const Module& module, const PlannedOperation& operation,
               std::optional<LimitKind> kind) {
  const table::Extent steps = module.table.plans[operation.plan].steps;
  for (u32 i = 0; i < steps.count; ++i) {
    const table::StepRecord& step = module.table.steps[steps.offset + i];
    if (step.policy != static_cast<u16>(PolicyId::RateLimit)) continue;
    const auto record = record_at<policies::RateLimitRecord>(module, step.record);
    for (u32 n = 0; n < record.limits.count; ++n) {
      const u32 at = record.limits.offset + n * u32{sizeof(policies::LimitRecord)};
      const auto limit = record_at<policies::LimitRecord>(module, at);
      const bool enforced = limit.mode == static_cast<u32>(policies::LimitMode::Enforce);
      const bool measured =
          limit.limit.late != table::kNone || limit.limit.value != policies::kNoLimit;
      const bool wanted = !kind || limit.kind == static_cast<u32>(*kind);
      if (enforced && measured && wanted && limit.when == table::kNone) return true;
    }
  }
  return false;
}

// Whether there is anything that a request could break. Methods whose requests have no content by
// themselves (RFC 9110 section 9.3) may well declare nothing; a POST without a body is none such.
bool can_be_broken(const PlannedOperation& operation) {
  if (operation.source->any_method) return true;
  const openapi::Operation& declared = *operation.source->operation;
  static constexpr const std::string_view kWithoutContent[] = {"GET", "HEAD", "DELETE", "OPTIONS",
                                                               "TRACE"};
  return std::ranges::find(kWithoutContent, declared.method.value) == std::end(kWithoutContent) ||
         !declared.parameters.empty() || declared.request_body.node;
}

bool validates(const Module& module, const PlannedOperation& operation) {
  if (!can_be_broken(operation)) return true;
  for (const auto& record : steps_of<policies::ValidateRecord>(
           module, operation, PolicyId::Validate, Phase::RequestValidation)) {
    if (record.request == static_cast<u32>(policies::ValidateMode::Enforce)) return true;
  }
  return false;
}

bool has(const Module& module, const PlannedOperation& operation, std::string_view what) {
  if (what == "security") return !is_public(module, operation);
  if (what == "limit") return has_limit(module, operation, std::nullopt);
  if (what == "rateLimit") return has_limit(module, operation, LimitKind::Rate);
  if (what == "quota") return has_limit(module, operation, LimitKind::Quota);
  if (what == "concurrency") return has_limit(module, operation, LimitKind::Concurrency);
  return validates(module, operation);
}

// Every upstream that gets requests of an operation, copies of them, or questions about them: also
// by the calls of a composition, and for one class of clients alone.
class Reach {
 public:
  explicit Reach(const Module& module) : module_(module) {}

  std::set<u32> of(const PlannedOperation& operation) {
    add(operation.upstream);
    plan(operation.plan);
    return std::move(upstreams_);
  }

 private:
  void add(u32 upstream) {
    if (upstream != table::kNone) upstreams_.insert(upstream);
  }

  void plan(u32 index) {
    if (!plans_.insert(index).second) return;
    add(module_.table.plans[index].upstream);
    const table::Extent steps = module_.table.plans[index].steps;
    for (u32 i = 0; i < steps.count; ++i) step(module_.table.steps[steps.offset + i]);
  }

  template <class Record>
  std::vector<Record> list(table::Extent extent) const {
    std::vector<Record> out;
    for (u32 i = 0; i < extent.count; ++i) {
      out.push_back(record_at<Record>(module_, extent.offset + i * u32{sizeof(Record)}));
    }
    return out;
  }

  void step(const table::StepRecord& step) {
    switch (static_cast<PolicyId>(step.policy)) {
      case PolicyId::Proxy: {
        const auto proxy = record_at<policies::ProxyRecord>(module_, step.record);
        for (const auto& part : list<policies::SplitRecord>(proxy.split)) add(part.upstream);
        for (const auto& copy : list<policies::MirrorRecord>(proxy.mirrors)) add(copy.upstream);
        return;
      }
      case PolicyId::Authorizer:
        return add(record_at<policies::AuthorizerRecord>(module_, step.record).upstream);
      case PolicyId::Compose: {
        const auto record = record_at<policies::ComposeRecord>(module_, step.record);
        for (const auto& call : list<policies::CallRecord>(record.calls)) {
          add(call.upstream);
          if (call.route == 0) continue;
          const PlannedOperation& called = module_.operations[call.route - 1];
          add(called.upstream);
          plan(called.plan);
        }
        return;
      }
      case PolicyId::ClientClass: {
        const auto record = record_at<policies::ClientClassRecord>(module_, step.record);
        for (const auto& entry : list<policies::ClientClassEntry>(record.classes)) {
          if (entry.view != 0) plan(entry.view - 1);
        }
        return;
      }
      default:
        return;
    }
  }

  const Module& module_;
  std::set<u32> upstreams_;
  std::set<u32> plans_;
};

class AssertionCheck {
 public:
  AssertionCheck(Module& module, const openapi::Document& gateway)
      : module_(module), gateway_(gateway) {}

  void run(NodeRef entry) {
    if (!is_right(entry)) return;
    const NodeRef every = entry.get("every");
    for (const PlannedOperation& operation : module_.operations) {
      if (operation.source->unit->gateway != &gateway_ || !selects(every, operation)) continue;
      check(entry, operation);
    }
  }

 private:
  bool bad(NodeRef node, std::string message, std::string label, std::string help = {}) {
    report(module_, "extension-value", Severity::Error, node.span(), std::move(message),
           std::move(label), std::move(help));
    return false;
  }

  bool is_right(NodeRef entry) {
    if (!entry.is_map()) {
      return bad(entry, "an entry of `assert` is not a map", "here",
                 "write `{every: {method: POST}, has: security}`");
    }
    check_keys(entry, "assert", names_of(kAssertFields), module_.sink);
    const NodeRef every = entry.get("every");
    if (every && !every.is_map()) return bad(every, "`every` is not a map", "here");
    if (every) check_keys(every, "assert.every", names_of(kAssertEveryFields), module_.sink);
    const NodeRef open = every ? every.get("public") : NodeRef{};
    if (open && open.kind() != NodeKind::Bool) {
      return bad(open, "`public` is neither true nor false", "here");
    }
    return selection_is_right(every) && words_are_right(entry) && numbers_are_right(entry) &&
           says_something(entry);
  }

  // What can select nothing would hold for ever.
  bool selection_is_right(NodeRef every) {
    if (!every) return true;
    const NodeRef path = every.get("path");
    if (path && !path.text().starts_with('/')) {
      return bad(path, "`path` is no beginning of a path", "it begins with `/`");
    }
    for (const std::string_view method : texts_of(every.get("method"))) {
      if (is_method(method)) continue;
      return bad(every.get("method"), fmt::format("there is no method `{}`", method),
                 "methods are written in capitals", did_you_mean_method(method));
    }
    return true;
  }

  bool is_method(std::string_view word) const {
    if (http::parse_method(word) != http::Method::Other) return true;
    return std::ranges::any_of(module_.operations, [&](const PlannedOperation& operation) {
      return !operation.source->any_method && operation.source->operation->method.value == word;
    });
  }

  static std::string did_you_mean_method(std::string_view word) {
    std::string capitals(word);
    for (char& c : capitals) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    if (http::parse_method(capitals) != http::Method::Other) return "write `" + capitals + "`";
    std::vector<std::string_view> known;
    for (u32 i = 0; i + 1 < http::kMethodCount; ++i) {
      known.push_back(http::method_name(static_cast<http::Method>(i)));
    }
    return did_you_mean(capitals, known);
  }

  bool words_are_right(NodeRef entry) {
    const std::vector<std::string_view> words(std::begin(kAssertHasWords),
                                              std::end(kAssertHasWords));
    for (const std::string_view word : texts_of(entry.get("has"))) {
      if (std::ranges::find(words, word) != words.end()) continue;
      return bad(entry.get("has"), fmt::format("`{}` is nothing that an operation has", word),
                 fmt::format("one of {}", fmt::join(words, ", ")), did_you_mean(word, words));
    }
    for (const std::string_view name : texts_of(entry.get("avoids"))) {
      if (module_.upstream_index.contains(name)) continue;
      std::vector<std::string_view> known;
      for (const GatewayUpstream& upstream : module_.gateway.upstreams) {
        known.push_back(upstream.name);
      }
      report(module_, "extension-dangling", Severity::Error, entry.get("avoids").span(),
             fmt::format("there is no upstream `{}`", name), "named here",
             did_you_mean(name, known));
      return false;
    }
    return true;
  }

  bool numbers_are_right(NodeRef entry) {
    const NodeRef steps = entry.get("maxSteps");
    if (steps && !parse_count(steps.text())) return bad(steps, "`maxSteps` is not a count", "here");
    const NodeRef bytes = entry.get("maxTableBytes");
    if (bytes && !parse_bytes(bytes.text())) {
      return bad(bytes, "`maxTableBytes` is not a size", "such as 512KiB or 4MiB");
    }
    return true;
  }

  bool says_something(NodeRef entry) {
    for (const std::string_view key : {"has", "avoids"}) {
      if (!texts_of(entry.get(key)).empty()) return true;
    }
    if (entry.get("maxSteps") || entry.get("maxTableBytes")) return true;
    report(module_, "extension-missing", Severity::Error, entry.span(),
           "an entry of `assert` asserts nothing", "it needs one of these",
           "add `has`, `avoids`, `maxSteps` or `maxTableBytes`");
    return false;
  }

  bool selects(NodeRef every, const PlannedOperation& operation) const {
    if (!every) return true;
    const std::string method =
        operation.source->any_method ? "*" : operation.source->operation->method.value;
    const std::vector<std::string_view> methods = texts_of(every.get("method"));
    // An operation of any method has this one as well.
    if (!methods.empty() && method != "*" && std::ranges::find(methods, method) == methods.end()) {
      return false;
    }
    const NodeRef path = every.get("path");
    if (path && !operation.source->path.starts_with(path.text())) return false;
    const NodeRef open = every.get("public");
    return !open || open.boolean() == is_public(module_, operation);
  }

  void check(NodeRef entry, const PlannedOperation& operation) {
    const std::string& id = operation.source->id;
    for (const std::string_view what : texts_of(entry.get("has"))) {
      if (has(module_, operation, what)) continue;
      offends(entry.get("has"), operation, fmt::format("operation `{}` has no {}", id, what));
    }
    const std::vector<std::string_view> avoided = texts_of(entry.get("avoids"));
    const std::set<u32> upstreams =
        avoided.empty() ? std::set<u32>() : Reach(module_).of(operation);
    for (const std::string_view name : avoided) {
      if (!upstreams.contains(module_.upstream_index.find(name)->second)) continue;
      offends(entry.get("avoids"), operation,
              fmt::format("operation `{}` reaches upstream `{}`", id, name));
    }
    const NodeRef most = entry.get("maxSteps");
    const u32 steps = module_.table.plans[operation.plan].steps.count;
    if (most && steps > parse_count(most.text()).value_or(0)) {
      offends(most, operation, fmt::format("the plan of operation `{}` has {} steps", id, steps));
    }
  }

  void offends(NodeRef assertion, const PlannedOperation& operation, std::string message) {
    const GatewayOperation& source = *operation.source;
    const std::string method = source.any_method ? "GET" : source.operation->method.value;
    module_.sink.report({.rule = "assert-failed",
                         .severity = Severity::Error,
                         .message = std::move(message),
                         .primary = {source.span, "this operation"},
                         .related = {{assertion.span(), "asserted here"}},
                         .help = {},
                         .witness = fmt::format("{} {}", method, source.path)});
  }

  Module& module_;
  const openapi::Document& gateway_;
};

}  // namespace

void check_assertions(Module& module) {
  for (const Assertions& assertions : all_assertions(module)) {
    if (!assertions.list.is_seq()) {
      report(module, "extension-value", Severity::Error, assertions.list.span(),
             "`assert` is not a list", "here",
             "write `assert: [{every: {method: POST}, has: security}]`");
      continue;
    }
    AssertionCheck check(module, *assertions.gateway);
    for (const NodeRef entry : assertions.list.items()) check.run(entry);
  }
}

std::optional<TableBudget> table_budget(const Module& module) {
  std::optional<TableBudget> least;
  for (const Assertions& assertions : all_assertions(module)) {
    for (const NodeRef entry : assertions.list.items()) {
      const NodeRef bytes = entry.is_map() ? entry.get("maxTableBytes") : NodeRef{};
      const std::optional<u64> size = bytes ? parse_bytes(bytes.text()) : std::nullopt;
      if (size && (!least || *size < least->bytes)) least = {.bytes = *size, .span = bytes.span()};
    }
  }
  return least;
}

bool check_table_size(Module& module, const TableBudget& budget, u64 table_bytes) {
  if (table_bytes <= budget.bytes) return true;
  report(module, "assert-failed", Severity::Error, budget.span,
         fmt::format("the table has {}, more than {}", format_bytes(table_bytes),
                     format_bytes(budget.bytes)),
         "asserted here", "`gwctl compile --report` tells what takes the room");
  return false;
}

}  // namespace gw::compiler
