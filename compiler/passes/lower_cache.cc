#include "compiler/passes/lower_cache.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <set>

#include "compiler/passes/cache_inputs.h"
#include "compiler/passes/check_cache.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "compiler/xgw/node_json.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

using policies::CacheCaller;
using policies::CacheMode;
using policies::CacheRecord;
using policies::Phase;
using policies::PolicyId;
using table::StepRecord;

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" ||
         method == "QUERY";
}

bool changes_things(const GatewayOperation& operation) {
  return operation.any_method || !is_safe(operation.operation->method.value);
}

bool may_be_served(const GatewayOperation& operation) {
  return operation.any_method || operation.operation->method.value == "GET";
}

// Effective fields that shape what is fetched, or who may have it. A change of others, such as
// times and limits, leaves stored answers what they are.
bool gives_meaning(std::string_view field) {
  static constexpr std::string_view kFields[] = {
      "upstream", "path",      "request",        "forward",     "authorizer",
      "allow",    "deny",      "views",          "compose",     "validate",
      "response", "cache.key", "cache.identity", "cache.shared"};
  // Changes of the answer's head are made for each client, whatever is stored.
  if (field.starts_with("response.headers")) return false;
  return std::ranges::any_of(kFields, [&](std::string_view name) {
    return field == name || (field.starts_with(name) && field.size() > name.size() &&
                             (field[name.size()] == '.' || field[name.size()] == '['));
  });
}

std::string meaning_of(const Module& module, const CacheInput& input) {
  std::vector<std::string> lines;
  for (const EncodedField& field : input.encoded) {
    if (gives_meaning(field.field)) lines.push_back(fmt::format("{}={}", field.field, field.value));
  }
  std::ranges::sort(lines);
  std::string text = fmt::format("1\n{}\n", input.operation.unit->mount_bytes);
  for (const std::string& line : lines) text += line + "\n";
  const NodeRef security = security_of(input.operation);
  if (!security || !input.security.declared) return text;
  // A scheme that changes may know the same callers by other names.
  text += to_json(security) + "\n";
  for (const auto& document : module.gateway.documents) {
    for (const openapi::SecurityScheme& scheme : document->schemes) {
      text += fmt::format("{} {}\n", scheme.name.value, to_json(scheme.node));
    }
  }
  return text;
}

std::string digest_text(const std::string& text) {
  const XXH128_hash_t digest = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", digest.high64, digest.low64);
}

// Whether names of query parameters may be anything: those of an object that is written out
// (RFC 6570 "explode"), or a query as one value (OpenAPI 3.2).
bool has_open_names(const openapi::Document& document, const openapi::Parameter& parameter) {
  if (parameter.in == openapi::ParameterIn::QueryString) return true;
  const bool form = parameter.style == openapi::Style::Form && parameter.explode;
  if (parameter.in != openapi::ParameterIn::Query || !form || !parameter.schema) return false;
  const NodeRef schema = document.resolve(parameter.schema);
  if (!schema || !schema.is_map()) return false;
  const NodeRef type = schema.get("type");
  if (type && type.is_scalar()) return type.text() == "object";
  // Without a type it may be one.
  const bool other = static_cast<bool>(schema.get("enum")) ||
                     static_cast<bool>(schema.get("const")) ||
                     static_cast<bool>(schema.get("items"));
  return !other && (!type || type.is_seq());
}

StepRecord step_of(Module& module, const CacheRecord& record) {
  return {.policy = static_cast<u16>(PolicyId::Cache),
          .phase = static_cast<u8>(Phase::CacheLookup),
          .reserved = 0,
          .record = module.table.pools.policy_data.add(std::as_bytes(std::span(&record, 1))),
          .condition = table::kNone,
          .scratch = table::kNone};
}

class CacheLowerer {
 public:
  CacheLowerer(Module& module, const CacheInput& input)
      : module_(module),
        input_(input),
        cache_(*input.fields.find("cache")),
        choice_(input.record.cache) {}

