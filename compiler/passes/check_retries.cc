#include "compiler/passes/check_retries.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "compiler/passes/check_timeouts.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/method.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using policies::Replay;

// Above this, repetitions are a load of their own.
constexpr u64 kLargeBudget = 5'000;  // hundredths of a percent
constexpr u64 kLongestPause = 10;    // times `retry.backoff`, see runtime/upstream/retry.cc

// A part of a field, by whoever had the last word about it.
struct Part {
  std::string_view level = "default";
  Span span;
  NodeRef node;
  bool chosen() const { return span.valid(); }
};

Part part_of(const Effective& fields, std::string_view field, std::string_view name) {
  const Effective* record = fields.find(field);
  const Effective* part = record == nullptr ? nullptr : record->find(name);
  if (part == nullptr || !part->present()) return {};
  return {.level = part->level, .span = part->span(), .node = part->node};
}

Part idempotent_of(const Effective& fields) {
  const Effective* value = fields.find("idempotent");
  if (value == nullptr || !value->present()) return {};
  return {.level = value->level, .span = value->span(), .node = value->node};
}

bool is_known(const table::LateNumber& value) { return value.late == table::kNone; }

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// Written at the operation itself; what comes from further out is meant for others, too.
bool is_at_operation(std::string_view level) {
  return level == "operation" || level == "service operations";
}

bool lies_within(Span inner, Span outer) {
  return inner.file == outer.file && inner.begin >= outer.begin && inner.end <= outer.end;
}

// Comes from a policy that the operation itself takes in.
bool is_from_used(const GatewayOperation& operation, Span span) {
  const NodeRef use = child(operation.operation->x_gw, "use");
  if (!use) return false;
  std::vector<NodeRef> names;
  if (use.is_seq()) {
    for (const NodeRef item : use.items()) names.push_back(item);
  } else {
    names.push_back(use);
  }
  return std::ranges::any_of(names, [&](NodeRef name) {
    if (!name.is_scalar()) return false;
    for (const NodeRef x_gw : {operation.unit->document->x_gw, operation.unit->gateway_x_gw}) {
      const NodeRef policy = child(child(x_gw, "policies"), name.text());
      if (policy) return lies_within(span, policy.span());
    }
    return false;
  });
}

bool is_own(const GatewayOperation& operation, const Part& part) {
  if (!part.chosen()) return false;
  if (is_at_operation(part.level)) return true;
  return part.level == "policy" && is_from_used(operation, part.span);
}

std::vector<NodeRef> items_of(const Part& causes) {
  std::vector<NodeRef> items;
  if (!causes.node) return items;
  if (!causes.node.is_seq()) return {causes.node};
  for (const NodeRef item : causes.node.items()) items.push_back(item);
  return items;
}

NodeRef find_cause(const Part& causes, std::string_view name) {
  for (const NodeRef item : items_of(causes)) {
    if (item.is_scalar() && item.text() == name) return item;
  }
  return {};
}

// Nothing has been sent when one of these two happens, or the target has said that it did not look.
bool is_before_sending(NodeRef cause) {
  return !cause.is_scalar() || cause.text() == "connect" || cause.text() == "refused";
}

bool is_idempotent(const GatewayOperation& operation) {
  return http::is_idempotent(http::parse_method(operation.operation->method.value));
}

bool has_body(const GatewayOperation& operation) {
  return static_cast<bool>(operation.operation->request_body.node);
}

std::string request_text(const GatewayOperation& operation) {
  return fmt::format("{} {}", operation.operation->method.value, operation.path);
}

u64 longest_pauses(const policies::RetryRecord& retry) {
  if (!is_known(retry.backoff)) return 0;
  const u64 first = retry.backoff.value;
  u64 sum = 0;
  for (u32 i = 0; i < retry.times; ++i) sum += std::min(first << i, first * kLongestPause);
  return sum;
}

std::string counted(u64 count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

// What bounds a try that ends in a repetition, and by which cause.
struct Phase {
  std::string_view cause;
  std::string_view name;  // of the deadline
  const table::LateNumber* limit;
  Part part;
};

}  // namespace

bool declares_idempotency_key(const GatewayOperation& operation) {
  return std::ranges::any_of(operation.operation->parameters, [](const auto& parameter) {
    return parameter.in == openapi::ParameterIn::Header &&
           equal_ignoring_case(parameter.name.value, "idempotency-key");
  });
}

std::string_view retry_kind_of(const GatewayOperation& operation) {
  if (operation.any_method) return "*";
  if (is_idempotent(operation)) return has_body(operation) ? "idempotent, body" : "idempotent";
  return has_body(operation) ? "once, body" : "once";
}

