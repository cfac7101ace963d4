#include "cli/source_watch.h"

#include "runtime/base/log.h"

namespace gw::cli {

void SourceWatch::start(server::OfferTable offer) {
  offer_ = std::move(offer);
  watch_files();
  log(LogLevel::Info, "watching", {{"files", static_cast<i64>(state_.paths().size())}});
  thread_ = std::thread([this] { run(); });
}

void SourceWatch::stop() {
  files_.stop();
  if (thread_.joinable()) thread_.join();
}

// First the watches, then the look: a change in between is found by one of them. Events say no more
// than that a look is worth it.
void SourceWatch::run() {
  bool settled = false;
  for (;;) {
    if (state_.holds()) {
      if (!files_.wait() || !files_.settle()) return;
      settled = true;
    } else {
      if (!settled && !files_.settle()) return;
      open_again();
      settled = false;
    }
    watch_files();
  }
}

void SourceWatch::open_again() {
  SourceState read;
  ExitCode exit = ExitCode::Ok;
  const auto file = open_gateway(spec_, console_, exit, &read);
  state_ = std::move(read);
  std::vector<std::string> problems;
  if (file == nullptr) problems.push_back(problem_of(exit));
  offer_(file, std::move(problems));
}

void SourceWatch::watch_files() {
  files_.set_files(state_.paths());
  if (!files_.polls() || told_of_polling_) return;
  told_of_polling_ = true;
  log(LogLevel::Warning, "watch_polls",
      {{"reason", "the system does not tell of changes in all folders"},
       {"interval_ms", static_cast<i64>(FileWatch::kPoll.count())}});
}

}  // namespace gw::cli
