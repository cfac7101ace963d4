// Effective fields of operations to plans (what happens, in order) and settings (deadlines,
// limits).
//
// Most operations of a large gateway have equal levels, and so equal plans: the work is done once
// per distinct combination of levels.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "compiler/passes/check_composed.h"
#include "compiler/passes/check_compress.h"
#include "compiler/passes/check_limits.h"
#include "compiler/passes/check_retries.h"
#include "compiler/passes/check_timeouts.h"
#include "compiler/passes/declared_stream.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/lower_access.h"
#include "compiler/passes/lower_cache.h"
#include "compiler/passes/lower_clients.h"
#include "compiler/passes/lower_compose.h"
#include "compiler/passes/lower_cors.h"
#include "compiler/passes/lower_limits.h"
#include "compiler/passes/lower_mock.h"
#include "compiler/passes/lower_plan_limits.h"
#include "compiler/passes/lower_security.h"
#include "compiler/passes/lower_split.h"
#include "compiler/passes/lower_validate.h"
#include "compiler/passes/lower_views.h"
#include "compiler/passes/parameter_types.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_store.h"
#include "runtime/policies/policy_list.h"

namespace gw::compiler {
namespace {

using policies::Phase;
using policies::PolicyId;
using table::StepRecord;

struct Lowered {
  u32 plan = 0;
  u32 settings = 0;
  u32 upstream = table::kNone;
  std::vector<u32> other_upstreams = {};  // that take a share, or copies
  bool asks = false;                      // an upstream, or others by calls
  bool streams = false;                   // `timeout.total` does not hold
  bool limited = false;                   // a rate or quota is enforced
  bool deadlines_unset = false;           // it is sent upstream, and nobody chose deadlines for it
};

template <class T>
Bytes bytes_of(const T& record) {
  return std::as_bytes(std::span(&record, 1));
}

bool is_empty(const policies::HeadersRecord& record) {
  return record.set.count + record.add.count + record.fallback.count + record.remove.count +
             record.rename.count + record.copy.count ==
         0;
}

// Whether one is written; what is wrong with it has been reported.
bool has_condition(const Effective& fields, std::string_view name) {
  const Effective* when = fields.find(name)->find("when");
  return when != nullptr && when->present();
}

bool is_set(const Effective& fields, std::string_view name) {
  const Effective* value = fields.find(name);
  return value != nullptr && value->present();
}

// Only GET can ask for an upgrade to WebSocket.
bool can_upgrade(const GatewayOperation& operation) {
  return operation.any_method || operation.operation->method.value == "GET";
}

class OperationLowerer {
 public:
  explicit OperationLowerer(Module& module)
      : module_(module),
        encoder_(module.table.pools, module.files, module.sink),
        timeouts_(module),
        retries_(module),
        security_(module),
        cors_(module),
        limits_(module),
        validate_(module),
        store_(module, encoder_) {
    encoder_.set_later_fields(kLaterFields);
  }

  void run() {
    plan_limits_ = lower_plan_limits(module_);
    clients_ = lower_clients(module_);
    for (const ClientClass& one : clients_) class_names_.push_back(one.name);
    for (PlannedOperation& operation : module_.operations) lower(operation);
    lower_default_plan();
    timeouts_.report_unset();
    limits_.report_all();
  }

 private:
  void lower(PlannedOperation& operation) {
    const GatewayOperation& source = *operation.source;
    const Levels levels = levels_of(source);
    check_own_keys(source);
    // Captures and mounts are part of the meaning of some fields: see key().
    std::string key = levels.key();
    key += fmt::format("|{}|{}|{}|{}", source.unit->mount_bytes, can_upgrade(source),
                       declares_stream(*source.operation), retry_kind_of(source));
    for (const std::string& capture : operation.captures) key += "|" + capture;
    for (const bool greedy : operation.greedy) key += greedy ? '+' : '-';
    if (declares_idempotency_key(source)) key += "|key";
    const OperationSecurity& security = security_.of(source);
    operation.flags = security.route_flags(*source.operation);
    operation.anonymous = security.anonymous;
    key += fmt::format("|{}", security.number);
    key += key_of_equals(source);
    key += key_of_types(levels, source);
    // What a preflight is told depends on the whole path.
    CorsOffer offer;
    if (cors_.is_set(source, levels)) {
      offer = cors_.offer(source, levels);
      key += fmt::format("|{}|{}", offer.methods, fmt::join(offer.headers, ","));
    }

    const policies::ValidateRecord contract =
        validate_.lower(operation, validate_.modes(source, levels));
    key += as_text(bytes_of(contract));

    const auto known = known_.find(key);
    if (known != known_.end()) {
      apply(operation, known->second);
      return;
    }
    bool depends_on_operation = false;
    const Lowered lowered =
        lower_effective(operation, levels, offer, contract, depends_on_operation);
    apply(operation, lowered);
    if (!depends_on_operation) known_.emplace(std::move(key), lowered);
  }