bool RetryCheck::is_new(std::string_view rule, Span span) {
  return reported_.insert({rule, (u64{span.file} << 32) | span.begin}).second;
}

void RetryCheck::check(const Subject& subject) {
  if (subject.settings.retry.times == 0) return;
  if (!subject.streams) check_time(subject);
  check_causes(subject);
  check_load(subject);
  check_body(subject);
}

// Tries that take as long as they may leave no time for all repetitions.
void RetryCheck::check_time(const Subject& subject) {
  const policies::RetryRecord& retry = subject.settings.retry;
  const policies::TimeoutRecord& timeout = subject.settings.timeout;
  const Part times = part_of(subject.fields, "retry", "times");
  const Part causes = part_of(subject.fields, "retry", "causes");
  if (!times.chosen() && !causes.chosen()) return;
  // Other causes come as early as they like; these two take all the time that there is.
  const Part connect = part_of(subject.fields, "timeout", "connect");
  Phase phase;
  if (find_cause(causes, "timeout")) {
    phase = {"timeout", "timeout.try", &timeout.try_, part_of(subject.fields, "timeout", "try")};
  } else if (connect.chosen() && (!causes.chosen() || find_cause(causes, "connect"))) {
    phase = {"connect", "timeout.connect", &timeout.connect, connect};
  } else {
    return;
  }
  if (!is_known(*phase.limit) || !is_known(timeout.total)) return;
  const Part total = part_of(subject.fields, "timeout", "total");
  const Part& own = times.chosen() ? times : causes;
  const int inner =
      std::max({nearness(own.level), nearness(causes.level), nearness(phase.part.level)});
  if (inner < nearness(total.level)) return;  // shortened on purpose

  const u64 one = phase.limit->value;
  const u64 all = timeout.total.value;
  const u64 pauses = longest_pauses(retry);
  const u64 sum = one * (retry.times + 1) + pauses;
  const u64 begun = std::min<u64>(retry.times, (all - 1) / one);
  const bool cut_short = phase.cause == "timeout" && sum > all;
  if (begun == retry.times && !cut_short) return;
  const NodeRef cause = find_cause(causes, phase.cause);
  const Span place = cause ? cause.span() : own.span;
  if (!is_new("timeout-chain", place)) return;

  const std::string whole =
      fmt::format("{} tries of {} and pauses of up to {} take up to {}", retry.times + 1,
                  format_duration(one), format_duration(pauses), format_duration(sum));
  const bool never = begun < retry.times;
  Diagnostic finding{.rule = "timeout-chain",
                     .severity = never ? Severity::Error : Severity::Warning,
                     .message = fmt::format("{}, but `timeout.total` ends them after {}", whole,
                                            format_duration(all)),
                     .primary = {place, ""}};
  if (!never) {
    finding.primary.text =
        fmt::format("the last one is cut short, to {}", format_duration(all - one * retry.times));
  } else if (begun == 0) {
    finding.primary.text = fmt::format("no repetition after `{}` can begin", phase.cause);
  } else {
    finding.primary.text = fmt::format("of {} after `{}` only {} can begin",
                                       counted(retry.times, "repetition"), phase.cause, begun);
  }
  if (times.chosen() && times.span != place) {
    finding.related.push_back({times.span, fmt::format("{} after the first", retry.times)});
  }
  if (phase.part.chosen()) {
    finding.related.push_back({phase.part.span, fmt::format("{} each", format_duration(one))});
  }
  if (total.chosen()) {
    finding.related.push_back({total.span, fmt::format("{} for all", format_duration(all))});
  }
  const u64 room = all > pauses ? (all - pauses) / (retry.times + 1) : 0;
  finding.help = fmt::format("make `timeout.total` at least {}", format_duration(sum));
  if (room != 0) {
    finding.help += fmt::format(", or `{}` at most {}", phase.name, format_duration(room));
  }
  if (begun != 0 && never) finding.help += fmt::format(", or `retry.times` {}", begun);
  module_.sink.report(std::move(finding));
}

