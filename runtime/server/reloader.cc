#include "runtime/server/reloader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "runtime/base/log.h"
#include "runtime/base/wall_clock.h"
#include "runtime/server/publication.h"

namespace gw::server {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kHistory = 32;
constexpr size_t kServedTables = 32;
// Without a state directory: the current one and the one before.
constexpr size_t kInMemory = 2;

u64 nanoseconds(SteadyClock::duration duration) {
  return static_cast<u64>(duration / std::chrono::nanoseconds(1));
}

u64 since(SteadyClock::time_point begun) { return nanoseconds(SteadyClock::now() - begun); }

std::string table_problem(const Error& error) {
  switch (error.code) {
    case Errc::FileUnreadable:
    case Errc::FileUnwritable:
      return fmt::format("the table cannot be kept: {}", std::strerror(error.sys));
    case Errc::TableTruncated:
      return fmt::format("the table is cut off ({})", error.what);
    case Errc::TableVersion:
      return fmt::format("the table was made by another version of the format ({})", error.what);
    case Errc::TableFeature:
      return fmt::format("the table needs a feature that this gateway has not ({})", error.what);
    default:
      return fmt::format("the table is damaged ({})", error.what);
  }
}

void log_report(const ReloadReport& report) {
  if (!report.accepted) {
    log(LogLevel::Error, "reload_refused",
        {{"origin", report.origin},
         {"reason", report.problems.empty() ? std::string_view() : report.problems[0]},
         {"problems", static_cast<i64>(report.problems.size())},
         {"serving", report.before}});
    return;
  }
  const auto us = [](u64 nanoseconds) { return static_cast<i64>(nanoseconds / 1000); };
  log(LogLevel::Info, "table_changed",
      {{"origin", report.origin},
       {"before", report.before},
       {"after", report.after},
       {"take_us", us(report.cost.take)},
       {"map_us", us(report.cost.map)},
       {"verify_us", us(report.cost.verify)},
       {"resolve_us", us(report.cost.resolve)},
       {"warm_us", us(report.cost.warm)},
       {"swap_us", us(report.cost.swap)},
       {"closed_streams", static_cast<i64>(report.closed_streams)}});
}

}  // namespace

std::string digest_text(const table::TableFile& file) {
  return fmt::format("{:016x}", table::TableView(file.bytes()).digest());
}