  void apply(PlannedOperation& operation, const Lowered& lowered) {
    operation.plan = lowered.plan;
    operation.settings = lowered.settings;
    operation.upstream = lowered.upstream;
    if (lowered.deadlines_unset) timeouts_.add_unset(*operation.source);
    limits_.add_operation(*operation.source, lowered.limited);
    if (lowered.upstream != table::kNone) module_.upstream_used[lowered.upstream] = true;
    for (const u32 upstream : lowered.other_upstreams) module_.upstream_used[upstream] = true;
  }

  void check_own_keys(const GatewayOperation& source) {
    static const std::vector<std::string_view> kPathKeys = keys(kPathFields);
    static const std::vector<std::string_view> kOperationKeys = keys(kOperationOnlyFields);
    const NodeRef path = source.item->x_gw;
    const NodeRef own = source.operation->x_gw;
    if (path && checked_.insert({path.tree(), path.index()}).second) {
      check_map(path, "x-gw of the path", kPathKeys);
    }
    if (own && checked_.insert({own.tree(), own.index()}).second) {
      check_map(own, "x-gw of the operation", kOperationKeys);
    }
  }

  void check_map(NodeRef node, std::string_view what, const std::vector<std::string_view>& known) {
    if (!node.is_map()) {
      report(module_, "extension-value", Severity::Error, node.span(), "`x-gw` is not a map",
             "here");
      return;
    }
    check_keys(node, what, known, module_.sink);
  }

  static std::vector<std::string_view> keys(std::span<const PlainField> plain) {
    std::vector<std::string_view> names;
    for (const PlainField& field : plain) names.push_back(field.name);
    for (const OperationField& field : kOperationFields) names.push_back(field.spec.name);
    return names;
  }

  Lowered lower_effective(const PlannedOperation& operation, const Levels& levels,
                          const CorsOffer& offer, const policies::ValidateRecord& contract,
                          bool& depends_on_operation) {
    const GatewayOperation& source = *operation.source;
    EffectiveOperation effective = effective_operation(module_, source, levels);
    for (const Level& level : levels.levels) refuse_second_action(level.node);
    note_removals(source, effective.removals);
    apply_options(module_, effective.fields);
    const bool mocks = module_.options.mock || is_set(effective.fields, "mock");
    depends_on_operation = mocks;
    depends_on_operation = depends_on_operation || is_set(effective.fields, "compose");

    const Effective* views = effective.fields.find("views");
    if (views == nullptr || !views->is_map) {
      return lower_plan(operation, levels, effective, offer, contract, {}, depends_on_operation);
    }
    check_views(module_, clients_, effective, *views);
    // All classes are counted at the same place, behind the one where it is known which it is.
    PlanView view;
    view.limits_wait = views_limit(*views);
    view.vary = true;
    std::vector<u32> plans(clients_.size());
    std::vector<u32> others;  // upstreams that views alone ask
    for (size_t i = 0; i < clients_.size(); ++i) {
      const Effective* own = views->find(clients_[i].name);
      if (own == nullptr || !own->present()) continue;
      EffectiveOperation seen{.fields = effective.fields, .removals = effective.removals};
      PlanView its = view;
      its.name = clients_[i].name;
      lay_view(*own, seen.fields, its.body);
      view_ = own;
      const Lowered made =
          lower_plan(operation, levels, seen, offer, contract, its, depends_on_operation);
      view_ = nullptr;
      plans[i] = 1 + made.plan;
      others.insert(others.end(), made.other_upstreams.begin(), made.other_upstreams.end());
      if (made.upstream != table::kNone) others.push_back(made.upstream);
      depends_on_operation = depends_on_operation || is_set(seen.fields, "compose");
    }
    view.plans = plans;
    Lowered lowered =
        lower_plan(operation, levels, effective, offer, contract, view, depends_on_operation);
    lowered.other_upstreams.insert(lowered.other_upstreams.end(), others.begin(), others.end());
    return lowered;
  }

