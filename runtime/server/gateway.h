// The running gateway: workers, the control thread, start, reload, drain, stop.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/limits/local_counters.h"
#include "runtime/server/control.h"
#include "runtime/server/listener_options.h"
#include "runtime/server/worker.h"

namespace gw::server {

struct GatewayOptions {
  std::vector<ListenerOptions> listen;
  u32 workers = 0;  // 0: one per processor
  SessionOptions session;
  RunFunction run = nullptr;             // the engine; required
  std::string access_log;                // a file, `-` for standard output, empty for none
  ExchangeObserver* observer = nullptr;  // told by all workers when there is no access log
  u32 grace_ms = 30'000;                 // from the first signal to the cut
};

/// One per process in `serve`; several in tests. All members are called on the thread that made
/// it, the control thread, but those marked otherwise.
class Gateway {
 public:
  explicit Gateway(GatewayOptions options);
  /// Stops at once if it still runs.
  ~Gateway();

  /// Opens the listeners, looks up the names of upstreams and starts the workers. Addresses of
  /// targets must have been read (read_addresses). Waits for names as long as Control::publish.
  /// Errors: AddressInvalid, TlsFailed, FileUnwritable (access log); nothing runs then, and
  /// start_problem() says more where there is more to say.
  Result<void> start(Publication publication);
  const std::string& start_problem() const { return start_problem_; }
  /// Any thread. New handshakes of listener `index` use these certificates. False: they cannot be
  /// used (`problem`), and nothing changes.
  bool set_tls(size_t index, const net::TlsServerOptions& options, std::string& problem);
  /// Any thread, between start() and wait(). Replaces the table for new requests. Returns when the
  /// workers have been told; waits for new names as start() does.
  void publish(Publication publication);
  /// Any thread, as publish(): the same table with other data.
  void replace_data(std::shared_ptr<const LiveData> data) {
    control_.replace_data(std::move(data));
  }
  /// Port of each listen address, in order.
  const std::vector<u16>& ports() const { return ports_; }

  /// Waits for SIGTERM or SIGINT, then drains; a second signal cuts off what is left. Returns when
  /// the workers have ended. Meanwhile `every_second` is called about once per second.
  void run_until_signal(const std::function<void()>& every_second = {});
  /// Any thread. Like the first signal; wait() ends when the workers do.
  void drain(u32 grace_ms);
  void wait();

  /// Any thread. Counters of limits, which outlive tables.
  limits::CounterStore& counters() { return counters_; }

  size_t worker_count() const { return workers_.size(); }
  Worker& worker(size_t index) { return *workers_[index]; }

 private:
  Result<void> open_listeners();
  Result<void> open_listener_for_all(const ListenerOptions& listener);
  std::vector<std::shared_ptr<net::TlsServer>> make_tls(const net::TlsServerOptions& options,
                                                        std::string& problem);
  void remove_socket_files();

  GatewayOptions options_;
  std::string start_problem_;
  std::shared_ptr<net::TicketKeys> tickets_ = std::make_shared<net::TicketKeys>();
  struct IgnoreObserver final : ExchangeObserver {
    void finished(const Exchange&) override {}
  };
  IgnoreObserver ignore_;
  std::unique_ptr<observe::AccessLogWriter> access_log_;  // outlives the workers
  limits::LocalCounters counters_;                        // outlive the workers
  Control control_;  // outlives the workers, which tell it of changes
  std::vector<std::unique_ptr<Worker>> workers_;
  // Ends before the workers, whose loops its threads post to.
  PasswordPool passwords_{1};
  std::vector<u16> ports_;
};

}  // namespace gw::server
