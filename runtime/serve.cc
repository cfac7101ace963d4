#include "runtime/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/admin/admin_server.h"
#include "runtime/admin/takeover.h"
#include "runtime/admin/unanswered_reloads.h"
#include "runtime/base/descriptor_limit.h"
#include "runtime/base/log.h"
#include "runtime/base/thread_priority.h"
#include "runtime/base/wall_clock.h"
#include "runtime/explain/live.h"
#include "runtime/server/blocked_signals.h"
#include "runtime/server/gateway.h"
#include "runtime/server/kept_drains.h"
#include "runtime/server/main_loop.h"
#include "runtime/server/reloader.h"
#include "runtime/server/service_notify.h"
#include "runtime/server/state_directory.h"
#include "runtime/server/table_trust.h"
#include "runtime/trust/explain_tokens.h"

namespace gw::server {
namespace {

std::string file_problem(std::string_view what, const std::string& path, const Error& error) {
  const std::string reason = error.sys != 0 ? std::strerror(error.sys) : std::string(error.what);
  return fmt::format("{} {}: {}", what, path, reason);
}

// The table accepted last, when there is one that may be served.
TableFilePtr accepted_table(const table::TableFile& given, const StateDirectory& state,
                            const TableTrust* trust) {
  auto accepted = state.accepted();
  std::string problem;
  if (!accepted) problem = accepted.error().what;
  if (accepted && !*accepted) return nullptr;
  if (accepted && (trust == nullptr || trust->allows_again(***accepted, problem))) {
    const std::string kept = digest_text(***accepted);
    if (kept != digest_text(given)) {
      log(LogLevel::Warning, "state_differs",
          {{"serving", kept},
           {"argument", digest_text(given)},
           {"help", "--fresh serves the argument"}});
    }
    return **accepted;
  }
  log(LogLevel::Warning, "state_unusable", {{"reason", problem}, {"argument", digest_text(given)}});
  return nullptr;
}

// The table to serve: the one accepted last, when the state directory has one.
TableFilePtr choose_table(TableFilePtr given, StateDirectory* state, const TableTrust* trust,
                          bool fresh, ServeOutcome& outcome) {
  if (state != nullptr && !fresh) {
    if (TableFilePtr accepted = accepted_table(*given, *state, trust)) return accepted;
  }
  std::string problem;
  if (trust != nullptr && !trust->allows(given->file_bytes(), problem)) {
    outcome.problems.push_back(std::move(problem));
    return nullptr;
  }
  if (state == nullptr) return given;
  if (const auto taken = state->take(*given); !taken) {
    outcome.problems.push_back(
        file_problem("cannot keep the table in", "the state directory", taken.error()));
    return nullptr;
  }
  return given;
}

// Whoever tries a gateway out on another port should know that nobody asks for certificates there,
// and that what asks for its health gets no answer.
void warn_of_lost_listeners(const table::TableFile& file, const std::vector<std::string>& listen) {
  if (listen.empty()) return;
  const table::TableView view(file.bytes());
  for (const policies::ListenerRecord& replaced : view.listeners()) {
    const std::string_view address = view.text(replaced.address.value);
    const table::LateString& cert = replaced.tls.first.cert;
    if (cert.late != table::kNone || cert.value.offset != table::kNone) {
      log(LogLevel::Warning, "tls_not_used",
          {{"address", address}, {"reason", "--listen replaces it, in plain text"}});
    }
    if (replaced.health.live.offset != table::kNone ||
        replaced.health.ready.offset != table::kNone) {
      log(LogLevel::Warning, "probes_not_used",
          {{"address", address}, {"reason", "--listen replaces it, without its `health`"}});
    }
  }
}

void log_listeners(Gateway& gateway, const table::TableFile& file) {
  const ListenerSet& listeners = gateway.listeners();
  for (size_t i = 0; i < listeners.size(); ++i) {
    log(LogLevel::Info, "listening",
        {{"address", listeners.address(i)},
         {"tls", listeners.options(i).tls ? "yes" : "no"},
         {"workers", static_cast<i64>(gateway.worker_count())},
         {"table", digest_text(file)},
         {"routes", static_cast<i64>(table::TableView(file.bytes()).routes().size())}});
  }
}

// What another process leaves to this one.
struct Legacy {
  std::vector<InheritedSocket> listeners;
  UniqueDescriptor admin;
  UniqueDescriptor state_lock;
  StandingOrders orders;
  std::unique_ptr<admin::SocketReceiver> from;  // null: nobody; systemd wants no answer
};

bool receive_sockets(const AdminSettings& settings, Legacy& legacy, ServeOutcome& outcome) {
  if (!settings.take_over) {
    legacy.listeners = admin::activated_sockets();
    return true;
  }
  auto receiver = admin::SocketReceiver::open();
  if (!receiver) {
    outcome.problems.push_back(
        fmt::format("cannot take over: {}", std::strerror(receiver.error().sys)));
    return false;
  }
  legacy.from = *std::move(receiver);
  std::string problem;
  if (!settings.take_over(legacy.from->path(), legacy.orders, problem)) {
    outcome.problems.push_back("cannot take over: " + problem);
    return false;
  }
  auto sockets = legacy.from->receive();
  if (!sockets) {
    outcome.problems.push_back(
        fmt::format("cannot take over: {}", std::strerror(sockets.error().sys)));
    return false;
  }
  for (InheritedSocket& socket : *sockets) {
    if (socket.address == admin::kAdminSocketName) {
      legacy.admin = std::move(socket.descriptor);
    } else if (socket.address == admin::kStateLockName) {
      legacy.state_lock = std::move(socket.descriptor);
    } else {
      legacy.listeners.push_back(std::move(socket));
    }
  }
  return true;
}

// Null where none is asked for. False with a problem: it cannot be used.
bool open_state(const ServeOptions& options, UniqueDescriptor lock,
                std::unique_ptr<StateDirectory>& state, ServeOutcome& outcome) {
  if (options.state_directory.empty()) return true;
  auto opened = StateDirectory::open(options.state_directory, std::move(lock));
  if (!opened) {
    outcome.problems.push_back(
        file_problem("cannot use the state directory", options.state_directory, opened.error()));
    return false;
  }
  state = *std::move(opened);
  return true;
}

// Null where all tables are trusted. False with a problem: which are older than another is not
// known.
bool open_trust(const ServeOptions& options, StateDirectory* state,
                std::unique_ptr<TableTrust>& trust, ServeOutcome& outcome) {
  if (options.trusted.empty()) return true;
  auto opened = TableTrust::open(options.trusted, state);
  if (!opened) {
    outcome.problems.push_back(file_problem("cannot read the highest counter of",
                                            options.state_directory, opened.error()));
    return false;
  }
  trust = *std::move(opened);
  return true;
}

GatewayOptions gateway_options_of(const ServeOptions& options, trust::ExplainTokens& tokens) {
  GatewayOptions out;
  out.workers = options.workers;
  out.run = &explain::run_served;
  out.explain = &tokens;
  out.table_names_log = options.access_log.empty();
  out.access_log = options.access_log.empty() ? "-" : options.access_log;
  if (options.access_log == "off") out.access_log.clear();
  return out;
}

// What takes no requests: as the process before has said, or else as it was kept last. Without
// knowing it nothing is served, since somebody had a reason.
bool restore_drains(Gateway& gateway, const StateDirectory* state, const ServeOptions& options,
                    std::vector<Drain> drains, ServeOutcome& outcome) {
  if (state != nullptr && !options.admin.take_over) {
    auto kept = read_drains(*state);
    if (!kept) {
      outcome.problems.push_back(
          file_problem("cannot read the drains of", options.state_directory, kept.error()));
      return false;
    }
    drains = *std::move(kept);
  }
  for (const Drain& drain : drains) {
    log(LogLevel::Warning, "drained", {{"upstream", drain.upstream}, {"target", drain.target}});
  }
  gateway.control().registry().restore(drains);
  return true;
}

void keep_drains(Gateway& gateway, StateDirectory* state) {
  if (state == nullptr) return;
  const auto kept = keep_drains(*state, gateway.control().registry().drained());
  if (kept) return;
  log(LogLevel::Warning, "drains_not_kept", {{"reason", std::strerror(kept.error().sys)}});
}

// Null with a problem: it was asked for and cannot be had. Null without: it is off, or the default
// socket is somebody else's.
std::unique_ptr<admin::AdminServer> open_admin(const AdminSettings& settings,
                                               UniqueDescriptor inherited, ServeOutcome& outcome) {
  if (settings.off) return nullptr;
  const bool by_default = settings.address.empty();
  const std::string address = by_default ? admin::default_admin_address() : settings.address;
  auto opened = admin::AdminServer::open(
      {address, {.orders = settings.token, .reading = settings.read_token}}, std::move(inherited));
  if (opened) return *std::move(opened);
  const Error& error = opened.error();
  std::string reason(error.what);
  if (error.sys != 0) reason += fmt::format(" ({})", std::strerror(error.sys));
  if (by_default) {
    log(LogLevel::Warning, "no_admin",
        {{"address", address}, {"reason", reason}, {"help", "--admin names another place"}});
  } else {
    outcome.problems.push_back(fmt::format("cannot take orders at {}: {}", address, reason));
  }
  return nullptr;
}

// All descriptors that the process after this one goes on with.
std::vector<ListenerSet::Socket> sockets_to_leave(const Gateway& gateway,
                                                  const admin::AdminServer& orders,
                                                  const StateDirectory* state) {
  std::vector<ListenerSet::Socket> sockets = gateway.listeners().sockets();
  sockets.push_back({std::string(admin::kAdminSocketName), orders.descriptor()});
  if (state != nullptr) sockets.push_back({std::string(admin::kStateLockName), state->lock()});
  return sockets;
}

// A shell's usual limit is 1024, which is 500 requests to upstreams.
void log_limit(const DescriptorLimit& limit) {
  const auto before = static_cast<i64>(limit.before);
  const auto now = static_cast<i64>(limit.now);
  if (limit.now < kFewDescriptors) {
    log(LogLevel::Warning, "descriptor_limit",
        {{"before", before},
         {"now", now},
         {"help", "raise the hard limit: LimitNOFILE= of the unit, or ulimit -Hn"}});
  } else if (now != before) {
    log(LogLevel::Info, "descriptor_limit", {{"before", before}, {"now", now}});
  }
}

// For the service manager's list of services.
std::string status_of(const Reloader& reloader) {
  return fmt::format("serving table {}", digest_text(*reloader.current()));
}

std::unique_ptr<Watchdog> start_watchdog(const ServiceNotify& notify, Gateway& gateway,
                                         bool succeeds) {
  const auto timeout = watchdog_timeout(succeeds);
  if (!notify.is_on() || !timeout) return nullptr;
  std::vector<Watchdog::Ask> workers;
  for (size_t i = 0; i < gateway.worker_count(); ++i) {
    workers.emplace_back([&worker = gateway.worker(i)](std::function<void()> answer) {
      worker.loop().post(std::move(answer));
    });
  }
  return std::make_unique<Watchdog>(notify, *timeout, std::move(workers));
}

// More than draining takes, beyond its grace.
constexpr std::chrono::seconds kEnding{15};

// Whoever sends requests here learns that this process ends before it does.
std::chrono::milliseconds leave(Gateway& gateway, const ServiceNotify& notify,
                                const ServeOptions& options) {
  const std::chrono::milliseconds delay(options.drain_delay_ms);
  if (delay.count() == 0) {
    notify.stopping();
    return delay;
  }
  gateway.leave();
  notify.stopping(delay + std::chrono::milliseconds(options.grace_ms) + kEnding);
  log(LogLevel::Info, "leaving", {{"ready", "no"}, {"drains_in_ms", delay.count()}});
  return delay;
}

OfferTable offer_to(admin::UnansweredReloads& reloads, MainLoop& main_loop) {
  return [&](TableFilePtr file, std::vector<std::string> problems) {
    return main_loop.post(
        [&reloads, offer = admin::UnansweredReloads::Offer{std::move(file), std::move(problems)}] {
          reloads.offer(offer);
        });
  };
}

}  // namespace

ServeOutcome serve(TableFilePtr file, const ServeOptions& options) {
  const BlockedSignals blocked;  // of every thread from here on
  ServeOutcome outcome;
  configure_log(options.log_json, LogLevel::Info);
  const ServiceNotify notify = ServiceNotify::from_environment();
  Legacy legacy;
  if (!receive_sockets(options.admin, legacy, outcome)) return outcome;

  std::unique_ptr<StateDirectory> state;
  std::unique_ptr<TableTrust> trust;
  if (!open_state(options, std::move(legacy.state_lock), state, outcome)) return outcome;
  if (!open_trust(options, state.get(), trust, outcome)) return outcome;
  file = choose_table(std::move(file), state.get(), trust.get(), options.fresh, outcome);
  if (file == nullptr) return outcome;
  const auto orders = open_admin(options.admin, std::move(legacy.admin), outcome);
  if (!outcome.problems.empty()) return outcome;

  const DescriptorLimit descriptors = raise_descriptor_limit();
  MainLoop main_loop;  // outlives the workers, which tell it of tables that nobody uses any more
  trust::ExplainTokens explain_tokens;
  Gateway gateway(gateway_options_of(options, explain_tokens));
  const bool drained =
      restore_drains(gateway, state.get(), options, std::move(legacy.orders.drains), outcome);
  if (!drained) return outcome;
  if (legacy.orders.held) {
    log(LogLevel::Warning, "held", {{"ready", "no"}});
    gateway.hold(true);
  }
  std::atomic<bool> ending = false;
  const Reloader* tables = nullptr;
  Reloader reloader(gateway, main_loop, state.get(),
                    {.listen = options.listen,
                     .default_listen = options.default_listen,
                     .references = options.references,
                     .reopen = options.reopen,
                     .trust = trust.get(),
                     .on_change = [&](bool under_way) {
                       if (ending) return;  // that is what the manager is to know of it
                       if (under_way) return notify.reloading();
                       notify.ready(status_of(*tables));
                     }});
  tables = &reloader;
  ReloadReport started = reloader.start(file, std::move(legacy.listeners));
  if (!started.accepted) {
    outcome.problems = std::move(started.problems);
    return outcome;
  }
  outcome.started = true;
  warn_of_lost_listeners(*file, options.listen);
  log_listeners(gateway, *file);
  log_limit(descriptors);

  admin::Handover handover;
  admin::UnansweredReloads reloads(reloader, handover);
  bool taken_over = false;
  admin::AdminTarget target{.gateway = gateway,
                            .reloader = reloader,
                            .main_loop = main_loop,
                            .explain_tokens = explain_tokens,
                            .started_unix_ms = unix_now_ms(),
                            .ending = [&] { return ending.load(); },
                            .takeover = {},
                            .handing_over = [&] { return handover.is_under_way(); },
                            .drains_changed = [&] { keep_drains(gateway, state.get()); }};
  target.takeover = [&](const std::string& path) -> std::string {
    const auto leave_to = [&](pid_t by) {
      main_loop.post([&, by] {
        log(LogLevel::Info, "taken_over");
        taken_over = true;
        notify.succeeded_by(by);
        gateway.listeners().leave_socket_files();
        orders->leave_socket_file();
        main_loop.stop();
      });
    };
    const auto begun = handover.begin(
        path, sockets_to_leave(gateway, *orders, state.get()),
        {.go = leave_to, .given_up = [&] { main_loop.post([&] { reloads.go_on(); }); }});
    return begun ? std::string() : std::strerror(begun.error().sys);
  };
  if (orders != nullptr) {
    orders->start(target);
    log(LogLevel::Info, "admin", {{"address", orders->address()}});
  }
  // What came with the sockets may not be in this directory yet.
  if (legacy.from != nullptr) keep_drains(gateway, state.get());
  const bool succeeds = legacy.from != nullptr;
  if (succeeds) legacy.from->go();
  const auto watchdog = start_watchdog(notify, gateway, succeeds);
  succeeds ? notify.ready_as_main(status_of(reloader)) : notify.ready(status_of(reloader));
  if (options.watch.start) options.watch.start(offer_to(reloads, main_loop));
  yield_to_others();  // it takes tables in from here on
  main_loop.run({.every_second = [&] { reloader.look(); },
                 .hang_up = [&] { reloads.hang_up(); },
                 .reopen_logs = [&] { gateway.reopen_log(); },
                 .leave =
                     [&] {
                       // To clients and the manager, the service goes on after a takeover.
                       if (taken_over) return std::chrono::milliseconds(0);
                       ending = true;
                       return leave(gateway, notify, options);
                     }});
  if (options.watch.stop) options.watch.stop();
  ending = true;
  if (watchdog != nullptr) watchdog->members_end();
  gateway.finish(options.grace_ms);
  if (orders != nullptr) orders->stop();
  log(LogLevel::Info, "stopped");
  return outcome;
}

}  // namespace gw::server