  std::optional<CacheRecord> run() {
    if (const std::string_view why = why_useless(); !why.empty()) {
      refuse_own(why);
      return std::nullopt;
    }
    refuse_contradictions();
    CacheRecord record{};
    record.choice = choice_;
    record.mode = static_cast<u32>(may_be_served(input_.operation) ? CacheMode::Serve
                                                                   : CacheMode::Invalidate);
    record.caller = static_cast<u32>(caller());
    add_query(record);
    Pools& pools = module_.table.pools;
    record.inputs = cache_inputs(module_, input_);
    record.operation = pools.strings.add(input_.operation.id);
    record.prefix = pools.strings.add(
        fmt::format("{}\n{}\n", input_.operation.id, digest_text(meaning_of(module_, input_))));
    check_cache(module_, input_, cache_, record);
    return record;
  }

 private:
  std::string_view why_useless() const {
    if (!input_.proxied) return "it is not sent upstream";
    if (input_.streams) return "a stream has no end that could be waited for";
    const bool safe = !changes_things(input_.operation);
    return safe && !may_be_served(input_.operation)
               ? "only answers to GET are kept, for HEAD as well"
               : std::string_view{};
  }

  void refuse_own(std::string_view why) {
    if (module_.options.mock || !is_written_here(cache_)) return;
    // Of a view that has none of its own the operation's is for the other classes.
    const Effective* own = input_.view == nullptr ? &cache_ : input_.view->find("cache");
    if (own == nullptr) return;
    const Effective* compose = input_.fields.find("compose");
    const bool composed = compose != nullptr && compose->present();
    report(module_, "extension-conflict", Severity::Error, own->span(),
           "`cache` has no effect on this operation", std::string(why),
           composed ? "put it on the operations that are called"
                    : "remove it; `cache: off` switches an inherited one off");
  }

  void conflict(std::string_view field, std::string message, std::string label, std::string help) {
    const Effective* at = cache_.find(field);
    report(module_, "extension-conflict", Severity::Error,
           at != nullptr ? at->span() : cache_.span(), std::move(message), std::move(label),
           std::move(help));
  }

  void refuse_contradictions() {
    if (choice_.shared != 0 && choice_.identity.count != 0) {
      conflict("shared", "`cache` has `shared` and `identity`",
               "whose answers are kept apart, or all callers'?", "remove one of them");
    }
    if (choice_.override_upstream != 0 && choice_.ttl == 0 && may_be_served(input_.operation)) {
      conflict("override", "`cache.override` says that the times here hold, and there is no `ttl`",
               "nothing would be kept", "add `ttl`, or remove it");
    }
    for (const auto& negative : list_of<policies::CacheNegativeRecord>(
             module_.table.pools,
             choice_.negative_kind == 2 ? choice_.negative : table::Extent{})) {
      check_status(negative.status);
    }
  }

  void check_status(table::StringRef text) {
    const std::string_view status =
        std::string_view(module_.table.pools.strings.bytes()).substr(text.offset, text.bytes);
    const bool digits = status.size() == 3 &&
                        std::ranges::all_of(status, [](char c) { return c >= '0' && c <= '9'; });
    if (digits && status[0] >= '3' && status[0] <= '5' && status != "304") return;
    conflict("negative", fmt::format("`cache.negative` has no status `{}`", status),
             "an answer that is no success", "write statuses such as `404`");
  }

  CacheCaller caller() const {
    if (choice_.shared != 0) return CacheCaller::Shared;
    if (choice_.identity.count != 0) return CacheCaller::Expression;
    return input_.security.record ? CacheCaller::Caller : CacheCaller::Nobody;
  }

