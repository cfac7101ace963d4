#include "runtime/server/control.h"

#include <algorithm>

#include "runtime/base/log.h"

namespace gw::server {
namespace {

using upstream::HealthChange;

constexpr std::chrono::milliseconds kStopStep{10};

std::string_view word_of(HealthChange::Kind kind) {
  switch (kind) {
    case HealthChange::Kind::Healthy:
      return "healthy";
    case HealthChange::Kind::Unhealthy:
      return "unhealthy";
    case HealthChange::Kind::Ejected:
      return "ejected";
    case HealthChange::Kind::Returned:
      return "returned";
    case HealthChange::Kind::BreakerOpened:
      return "open";
    case HealthChange::Kind::BreakerClosed:
      return "closed";
  }
  return "";
}

bool is_bad(HealthChange::Kind kind) {
  return kind == HealthChange::Kind::Unhealthy || kind == HealthChange::Kind::Ejected ||
         kind == HealthChange::Kind::BreakerOpened;
}

void write_line(HealthChange::Kind kind, std::string_view upstream, std::string_view target,
                std::string_view reason) {
  const LogLevel level = is_bad(kind) ? LogLevel::Warning : LogLevel::Info;
  const std::string_view state = word_of(kind);
  if (target.empty()) {
    log(level, "circuit_breaker", {{"upstream", upstream}, {"state", state}, {"reason", reason}});
    return;
  }
  log(level, "upstream_health",
      {{"upstream", upstream}, {"target", target}, {"state", state}, {"reason", reason}});
}

}  // namespace

Control::Control()
    : connector_(loop_),
      checker_(loop_, random_, connector_),
      ejection_timer_(&Control::on_ejection_end, this),
      stop_timer_(&Control::on_stop_step, this) {
  registry_.on_change = [this](const HealthChange& change) { note(change); };
}

Control::~Control() { stop(); }

void Control::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Control::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] { on_stop_step(this); });
  thread_.join();
}

void Control::on_stop_step(void* context) {
  auto* self = static_cast<Control*>(context);
  self->ejection_timer_.clear();
  if (self->checker_.stop()) {
    self->loop_.stop();
    return;
  }
  self->loop_.set_timer(self->stop_timer_, self->loop_.now() + kStopStep);
}

void Control::watch(std::shared_ptr<const Publication> publication) {
  loop_.post(
      [this, publication = std::move(publication)] { checker_.watch(publication->upstreams); });
}

// On the thread that saw the change, which may be a worker: writing a line may block.
void Control::note(const HealthChange& change) {
  loop_.post([this, kind = change.kind, upstream = std::string(change.upstream),
              target = std::string(change.target), reason = std::string(change.reason),
              until_ms = change.until_ms] {
    write_line(kind, upstream, target, reason);
    if (kind != HealthChange::Kind::Ejected) return;
    ejections_.push_back({upstream, target, until_ms});
    look_at_ejections();
  });
}

void Control::look_at_ejections() {
  const i64 now_ms = upstream::to_ms(loop_.now());
  i64 next_ms = 0;
  std::erase_if(ejections_, [&](const Ejection& ejection) {
    if (ejection.until_ms <= now_ms) {
      write_line(HealthChange::Kind::Returned, ejection.upstream, ejection.target,
                 "its ejection has ended");
      return true;
    }
    next_ms = next_ms == 0 ? ejection.until_ms : std::min(next_ms, ejection.until_ms);
    return false;
  });
  if (next_ms == 0) return;
  loop_.set_timer(ejection_timer_, net::TimePoint(std::chrono::milliseconds(next_ms)));
}

void Control::on_ejection_end(void* context) {
  static_cast<Control*>(context)->look_at_ejections();
}

}  // namespace gw::server