  Lowered lower_plan(const PlannedOperation& operation, const Levels& levels,
                     EffectiveOperation& effective, const CorsOffer& offer,
                     const policies::ValidateRecord& contract, const PlanView& view,
                     bool& depends_on_operation) {
    const GatewayOperation& source = *operation.source;
    EncodeScope scope;
    scope.upstreams = &module_.upstream_index;
    scope.client_classes = &class_names_;
    for (const std::string& capture : operation.captures) scope.parameters.push_back(capture);
    scope.greedy = operation.greedy;
    const OperationSecurity& security = security_.of(source);
    if (security.scope_known) scope.identity = &security.scope;
    scope.types = parameter_types(source);
    OperationRecord record{};
    std::vector<EncodedField> encoded;
    encode_fields(effective.fields, scope, record, encoded);
    if (is_off_by(effective, "retry")) switch_retry_off(record, encoded);

    Lowered lowered;
    if (!can_upgrade(source)) refuse_upgrade(record, encoded, "only GET can be upgraded");
    // Extended CONNECT (RFC 8441) is not spoken; without it HTTP/2 switches to nothing.
    const u32 upstream = chosen_upstream(effective.fields, record);
    if (upstream != table::kNone && module_.table.upstreams[upstream].protocol != 0) {
      refuse_upgrade(record, encoded, "its upstream speaks HTTP/2");
    }
    lowered.settings = store_.add_settings(record.settings);
    std::vector<StepRecord> steps;
    if (security.record) {
      steps.push_back(step(PolicyId::Authenticate, Phase::Authentication, *security.record));
    }
    for (const AccessStep& access :
         lower_access(module_, source, effective.fields, scope, encoded)) {
      steps.push_back(step(PolicyId::Access, access.phase, access.record));
    }
    if (is_set(effective.fields, "authorizer") && record.authorizer.upstream != table::kNone) {
      steps.push_back(step(PolicyId::Authorizer, Phase::Authorization, record.authorizer));
      lowered.other_upstreams.push_back(record.authorizer.upstream);
    }
    add_cors(source, effective, record, &offer, steps);
    LoweredLimits limits = lower_limits(module_, source, levels, effective.fields, record);
    depends_on_operation = depends_on_operation || limits.depends_on_operation;
    limits_.check(limits.all);
    lowered.limited = std::ranges::any_of(limits.all, [](const LoweredLimit& limit) {
      return limit.record.kind != static_cast<u32>(policies::LimitKind::Concurrency) &&
             limit.record.mode == static_cast<u32>(policies::LimitMode::Enforce);
    });
    if (security.names_consumers()) {
      limits.all.insert(limits.all.end(), plan_limits_.begin(), plan_limits_.end());
    }
    if (view.limits_wait) {
      for (LoweredLimit& limit : limits.all) limit.needs_identity = true;
    }
    add_limits(limits.all, steps);
    if (!clients_.empty()) {
      steps.push_back(
          step(PolicyId::ClientClass, Phase::ClientClass,
               class_record(module_, clients_, view, credential_fields(module_, security))));
    }
    if (is_set(effective.fields, "compose") && !module_.options.mock) {
      add_compose(operation, effective.fields, scope, steps, lowered, encoded);
    }
    check_composed(module_, source, effective.fields, view_);
    depends_on_operation |= validate_.give_request_forms(source, record.request.body);
    add_request_steps(operation, effective.fields, record, steps, lowered);
    add_validation(contract, lowered, steps);
    if (lowered.upstream == table::kNone && !module_.options.mock) {
      refuse_upgrade(record, encoded, "it is not sent upstream");
      refuse_own(encoded, "maxStreamAge", "it is not sent upstream", "remove the field");
    }
    if (lowered.upstream != table::kNone) {
      timeouts_.check_chain(record.settings.timeout, encoded, lowered.streams);
      retries_.check({.operation = source,
                      .fields = effective.fields,
                      .settings = record.settings,
                      .replay = replay_of(source, record),
                      .streams = lowered.streams});
      if (!lowered.streams) refuse_stream_timeout(encoded);
      lowered.deadlines_unset = !is_set(effective.fields, "timeout");
    }
    const CacheInput cache{source,          effective.fields,
                           record,          security,
                           encoded,         lowered.upstream != table::kNone,
                           lowered.streams, view_};
    depends_on_operation = add_cache_step(module_, cache, steps) || depends_on_operation;
    depends_on_operation |=
        add_response_steps(source, effective.fields, record, view, scope, steps, encoded);
    add_compression(effective.fields, record, encoded, lowered, steps);
    // Whatever the order of keys, a request goes through them in the order of phases.
    std::ranges::stable_sort(steps, {}, &StepRecord::phase);
    lowered.plan = store_.add_plan(steps, encoded, lowered.upstream);
    return lowered;
  }

