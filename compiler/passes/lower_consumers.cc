// `consumers`: who is known, and by what.
#include <fmt/format.h>

#include "compiler/consumers/consumers.h"
#include "compiler/passes/passes.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

// `{table: '$file./path'}` is the one form in which `table` is no consumer.
NodeRef table_of(NodeRef consumers) {
  if (!consumers.is_map() || consumers.size() != 1) return {};
  const NodeRef table = consumers.get("table");
  return table && table.is_scalar() ? table : NodeRef{};
}

void lower_table(Module& module, NodeRef path) {
  constexpr std::string_view kFile = "$file.";
  const std::string_view text = path.text();
  if (!text.starts_with(std::string(kFile) + "/")) {
    report(module, "extension-value", Severity::Error, path.span(),
           "the table of consumers is named by an absolute path", "here",
           "write '$file./etc/gwctl/consumers.gwt', made by `gwctl compile --consumers FILE`");
    return;
  }
  module.table.gateway.consumer_file =
      module.table.pools.strings.add(text.substr(kFile.size()));
}

}  // namespace

void lower_consumers(Module& module) {
  const NodeRef consumers = module.gateway.consumers;
  if (!consumers) return;
  module.has_consumers = true;
  if (const NodeRef path = table_of(consumers)) {
    lower_table(module, path);
    return;
  }
  module.table.consumers =
      build_consumers(read_consumers(consumers, module.sink), module.sink);
}

}  // namespace gw::compiler
