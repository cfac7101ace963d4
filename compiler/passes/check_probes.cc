// Paths that listeners answer by themselves: what they may look like, and operations that they
// hide.
#include <fmt/format.h>

#include <string>

#include "compiler/passes/passes.h"
#include "compiler/passes/template_text.h"
#include "runtime/policies/listener/record.h"

namespace gw::compiler {
namespace {

// A template that holds a parameter takes other paths as well: the probe is the more specific one,
// as a literal path would be. A literal one would never be reached.
void check_hidden(Module& module, NodeRef path) {
  const openapi::PathItem* reported = nullptr;
  for (const PlannedOperation& planned : module.operations) {
    const GatewayOperation& source = *planned.source;
    if (source.item == reported || public_template(module, source) != path.text()) continue;
    reported = source.item;
    module.sink.report(
        {.rule = "extension-conflict",
         .severity = Severity::Error,
         .message = fmt::format("requests to `{}` never reach its operation", path.text()),
         .primary = {path.span(), "the listener answers them by itself"},
         .related = {{source.item->path.span, "declared here"}},
         .help = "choose another path for the probe: it holds for every host"});
  }
}

void check_path(Module& module, NodeRef path) {
  if (!path || !path.is_scalar()) return;
  if (!policies::is_probe_path(path.text())) {
    return report(module, "extension-value", Severity::Error, path.span(),
                  fmt::format("`{}` is not a path that requests come with", path.text()), "here",
                  "write it as it is sent, such as `/healthz`: no query, nothing escaped");
  }
  check_hidden(module, path);
}

}  // namespace

void check_probes(Module& module) {
  for (const NodeRef listener : module.gateway.listeners) {
    const NodeRef health = listener.is_map() ? listener.get("health") : NodeRef{};
    if (!health || !health.is_map()) continue;
    const NodeRef live = health.get("live");
    const NodeRef ready = health.get("ready");
    check_path(module, live);
    check_path(module, ready);
    const bool any = health.entries().begin() != health.entries().end();
    if (!any) {
      report(module, "extension-missing", Severity::Error, health.span(), "`health` names no path",
             "here", "write `{live: /healthz, ready: /readyz}`");
    }
    const bool same =
        live && ready && live.is_scalar() && ready.is_scalar() && live.text() == ready.text();
    if (!same) continue;
    module.sink.report({.rule = "extension-conflict",
                        .severity = Severity::Error,
                        .message = fmt::format("`{}` cannot say both", ready.text()),
                        .primary = {ready.span(), "whether it takes requests"},
                        .related = {{live.span(), "whether it is there"}},
                        .help = "choose two paths"});
  }
}

}  // namespace gw::compiler
