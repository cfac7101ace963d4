// gwctl status: what a running gateway is at.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>
#include <memory>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"
#include "cli/spec_options.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

struct StatusCommand {
  AdminOptions admin;
  OutputFormat format = OutputFormat::Text;
};

std::string_view text_of(const json::object& object, std::string_view name) {
  return object.at(name).get_string();
}
u64 number_of(const json::object& object, std::string_view name) {
  return object.at(name).to_number<u64>();
}

// `2m 5s`: the two greatest units.
std::string age_text(u64 milliseconds) {
  const u64 seconds = milliseconds / 1000;
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d {}h", seconds / 86'400, seconds % 86'400 / 3600);
}

std::string time_text(u64 unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void show_process(const json::object& status, const Console& console) {
  u64 connections = 0;
  u64 requests = 0;
  u64 streams = 0;
  const json::array& workers = status.at("workers").get_array();
  for (const json::value& worker : workers) {
    connections += number_of(worker.get_object(), "connections");
    requests += number_of(worker.get_object(), "requests");
    streams += number_of(worker.get_object(), "streams");
  }
  const u64 up = number_of(status, "now") - number_of(status, "started");
  console.out(fmt::format("gwctl {}, process {}, up {}, {}\n", text_of(status, "version"),
                          number_of(status, "pid"), age_text(up),
                          status.at("ready").get_bool()  ? "ready"
                          : status.at("held").get_bool() ? "held: not ready, until gwctl undrain"
                                                         : "draining"));
  std::string listening;
  for (const json::value& listener : status.at("listeners").get_array()) {
    listening += fmt::format("{}{}{}", listening.empty() ? "" : ", ",
                             text_of(listener.get_object(), "address"),
                             listener.get_object().at("tls").get_bool() ? " (TLS)" : "");
  }
  console.out(fmt::format("listening on {} with {} worker{}\n", listening, workers.size(),
                          workers.size() == 1 ? "" : "s"));
  console.out(fmt::format("{} connections, {} streams, {} requests served\n", connections, streams,
                          requests));
}

void show_limits(const json::object& status, const Console& console) {
  const json::object& limits = status.at("limits").get_object();
  const u64 crowded = number_of(limits, "overflowed") + number_of(limits, "no_room");
  console.out(fmt::format(
      "{} requests refused by limits{}\n", number_of(limits, "refused"),
      crowded == 0 ? std::string() : fmt::format("; {} found no counter of their own", crowded)));
}

void show_cache(const json::object& status, const Console& console) {
  const json::object& cache = status.at("cache").get_object();
  const json::object& requests = cache.at("requests").get_object();
  const u64 hits = number_of(requests, "hit") + number_of(requests, "stale") +
                   number_of(requests, "revalidated");
  const u64 misses = number_of(requests, "miss") + number_of(requests, "bypass");
  if (hits + misses + number_of(cache, "entries") == 0) return;
  console.out(fmt::format(
      "cache: {} hits ({} stale, {} revalidated), {} misses ({} past it), {} waited for another's "
      "fetch\n",
      hits, number_of(requests, "stale"), number_of(requests, "revalidated"), misses,
      number_of(requests, "bypass"), number_of(cache, "collapsed")));
  console.out(fmt::format("cache: {} variants in content codings, {} bytes, sent {} times\n",
                          number_of(cache, "variants"), number_of(cache, "variant_bytes"),
                          number_of(cache, "variant_hits")));
  console.out(fmt::format("cache: {} entries, {} of {} bytes, {} evicted, {} purged\n",
                          number_of(cache, "entries"), number_of(cache, "bytes"),
                          number_of(cache, "limit"), number_of(cache, "evicted"),
                          number_of(cache, "purged")));
}

void show_tables(const json::object& status, const Console& console) {
  const u64 now = number_of(status, "now");
  console.out("\ntables\n");
  for (const json::value& value : status.at("tables").get_array()) {
    const json::object& table = value.get_object();
    if (!table.at("alive").get_bool()) continue;
    const json::array& sources = table.at("sources").get_array();
    std::string from;
    if (!sources.empty()) {
      from = fmt::format("  from {}", std::string_view(sources[0].get_string()));
      if (sources.size() > 1) from += fmt::format(" and {} more", sources.size() - 1);
    }
    std::string signed_by;
    if (const auto* signature = table.if_contains("signature")) {
      signed_by = fmt::format("  signed by {}, counter {}", text_of(signature->get_object(), "key"),
                              number_of(signature->get_object(), "counter"));
    }
    console.out(
        fmt::format("  {}  {:<8}  {:>7}  {} routes  {} bytes  {} requests under way{}{}{}\n",
                    text_of(table, "digest"), text_of(table, "origin"),
                    age_text(now - number_of(table, "since")), number_of(table, "routes"),
                    number_of(table, "bytes"), number_of(table, "requests"), from, signed_by,
                    table.at("current").get_bool() ? "" : "  (on its way out)"));
  }
  std::string kept;
  for (const json::value& digest : status.at("kept").get_array()) {
    kept += fmt::format(" {}", std::string_view(digest.get_string()));
  }
  console.out(fmt::format("  kept for rollback:{}\n", kept.empty() ? " none" : kept));
}

void show_upstreams(const json::object& status, const Console& console) {
  const json::array& upstreams = status.at("upstreams").get_array();
  if (!upstreams.empty()) console.out("\nupstreams\n");
  for (const json::value& value : upstreams) {
    const json::object& upstream = value.get_object();
    console.out(fmt::format("  {}  {} requests, {} connections{}{}\n", text_of(upstream, "name"),
                            number_of(upstream, "requests"), number_of(upstream, "connections"),
                            number_of(upstream, "pending") == 0
                                ? std::string()
                                : fmt::format(", {} waiting", number_of(upstream, "pending")),
                            text_of(upstream, "circuit") == "open" ? ", circuit open" : ""));
    if (upstream.at("targets").get_array().empty()) {
      console.out("    no targets: its name has no addresses, see the log\n");
    }
    for (const json::value& target : upstream.at("targets").get_array()) {
      console.out(fmt::format("    {:<28} {}\n", text_of(target.get_object(), "address"),
                              text_of(target.get_object(), "state")));
    }
  }
  const json::array& drained = status.at("drained").get_array();
  if (!drained.empty()) console.out("\ndrained by order\n");
  for (const json::value& value : drained) {
    const json::object& entry = value.get_object();
    const auto* target = entry.if_contains("target");
    console.out(fmt::format("  {}{}{}\n", text_of(entry, "upstream"), target ? "/" : "",
                            target ? std::string_view(target->get_string()) : ""));
  }
}

void show_reloads(const json::object& status, const Console& console) {
  console.out("\nreloads\n");
  const json::array& reloads = status.at("reloads").get_array();
  for (size_t i = reloads.size(); i-- > 0;) {
    const json::object& report = reloads[i].get_object();
    const bool accepted = report.at("accepted").get_bool();
    std::string reason;
    const json::array& problems = report.at("problems").get_array();
    if (!problems.empty()) reason = fmt::format(": {}", std::string_view(problems[0].get_string()));
    console.out(fmt::format("  {}  {:<8}  {}{}\n", time_text(number_of(report, "time")),
                            text_of(report, "origin"),
                            accepted ? text_of(report, "after") : "refused", reason));
  }
}

ExitCode run_status(const StatusCommand& command, const Console& console) {
  const auto status = ask_admin_json(command.admin, console, "GET", "/v1/status");
  if (!status) return ExitCode::Usage;
  if (command.format == OutputFormat::Json) {
    console.out(json::serialize(*status) + "\n");
    return ExitCode::Ok;
  }
  show_process(*status, console);
  show_limits(*status, console);
  show_cache(*status, console);
  show_tables(*status, console);
  show_upstreams(*status, console);
  show_reloads(*status, console);
  return ExitCode::Ok;
}

}  // namespace

Run add_status(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("status", "Show what a running gateway is at");
  const auto command = std::make_shared<StatusCommand>();
  add_format_options(app, command->format);
  add_admin_options(app, command->admin);
  app.footer(
      "Tables that are alive, upstreams with the state of their targets, what is\n"
      "drained, and the last changes.\n"
      "\n"
      "Examples:\n"
      "  gwctl status\n"
      "  gwctl status --json | jq '.upstreams[].targets'\n"
      "\n"
      "Exit status: 0 done, 2 not reached.\n"
      "See gwctl-status(1).");
  return [command](const Console& console) { return run_status(*command, console); };
}

}  // namespace gw::cli