  // Of streams only what comes before the first byte is judged.
  void add_validation(const policies::ValidateRecord& contract, const Lowered& lowered,
                      std::vector<StepRecord>& steps) {
    policies::ValidateRecord record = contract;
    if (lowered.streams) {
      record.media = record.responses = record.produces = {};
      record.body = static_cast<u32>(policies::BodyPresence::Undeclared);
      record.response = static_cast<u32>(policies::ValidateMode::Off);
    }
    const auto add = [&](Phase phase) { steps.push_back(step(PolicyId::Validate, phase, record)); };
    if (ValidateLowerer::checks_request(record)) add(Phase::RequestValidation);
    if (lowered.asks && ValidateLowerer::checks_response(record)) add(Phase::ResponseValidation);
  }

  void add_compression(const Effective& fields, const OperationRecord& record,
                       const std::vector<EncodedField>& encoded, const Lowered& lowered,
                       std::vector<StepRecord>& steps) {
    if (lowered.upstream == table::kNone && record.decompress_requests != 0) {
      refuse_own(encoded, "decompressRequests", "it is not sent upstream", "remove it");
    }
    if (!is_set(fields, "compress")) return;
    check_compress(module_, *fields.find("compress"), record.compress);
    steps.push_back(step(PolicyId::Compress, Phase::Compression, record.compress));
  }

  // Without an offer: for requests without a route.
  void add_cors(const GatewayOperation& source, const EffectiveOperation& effective,
                const OperationRecord& record, const CorsOffer* offer,
                std::vector<StepRecord>& steps) {
    policies::CorsRecord stored = CorsLowerer::strip();
    if (is_set(effective.fields, "cors")) {
      const Effective& cors = *effective.fields.find("cors");
      stored = offer == nullptr ? cors_.lower_default(cors, record.cors)
                                : cors_.lower(source, cors, record.cors, *offer);
    } else if (!is_off_by(effective, "cors")) {
      return;
    }
    steps.push_back(step(PolicyId::Cors, Phase::Cors, stored));
  }

  void add_limits(const std::vector<LoweredLimit>& limits, std::vector<StepRecord>& steps) {
    for (const bool needs_identity : {false, true}) {
      const policies::RateLimitRecord stored =
          store_limits(module_.table.pools, limits, needs_identity);
      if (stored.limits.count == 0) continue;
      steps.push_back(
          step(PolicyId::RateLimit, needs_identity ? Phase::Limits : Phase::EarlyLimits, stored));
    }
  }