class Reloader::UnderWay {
 public:
  explicit UnderWay(const Reloader& reloader) : on_change_(reloader.options_.on_change) {
    if (on_change_) on_change_(true);
  }
  ~UnderWay() {
    if (on_change_) on_change_(false);
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  const std::function<void(bool)>& on_change_;
};

Reloader::Reloader(Gateway& gateway, MainLoop& main_loop, StateDirectory* state,
                   ReloaderOptions options)
    : gateway_(gateway), main_loop_(main_loop), state_(state), options_(std::move(options)) {
  if (state_ != nullptr) kept_ = state_->history();
}

Reloader::~Reloader() = default;

bool Reloader::is_vouched_for(Bytes file, ReloadReport& report) const {
  const auto begun = SteadyClock::now();
  std::string problem;
  const bool vouched = options_.trust == nullptr || options_.trust->allows(file, problem);
  report.cost.take += since(begun);
  if (!vouched) report.problems.push_back(std::move(problem));
  return vouched;
}

bool Reloader::take(TableFilePtr file, Candidate& candidate) {
  candidate.report.cost.map = file->cost().map;
  candidate.report.cost.verify = file->cost().verify;
  if (state_ != nullptr) {
    const auto begun = SteadyClock::now();
    const auto taken = state_->take(*file);
    candidate.report.cost.take += since(begun);
    if (!taken) {
      candidate.report.problems.push_back(table_problem(taken.error()));
      return false;
    }
  }
  candidate.file = std::move(file);
  return true;
}

bool Reloader::is_expected(const std::string& expected, ReloadReport& report) const {
  const std::string serving = digest_text(*file_);
  report.before = serving;
  if (expected.empty() || serving == expected) return true;
  report.problems.push_back(
      fmt::format("the gateway serves {}, not {}: somebody has changed it", serving, expected));
  return false;
}

// The last that can go wrong before the table is served.
bool Reloader::may_be_served(const table::TableFile& file, ReloadReport& report) {
  std::string problem;
  if (options_.trust == nullptr || options_.trust->note_accepted(file, problem)) return true;
  report.problems.push_back(std::move(problem));
  return false;
}

std::shared_ptr<const BoundTable> Reloader::bind(const TableFilePtr& file,
                                                 ReloadReport& report) const {
  std::vector<ReferenceProblem> problems;
  auto bound = BoundTable::bind(file, options_.references, problems);
  for (const ReferenceProblem& problem : problems) {
    report.problems.push_back(
        fmt::format("{}: {} ({})", problem.where, problem.message, problem.field));
  }
  return bound ? *bound : nullptr;
}

// Whoever uses the table last says so, on whatever thread; unmapping is left to the main one.
std::shared_ptr<const BoundTable> Reloader::followed(std::shared_ptr<const BoundTable> table) {
  const BoundTable* identity = table.get();
  // Its last user may outlive this, but not the loop, which runs nothing then.
  return {identity,
          [this, &loop = main_loop_, table = std::move(table)](const BoundTable* unused) mutable {
            const auto when = SteadyClock::now();
            loop.post([this, unused, when, held = std::move(table)]() mutable {
              note_unused(unused, when);
              held.reset();
            });
          }};
}

ReloadReport Reloader::start(TableFilePtr file, std::vector<InheritedSocket> inherited) {
  Candidate candidate;
  candidate.file = std::move(file);
  candidate.report.origin = "start";
  return change_to(std::move(candidate), true, std::move(inherited));
}

ReloadReport Reloader::reload(table::ArrivingTable arrived, const ReloadOrder& order) {
  const UnderWay under_way(*this);
  Candidate candidate;
  ReloadReport& report = candidate.report;
  report.origin = order.origin;
  candidate.close_streams = order.close_streams;
  // First who vouches for it: what nobody does is not to take the place of a kept table with the
  // same digest, and need not be looked at.
  if (!is_expected(order.expected, report) || !is_vouched_for(arrived.bytes(), report)) {
    return finished(std::move(report));
  }
  auto file = table::TableFile::from_arrived(std::move(arrived));
  if (!file) {
    report.problems.push_back(table_problem(file.error()));
    return finished(std::move(report));
  }
  if (!take(*std::move(file), candidate)) return finished(std::move(report));
  return change_to(std::move(candidate), false, {});
}

ReloadReport Reloader::reopen(std::string origin) {
  const UnderWay under_way(*this);  // opening compiles, which may take long
  std::vector<std::string> problems;
  TableFilePtr opened;
  if (options_.reopen) opened = options_.reopen(problems);
  return take_offer(opened, std::move(problems), std::move(origin));
}

ReloadReport Reloader::offer(const TableFilePtr& file, std::vector<std::string> problems,
                             std::string origin) {
  const UnderWay under_way(*this);
  return take_offer(file, std::move(problems), std::move(origin));
}

ReloadReport Reloader::take_offer(const TableFilePtr& file, std::vector<std::string> problems,
                                  std::string origin) {
  Candidate candidate;
  candidate.report.origin = std::move(origin);
  candidate.report.before = digest_text(*file_);
  candidate.report.problems = std::move(problems);
  if (file == nullptr || !is_vouched_for(file->file_bytes(), candidate.report) ||
      !take(file, candidate)) {
    return finished(std::move(candidate.report));
  }
  return change_to(std::move(candidate), false, {});
}

ReloadReport Reloader::resolve_again(const ReloadOrder& order) {
  const UnderWay under_way(*this);
  Candidate candidate;
  candidate.report.origin = order.origin;
  candidate.close_streams = order.close_streams;
  if (!is_expected(order.expected, candidate.report)) return finished(std::move(candidate.report));
  candidate.file = file_;
  return change_to(std::move(candidate), false, {});
}

ReloadReport Reloader::rollback(const std::string& digest, bool close_streams) {
  const UnderWay under_way(*this);
  Candidate candidate;
  candidate.close_streams = close_streams;
  candidate.report.origin = "rollback";
  candidate.report.before = digest_text(*file_);
  std::string wanted;
  size_t matches = 0;
  for (const std::string& kept : this->kept()) {
    if (digest.empty() ? kept == candidate.report.before : !kept.starts_with(digest)) continue;
    wanted = kept;  // the last one, which is the newest
    ++matches;
  }
  if (matches == 0) {
    candidate.report.problems.push_back(
        digest.empty() ? "no table was accepted before this one"
                       : fmt::format("no table {} is kept; see `gwctl status`", digest));
    return finished(std::move(candidate.report));
  }
  if (!digest.empty() && matches > 1) {
    candidate.report.problems.push_back(fmt::format("{} tables begin with {}", matches, digest));
    return finished(std::move(candidate.report));
  }
  if (state_ != nullptr) {
    auto opened = state_->open_kept(wanted);
    if (opened) {
      candidate.file = *std::move(opened);
      candidate.report.cost.map = candidate.file->cost().map;
      candidate.report.cost.verify = candidate.file->cost().verify;
    } else {
      candidate.report.problems.push_back(table_problem(opened.error()));
      return finished(std::move(candidate.report));
    }
  } else {
    for (const TableFilePtr& file : in_memory_) {
      if (digest_text(*file) == wanted) candidate.file = file;
    }
  }
  std::string problem;
  if (options_.trust != nullptr && !options_.trust->allows_again(*candidate.file, problem)) {
    candidate.report.problems.push_back(std::move(problem));
    return finished(std::move(candidate.report));
  }
  return change_to(std::move(candidate), false, {});
}

ReloadReport Reloader::change_to(Candidate candidate, bool first,
                                 std::vector<InheritedSocket> inherited) {
  const TableFilePtr file = candidate.file;
  ReloadReport report = try_change(std::move(candidate), first, std::move(inherited));
  if (!report.accepted && state_ != nullptr) state_->discard(*file);
  return finished(std::move(report));
}

ReloadReport Reloader::try_change(Candidate candidate, bool first,
                                  std::vector<InheritedSocket> inherited) {
  ReloadReport& report = candidate.report;
  const auto begun = SteadyClock::now();
  report.after = digest_text(*candidate.file);
  const auto bound = bind(candidate.file, report);
  if (bound == nullptr) return std::move(report);
  // They note the files as they are before anything is read, so that no change is missed.
  auto data = std::make_unique<DataWatch>(gateway_, *bound, options_.references);
  auto certificates = options_.listen.empty() ? std::make_unique<CertificateWatch>(
                                                    gateway_, *bound, options_.references)
                                              : nullptr;
  Publication publication = make_publication(bound, report.problems);
  publication.data = load_live_data(*bound, options_.references, report.problems);
  if (!report.problems.empty()) return std::move(report);
  std::vector<upstream::UpstreamConfig> upstreams = publication.upstreams;
  publication.table = followed(bound);
  const std::vector<ListenerOptions> listen =
      listener_options(*bound, options_.listen, options_.default_listen);
  if (first) {
    gateway_.listen_on(listen);
    report.cost.resolve = since(begun);
    if (!may_be_served(*candidate.file, report)) return std::move(report);
    if (!gateway_.start(std::move(publication), std::move(inherited))) {
      report.problems.push_back(gateway_.start_problem());
      return std::move(report);
    }
  } else {
    std::string problem;
    auto listening = gateway_.listeners().prepare(listen, problem);
    if (!listening) {
      report.problems.push_back(std::move(problem));
      return std::move(report);
    }
    auto log_sink = gateway_.open_log(publication, problem);
    if (!problem.empty()) {
      report.problems.push_back(std::move(problem));
      return std::move(report);
    }
    if (!may_be_served(*candidate.file, report)) return std::move(report);
    gateway_.move_log(std::move(log_sink));
    report.state = compare_state(*bound_, upstreams_, *bound, upstreams);
    report.cost.resolve = since(begun);
    const PublishCost cost = gateway_.publish(std::move(publication));
    report.cost.warm = static_cast<u64>(cost.warm.count());
    report.cost.swap = static_cast<u64>(cost.swap.count());
    report.unhealthy = cost.unhealthy;
    gateway_.listeners().apply(*std::move(listening));
    if (candidate.close_streams) report.closed_streams = gateway_.end_older_streams();
  }
  report.accepted = true;
  report.unix_ms = unix_now_ms();
  note_served(*bound, *candidate.file, report);
  certificates_ = std::move(certificates);
  data_ = std::move(data);
  bound_ = bound;  // after the watches of the table before, which refer to it
  file_ = candidate.file;
  upstreams_ = std::move(upstreams);
  keep(file_);
  return std::move(report);
}

void Reloader::look() {
  if (certificates_) certificates_->look();
  if (data_) data_->look();
}

// What a restart serves, and what rollback() finds.
void Reloader::keep(const TableFilePtr& file) {
  std::vector<std::string> kept;
  if (state_ != nullptr) {
    if (const Result<void> accepted = state_->accept(*file); !accepted) {
      log(LogLevel::Warning, "state_not_kept", {{"reason", std::strerror(accepted.error().sys)}});
    }
    kept = state_->history();
  } else {
    std::erase_if(in_memory_,
                  [&](const auto& old) { return digest_text(*old) == digest_text(*file); });
    in_memory_.push_back(file);
    if (in_memory_.size() > kInMemory) in_memory_.pop_front();
    for (const TableFilePtr& old : in_memory_) kept.push_back(digest_text(*old));
  }
  const std::lock_guard lock(mutex_);
  shown_ = file;
  kept_ = std::move(kept);
}

void Reloader::note_served(const BoundTable& table, const table::TableFile& file,
                           const ReloadReport& report) {
  const bool is_vouched_for = options_.trust != nullptr && file.signature();
  const table::TableView& view = table.view();
  std::vector<std::string> sources;
  for (const table::StringRef& name : view.files()) sources.emplace_back(view.text(name));
  const std::lock_guard lock(mutex_);
  for (ServedTable& served : tables_) {
    if (served.current) served.superseded = SteadyClock::now();
    served.current = false;
  }
  tables_.push_back(
      {.digest = report.after,
       .origin = report.origin,
       .since_unix_ms = report.unix_ms,
       .routes = view.routes().size(),
       .bytes = view.file().size(),
       .table = &table,
       .current = true,
       .signed_by = is_vouched_for ? table::key_id_text(file.signature()->key_id) : "",
       .counter = is_vouched_for ? file.signature()->counter : 0,
       .title = std::string(view.text(view.gateway().title)),
       .version = std::string(view.text(view.gateway().version)),
       .sources = std::move(sources)});
  // Those that still serve somebody are never forgotten.
  while (tables_.size() > kServedTables) {
    const auto oldest =
        std::ranges::find_if(tables_, [](const ServedTable& t) { return t.table == nullptr; });
    if (oldest == tables_.end()) break;
    tables_.erase(oldest);
  }
}

void Reloader::note_unused(const BoundTable* table, SteadyClock::time_point when) {
  const std::lock_guard lock(mutex_);
  const auto served = std::ranges::find(tables_, table, &ServedTable::table);
  if (served == tables_.end()) return;
  served->drain_ns = nanoseconds(std::max(when, served->superseded) - served->superseded);
  served->table = nullptr;
}

ReloadReport Reloader::finished(ReloadReport report) {
  if (report.unix_ms == 0) report.unix_ms = unix_now_ms();
  if (report.origin != "start") log_report(report);
  const std::lock_guard lock(mutex_);
  history_.push_back(report);
  ++(report.accepted ? counts_.accepted : counts_.refused);
  if (history_.size() > kHistory) history_.pop_front();
  return report;
}

std::vector<ServedTable> Reloader::tables() const {
  const std::lock_guard lock(mutex_);
  return tables_;
}

std::vector<ReloadReport> Reloader::history() const {
  const std::lock_guard lock(mutex_);
  return {history_.begin(), history_.end()};
}

ReloadCounts Reloader::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

TableFilePtr Reloader::current() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

std::vector<std::string> Reloader::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

}  // namespace gw::server
