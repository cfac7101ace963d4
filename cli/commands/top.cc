// gwctl top: what a running gateway is doing, again and again.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"
#include "cli/metric_reading.h"
#include "runtime/base/units.h"

namespace gw::cli {
namespace {

struct TopCommand {
  AdminOptions admin;
  std::string interval = "2s";
  std::string sort = "requests";
  u32 count = 0;  // 0: until it is ended
  u32 rows = 20;
  bool once = false;
};

struct Row {
  std::string name;
  double per_second = 0;
  double errors = 0;   // share of 5xx
  double refused = 0;  // share of 4xx
  u64 p50_us = 0;
  u64 p99_us = 0;
  u64 in_flight = 0;
};

u64 since(u64 now, u64 before) { return now - std::min(now, before); }

double share(u64 part, u64 whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

Row row_of(const std::string& name, const MetricReading::Operation& now,
           const MetricReading::Operation& before, double seconds) {
  observe::StatusTotals came{};
  for (size_t i = 0; i < came.size(); ++i) came[i] = since(now.requests[i], before.requests[i]);
  const u64 all = std::accumulate(came.begin(), came.end(), u64{0});
  const observe::LatencyTotals duration = now.duration.since(before.duration);
  return {.name = name,
          .per_second = static_cast<double>(all) / seconds,
          .errors = share(came[static_cast<size_t>(observe::StatusClass::ServerError)], all),
          .refused = share(came[static_cast<size_t>(observe::StatusClass::ClientError)], all),
          .p50_us = duration.quantile_us(0.5),
          .p99_us = duration.quantile_us(0.99),
          .in_flight = now.in_flight};
}

std::string time_text(u64 microseconds) {
  if (microseconds == 0) return "-";
  if (microseconds < 1000) return fmt::format("{} us", microseconds);
  if (microseconds < 1'000'000) {
    return fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1e3);
  }
  return fmt::format("{:.2f} s", static_cast<double>(microseconds) / 1e6);
}

// Names of operations may be long; their end tells more than their beginning.
std::string clipped(const std::string& text, size_t columns) {
  return text.size() <= columns ? text : ".." + text.substr(text.size() - columns + 2);
}

void sort_rows(std::vector<Row>& rows, const std::string& by) {
  const auto key = [&by](const Row& row) {
    if (by == "errors") return row.errors * row.per_second;
    if (by == "p99") return static_cast<double>(row.p99_us);
    return row.per_second;
  };
  std::ranges::stable_sort(rows, [&](const Row& a, const Row& b) { return key(a) > key(b); });
}

std::string operations_text(const TopCommand& command, const MetricReading& now,
                            const MetricReading& before, double seconds) {
  std::vector<Row> rows;
  for (const auto& [name, operation] : now.operations) {
    const auto known = before.operations.find(name);
    rows.push_back(row_of(
        name, operation,
        known == before.operations.end() ? MetricReading::Operation() : known->second, seconds));
  }
  std::erase_if(rows, [](const Row& row) { return row.per_second == 0 && row.in_flight == 0; });
  sort_rows(rows, command.sort);
  std::string out = fmt::format("{:<40} {:>9} {:>6} {:>6} {:>9} {:>9} {:>7}\n", "OPERATION",
                                "REQ/S", "4XX %", "5XX %", "P50", "P99", "FLIGHT");
  for (size_t i = 0; i < std::min<size_t>(rows.size(), command.rows); ++i) {
    const Row& row = rows[i];
    out += fmt::format("{:<40} {:>9.1f} {:>6.1f} {:>6.1f} {:>9} {:>9} {:>7}\n",
                       clipped(row.name, 40), row.per_second, row.refused, row.errors,
                       time_text(row.p50_us), time_text(row.p99_us), row.in_flight);
  }
  if (rows.empty()) out += "no requests\n";
  if (rows.size() > command.rows) out += fmt::format("and {} more\n", rows.size() - command.rows);
  return out;
}

std::string upstreams_text(const MetricReading& now, const MetricReading& before, double seconds) {
  if (now.upstreams.empty()) return {};
  std::string out = fmt::format("\n{:<40} {:>9} {:>13} {:>9} {:>9} {:>7}\n", "UPSTREAM", "TRIES/S",
                                "NO ANSWER %", "P99", "TARGETS", "FLIGHT");
  for (const auto& [name, upstream] : now.upstreams) {
    const auto known = before.upstreams.find(name);
    const MetricReading::Upstream old =
        known == before.upstreams.end() ? MetricReading::Upstream() : known->second;
    const u64 tries = since(upstream.tries, old.tries);
    out += fmt::format("{:<40} {:>9.1f} {:>13.1f} {:>9} {:>9} {:>7}\n", clipped(name, 40),
                       static_cast<double>(tries) / seconds,
                       share(since(upstream.failed, old.failed), tries),
                       time_text(upstream.duration.since(old.duration).quantile_us(0.99)),
                       fmt::format("{}/{}", upstream.targets - upstream.unusable, upstream.targets),
                       upstream.in_flight);
  }
  return out;
}

// Limits that a request has met with less than a fifth of it left, the fullest first.
std::string limits_text(const TopCommand& command, const MetricReading& now,
                        const MetricReading& before) {
  struct LimitRow {
    std::string name;
    std::array<u64, limits::kLimitUses> came{};
    size_t highest = 0;
    u64 refused = 0;
  };
  std::vector<LimitRow> rows;
  for (const auto& [name, limit] : now.limits) {
    const auto known = before.limits.find(name);
    const auto old = known == before.limits.end() ? MetricReading::Limit() : known->second;
    LimitRow row{.name = name, .refused = since(limit.refused, old.refused)};
    for (size_t i = 0; i < row.came.size(); ++i) {
      row.came[i] = since(limit.uses[i], old.uses[i]);
      if (row.came[i] != 0) row.highest = i;
    }
    if (row.highest >= static_cast<size_t>(limits::LimitUse::High)) rows.push_back(std::move(row));
  }
  if (rows.empty()) return {};
  std::ranges::stable_sort(rows, std::ranges::greater(), &LimitRow::highest);
  std::string out = fmt::format("\n{:<40} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "LIMIT", "USED %",
                                "REQUESTS", "FROM 95 %", "BEYOND", "REFUSED");
  for (size_t i = 0; i < std::min<size_t>(rows.size(), command.rows); ++i) {
    const LimitRow& row = rows[i];
    const u64 all = std::accumulate(row.came.begin(), row.came.end(), u64{0});
    out += fmt::format("{:<40} {:>9} {:>9} {:>9} {:>9} {:>9}\n", clipped(row.name, 40),
                       limits::kLimitUseNames[row.highest], all,
                       row.came[static_cast<size_t>(limits::LimitUse::Full)],
                       row.came[static_cast<size_t>(limits::LimitUse::Over)], row.refused);
  }
  return out;
}

std::optional<MetricReading> read_now(const TopCommand& command, const Console& console) {
  const auto reply = ask_admin(command.admin, console, "GET", "/metrics");
  if (!reply) return std::nullopt;
  if (reply->status != 200) {
    console.error(refusal_text(*reply));
    return std::nullopt;
  }
  return read_metrics(reply->body);
}

ExitCode run_top(const TopCommand& command, const Console& console) {
  const auto interval = parse_duration(command.interval);
  if (!interval || *interval < 100 || *interval > 3'600'000) {
    console.error(
        fmt::format("--interval `{}` is not a duration from 100ms to 1h", command.interval));
    return ExitCode::Usage;
  }
  const bool redraws = !command.once && ::isatty(STDOUT_FILENO) == 1;
  const u32 rounds = command.once ? 1 : command.count;
  auto before = read_now(command, console);
  auto read_at = std::chrono::steady_clock::now();
  for (u32 round = 0; before && (rounds == 0 || round < rounds); ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(*interval));
    auto now = read_now(command, console);
    const auto at = std::chrono::steady_clock::now();
    if (!now) break;
    const double seconds = std::chrono::duration<double>(at - std::exchange(read_at, at)).count();
    std::string text = redraws ? "\033[H\033[2J" : "";
    text += fmt::format("table {}  connections {}{}\n\n", now->table, now->connections,
                        now->ready ? "" : "  not ready: ending, or held by `gwctl drain --hold`");
    text += operations_text(command, *now, *before, seconds);
    text += upstreams_text(*now, *before, seconds);
    text += limits_text(command, *now, *before);
    if (!redraws && (rounds == 0 || round + 1 < rounds)) text += "\n";
    console.out(text);
    before = std::move(now);
    if (rounds != 0 && round + 1 == rounds) return ExitCode::Ok;
  }
  return ExitCode::Usage;
}

}  // namespace