  // A request without a route gets what the gateway's defaults say of origins and of limits that
  // need no identity: who looks for paths is limited, and pages can read that there is none.
  void lower_default_plan() {
    module_.table.gateway.default_plan = table::kNone;
    const Unit* unit = nullptr;
    for (const Unit& candidate : module_.gateway.units) {
      if (!candidate.service.empty()) continue;
      if (unit != nullptr) return;  // several gateway documents: none speaks for all
      unit = &candidate;
    }
    if (unit == nullptr || !unit->gateway_x_gw) return;
    const openapi::PathItem no_item;
    const openapi::Operation no_operation;
    GatewayOperation source;
    source.unit = unit;
    source.item = &no_item;
    source.operation = &no_operation;
    Levels levels;
    EffectiveOperation effective = defaults_alone(module_, source, levels);
    if (effective.fields.entries.empty() && !is_off_by(effective, "cors")) return;
    EncodeScope scope;
    scope.upstreams = &module_.upstream_index;
    scope.unchecked_parameters = true;
    OperationRecord record{};
    std::vector<EncodedField> encoded;
    encode_fields(effective.fields, scope, record, encoded);
    std::vector<StepRecord> steps;
    add_cors(source, effective, record, nullptr, steps);
    LoweredLimits limits = lower_limits(module_, source, levels, effective.fields, record);
    std::erase_if(limits.all, [](const LoweredLimit& limit) { return limit.needs_identity; });
    add_limits(limits.all, steps);
    if (record.response.errors.bodies.count != 0) {
      steps.push_back(step(PolicyId::Errors, Phase::ResponseTransform, record.response.errors));
    }
    if (steps.empty()) return;
    module_.table.gateway.default_plan = store_.add_plan(steps, {}, table::kNone);
  }

  static bool is_off_by(const EffectiveOperation& effective, std::string_view name) {
    if (is_set(effective.fields, name)) return false;
    return std::ranges::any_of(effective.removals,
                               [&](const Removal& removal) { return removal.field == name; });
  }

  // `retry: off` means none, not the built-in one.
  static void switch_retry_off(OperationRecord& record, std::vector<EncodedField>& encoded) {
    record.settings.retry.times = 0;
    for (EncodedField& field : encoded) {
      if (field.field == "retry.times") field.value = "0 (off)";
    }
  }

  static policies::Replay replay_of(const GatewayOperation& source, const OperationRecord& record) {
    if (record.idempotent != 0) return policies::Replay::Always;
    return declares_idempotency_key(source) ? policies::Replay::WithKey
                                            : policies::Replay::ByMethod;
  }

  void refuse_upgrade(OperationRecord& record, const std::vector<EncodedField>& encoded,
                      std::string_view why) {
    if (record.upgrade == 0) return;
    record.upgrade = 0;
    refuse_own(encoded, "upgrade", why, "remove it; `upgrade: none` switches an inherited one off");
  }

  void refuse_stream_timeout(const std::vector<EncodedField>& encoded) {
    if (!module_.override_name.empty()) return;  // its upstream, of gRPC perhaps, is not asked
    constexpr std::string_view kReason =
        "it is no stream: no upgrade, no gRPC, no response of text/event-stream declared";
    refuse_own(encoded, "timeout.stream", kReason, "declare the stream, or set `timeout.total`");
    refuse_own(encoded, "maxStreamAge", kReason, "declare the stream, or remove the field");
  }

  // Actions replace each other from level to level; at one level nothing says which is meant, and
  // the order of keys must not.
  void refuse_second_action(NodeRef level) {
    if (!level || !level.is_map()) return;
    std::optional<NodeRef::Entry> first;
    for (const NodeRef::Entry entry : level.entries()) {
      if (!takes_every_request(entry.key.text(), entry.value)) continue;
      if (!first) {
        first = entry;
        continue;
      }
      const Span span = entry.key.span();
      if (!second_actions_.insert({span.file, span.begin}).second) continue;
      module_.sink.report({.rule = "extension-conflict",
                           .severity = Severity::Error,
                           .message = fmt::format("`{}` and `{}` cannot both take every request",
                                                  first->key.text(), entry.key.text()),
                           .primary = {span, "the second action of one place"},
                           .related = {{first->key.span(), "the first one"}},
                           .help = "remove one of them; `respond` and `redirect` may stand before "
                                   "another with a `when`"});
    }
  }

  // Inherited, a field is for other operations; written here, it would be ignored.
  void refuse_own(const std::vector<EncodedField>& encoded, std::string_view name,
                  std::string_view why, std::string_view help) {
    if (view_ != nullptr) return;  // none of these fields stands in a view
    for (const EncodedField& field : encoded) {
      if (field.field != name) continue;
      if (field.level != "operation" && field.level != "service operations") return;
      report(module_, "extension-conflict", Severity::Error, field.span,
             fmt::format("`{}` has no effect on this operation", name), std::string(why),
             std::string(help));
    }
  }

