// From a verified table to a serving process: bind, resolve, listen, run, drain.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/table/bound_table.h"
#include "runtime/trust/signing.h"
#include "runtime/upstream/state.h"

namespace gw::server {

using Drain = upstream::StateRegistry::Drained;

/// What operators have ordered of a process that another takes over from.
struct StandingOrders {
  std::vector<Drain> drains;
  bool held = false;  // it is to say that it is not ready
};

/// Where the gateway takes orders.
struct AdminSettings {
  std::string address;  // `unix:/path`, `host:port`; "": the default socket, unless it is taken
  bool off = false;
  std::string token;       // of an address of TCP, where it must not be empty
  std::string read_token;  // gives no orders; "": there is none
  /// Asks a running gateway to hand its sockets to who listens at `socket`, and says in `orders`
  /// what holds there; false: `problem` says why it does not. Empty: nobody is succeeded.
  std::function<bool(const std::string& socket, StandingOrders& orders, std::string& problem)>
      take_over;
};

/// Takes a table that the gateway is to serve from now on, or the problems because of which there
/// is none (null). What becomes of it is said in the log. Any thread. False: the gateway ends.
using OfferTable = std::function<bool(std::shared_ptr<const table::TableFile> file,
                                      std::vector<std::string> problems)>;

/// What finds out by itself that there is another table, on a thread of its own. Both may be empty.
struct TableSource {
  /// Called when the gateway serves; signals are blocked, so that its thread hears none.
  std::function<void(OfferTable offer)> start;
  /// No offer is made any more when it returns.
  std::function<void()> stop;
};

struct ServeOptions {
  std::vector<std::string> listen;  // replaces the table's listeners
  std::string default_listen;       // where there are none; "": on this machine's own address
  u32 workers = 0;                  // 0: one per processor
  std::string access_log;           // file, "-", "syslog" or "off"; "": as the table says, else "-"
  bool log_json = false;
  std::string state_directory;  // "": none; the table is in memory only
  bool fresh = false;           // ignore an accepted table of the state directory
  u32 drain_delay_ms = 0;       // after the order to end: not ready, but all is served as before
  u32 grace_ms = 30'000;
  AdminSettings admin;
  ReferenceSource references;
  trust::TrustedKeys trusted;  // when there are any, tables must be signed by one of them
  TableSource watch;
  /// The argument opened anew, for SIGHUP; null: `problems` says why not.
  std::function<std::shared_ptr<const table::TableFile>(std::vector<std::string>& problems)> reopen;
};

struct ServeOutcome {
  bool started = false;
  std::vector<std::string> problems;  // why it did not start: one line each
};

/// Serves until a signal. Blocks; called once per process, on its main thread.
ServeOutcome serve(std::shared_ptr<const table::TableFile> file, const ServeOptions& options);

}  // namespace gw::server
