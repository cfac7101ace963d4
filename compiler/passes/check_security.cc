// Security that the document asks for and nothing enforces: refused unless it is said aloud.
#include <fmt/format.h>

#include <map>

#include "compiler/passes/passes.h"
#include "compiler/xgw/language.h"

namespace gw::compiler {
namespace {

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// `unenforced: {security: reason}` at the nearest place that has it.
NodeRef unenforced_reason(const GatewayOperation& source) {
  for (const NodeRef level : {source.operation->x_gw, source.item->x_gw,
                              source.unit->document->x_gw, source.unit->gateway_x_gw}) {
    if (const NodeRef reason = child(child(level, "unenforced"), "security")) return reason;
  }
  return {};
}

void add_note(Module& module, table::NoteKind kind, std::string_view subject,
              std::string_view where, std::string_view reason, Span span) {
  Pools& pools = module.table.pools;
  module.table.notes.push_back({.kind = kind,
                                .subject = pools.strings.add(subject),
                                .where = pools.strings.add(where),
                                .reason = pools.strings.add(reason),
                                .source = Encoder(pools, module.files, module.sink).source(span)});
}

struct Refusal {
  const GatewayOperation* first = nullptr;
  u32 more = 0;
};

}  // namespace

NodeRef security_of(const GatewayOperation& source) {
  const openapi::Security& own = source.unit->document->effective_security(*source.operation);
  if (own.declared) return own.node;
  if (const NodeRef entry = child(source.unit->entry, "security")) return entry;
  const openapi::Security& gateway = source.unit->gateway->security;
  return gateway.declared ? gateway.node : NodeRef{};
}

void check_security(Module& module) {
  std::map<std::pair<const Tree*, u32>, Refusal> refusals;  // by requirement list
  std::vector<NodeRef> order;
  for (PlannedOperation& planned : module.operations) {
    const GatewayOperation& source = *planned.source;
    if (source.operation->deprecated) planned.flags |= table::kRouteDeprecated;
    const NodeRef security = security_of(source);
    const bool secured = security && security.is_seq() && security.size() > 0;
    if (!secured) {
      for (const NodeRef level : {source.operation->x_gw, source.item->x_gw}) {
        const NodeRef reason = child(level, "public");
        if (!reason || !reason.is_scalar()) continue;
        add_note(module, table::NoteKind::Public, "public", source.id, reason.text(),
                 reason.span());
        break;
      }
      continue;
    }
    planned.flags |= table::kRouteSecured | table::kRouteSecurityUnenforced;
    const NodeRef reason = unenforced_reason(source);
    if (reason) {
      add_note(module, table::NoteKind::Unenforced, "security", source.id,
               reason.is_scalar() ? reason.text() : "", reason.span());
      continue;
    }
    if (module.options.mock || module.options.unenforced_security) {
      add_note(module, table::NoteKind::Unenforced, "security", source.id,
               module.options.mock ? "--mock" : "--unenforced security", security.span());
      continue;
    }
    Refusal& refusal = refusals[{security.tree(), security.index()}];
    if (refusal.first == nullptr) {
      refusal.first = &source;
      order.push_back(security);
    } else {
      ++refusal.more;
    }
  }
  for (const NodeRef security : order) {
    const Refusal& refusal = refusals[{security.tree(), security.index()}];
    const std::string others = refusal.more == 0 ? "" : fmt::format(" and {} more", refusal.more);
    module.sink.report(
        {.rule = "security-unenforced",
         .severity = Severity::Error,
         .message = fmt::format("operation `{}`{} {} for authentication, which this version "
                                "cannot enforce yet",
                                refusal.first->id, others, refusal.more == 0 ? "asks" : "ask"),
         .primary = {security.span(), "required here"},
         .related = {{refusal.first->span, "by this operation"}},
         .help =
             "compile with --unenforced security (shown by inspect and serve), or with --mock"});
  }
}

}  // namespace gw::compiler