  // Deadlines and limits always hold, by default if need be; other fields only where they are set.
  void encode_fields(const Effective& fields, const EncodeScope& given, OperationRecord& record,
                     std::vector<EncodedField>& encoded) {
    reads_ = {};
    for (size_t i = 0; i < kOperationSpecs.size(); ++i) {
      const policies::FieldSpec& spec = kOperationSpecs[i];
      if (kOperationFields[i].merge == Merge::Add) continue;  // several conditions: lower_access
      if (spec.name == "views" || spec.name == "compose") continue;  // lay_view(), lower_compose()
      const Effective* value = fields.find(spec.name);
      const bool present = value != nullptr && value->present();
      const bool is_setting = is_upstream_setting(spec.name);
      EncodeScope scope = given;
      scope.messages.request_body =
          spec.name == "request" || spec.name == "response" || spec.name == "path";
      scope.messages.response = spec.name == "response";
      scope.messages.reads_request_body = &reads_.request;
      scope.messages.reads_response_body = &reads_.response;
      Effective one;
      one.is_map = true;
      if (present) one.entries.push_back({NodeRef{}, spec.name, *value});
      encoder_.encode(std::span(&spec, 1), one, scope, "", reinterpret_cast<std::byte*>(&record),
                      present || is_setting ? &encoded : nullptr);
    }
    for (const std::string_view name : {"request", "response"}) {
      const Effective* changes = fields.find(name);
      const bool written = changes != nullptr && is_set(*changes, "body");
      if (!written) forget_fields(fmt::format("{}.body.", name), encoded);
    }
  }

  // Whoever lets in whom others shut out says why.
  void check_reason(const Removal& removal) {
    if (removal.field != "allow" && removal.field != "deny") return;
    if (!removal.reason.empty()) return;
    if (!second_actions_.insert({removal.span.file, removal.span.begin}).second) return;
    report(module_, "extension-value", Severity::Error, removal.span,
           fmt::format("`{}` is switched off without a reason", removal.field), "here",
           fmt::format("write `{}: {{off: REASON}}`", removal.field));
  }

  // Everything that is switched off is shown by `inspect`, once for each place that says so.
  void note_removals(const GatewayOperation& source, const std::vector<Removal>& removals) {
    Pools& pools = module_.table.pools;
    for (const Removal& removal : removals) {
      check_reason(removal);
      const std::pair place{removal.span.file, removal.span.begin};
      if (!noted_.insert(place).second) continue;
      module_.table.notes.push_back({.kind = table::NoteKind::Off,
                                     .subject = pools.strings.add(removal.field),
                                     .where = pools.strings.add(source.id),
                                     .reason = pools.strings.add(removal.reason),
                                     .source = encoder_.source(removal.span)});
    }
  }

  template <class Record>
  StepRecord step(PolicyId policy, Phase phase, const Record& record,
                  u32 condition = table::kNone) {
    return {.policy = static_cast<u16>(policy),
            .phase = static_cast<u8>(phase),
            .reserved = 0,
            .record = module_.table.pools.policy_data.add(bytes_of(record)),
            .condition = condition,
            .scratch = table::kNone};
  }

  void add_request_steps(const PlannedOperation& operation, const Effective& fields,
                         OperationRecord& record, std::vector<StepRecord>& steps,
                         Lowered& lowered) {
    add_transformation(fields, record, steps);
    bool answered = false;
    if (is_set(fields, "respond")) {
      const Effective* body = fields.find("respond")->find("body");
      record.respond.body_is_json =
          body != nullptr && body->node && !body->node.is_scalar() ? 1 : 0;
      steps.push_back(step(PolicyId::Respond, Phase::Action, record.respond, record.respond.when));
      answered = record.respond.when == table::kNone && !has_condition(fields, "respond");
    }
    if (is_set(fields, "redirect")) {
      steps.push_back(
          step(PolicyId::Redirect, Phase::Action, record.redirect, record.redirect.when));
      answered =
          answered || (record.redirect.when == table::kNone && !has_condition(fields, "redirect"));
    }
    if (answered) return;
    if (is_set(fields, "compose") && !module_.options.mock) return;  // see add_compose()
    if (is_set(fields, "mock") || module_.options.mock) {
      const policies::MockRecord mock = lower_mock(module_, *operation.source, record.mock);
      steps.push_back(step(PolicyId::Mock, Phase::Action, mock));
      return;
    }
    add_proxy(operation, fields, record, steps, lowered);
  }

