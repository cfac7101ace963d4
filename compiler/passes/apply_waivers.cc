// `waive: {RULE: {reason, until}}`: accepted findings, each with a reason, checked for use and
// date.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/diag/rules.h"
#include "compiler/passes/passes.h"
#include "runtime/schema/formats.h"

namespace gw::compiler {
namespace {

// Errors that a table can be made in spite of. All other errors mean that it cannot.
constexpr std::string_view kWaivableErrors[] = {"secret-inline",
                                                "route-ambiguous",
                                                "timeout-chain",
                                                "retry-non-idempotent",
                                                "schema-recursive-unbounded",
                                                "body-path-unknown",
                                                "body-change-not-json",
                                                "compose-field-unknown",
                                                "compose-input",
                                                "compose-shape"};

struct Waiver {
  std::string rule;
  Span scope;
  Span key;
  std::string reason;
  std::string until;
  bool used = false;
};

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

class WaiverPass {
 public:
  explicit WaiverPass(Module& module) : module_(module) {}

  void run() {
    for (const auto& document : module_.gateway.documents) {
      collect(document->x_gw, document->root.span());
      for (const openapi::PathItem& item : document->paths) {
        collect(item.x_gw, item.node.span());
        for (const openapi::Operation& operation : item.operations) {
          collect(operation.x_gw, operation.node.span());
        }
      }
    }
    if (waivers_.empty()) return;
    std::erase_if(module_.sink.all(),
                  [&](const Diagnostic& finding) { return is_waived(finding); });
    for (const Waiver& waiver : waivers_) {
      if (!waiver.used) {
        report(module_, "waiver-unused", Severity::Warning, waiver.key,
               fmt::format("nothing here breaks rule `{}`", waiver.rule),
               "this waiver is not needed", "remove it");
      }
    }
    for (const Waiver& waiver : waivers_) note(waiver);
  }

 private:
  void collect(NodeRef x_gw, Span scope) {
    const NodeRef map = child(x_gw, "waive");
    if (!map) return;
    if (!map.is_map()) {
      report(module_, "extension-value", Severity::Error, map.span(), "`waive` is not a map",
             "here", "write `waive: {RULE: {reason: ..., until: 2026-12-31}}`");
      return;
    }
    for (const auto [key, value] : map.entries()) add(key, value, scope);
  }

  void add(NodeRef key, NodeRef value, Span scope) {
    const Rule* rule = find_rule(key.text());
    if (rule == nullptr) {
      std::vector<std::string_view> ids;
      for (const Rule& known : all_rules()) ids.push_back(known.id);
      report(module_, "extension-dangling", Severity::Error, key.span(),
             fmt::format("there is no rule `{}`", key.text()), "named here",
             did_you_mean(key.text(), ids));
      return;
    }
    const NodeRef reason = child(value, "reason");
    if (!reason || !reason.is_scalar() || reason.text().empty()) {
      report(module_, "extension-missing", Severity::Error, key.span(),
             fmt::format("the waiver of `{}` gives no reason", key.text()), "it needs one",
             "write `{reason: why, until: YYYY-MM-DD}`");
      return;
    }
    const bool error = rule->severity == Severity::Error;
    if (error && std::ranges::find(kWaivableErrors, rule->id) == std::end(kWaivableErrors)) {
      report(module_, "extension-value", Severity::Error, key.span(),
             fmt::format("rule `{}` cannot be waived", key.text()),
             "without it there is no table to be made");
      return;
    }
    const NodeRef until = child(value, "until");
    if (until && (!until.is_scalar() || !gw::schema::is_date(until.text()))) {
      report(module_, "extension-value", Severity::Error, until.span(), "`until` is not a date",
             "here", "write it as YYYY-MM-DD");
      return;
    }
    if (until && !module_.options.today.empty() && until.text() < module_.options.today) {
      report(module_, "waiver-expired", Severity::Warning, until.span(),
             fmt::format("the waiver of `{}` ended on {}", key.text(), until.text()), "in the past",
             "mend the finding, or decide anew");
      return;
    }
    waivers_.push_back({.rule = std::string(key.text()),
                        .scope = scope,
                        .key = key.span(),
                        .reason = std::string(reason.text()),
                        .until = until ? std::string(until.text()) : std::string()});
  }

  bool is_waived(const Diagnostic& finding) {
    const Span place = finding.primary.span;
    if (!place.valid()) return false;
    for (Waiver& waiver : waivers_) {
      const bool inside = place.file == waiver.scope.file && place.begin >= waiver.scope.begin &&
                          place.end <= waiver.scope.end;
      if (!inside || finding.rule != waiver.rule) continue;
      waiver.used = true;
      return true;
    }
    return false;
  }

  void note(const Waiver& waiver) {
    if (!waiver.used) return;
    Pools& pools = module_.table.pools;
    module_.table.notes.push_back(
        {.kind = table::NoteKind::Waived,
         .subject = pools.strings.add(waiver.rule),
         .where =
             pools.strings.add(waiver.until.empty() ? "" : fmt::format("until {}", waiver.until)),
         .reason = pools.strings.add(waiver.reason),
         .source = Encoder(pools, module_.files, module_.sink).source(waiver.key)});
  }

  Module& module_;
  std::vector<Waiver> waivers_;
};

}  // namespace

void apply_waivers(Module& module) { WaiverPass(module).run(); }

}  // namespace gw::compiler