Run add_top(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("top", "Show what a running gateway is doing");
  const auto command = std::make_shared<TopCommand>();
  app.add_option("--interval", command->interval, "Time between two readings [2s]")
      ->option_text("DURATION");
  app.add_option("--sort", command->sort, "By requests, errors or p99 [requests]")
      ->option_text("FIELD")
      ->check(CLI::IsMember({"requests", "errors", "p99"}));
  app.add_option("--rows", command->rows, "Operations that are shown [20]")->option_text("N");
  app.add_option("--count", command->count, "End after so many readings")->option_text("N");
  app.add_flag("--once", command->once, "One reading, and the end");
  add_admin_options(app, command->admin);
  app.footer(
      "Rates and times are those of the interval; times are guessed within the buckets\n"
      "of the histograms. Limits are shown that a request has met with less than a\n"
      "fifth left. On a terminal the screen is drawn anew; Ctrl-C ends it.\n"
      "\n"
      "Examples:\n"
      "  gwctl top\n"
      "  gwctl top --sort p99 --interval 10s\n"
      "  gwctl top --once\n"
      "\n"
      "Exit status: 0 done, 2 not reached.\n"
      "See gwctl-top(1).");
  return [command](const Console& console) { return run_top(*command, console); };
}

}  // namespace gw::cli