  void add_query(CacheRecord& record) {
    const openapi::Document& document = *input_.operation.unit->document;
    std::set<std::string> names;
    // Nobody has said what such an operation takes.
    record.whole_query = input_.operation.any_method ? 1 : 0;
    for (const openapi::Parameter& parameter : input_.operation.operation->parameters) {
      if (has_open_names(document, parameter)) record.whole_query = 1;
      if (parameter.in != openapi::ParameterIn::Query) continue;
      const bool deep = parameter.style == openapi::Style::DeepObject;
      names.insert(std::string(parameter.name.value) + (deep ? "[" : ""));
    }
    add_credentials(names);
    std::vector<policies::CacheQueryRecord> records;
    for (const std::string& name : names) {
      records.push_back({.name = module_.table.pools.strings.add(name)});
    }
    record.query = store_list(module_.table.pools, records);
  }

  // Keys in the query that are left there for the upstream.
  void add_credentials(std::set<std::string>& names) const {
    for (const auto& alternative : input_.security.scope.alternatives) {
      for (const SchemeInfo* info : alternative) {
        const policies::SchemeRecord& scheme = module_.table.schemes[info->index];
        const bool in_query = scheme.kind == static_cast<u32>(policies::SchemeKind::ApiKey) &&
                              scheme.place == static_cast<u32>(policies::CredentialPlace::Query);
        if (!in_query || scheme.forward == 0) continue;
        names.insert(std::string(std::string_view(module_.table.pools.strings.bytes())
                                     .substr(scheme.field.offset, scheme.field.bytes)));
      }
    }
  }

  Module& module_;
  const CacheInput& input_;
  const Effective& cache_;
  policies::CacheChoice choice_;
};

// Operations of one path whose answers may be stored make those that change things there
// interesting.
class InvalidationLowerer {
 public:
  explicit InvalidationLowerer(Module& module) : module_(module) {}

  void run() {
    for (const PlannedOperation& operation : module_.operations) {
      if (serves(operation)) cached_.insert(operation.source->path);
    }
    for (PlannedOperation& operation : module_.operations) {
      const bool concerned = operation.upstream != table::kNone &&
                             changes_things(*operation.source) &&
                             cached_.contains(operation.source->path) && !has_step(operation);
      if (concerned) add(operation);
    }
  }

 private:
  bool has_step(const PlannedOperation& operation) const {
    return !steps_of<CacheRecord>(module_, operation, PolicyId::Cache, Phase::CacheLookup).empty();
  }
  bool serves(const PlannedOperation& operation) const {
    return std::ranges::any_of(
        steps_of<CacheRecord>(module_, operation, PolicyId::Cache, Phase::CacheLookup),
        [](const CacheRecord& record) {
          return record.mode == static_cast<u32>(CacheMode::Serve);
        });
  }

  void add(PlannedOperation& operation) {
    Pools& pools = module_.table.pools;
    CacheRecord record{};
    record.operation = pools.strings.add(operation.source->id);
    record.prefix = pools.strings.add("");
    record.mode = static_cast<u32>(CacheMode::Invalidate);
    const StepRecord step = step_of(module_, record);
    table::PlanRecord plan = module_.table.plans[operation.plan];
    std::vector<StepRecord> steps(
        module_.table.steps.begin() + plan.steps.offset,
        module_.table.steps.begin() + plan.steps.offset + plan.steps.count);
    const auto at = std::ranges::find_if(
        steps, [&](const StepRecord& other) { return other.phase > step.phase; });
    steps.insert(at, step);
    plan.steps = {static_cast<u32>(module_.table.steps.size()), static_cast<u32>(steps.size())};
    module_.table.steps.insert(module_.table.steps.end(), steps.begin(), steps.end());
    operation.plan = static_cast<u32>(module_.table.plans.size());
    module_.table.plans.push_back(plan);
  }

  Module& module_;
  std::set<std::string> cached_;  // paths
};

}  // namespace

bool add_cache_step(Module& module, const CacheInput& input, std::vector<StepRecord>& steps) {
  const Effective* cache = input.fields.find("cache");
  if (cache == nullptr || !cache->present()) return false;
  const std::optional<CacheRecord> record = CacheLowerer(module, input).run();
  if (record) steps.push_back(step_of(module, *record));
  return record.has_value();
}

void lower_invalidation(Module& module) { InvalidationLowerer(module).run(); }

}  // namespace gw::compiler