  // Which bodies expressions read, found out while they are encoded.
  struct BodyReads {
    bool request = false;
    bool response = false;
  };

  void add_transformation(const Effective& fields, OperationRecord& record,
                          std::vector<StepRecord>& steps) {
    policies::BodyRecord& body = record.request.body;
    const Effective* request = fields.find("request");
    const bool changes = request != nullptr && is_set(*request, "body");
    if (changes || reads_.request) {
      body.reads = 1;
      steps.push_back(step(PolicyId::Body, Phase::RequestValidation, body));
    }
    if (changes) steps.push_back(step(PolicyId::Body, Phase::RequestTransform, body));
    if (!is_empty(record.request.query.changes)) {
      steps.push_back(step(PolicyId::Query, Phase::RequestTransform, record.request.query));
    }
    if (!is_empty(record.request.headers)) {
      steps.push_back(step(PolicyId::Headers, Phase::RequestTransform, record.request.headers));
    }
  }

  // Fields last: they see the status and the media type that clients will see. Whether the plan is
  // the operation's alone.
  bool add_response_steps(const GatewayOperation& source, const Effective& fields,
                          OperationRecord& record, const PlanView& view, const EncodeScope& scope,
                          std::vector<StepRecord>& steps, std::vector<EncodedField>& encoded) {
    const Effective* response = fields.find("response");
    if (record.response.status.changes.count != 0) {
      steps.push_back(step(PolicyId::Status, Phase::ResponseTransform, record.response.status));
    }
    policies::BodyRecord& body = record.response.body;
    bool depends_on_operation = validate_.give_answer_forms(source, body);
    body.reads = reads_.response ? 1 : 0;
    if ((response != nullptr && is_set(*response, "body")) || reads_.response) {
      steps.push_back(step(PolicyId::Body, Phase::ResponseTransform, body));
    }
    if (view.body.present()) {
      policies::BodyRecord seen{};
      EncodeScope inner = scope;
      inner.messages.request_body = inner.messages.response = inner.messages.of_view = true;
      encoder_.encode(policies::kBodyFields, view.body, inner, fmt::format("views.{}", view.name),
                      reinterpret_cast<std::byte*>(&seen), &encoded);
      seen.of_view = 1;
      depends_on_operation |= validate_.give_answer_forms(source, seen);
      steps.push_back(step(PolicyId::Body, Phase::ResponseTransform, seen));
    }
    if (record.response.errors.bodies.count != 0) {
      steps.push_back(step(PolicyId::Errors, Phase::ResponseTransform, record.response.errors));
    }
    if (!is_empty(record.response.headers)) {
      steps.push_back(step(PolicyId::Headers, Phase::ResponseTransform, record.response.headers));
    }
    return depends_on_operation;
  }

  void add_compose(const PlannedOperation& operation, const Effective& fields,
                   const EncodeScope& scope, std::vector<StepRecord>& steps, Lowered& lowered,
                   std::vector<EncodedField>& encoded) {
    const LoweredCompose made = lower_compose(module_, encoder_, security_, operation,
                                              *fields.find("compose"), scope, encoded);
    reads_.request = reads_.request || made.reads_request_body;
    lowered.other_upstreams.insert(lowered.other_upstreams.end(), made.upstreams.begin(),
                                   made.upstreams.end());
    lowered.asks = true;
    if (made.record) steps.push_back(step(PolicyId::Compose, Phase::Action, *made.record));
  }

  u32 chosen_upstream(const Effective& fields, const OperationRecord& record) const {
    if (!module_.override_name.empty()) return module_.upstream_index.at(module_.override_name);
    return is_set(fields, "upstream") ? record.upstream.name : table::kNone;
  }