// What may have had an effect is never sent a second time.
void RetryCheck::check_causes(const Subject& subject) {
  const GatewayOperation& operation = subject.operation;
  if (operation.any_method || is_idempotent(operation)) return;
  if (subject.replay != Replay::ByMethod) return;
  const Part causes = part_of(subject.fields, "retry", "causes");
  if (!is_own(operation, causes)) return;
  NodeRef first;
  std::string names;
  u32 count = 0;
  for (const NodeRef item : items_of(causes)) {
    if (is_before_sending(item)) continue;
    if (!first) first = item;
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", item.text());
    ++count;
  }
  if (!first || !is_new("retry-non-idempotent", first.span())) return;
  module_.sink.report(
      {.rule = "retry-non-idempotent",
       .severity = Severity::Error,
       .message = fmt::format("`{}` is not sent again after {}: it may have had its effect",
                              request_text(operation), names),
       .primary = {first.span(),
                   count == 1 ? "this cause never applies" : "these causes never apply"},
       .related = {{operation.span,
                    fmt::format("{} is not idempotent", operation.operation->method.value)}},
       .help = "if it does no harm to send it twice, say `idempotent: true`, or declare the header "
               "parameter `Idempotency-Key`; else keep `connect` and `refused` only"});
}

// Repetitions that burden a target which has too much to do already.
void RetryCheck::check_load(const Subject& subject) {
  const policies::RetryRecord& retry = subject.settings.retry;
  const Part causes = part_of(subject.fields, "retry", "causes");
  const NodeRef too_many = find_cause(causes, "429");
  if (too_many && is_new("retry-budget", too_many.span())) {
    report(module_, "retry-budget", Severity::Warning, too_many.span(),
           fmt::format("a request that is refused for there being too many is sent up to {} more",
                       counted(retry.times, "time")),
           "429 asks for fewer",
           "remove 429: the client gets it, with the `Retry-After` of the target");
  }
  const Part budget = part_of(subject.fields, "retry", "budget");
  const bool large = is_known(retry.budget) && retry.budget.value > kLargeBudget;
  if (!budget.chosen() || !large || retry.times < 2) return;
  if (!is_new("retry-budget", budget.span)) return;
  module_.sink.report(
      {.rule = "retry-budget",
       .severity = Severity::Warning,
       .message = fmt::format("an upstream that fails gets up to {} of its usual requests",
                              format_percent(10'000 + retry.budget.value)),
       .primary = {budget.span,
                   fmt::format("with up to {} of each", counted(retry.times, "repetition"))},
       .help = fmt::format("keep `retry.budget` at {} or below, or `retry.times` at 1",
                           format_percent(kLargeBudget))});
}

// Bodies that are gone when the request should be sent again.
void RetryCheck::check_body(const Subject& subject) {
  const GatewayOperation& operation = subject.operation;
  const policies::SettingsRecord& settings = subject.settings;
  if (operation.any_method || !has_body(operation)) return;
  if (!is_idempotent(operation) && subject.replay == Replay::ByMethod) return;
  if (!is_known(settings.retry.buffer) || !is_known(settings.max_body)) return;
  const u64 buffer = settings.retry.buffer.value;
  if (buffer >= settings.max_body.value) return;

  const Part times = part_of(subject.fields, "retry", "times");
  const Part causes = part_of(subject.fields, "retry", "causes");
  // Without a connection nobody has begun to read the body.
  const auto items = items_of(causes);
  const bool needs_body = std::ranges::any_of(
      items, [](NodeRef item) { return !item.is_scalar() || item.text() != "connect"; });
  if (causes.chosen() && !needs_body) return;
  const Part idempotent = idempotent_of(subject.fields);
  Part place;
  for (const Part& part : {causes, times, idempotent}) {
    if (!place.chosen() && is_own(operation, part)) place = part;
  }
  const bool inherited = !place.chosen();
  if (inherited) place = causes;  // what nobody asked for need not be explained
  if (!place.chosen() || !is_new("retry-body-unbuffered", place.span)) return;

  const bool none = buffer == 0;
  Diagnostic finding{
      .rule = "retry-body-unbuffered",
      .severity = none && !inherited ? Severity::Warning : Severity::Info,
      .message = none ? fmt::format("`{}` is sent again only when its body came with its head",
                                    request_text(operation))
                      : fmt::format("`{}` is not sent again with a body of more than {}",
                                    request_text(operation), format_bytes(buffer)),
      .primary = {place.span,
                  fmt::format("`retry.buffer` is {}, `maxBody` {}", format_bytes(buffer),
                              format_bytes(settings.max_body.value))},
      .related = {{operation.span, "this operation has a body"}},
      .help = fmt::format("set `retry: {{buffer: {}}}`, for as much memory per request, or a "
                          "smaller `maxBody`",
                          format_bytes(settings.max_body.value))};
  module_.sink.report(std::move(finding));
}

}  // namespace gw::compiler
