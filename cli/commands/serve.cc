// gwctl serve: a gateway from a table, or from documents that are compiled first.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <filesystem>
#include <memory>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"
#include "cli/environment.h"
#include "cli/signing_keys.h"
#include "cli/source_watch.h"
#include "cli/spec_options.h"
#include "runtime/base/units.h"
#include "runtime/serve.h"

namespace gw::cli {
namespace {

struct ServeCommand {
  SpecOptions spec;
  server::ServeOptions serve;
  std::string log_format = "text";
  std::string drain_delay;
  std::string grace = "30s";
  std::string admin;
  std::string admin_token_file;
  std::string admin_read_token_file;
  std::string takeover;
  std::vector<std::string> trust;  // files of public keys
  bool watch = false;
};

// What the operator must not overlook.
void warn_about_unenforced(const table::TableFile& file, const Console& console) {
  const table::TableView view(file.bytes());
  u32 unenforced = 0;
  for (const table::RouteRecord& route : view.routes()) {
    if ((route.flags & table::kRouteSecurityUnenforced) != 0) ++unenforced;
  }
  if (unenforced == 0) return;
  console.error(
      fmt::format("warning: {} of {} operations ask for authentication that is NOT enforced",
                  unenforced, view.routes().size()));
}

// For SIGHUP. Findings have gone to standard error when it returns.
std::shared_ptr<const table::TableFile> open_again(const SpecOptions& spec, const Console& console,
                                                   std::vector<std::string>& problems) {
  if (spec.paths.size() == 1 && spec.paths[0] == "-") {
    problems.emplace_back("standard input cannot be read again");
    return nullptr;
  }
  ExitCode exit = ExitCode::Ok;
  auto file = open_gateway(spec, console, exit);
  if (file == nullptr) {
    problems.push_back(problem_of(exit));
  }
  return file;
}

// What cannot be read twice has no changes. False after a message.
bool can_be_watched(const SpecOptions& spec, const Console& console) {
  std::vector<std::string> paths = spec.paths;
  paths.insert(paths.end(), spec.overlays.begin(), spec.overlays.end());
  for (const std::string& path : paths) {
    std::error_code ec;
    const auto kind = std::filesystem::status(path, ec).type();
    const bool is_stream = path == "-" || kind == std::filesystem::file_type::fifo ||
                           kind == std::filesystem::file_type::character;
    if (!is_stream) continue;
    console.error(
        fmt::format("--watch needs files, and {} is none", path == "-" ? "standard input" : path));
    return false;
  }
  return true;
}

// Of an answer to a takeover. A process of a version before has said nothing of them.
void read_orders(const boost::json::object& answer, server::StandingOrders& orders) {
  const auto* held = answer.if_contains("held");
  orders.held = held != nullptr && held->as_bool();
  const auto* drained = answer.if_contains("drained");
  if (drained == nullptr) return;
  for (const boost::json::value& value : drained->get_array()) {
    const boost::json::object& entry = value.get_object();
    const auto* target = entry.if_contains("target");
    orders.drains.push_back(
        {std::string(entry.at("upstream").get_string()),
         target == nullptr ? std::string() : std::string(target->get_string())});
  }
}

// Of who only reads. False after a message.
bool read_reading_token(const std::string& path, server::AdminSettings& settings,
                        const Console& console) {
  if (path.empty()) return true;
  if (settings.token.empty()) {
    console.error(
        "--admin-read-token-file needs --admin-token-file: without it nobody is asked for a token");
    return false;
  }
  const auto token = read_token(path, console);
  if (!token) return false;
  if (*token == settings.token) {
    console.error(fmt::format("{}: this is the token that gives orders, too", path));
    return false;
  }
  settings.read_token = *token;
  return true;
}

// Over TCP anybody on the machine could give orders: a token is asked for.
bool read_admin(ServeCommand& command, const Console& console) {
  server::AdminSettings& settings = command.serve.admin;
  command.admin = given_or_usual(command.admin, "GWCTL_ADMIN");
  settings.off = command.admin == "off";
  settings.address = settings.off ? std::string() : command.admin;
  if (settings.address.starts_with(':')) settings.address.insert(0, "127.0.0.1");
  command.admin_token_file = given_or_usual(command.admin_token_file, "GWCTL_ADMIN_TOKEN_FILE");
  if (!command.admin_token_file.empty()) {
    const auto token = read_token(command.admin_token_file, console);
    if (!token) return false;
    settings.token = *token;
  }
  const std::string read_token_file =
      given_or_usual(command.admin_read_token_file, "GWCTL_ADMIN_READ_TOKEN_FILE");
  if (!settings.off && !read_reading_token(read_token_file, settings, console)) return false;
  const bool tcp = !settings.address.empty() && !settings.address.starts_with("unix:");
  if (tcp && settings.token.empty()) {
    console.error("--admin over TCP needs --admin-token-file; unix:PATH needs none");
    return false;
  }
  if (command.takeover.empty()) return true;
  settings.take_over = [&command, &console](const std::string& socket,
                                            server::StandingOrders& orders, std::string& problem) {
    const AdminOptions from{command.takeover == "default" ? std::string() : command.takeover,
                            command.admin_token_file};
    const auto answer =
        ask_admin_json(from, console, "POST", "/v1/takeover",
                       boost::json::serialize(boost::json::object{{"socket", socket}}));
    if (!answer) {
      problem = "the running gateway does not hand over its sockets";
      return false;
    }
    read_orders(*answer, orders);
    return true;
  };
  return true;
}

// False after a message.
bool read_time(std::string_view option, const std::string& text, std::string_view example,
               u32& milliseconds, const Console& console) {
  const auto time = parse_duration(text);
  if (!time || *time > 3'600'000) {
    console.error(
        fmt::format("{} `{}` is not a duration up to 1h, such as {}", option, text, example));
    return false;
  }
  milliseconds = static_cast<u32>(*time);
  return true;
}

// How it ends.
bool read_times(ServeCommand& command, const Console& console) {
  server::ServeOptions& serve = command.serve;
  if (!read_time("--grace", command.grace, "30s", serve.grace_ms, console)) return false;
  const std::string delay = given_or_usual(command.drain_delay, "GWCTL_DRAIN_DELAY");
  return delay.empty() || read_time("--drain-delay", delay, "5s", serve.drain_delay_ms, console);
}

ExitCode run_serve(ServeCommand& command, const Console& console) {
  ExitCode exit = ExitCode::Ok;
  if (!read_times(command, console)) return ExitCode::Usage;
  command.serve.log_json = command.log_format == "json";
  command.serve.default_listen =
      given_or_usual(command.serve.default_listen, "GWCTL_DEFAULT_LISTEN");
  if (!read_admin(command, console)) return ExitCode::Usage;
  if (!read_trusted_keys(command.trust, command.serve.trusted, console)) return ExitCode::Usage;
  if (!command.trust.empty() && command.serve.state_directory.empty()) {
    console.note("note: without --state the next start would take an older table that is signed");
  }
  if (command.watch && !can_be_watched(command.spec, console)) return ExitCode::Usage;
  SourceState read;
  const auto file = open_gateway(command.spec, console, exit, &read);
  if (file == nullptr) return exit;
  warn_about_unenforced(*file, console);
  std::map<std::string, std::string> env;
  if (!read_env_file(command.spec.env_file, env, console)) return ExitCode::Usage;
  command.serve.references = ReferenceSource::process(std::move(env));
  command.serve.reopen = [&](std::vector<std::string>& problems) {
    return open_again(command.spec, console, problems);
  };
  SourceWatch watch(command.spec, console, std::move(read));
  if (command.watch) {
    command.serve.watch = {
        .start = [&](server::OfferTable offer) { watch.start(std::move(offer)); },
        .stop = [&] { watch.stop(); }};
  }
  const server::ServeOutcome outcome = server::serve(file, command.serve);
  for (const std::string& problem : outcome.problems) console.error(problem);
  return outcome.started ? ExitCode::Ok : ExitCode::Usage;
}

}  // namespace

Run add_serve(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("serve", "Run the gateway");
  const auto command = std::make_shared<ServeCommand>();
  app.add_option("gateway", command->spec.paths, "A table, or documents that are compiled first")
      ->option_text("GATEWAY|SPEC...")
      ->required();
  app.add_option(
         "--listen", command->serve.listen,
         "Listen here, in plain text, instead of on the gateway's listeners and without their "
         "probes; may be repeated")
      ->option_text("ADDR:PORT")
      ->allow_extra_args(false);
  app.add_option("--default-listen", command->serve.default_listen,
                 "Listen here, in plain text, when the gateway has no listeners "
                 "[$GWCTL_DEFAULT_LISTEN, else 127.0.0.1:8080]")
      ->option_text("ADDR:PORT");
  app.add_option("--workers", command->serve.workers,
                 "Threads that serve [one per processor it may use]")
      ->option_text("N")
      ->check(CLI::Range(1u, 256u));
  app.add_option("--access-log", command->serve.access_log,
                 "A file, - for standard output, syslog, or off [where the gateway says, else -]")
      ->option_text("FILE|-|syslog|off");
  app.add_option("--log-format", command->log_format, "text or json, to standard error [text]")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--state", command->serve.state_directory,
                 "Keep accepted tables and drains here; a restart goes on with them")
      ->option_text("DIR");
  app.add_flag("--fresh", command->serve.fresh,
               "Serve the argument even if --state holds another accepted table");
  app.add_option(
         "--drain-delay", command->drain_delay,
         "Time to go on as before after SIGTERM while /readyz says 503; a second signal ends "
         "it [$GWCTL_DRAIN_DELAY, else 0s]")
      ->option_text("DURATION");
  app.add_option("--grace", command->grace, "Time to finish requests, once it drains [30s]")
      ->option_text("DURATION");
  app.add_option(
         "--admin", command->admin,
         "Take orders here, or off [$GWCTL_ADMIN, else a socket in the user's runtime directory]")
      ->option_text("unix:PATH|ADDR:PORT|off");
  app.add_option("--admin-token-file", command->admin_token_file,
                 "The bearer token that orders over TCP must bring [$GWCTL_ADMIN_TOKEN_FILE]")
      ->option_text("FILE");
  app.add_option("--admin-read-token-file", command->admin_read_token_file,
                 "A further token, which reads and gives no orders, for --admin with "
                 "--admin-token-file [$GWCTL_ADMIN_READ_TOKEN_FILE]")
      ->option_text("FILE");
  app.add_option("--takeover", command->takeover,
                 "Take the sockets over from the gateway with this admin interface, which then "
                 "ends; `default` for the default socket")
      ->option_text("unix:PATH|ADDR:PORT");
  app.add_option("--trust", command->trust,
                 "Serve only tables that this public key has signed, and none that is older than "
                 "one served before; may be repeated")
      ->option_text("KEY")
      ->allow_extra_args(false);
  app.add_flag(
      "--watch", command->watch,
      "Serve anew when a source changes: a document, what it refers to, an overlay, a table");
  add_spec_options(app, command->spec);
  app.footer(
      "SIGTERM and SIGINT drain and exit; another stops at once. SIGHUP opens the\n"
      "argument again and serves it if it is good; with --watch, so does each change\n"
      "of its files. What is not good is told, and the table before goes on. SIGUSR1\n"
      "opens the file of the access log anew, so that it can be rotated.\n"
      "\n"
      "Examples:\n"
      "  gwctl serve api.yaml --mock\n"
      "  gwctl serve gateway.gwt --listen 0.0.0.0:8080 --access-log access.jsonl\n"
      "  gwctl serve gateway.gwt --state /var/lib/gwctl --trust release.pub.pem\n"
      "\n"
      "Exit status: 0 drained, 1 the document has errors, 2 could not start.\n"
      "See gwctl-serve(1).");
  return [command](const Console& console) { return run_serve(*command, console); };
}

}  // namespace gw::cli
