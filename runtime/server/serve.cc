#include "runtime/server/serve.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "runtime/base/log.h"
#include "runtime/base/units.h"
#include "runtime/server/certificate_watch.h"
#include "runtime/server/data_watch.h"
#include "runtime/server/gateway.h"
#include "runtime/server/listener_options.h"
#include "runtime/server/publication.h"
#include "runtime/server/state_directory.h"
#include "runtime/server/stop_signals.h"

namespace gw::server {
namespace {

std::string file_problem(std::string_view what, const std::string& path, const Error& error) {
  const std::string reason = error.sys != 0 ? std::strerror(error.sys) : std::string(error.what);
  return fmt::format("{} {}: {}", what, path, reason);
}

std::string digest_text(const table::TableFile& file) {
  return fmt::format("{:016x}", table::TableView(file.bytes()).digest());
}

// The table to serve: the one accepted last, when the state directory has one.
std::shared_ptr<const table::TableFile> choose_table(std::shared_ptr<const table::TableFile> given,
                                                     StateDirectory& state, bool fresh,
                                                     ServeOutcome& outcome) {
  if (!fresh) {
    auto accepted = state.accepted();
    if (accepted && *accepted) {
      const std::string kept = digest_text(***accepted);
      if (kept != digest_text(*given)) {
        log(LogLevel::Warning, "state_differs",
            {{"serving", kept},
             {"argument", digest_text(*given)},
             {"help", "--fresh serves the argument"}});
      }
      return **accepted;
    }
    if (!accepted) {
      log(LogLevel::Warning, "state_unusable",
          {{"reason", accepted.error().what}, {"serving", digest_text(*given)}});
    }
  }
  auto taken = state.take(given->bytes());
  if (!taken) {
    outcome.problems.push_back(
        file_problem("cannot keep the table in", "the state directory", taken.error()));
    return nullptr;
  }
  return *taken;
}

// Workers share a port by SO_REUSEPORT, which would let a second gateway join in unnoticed. A
// socket without it finds out whether somebody listens already.
bool is_taken(const std::string& address) {
  const auto parts = parse_host_port(address);
  if (!parts || parts->port == 0) return false;  // nobody's yet, or refused when it is opened
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string host(parts->host);
  if (::getaddrinfo(host.c_str(), std::to_string(parts->port).c_str(), &hints, &found) != 0)
    return false;
  bool taken = false;
  const int probe = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe >= 0) {
    const int on = 1;
    ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    taken = ::bind(probe, found->ai_addr, found->ai_addrlen) != 0 && errno == EADDRINUSE;
    ::close(probe);
  }
  ::freeaddrinfo(found);
  return taken;
}

std::string listen_problem(const std::vector<ListenerOptions>& listeners, const Error& error) {
  std::string all;
  for (const auto& listener : listeners) all += (all.empty() ? "" : ", ") + listener.address;
  const std::string reason = error.sys != 0 ? std::strerror(error.sys) : std::string(error.what);
  return fmt::format("cannot listen on {}: {}", all, reason);
}

std::string start_problem(const Gateway& gateway, const GatewayOptions& options,
                          const Error& error) {
  switch (error.code) {
    case Errc::FileUnwritable:
      return file_problem("cannot write the access log", options.access_log, error);
    case Errc::TlsFailed:
      return fmt::format("cannot use TLS on {}", gateway.start_problem());
    default:
      return listen_problem(options.listen, error);
  }
}

// Whoever tries a gateway out on another port should know that nobody asks for certificates there.
void warn_of_lost_tls(const BoundTable& table, const std::vector<std::string>& listen) {
  if (listen.empty()) return;
  for (const ListenerOptions& replaced : listener_options(table, {})) {
    if (!replaced.tls) continue;
    log(LogLevel::Warning, "tls_not_used",
        {{"address", replaced.address}, {"reason", "--listen replaces it, in plain text"}});
  }
}

void log_listeners(const Gateway& gateway, const GatewayOptions& options, const BoundTable& table,
                   const std::string& digest) {
  for (size_t i = 0; i < options.listen.size(); ++i) {
    const ListenerOptions& listener = options.listen[i];
    std::string address = listener.address;
    if (gateway.ports()[i] != 0) {
      address = fmt::format("{}:{}", address.substr(0, address.rfind(':')), gateway.ports()[i]);
    }
    log(LogLevel::Info, "listening",
        {{"address", address},
         {"tls", listener.tls ? "yes" : "no"},
         {"workers", static_cast<i64>(gateway.worker_count())},
         {"table", digest},
         {"routes", static_cast<i64>(table.view().routes().size())}});
  }
}

}  // namespace

ServeOutcome serve(std::shared_ptr<const table::TableFile> file, const ServeOptions& options) {
  const BlockedStopSignals blocked;  // of every thread from here on
  ServeOutcome outcome;
  configure_log(options.log_json, LogLevel::Info);

  std::unique_ptr<StateDirectory> state;
  if (!options.state_directory.empty()) {
    auto opened = StateDirectory::open(options.state_directory);
    if (!opened) {
      outcome.problems.push_back(
          file_problem("cannot use the state directory", options.state_directory, opened.error()));
      return outcome;
    }
    state = *std::move(opened);
    file = choose_table(std::move(file), *state, options.fresh, outcome);
    if (file == nullptr) return outcome;
  }

  std::vector<ReferenceProblem> problems;
  auto bound = BoundTable::bind(file, options.references, problems);
  if (!bound) {
    for (const ReferenceProblem& problem : problems) {
      outcome.problems.push_back(
          fmt::format("{}: {} ({})", problem.where, problem.message, problem.field));
    }
    return outcome;
  }
  Publication publication = make_publication(*bound, outcome.problems);
  publication.data = load_live_data(**bound, options.references, outcome.problems);
  if (!outcome.problems.empty()) return outcome;

  GatewayOptions gateway_options;
  gateway_options.listen = listener_options(**bound, options.listen);
  for (const ListenerOptions& listener : gateway_options.listen) {
    if (!is_taken(listener.address)) continue;
    outcome.problems.push_back(
        fmt::format("cannot listen on {}: {}", listener.address, std::strerror(EADDRINUSE)));
  }
  if (!outcome.problems.empty()) return outcome;
  gateway_options.workers = options.workers;
  gateway_options.run = &run;
  gateway_options.access_log = options.access_log == "off" ? std::string() : options.access_log;
  gateway_options.grace_ms = options.grace_ms;
  apply_session_settings(**bound, gateway_options.session);
  Gateway gateway(gateway_options);
  if (const Result<void> started = gateway.start(std::move(publication)); !started) {
    outcome.problems.push_back(start_problem(gateway, gateway_options, started.error()));
    return outcome;
  }
  if (state != nullptr) {
    if (const Result<void> accepted = state->accept(*file); !accepted) {
      log(LogLevel::Warning, "state_not_kept", {{"reason", std::strerror(accepted.error().sys)}});
    }
  }
  outcome.started = true;
  warn_of_lost_tls(**bound, options.listen);
  log_listeners(gateway, gateway_options, **bound, digest_text(*file));
  std::optional<CertificateWatch> certificates;
  if (options.listen.empty()) certificates.emplace(gateway, **bound, options.references);
  DataWatch data(gateway, **bound, options.references);
  gateway.run_until_signal([&] {
    if (certificates) certificates->look();
    data.look();
  });
  log(LogLevel::Info, "stopped");
  return outcome;
}

}  // namespace gw::server
