// The verbs. Each add_* declares flags (and does nothing else) and gives back what runs them.
#pragma once
#include <CLI/App.hpp>
#include <functional>

#include "cli/console.h"

namespace gw::cli {

using Run = std::function<ExitCode(const Console&)>;

Run add_validate(CLI::App& gwctl);
Run add_lint(CLI::App& gwctl);
Run add_compile(CLI::App& gwctl);
Run add_diff(CLI::App& gwctl);
Run add_inspect(CLI::App& gwctl);
Run add_explain(CLI::App& gwctl);
Run add_openapi(CLI::App& gwctl);
Run add_test(CLI::App& gwctl);
Run add_serve(CLI::App& gwctl);
Run add_reload(CLI::App& gwctl);
Run add_rollback(CLI::App& gwctl);
Run add_status(CLI::App& gwctl);
Run add_drain(CLI::App& gwctl);
Run add_undrain(CLI::App& gwctl);
Run add_purge(CLI::App& gwctl);
Run add_top(CLI::App& gwctl);
Run add_doctor(CLI::App& gwctl);
Run add_key(CLI::App& gwctl);
Run add_rules(CLI::App& gwctl);
Run add_schema(CLI::App& gwctl);
Run add_completions(CLI::App& gwctl);
Run add_man(CLI::App& gwctl);
Run add_version(CLI::App& gwctl);

}  // namespace gw::cli
