// The running gateway: workers, the control thread, start, reload, drain, stop.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/limits/local_counters.h"
#include "runtime/server/control.h"
#include "runtime/server/listener_set.h"
#include "runtime/server/worker.h"

namespace gw::server {

struct GatewayOptions {
  std::vector<ListenerOptions> listen;
  u32 workers = 0;  // 0: one per processor that it may use (cpu_count)
  SessionOptions session;
  RunFunction run = nullptr;                      // the engine; required
  std::string access_log;                         // a file, `-` for standard output, empty for none
  bool table_names_log = false;                   // what a table says takes its place
  const trust::ExplainTokens* explain = nullptr;  // for `run`; outlives the gateway; may be null
  ExchangeObserver* observer = nullptr;           // told by all workers, too; null: nobody
};

/// One per process in `serve`; several in tests. All members are called on the thread that made
/// it, the control thread, but those marked otherwise.
class Gateway {
 public:
  explicit Gateway(GatewayOptions options);
  /// Stops at once if it still runs.
  ~Gateway();

  /// Before start(): instead of GatewayOptions::listen.
  void listen_on(std::vector<ListenerOptions> listen) { options_.listen = std::move(listen); }
  /// Opens the listeners, looks up the names of upstreams and starts the workers. Addresses of
  /// targets must have been read (read_addresses). Waits for names as long as Control::publish.
  /// Errors: AddressInvalid, TlsFailed, FileUnwritable (access log); nothing runs then, and
  /// start_problem() says what and why.
  /// `inherited` sockets are used in the place of new ones where addresses match.
  Result<void> start(Publication publication, std::vector<InheritedSocket> inherited = {});
  const std::string& start_problem() const { return start_problem_; }
  /// Any thread, between start() and wait(). Replaces the table for new requests. Returns when the
  /// workers have been told; waits for new names as start() does. What that took.
  PublishCost publish(Publication publication) { return control_.publish(std::move(publication)); }
  /// Any thread, as publish(): the same table with other data. Returns when the workers have been
  /// told.
  void replace_data(std::shared_ptr<const LiveData> data) {
    control_.replace_data(std::move(data));
  }
  /// Any thread, between start() and wait(). Ends the streams of tables that were replaced, and
  /// returns how many there were: on the workers that have answered within a second.
  u32 end_older_streams();
  ListenerSet& listeners() { return listeners_; }
  const ListenerSet& listeners() const { return listeners_; }
  Control& control() { return control_; }

  /// Any thread. Probes of listeners say from now on that no requests are taken, though they still
  /// are: whoever sends them here has time to hear of it.
  void leave();
  /// Any thread, and beyond changes of tables: the same, until it is taken back.
  void hold(bool held);
  bool held() const { return held_; }
  /// Drains, and returns when the workers have ended, which is after `grace_ms` at the latest. A
  /// signal (SIGTERM, SIGINT) cuts off what is left. On the thread that hears the signals.
  void finish(u32 grace_ms);
  /// Any thread. Like the first signal; wait() ends when the workers do.
  void drain(u32 grace_ms);
  void wait();

  /// Any thread. Counters of limits, which outlive tables.
  limits::CounterStore& counters() { return counters_; }
  /// Any thread. Stored answers, which outlive tables.
  cache::MemoryStore& cache() { return cache_.store; }

  /// The place of the access log that `publication` asks for, where it is another; null: there is
  /// nothing to change, or with a problem: nothing can be written there. On the thread that reloads
  /// and reopen_log()s, as the next.
  std::unique_ptr<observe::LogSink> open_log(const Publication& publication,
                                             std::string& problem) const;
  /// Lines that come from now on go there. Null: nothing changes.
  void move_log(std::unique_ptr<observe::LogSink> sink);
  /// Opens the file of the access log anew, and says in the log what has come of it.
  void reopen_log();
  /// Any thread. Lines of the access log that could not be written.
  u64 lost_log_lines() const { return access_log_ == nullptr ? 0 : access_log_->lost_lines(); }

  /// Any thread.
  const observe::SpanQueue& spans() const { return spans_; }

  size_t worker_count() const { return workers_.size(); }
  Worker& worker(size_t index) { return *workers_[index]; }
  const Worker& worker(size_t index) const { return *workers_[index]; }

 private:
  const std::string& log_place(const Publication& publication) const;

  GatewayOptions options_;
  std::string start_problem_;
  std::unique_ptr<observe::AccessLogWriter> access_log_;  // outlives the workers
  limits::LocalCounters counters_;                        // outlive the workers
  SharedCache cache_;                                     // outlives the workers
  observe::SpanQueue spans_;                              // outlives the workers
  Control control_;  // outlives the workers, which tell it of changes
  std::vector<std::unique_ptr<Worker>> workers_;
  // Ends before the workers, whose loops its threads post to.
  PasswordPool passwords_{1};
  ListenerSet listeners_{workers_};
  std::atomic<bool> held_ = false;
};

}  // namespace gw::server
