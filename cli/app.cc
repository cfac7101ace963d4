#include "cli/app.h"

#include "cli/help_format.h"

namespace gw::cli {

std::vector<Verb> build_app(CLI::App& gwctl, GlobalOptions& globals) {
  gwctl.description("Compile OpenAPI documents into a gateway, and serve it");
  gwctl.set_help_flag("-h,--help", "Print this help");
  gwctl.formatter(std::make_shared<HelpFormat>());  // inherited by the verbs
  gwctl.add_flag("-V,--version", globals.version, "Print the version");
  gwctl.add_flag("-q,--quiet", globals.quiet, "No summaries and notes");
  gwctl.add_option("--color", globals.color, "auto, always or never [auto]")
      ->option_text("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  gwctl.require_subcommand(0, 1);
  gwctl.fallthrough();
  gwctl.footer(
      "The input is OpenAPI 3, annotated with the one key x-gw. `gwctl compile` checks\n"
      "it and writes a table; `gwctl serve` maps the table and serves it. A `-` stands\n"
      "for standard input or output.\n"
      "\n"
      "Examples:\n"
      "  gwctl lint api.yaml\n"
      "  gwctl serve api.yaml --mock\n"
      "  gwctl compile gateway.yaml -o gateway.gwt && gwctl serve gateway.gwt\n"
      "  gwctl explain gateway.gwt 'GET /users/7'\n"
      "\n"
      "Exit status: 0 done, 1 findings, 2 wrong use or refused input, 70 a bug.\n"
      "See gwctl(1), and gwctl VERB --help for one verb.");

  using Add = Run (*)(CLI::App&);
  constexpr Add kVerbs[] = {add_validate,    add_lint,    add_compile, add_diff,    add_inspect,
                            add_explain,     add_openapi, add_test,    add_serve,   add_reload,
                            add_rollback,    add_status,  add_drain,   add_undrain, add_purge,
                            add_top,         add_doctor,  add_key,     add_rules,   add_schema,
                            add_completions, add_version, add_man};
  std::vector<Verb> verbs;
  for (const Add add : kVerbs) {
    Run run = add(gwctl);
    CLI::App* app = gwctl.get_subcommands([](CLI::App*) { return true; }).back();
    app->set_help_flag("-h,--help", "Print this help");
    app->fallthrough();
    verbs.push_back({app, std::move(run)});
  }
  return verbs;
}

}  // namespace gw::cli