  void add_proxy(const PlannedOperation& operation, const Effective& fields,
                 const OperationRecord& record, std::vector<StepRecord>& steps, Lowered& lowered) {
    const u32 upstream = chosen_upstream(fields, record);
    if (upstream == table::kNone) {
      if (is_set(fields, "upstream")) {
        module_.upstream_dangling = true;  // reported when it was encoded
        return;
      }
      report_missing(operation);
      return;
    }
    policies::ProxyRecord proxy{};
    proxy.upstream = upstream;
    proxy.path = record.path;
    proxy.strip_bytes = is_set(fields, "path") ? 0 : operation.source->unit->mount_bytes;
    proxy.replay = static_cast<u32>(replay_of(*operation.source, record));
    proxy.upgrade = record.upgrade;
    proxy.decompress = record.decompress_requests;
    const u32 protocol = module_.table.upstreams[upstream].protocol;
    lowered.streams = record.upgrade != 0 || protocol == policies::kProtocolGrpc ||
                      declares_stream(*operation.source->operation);
    proxy.streams = lowered.streams ? 1 : 0;
    lower_split(module_, fields, record, proxy, lowered.other_upstreams);
    check_parts(fields, lowered, proxy);
    steps.push_back(step(PolicyId::Proxy, Phase::Action, proxy));
    lowered.upstream = upstream;
    lowered.asks = true;
  }

  // What goes to several upstreams must be the same kind of thing to all of them.
  void check_parts(const Effective& fields, const Lowered& lowered,
                   const policies::ProxyRecord& proxy) {
    if (proxy.mirrors.count != 0 && lowered.streams) {
      report(module_, "extension-conflict", Severity::Error, fields.find("mirror")->span(),
             "`mirror` has no effect on a stream", "whose end nobody would wait for",
             "remove it; `mirror: off` switches an inherited one off");
    }
    if (proxy.split.count == 0) return;
    const auto grpc = [&](u32 upstream) {
      return module_.table.upstreams[upstream].protocol == policies::kProtocolGrpc;
    };
    for (const u32 upstream : lowered.other_upstreams) {
      const u32 protocol = module_.table.upstreams[upstream].protocol;
      const bool cannot_upgrade = proxy.upgrade != 0 && protocol != 0;
      if (grpc(upstream) == grpc(proxy.upstream) && !cannot_upgrade) continue;
      report(module_, "extension-conflict", Severity::Error, fields.find("upstream")->span(),
             "the upstreams of a split do not speak the same protocol",
             cannot_upgrade ? "HTTP/2 has no Upgrade" : "`grpc` and something else",
             "choose upstreams that can stand for each other");
      return;
    }
  }

  // Once per path item that has none at all, not once per operation.
  void report_missing(const PlannedOperation& operation) {
    const GatewayOperation& source = *operation.source;
    // A wrong --upstream has been reported; it is the cause.
    if (!module_.options.upstream.empty()) return;
    if (!missing_.insert(source.item).second) return;
    const bool document_has_x_gw = static_cast<bool>(source.unit->gateway_x_gw);
    report(
        module_, "upstream-missing", Severity::Error, source.span,
        fmt::format("operation `{}` has no upstream", source.id),
        "nothing says where its requests go",
        document_has_x_gw
            ? "add `x-gw: {upstream: NAME}` to the path or to the root's `defaults`"
            : "add `x-gw` to the document, or try it with --upstream http://host:port or --mock");
  }

  Module& module_;
  Encoder encoder_;
  TimeoutCheck timeouts_;
  RetryCheck retries_;
  SecurityLowerer security_;
  CorsLowerer cors_;
  LimitCheck limits_;
  std::vector<LoweredLimit> plan_limits_;
  ValidateLowerer validate_;
  std::vector<ClientClass> clients_;
  std::vector<std::string_view> class_names_;
  BodyReads reads_;
  const Effective* view_ = nullptr;  // as it is written, while its plan is made
  PlanStore store_;
  std::unordered_map<std::string, Lowered> known_;
  std::set<std::pair<const Tree*, u32>> checked_;
  std::set<const openapi::PathItem*> missing_;
  std::set<std::pair<FileId, u32>> second_actions_;  // places
  std::set<std::pair<FileId, u32>> noted_;           // places of `off`
};

}  // namespace

void lower_operations(Module& module) { OperationLowerer(module).run(); }

}  // namespace gw::compiler
