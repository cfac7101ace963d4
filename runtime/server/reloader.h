// The table that is served, and how another takes its place.
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/server/certificate_watch.h"
#include "runtime/server/data_watch.h"
#include "runtime/server/gateway.h"
#include "runtime/server/main_loop.h"
#include "runtime/server/state_changes.h"
#include "runtime/server/state_directory.h"
#include "runtime/server/table_trust.h"
#include "runtime/table/bound_table.h"

namespace gw::server {

using TableFilePtr = std::shared_ptr<const table::TableFile>;

/// What a reload took, in nanoseconds.
struct ReloadCost {
  u64 take = 0;     // asking who vouches for it, writing it to the state directory
  u64 map = 0;      // to have all of it in memory
  u64 verify = 0;   // all of it
  u64 resolve = 0;  // late references, listeners, data
  u64 warm = 0;     // waiting for names, keys and first health checks that are new
  u64 swap = 0;     // making it known to the workers
};

/// How one change of tables went.
struct ReloadReport {
  bool accepted = false;
  std::vector<std::string> problems;  // why it was refused; nothing has changed then
  std::string origin;                 // `start`, `reload`, `rollback`, `SIGHUP`, `watch`
  std::string before;                 // digests; "" at the start
  std::string after;
  i64 unix_ms = 0;
  ReloadCost cost;
  StateChanges state;
  std::vector<std::string> unhealthy;  // UPSTREAM/TARGET: new, and its first check has failed
  u32 closed_streams = 0;              // of older tables, by ReloadOrder::close_streams
};

/// How a table is to be changed, and for whom.
struct ReloadOrder {
  std::string origin = {};
  std::string expected = {};   // only in place of this table, by digest; "": any
  bool close_streams = false;  // what streams by older tables is ended
};

/// A table that was served, or is.
struct ServedTable {
  std::string digest;
  std::string origin;
  i64 since_unix_ms = 0;
  u64 routes = 0;
  u64 bytes = 0;
  const BoundTable* table = nullptr;  // an identity, not to be followed; null: nobody uses it more
  bool current = false;
  std::chrono::steady_clock::time_point superseded{};  // when it was no longer current
  u64 drain_ns = 0;       // from then to the end of its last request; with `table` null
  std::string signed_by;  // id of the trusted key; "" where nobody asks for signatures
  u64 counter = 0;        // with `signed_by`
  std::string title;      // of the document that names it, as the next two
  std::string version;
  std::vector<std::string>
      sources;  // the files that it was compiled from, as they were called then
};

/// Changes of tables since the start, which counts as one.
struct ReloadCounts {
  u64 accepted = 0;
  u64 refused = 0;
};

struct ReloaderOptions {
  std::vector<std::string> listen;  // replaces the listeners of tables
  std::string default_listen;       // as listener_options() has it
  ReferenceSource references;
  /// The argument of `serve`, opened anew; null: `problems` says why not. May be empty.
  std::function<TableFilePtr(std::vector<std::string>& problems)> reopen;
  TableTrust* trust = nullptr;  // null: signatures are not asked for; outlives the reloader
  /// Told that a change is tried (true), and that this has ended (false), whatever has come of it;
  /// not of the start. Main thread. May be empty.
  std::function<void(bool under_way)> on_change;
};

/// All or nothing: on any error the table before goes on and the reason is told. Changes are made
/// on the main thread; what is served can be asked on any.
class Reloader {
 public:
  /// All outlive it; `state` may be null.
  Reloader(Gateway& gateway, MainLoop& main_loop, StateDirectory* state, ReloaderOptions options);
  ~Reloader();

  /// The first table, whose signature has been looked at: starts the gateway. Main thread, as the
  /// next five.
  ReloadReport start(TableFilePtr file, std::vector<InheritedSocket> inherited);
  /// What may be a table, or anything.
  ReloadReport reload(table::ArrivingTable arrived, const ReloadOrder& order);
  /// The argument of `serve` once more.
  ReloadReport reopen(std::string origin);
  /// A table that somebody has opened; null: `problems` says why there is none.
  ReloadReport offer(const TableFilePtr& file, std::vector<std::string> problems,
                     std::string origin);
  /// The same table with its references resolved anew.
  ReloadReport resolve_again(const ReloadOrder& order);
  /// A table that was accepted before, by digest or the beginning of one; "": the one before this.
  ReloadReport rollback(const std::string& digest, bool close_streams = false);

  /// Looks at files with certificates and data. About once per second.
  void look();

  /// Any thread, as the next four.
  std::vector<ServedTable> tables() const;
  std::vector<ReloadReport> history() const;
  ReloadCounts counts() const;
  TableFilePtr current() const;
  /// Digests that rollback() knows, the current one last.
  std::vector<std::string> kept() const;

 private:
  struct Candidate {
    TableFilePtr file;
    ReloadReport report;
    bool close_streams = false;
  };
  class UnderWay;
  ReloadReport take_offer(const TableFilePtr& file, std::vector<std::string> problems,
                          std::string origin);
  bool is_vouched_for(Bytes file, ReloadReport& report) const;
  bool take(TableFilePtr file, Candidate& candidate);
  bool is_expected(const std::string& expected, ReloadReport& report) const;
  bool may_be_served(const table::TableFile& file, ReloadReport& report);
  ReloadReport try_change(Candidate candidate, bool first, std::vector<InheritedSocket> inherited);
  ReloadReport change_to(Candidate candidate, bool first, std::vector<InheritedSocket> inherited);
  std::shared_ptr<const BoundTable> bind(const TableFilePtr& file, ReloadReport& report) const;
  std::shared_ptr<const BoundTable> followed(std::shared_ptr<const BoundTable> table);
  void keep(const TableFilePtr& file);
  void note_served(const BoundTable& table, const table::TableFile& file,
                   const ReloadReport& report);
  void note_unused(const BoundTable* table, std::chrono::steady_clock::time_point when);
  ReloadReport finished(ReloadReport report);

  Gateway& gateway_;
  MainLoop& main_loop_;
  StateDirectory* state_;
  const ReloaderOptions options_;
  TableFilePtr file_;                        // of the main thread; current() has a copy
  std::shared_ptr<const BoundTable> bound_;  // not followed: held for the watches
  std::vector<upstream::UpstreamConfig> upstreams_;
  std::unique_ptr<CertificateWatch> certificates_;  // null: --listen has replaced the listeners
  std::unique_ptr<DataWatch> data_;
  std::deque<TableFilePtr> in_memory_;  // without a state directory: what rollback() knows

  mutable std::mutex mutex_;  // of what follows
  TableFilePtr shown_;
  std::vector<ServedTable> tables_;
  std::deque<ReloadReport> history_;
  ReloadCounts counts_;
  std::vector<std::string> kept_;
};

std::string digest_text(const table::TableFile& file);

}  // namespace gw::server
