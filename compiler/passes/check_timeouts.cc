#include "compiler/passes/check_timeouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

struct Deadline {
  std::string_view name;
  u64 milliseconds = 0;
  bool known = false;  // not a late reference
  std::string_view level;
  Span span;
};

Deadline deadline_of(std::string_view name, const table::LateNumber& value,
                     const std::vector<EncodedField>& encoded) {
  Deadline deadline{.name = name,
                    .milliseconds = value.value,
                    .known = value.late == table::kNone,
                    .level = "default",
                    .span = {}};
  for (const EncodedField& field : encoded) {
    if (field.field != name) continue;
    deadline.level = field.level;
    deadline.span = field.span;
  }
  return deadline;
}

u64 place_of(Span span) { return (u64{span.file} << 32) | span.begin; }

}  // namespace

int nearness(std::string_view level) {
  constexpr std::array<std::string_view, 9> kLevels = {
      "default",           "gateway defaults", "upstream", "service defaults",
      "document defaults", "policy",           "path",     "operation",
      "service operations"};
  return static_cast<int>(std::ranges::find(kLevels, level) - kLevels.begin());
}

void TimeoutCheck::check_chain(const policies::TimeoutRecord& timeout,
                               const std::vector<EncodedField>& encoded, bool streams) {
  const std::array deadlines = {deadline_of("timeout.connect", timeout.connect, encoded),
                                deadline_of("timeout.try", timeout.try_, encoded),
                                deadline_of("timeout.total", timeout.total, encoded)};
  const size_t count = deadlines.size() - (streams ? 1 : 0);  // without `total`
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      const Deadline& inner = deadlines[i];
      const Deadline& outer = deadlines[j];
      if (!inner.known || !outer.known || inner.milliseconds <= outer.milliseconds) continue;
      if (inner.level == "default" || nearness(inner.level) < nearness(outer.level)) continue;
      if (!reported_.insert({place_of(inner.span), place_of(outer.span)}).second) break;
      const std::string outer_text = format_duration(outer.milliseconds);
      Diagnostic finding{
          .rule = "timeout-chain",
          .severity = Severity::Error,
          .message = fmt::format("`{}` is {}, but `{}` ends it after {}", inner.name,
                                 format_duration(inner.milliseconds), outer.name, outer_text),
          .primary = {inner.span, "never reached"},
          .help = fmt::format("make `{}` at least {}, or `{}` shorter", outer.name,
                              format_duration(inner.milliseconds), inner.name)};
      if (outer.span.valid()) {
        finding.related.push_back({outer.span, fmt::format("{} here", outer_text)});
      } else {
        finding.help = fmt::format("set `{}` as well; {} is its default", outer.name, outer_text);
      }
      module_.sink.report(std::move(finding));
      break;  // the nearest outer one says it
    }
  }
}

void TimeoutCheck::add_unset(const GatewayOperation& operation) {
  if (!module_.override_name.empty()) return;  // --upstream is for trying things out
  Unset& unset = unset_[operation.unit->gateway->file];
  if (unset.count++ == 0) unset.first = &operation;
}

void TimeoutCheck::report_unset() {
  for (const auto& [file, unset] : unset_) {
    const std::string others = unset.count == 1 ? "" : fmt::format(" and {} more", unset.count - 1);
    std::string defaults;
    for (const policies::FieldSpec& field : policies::kTimeoutFields) {
      if (field.name == "stream") continue;  // unlimited, and for streams alone
      defaults += fmt::format("{}{}: {}", defaults.empty() ? "" : ", ", field.name, field.fallback);
    }
    report(module_, "timeout-missing", Severity::Info, unset.first->span,
           fmt::format("nobody chose deadlines for operation `{}`{}", unset.first->id, others),
           "the built-in ones hold",
           fmt::format("say what you can wait for: `x-gw: {{defaults: {{timeout: {{{}}}}}}}`",
                       defaults));
  }
}

}  // namespace gw::compiler
