// gwctl reload, gwctl rollback: another table for a running gateway.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"
#include "cli/spec_options.h"
#include "cli/testing/value_text.h"
#include "runtime/admin/request_body.h"
#include "runtime/server/reloader.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

// How long the end of the old table's requests is waited for, to tell how long it took.
constexpr std::chrono::milliseconds kDrainPatience{2000};
constexpr std::chrono::milliseconds kDrainStep{5};

struct ReloadCommand {
  AdminOptions admin;
  SpecOptions spec;
  std::string expected;
  bool close_streams = false;
  OutputFormat format = OutputFormat::Text;
};
struct RollbackCommand {
  AdminOptions admin;
  std::string table;
  bool close_streams = false;
  OutputFormat format = OutputFormat::Text;
};

std::string milliseconds(const json::value& microseconds) {
  return fmt::format("{:.2f} ms", microseconds.to_number<double>() / 1000);
}

// `kept 3: a, b, c`, for each word that has names.
std::string list_state(const json::object& state) {
  std::string line;
  for (const std::string_view word : {"kept", "changed", "added", "removed"}) {
    const json::array& names = state.at(word).get_array();
    if (names.empty()) continue;
    line += fmt::format("{}{} ", line.empty() ? "" : "; ", word);
    for (size_t i = 0; i < names.size() && i < 8; ++i) {
      line += fmt::format("{}{}", i == 0 ? "" : ", ", std::string_view(names[i].get_string()));
    }
    if (names.size() > 8) line += fmt::format(" and {} more", names.size() - 8);
  }
  return line;
}

// How the requests of a table that was replaced ended.
struct Drained {
  std::optional<u64> microseconds;  // absent: some go on, or nobody knows
  u64 left = 0;                     // that go on
};

// From the gateway's status.
Drained wait_for_drain(const AdminOptions& admin, const Console& console,
                       const std::string& digest) {
  const auto until = std::chrono::steady_clock::now() + kDrainPatience;
  Drained drained;
  while (std::chrono::steady_clock::now() < until) {
    const auto status = ask_admin_json(admin, console, "GET", "/v1/status");
    if (!status) return drained;
    const json::array& tables = status->at("tables").get_array();
    for (size_t i = tables.size(); i-- > 0;) {
      const json::object& table = tables[i].get_object();
      if (table.at("current").get_bool() || table.at("digest").get_string() != digest) continue;
      if (!table.at("alive").get_bool()) return {table.at("drain_us").to_number<u64>(), 0};
      drained.left = table.at("requests").to_number<u64>();
      break;
    }
    std::this_thread::sleep_for(kDrainStep);
  }
  return drained;
}

std::string drain_text(const Drained& drained) {
  if (drained.microseconds) return milliseconds(*drained.microseconds);
  return fmt::format("goes on with {} request{}", drained.left, drained.left == 1 ? "" : "s");
}

void show_state(const json::object& report, const Console& console) {
  for (const auto& [kind, state] : report.at("state").get_object()) {
    const std::string line = list_state(state.get_object());
    if (!line.empty()) console.out(fmt::format("{:<10} {}\n", std::string_view(kind), line));
  }
}

ExitCode show_report(json::object report, const AdminOptions& admin, OutputFormat format,
                     const Console& console) {
  const bool accepted = report.at("accepted").get_bool();
  const std::string before(report.at("before").get_string());
  Drained drained;
  if (accepted) drained = wait_for_drain(admin, console, before);
  if (format == OutputFormat::Json) {
    if (drained.microseconds) report["drain_us"] = *drained.microseconds;
    if (!drained.microseconds) report["draining"] = drained.left;
    console.out(json::serialize(report) + "\n");
    return accepted ? ExitCode::Ok : ExitCode::Usage;
  }
  if (!accepted) {
    for (const json::value& problem : report.at("problems").get_array()) {
      console.error(std::string_view(problem.get_string()));
    }
    console.note(fmt::format("nothing has changed: {} goes on",
                             std::string_view(report.at("before").get_string())));
    return ExitCode::Usage;
  }
  const json::object& cost = report.at("cost_us").get_object();
  console.out(
      fmt::format("table {} -> {}\n", before, std::string_view(report.at("after").get_string())));
  const auto took = [&](std::string_view step) { return milliseconds(cost.at(step)); };
  console.out(
      fmt::format("take {}   map {}   verify {}   resolve {}   warm {}   swap {}   drain {}\n",
                  took("take"), took("map"), took("verify"), took("resolve"), took("warm"),
                  took("swap"), drain_text(drained)));
  show_state(report, console);
  for (const json::value& target : report.at("unhealthy").get_array()) {
    console.out(fmt::format("{:<10} {} is new, and its first check has failed\n", "health",
                            std::string_view(target.get_string())));
  }
  if (report.at("closed_streams").to_number<u64>() > 0) {
    console.out(
        fmt::format("{:<10} closed {}\n", "streams", report.at("closed_streams").to_number<u64>()));
  }
  return ExitCode::Ok;
}

