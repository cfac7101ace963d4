#include "runtime/server/serve.h"

#include <fmt/format.h>

#include <cstring>

#include "runtime/base/log.h"
#include "runtime/server/blocked_signals.h"
#include "runtime/server/gateway.h"
#include "runtime/server/main_loop.h"
#include "runtime/server/reloader.h"
#include "runtime/server/state_directory.h"

namespace gw::server {
namespace {

std::string file_problem(std::string_view what, const std::string& path, const Error& error) {
  const std::string reason = error.sys != 0 ? std::strerror(error.sys) : std::string(error.what);
  return fmt::format("{} {}: {}", what, path, reason);
}

// The table to serve: the one accepted last, when the state directory has one.
TableFilePtr choose_table(TableFilePtr given, StateDirectory& state, bool fresh,
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

// Whoever tries a gateway out on another port should know that nobody asks for certificates there.
void warn_of_lost_tls(const table::TableFile& file, const std::vector<std::string>& listen) {
  if (listen.empty()) return;
  const table::TableView view(file.bytes());
  for (const policies::ListenerRecord& replaced : view.listeners()) {
    const table::LateString& cert = replaced.tls.first.cert;
    if (cert.late == table::kNone && cert.value.offset == table::kNone) continue;
    log(LogLevel::Warning, "tls_not_used",
        {{"address", view.text(replaced.address.value)},
         {"reason", "--listen replaces it, in plain text"}});
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

}  // namespace

ServeOutcome serve(TableFilePtr file, const ServeOptions& options) {
  const BlockedSignals blocked;  // of every thread from here on
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

  MainLoop main_loop;  // outlives the workers, which tell it of tables that nobody uses any more
  GatewayOptions gateway_options;
  gateway_options.workers = options.workers;
  gateway_options.run = &run;
  gateway_options.access_log = options.access_log == "off" ? std::string() : options.access_log;
  Gateway gateway(gateway_options);
  Reloader reloader(
      gateway, main_loop, state.get(),
      {.listen = options.listen, .references = options.references, .reopen = options.reopen});
  ReloadReport started = reloader.start(file, {});
  if (!started.accepted) {
    outcome.problems = std::move(started.problems);
    return outcome;
  }
  outcome.started = true;
  warn_of_lost_tls(*file, options.listen);
  log_listeners(gateway, *file);
  main_loop.run(
      {.every_second = [&] { reloader.look(); }, .hang_up = [&] { reloader.reopen("SIGHUP"); }});
  gateway.finish(options.grace_ms);
  log(LogLevel::Info, "stopped");
  return outcome;
}

}  // namespace gw::server
