// One GATEWAY argument of a verb that takes several: a document, a table, or a running gateway.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cli/spec_options.h"

namespace gw::cli {

struct LoadedGateway {
  std::shared_ptr<const table::TableFile> file;  // null after a message; `exit` says how to end
  ExitCode exit = ExitCode::Ok;
  bool annotated = true;   // false: a document without `x-gw`
  bool has_router = true;  // false: it does not compile, and only its contracts are there
  std::vector<std::string> remarks = {};  // of a running gateway: what is drained
};

/// Loads `argument` to be compared. A document is compiled in memory with `options`; one without
/// `x-gw` as with --mock and --unenforced security, and when it has errors only its contracts are
/// there. `admin:ADDR` is a running gateway.
LoadedGateway load_gateway_argument(const std::string& argument, const SpecOptions& options,
                                    const Console& console);

}  // namespace gw::cli