// For the query of an order: a table as a regular file that a gateway may see as well, and what it
// was before it is read here. "": there is none that could be named.
std::string name_of_table(const ReloadCommand& command) {
  const std::vector<std::string>& paths = command.spec.paths;
  struct stat status {};
  if (paths.size() != 1 || !is_unix_socket(command.admin)) return {};
  if (::stat(paths[0].c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::error_code problem;
  const auto path = std::filesystem::absolute(paths[0], problem);
  if (problem || !is_table(paths[0])) return {};
  return fmt::format("&identity={}&file={}", admin::identity_of(status),
                     tests::percent_encoded(path.string()));
}

// Whether that is the end of it. Otherwise the bytes have to be sent: the gateway runs in a
// container, on another host or as another user, or is of a version that does not know names, and
// may have taken the order for another one.
bool settles(const AdminReply& reply, const std::string& digest) {
  if (reply.status == 401 || reply.status == 403) return true;
  const auto report = admin_object(reply);
  if (!report || !report->contains("accepted")) return false;
  return !report->at("accepted").get_bool() || report->at("after").get_string() == digest;
}

ExitCode run_reload(const ReloadCommand& command, const Console& console) {
  std::string order =
      fmt::format("/v1/reload?close_streams={}", command.close_streams ? "true" : "false");
  if (!command.expected.empty()) order += "&expected=" + command.expected;
  std::string body;
  std::optional<AdminReply> reply;
  if (!command.spec.paths.empty()) {
    const std::string name = name_of_table(command);
    ExitCode exit = ExitCode::Ok;
    const auto file = open_gateway(command.spec, console, exit);
    if (file == nullptr) return exit;
    const std::string digest = server::digest_text(*file);
    if (!name.empty()) {
      reply = ask_admin(command.admin, console, "POST", order + "&table=" + digest + name);
      if (!reply) return ExitCode::Usage;
      if (!settles(*reply, digest)) reply.reset();
    }
    if (!reply) body = as_text(file->file_bytes());
  }
  if (!reply) reply = ask_admin(command.admin, console, "POST", order, std::move(body));
  if (!reply) return ExitCode::Usage;
  auto report = read_admin_reply(*reply, console);
  if (!report) return ExitCode::Usage;
  return show_report(*std::move(report), command.admin, command.format, console);
}

ExitCode run_rollback(const RollbackCommand& command, const Console& console) {
  json::object body;
  if (!command.table.empty()) body["table"] = command.table;
  if (command.close_streams) body["close_streams"] = true;
  auto report =
      ask_admin_json(command.admin, console, "POST", "/v1/rollback", json::serialize(body));
  if (!report) return ExitCode::Usage;
  return show_report(*std::move(report), command.admin, command.format, console);
}

void add_close_streams(CLI::App& app, bool& close_streams) {
  app.add_flag("--close-streams", close_streams,
               "End the WebSockets, event streams and gRPC streams that run by older tables");
}

}  // namespace

Run add_reload(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("reload", "Give a running gateway another table");
  const auto command = std::make_shared<ReloadCommand>();
  app.add_option("gateway", command->spec.paths,
                 "A table, or documents that are compiled first; without one the gateway resolves "
                 "the references of its table anew")
      ->option_text("GATEWAY|SPEC...");
  app.add_option("--expect-current", command->expected,
                 "Refuse unless the gateway serves this table now")
      ->option_text("HASH")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool good = text.size() == 16 &&
                              text.find_first_not_of("0123456789abcdef") == std::string::npos;
            return good ? std::string() : "not the hash of a table (16 hexadecimal digits)";
          },
          ""));
  add_close_streams(app, command->close_streams);
  add_format_options(app, command->format);
  add_admin_options(app, command->admin);
  add_spec_options(app, command->spec);
  app.footer(
      "A table is named to a gateway behind a Unix socket, which reads the file itself if it\n"
      "sees the same one there; otherwise it is sent.\n"
      "All or nothing: on any error the table before goes on. Requests that have\n"
      "begun finish by the table that they began with. Limits, health, breakers,\n"
      "connections, stored answers and keys are kept where their identity is the same;\n"
      "which they are is told, with what each step took.\n"
      "Targets that are new are asked once how they are before they are used, for 5 s at\n"
      "most; one that is not well takes part when its checks pass.\n"
      "Long streams go on by the table that they began with, up to `maxStreamAge`;\n"
      "--close-streams ends them now, for a caller who may not listen any longer.\n"
      "\n"
      "Examples:\n"
      "  gwctl reload gateway.gwt\n"
      "  gwctl reload gateway.gwt --expect-current 19eee7341514cdfe\n"
      "  gwctl reload          # files and variables that the table names have changed\n"
      "  gwctl reload --close-streams   # the same, and a consumer's key was taken away\n"
      "\n"
      "Exit status: 0 accepted, 1 the documents have errors, 2 refused or not reached.\n"
      "See gwctl-reload(1).");
  return [command](const Console& console) { return run_reload(*command, console); };
}

Run add_rollback(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("rollback", "Go back to a table that was accepted before");
  const auto command = std::make_shared<RollbackCommand>();
  app.add_option("table", command->table,
                 "Its hash, or the beginning of it [the one before the current one]")
      ->option_text("HASH");
  add_close_streams(app, command->close_streams);
  add_format_options(app, command->format);
  add_admin_options(app, command->admin);
  app.footer(
      "`gwctl status` lists the tables that are kept: ten in the directory of\n"
      "`serve --state`, or the last two in memory. Rolling back twice ends where it began.\n"
      "With `serve --trust` the table's signature is verified again, but it may be older\n"
      "than others: it was accepted before. New tables still may not.\n"
      "\n"
      "Examples:\n"
      "  gwctl rollback\n"
      "  gwctl rollback 19eee7\n"
      "\n"
      "Exit status: 0 accepted, 2 refused or not reached.\n"
      "See gwctl-rollback(1).");
  return [command](const Console& console) { return run_rollback(*command, console); };
}

}  // namespace gw::cli
