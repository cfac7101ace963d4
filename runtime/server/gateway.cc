#include "runtime/server/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "runtime/base/cpu_count.h"
#include "runtime/base/log.h"
#include "runtime/server/blocked_signals.h"

namespace gw::server {
namespace {

constexpr std::chrono::seconds kWorkersAnswer{1};

u64 cache_bytes(const BoundTable& table) {
  const u32 kib = table.view().gateway().cache_kib;
  if (kib == table::kNone) return 0;
  return kib == 0 ? cache::MemoryStore::kDefaultBytes : u64{kib} * 1024;
}

}  // namespace

Gateway::Gateway(GatewayOptions options)
    : options_(std::move(options)),
      control_(
          [this](const auto& publication) {
            if (publication->table != nullptr) {
              cache_.store.set_limit(cache_bytes(*publication->table));
            }
            for (const auto& worker : workers_) worker->publish(publication);
          },
          spans_) {
  options_.session.explain = options_.explain;
  if (options_.workers == 0) options_.workers = cpu_count();
}

Gateway::~Gateway() {
  drain(0);
  wait();
}

Result<void> Gateway::start(Publication publication, std::vector<InheritedSocket> inherited) {
  const BlockedSignals blocked;  // threads that are started here inherit the mask
  if (!options_.access_log.empty()) {
    auto sink = open_log(publication, start_problem_);
    if (sink == nullptr) return fail(Errc::FileUnwritable, "cannot open access log");
    access_log_ = std::make_unique<observe::AccessLogWriter>(std::move(sink));
  }
  for (u32 i = 0; i < options_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(options_.session, options_.run, access_log_.get(),
                                                options_.observer, counters_, passwords_, cache_,
                                                spans_));
  }
  listeners_.inherit(std::move(inherited));
  auto listening = listeners_.prepare(options_.listen, start_problem_);
  if (!listening) {
    workers_.clear();
    return fail(listening.error());
  }
  control_.start();
  control_.publish(std::move(publication));
  listeners_.apply(*std::move(listening));
  if (held_) hold(true);
  for (const auto& worker : workers_) worker->start();
  return {};
}

const std::string& Gateway::log_place(const Publication& publication) const {
  const bool by_table = options_.table_names_log && !publication.log_place.empty();
  return by_table ? publication.log_place : options_.access_log;
}

std::unique_ptr<observe::LogSink> Gateway::open_log(const Publication& publication,
                                                    std::string& problem) const {
  const std::string& place = log_place(publication);
  if (options_.access_log.empty()) return nullptr;  // it is off
  if (access_log_ != nullptr && access_log_->place() == place) return nullptr;
  auto opened = observe::LogSink::open(place);
  if (opened) return *std::move(opened);
  problem =
      fmt::format("cannot write the access log {}: {}", place, std::strerror(opened.error().sys));
  return nullptr;
}

void Gateway::move_log(std::unique_ptr<observe::LogSink> sink) {
  if (sink != nullptr && access_log_ != nullptr) access_log_->go_on_with(std::move(sink));
}

void Gateway::reopen_log() {
  if (access_log_ == nullptr) return;
  const auto opened = access_log_->reopen();
  if (opened) {
    log(LogLevel::Info, "access_log_reopened", {{"to", access_log_->place()}});
  } else {
    log(LogLevel::Error, "access_log_not_reopened",
        {{"to", access_log_->place()},
         {"reason", std::strerror(opened.error().sys)},
         {"help", "lines go on into the file that was open"}});
  }
}

u32 Gateway::end_older_streams() {
  struct Answers {
    std::mutex mutex;
    std::condition_variable changed;
    size_t missing = 0;
    u32 ended = 0;
  };
  const auto answers = std::make_shared<Answers>();  // may outlive the wait
  answers->missing = workers_.size();
  for (const auto& worker : workers_) {
    worker->end_older_streams([answers](u32 ended) {
      const std::lock_guard lock(answers->mutex);
      answers->ended += ended;
      --answers->missing;
      answers->changed.notify_one();
    });
  }
  std::unique_lock lock(answers->mutex);
  answers->changed.wait_for(lock, kWorkersAnswer, [&] { return answers->missing == 0; });
  return answers->ended;
}

void Gateway::leave() {
  for (const auto& worker : workers_) worker->leave();
}

void Gateway::hold(bool held) {
  held_ = held;
  for (const auto& worker : workers_) worker->hold(held);
}

void Gateway::finish(u32 grace_ms) {
  const BlockedSignals blocked;
  drain(grace_ms);
  // A second one must be heard while the workers finish.
  std::thread impatient([this] {
    const sigset_t signals = stop_signals();
    int signal = 0;
    ::sigwait(&signals, &signal);
    drain(0);
  });
  wait();
  ::pthread_kill(impatient.native_handle(), SIGTERM);
  impatient.join();
}

void Gateway::drain(u32 grace_ms) {
  for (const auto& worker : workers_) worker->drain(std::chrono::milliseconds(grace_ms));
}

void Gateway::wait() {
  for (const auto& worker : workers_) worker->join();
  control_.stop();
}

}  // namespace gw::server
