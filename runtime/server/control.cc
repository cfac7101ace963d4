#include "runtime/server/control.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

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

constexpr size_t kMostNamed = 8;  // addresses in one line

std::string list_of(const std::vector<std::string>& texts) {
  const size_t named = std::min(texts.size(), kMostNamed);
  std::string out = fmt::format("{}", fmt::join(std::span(texts).first(named), ", "));
  if (texts.size() > named) out += fmt::format(" and {} more", texts.size() - named);
  return out;
}

std::vector<std::string> unhealthy_of(const std::vector<upstream::UpstreamConfig>& asked) {
  std::vector<std::string> out;
  for (const upstream::UpstreamConfig& config : asked) {
    for (const upstream::TargetConfig& target : config.targets) {
      if (target.state->healthy.load(std::memory_order_relaxed)) continue;
      out.push_back(fmt::format("{}/{}", config.name, target.address));
    }
  }
  return out;
}

void write_targets(const upstream::TargetsChange& change) {
  log(LogLevel::Info, "upstream_targets",
      {{"upstream", change.upstream},
       {"count", static_cast<i64>(change.count)},
       {"added", list_of(change.added)},
       {"removed", list_of(change.removed)}});
}

void write_name(const upstream::NameChange& change) {
  if (!change.failing) {
    log(LogLevel::Info, "dns", {{"name", change.name}, {"state", "resolved"}});
    return;
  }
  log(LogLevel::Warning, "dns",
      {{"name", change.name},
       {"state", "failing"},
       {"reason", change.reason},
       {"using", change.known ? "the last answer" : "nothing"}});
}

}  // namespace

Control::Control(Deliver deliver, observe::SpanQueue& spans)
    : deliver_(std::move(deliver)),
      dns_(loop_),
      discovery_(loop_, random_, dns_),
      connector_(loop_),
      http_(loop_, dns_, connector_),
      issuers_(loop_, random_, http_, followed_),
      exporter_(loop_, http_, spans),
      checker_(loop_, random_, connector_),
      warm_up_timer_(&Control::on_warm_up_end, this),
      ejection_timer_(&Control::on_ejection_end, this),
      stop_timer_(&Control::on_stop_step, this) {
  registry_.on_change = [this](const HealthChange& change) { note(change); };
  discovery_.on_change = [this] { take_discovered(); };
  issuers_.on_change = [this] {
    if (pending_ != nullptr) warm();
  };
  // Not within the check that has told it.
  checker_.on_first = [this] {
    loop_.post([this] {
      if (pending_ != nullptr) warm();
    });
  };
  discovery_.on_targets = &write_targets;
  discovery_.resolver().on_name = [this](const upstream::NameChange& change) {
    followed_.note(change);
    write_name(change);
  };
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
  if (self->pending_ != nullptr) self->deliver_pending();
  self->discovery_.watch({});
  self->issuers_.stop();
  if (!self->exporter_.finish()) {
    self->loop_.set_timer(self->stop_timer_, self->loop_.now() + kStopStep);
    return;
  }
  const bool at_rest = self->http_.stop();
  if (self->checker_.stop() && at_rest) {
    self->loop_.stop();
    return;
  }
  self->loop_.set_timer(self->stop_timer_, self->loop_.now() + kStopStep);
}

PublishCost Control::publish(Publication publication) {
  auto pending = std::make_shared<std::unique_ptr<Pending>>(std::make_unique<Pending>());
  (*pending)->publication = std::move(publication);
  std::future<PublishCost> delivered = (*pending)->delivered.get_future();
  loop_.post([this, pending] { begin(std::move(*pending)); });
  pending.reset();
  return delivered.get();
}

// One that has not been delivered yet goes first, with what is known.
void Control::begin(std::unique_ptr<Pending> pending) {
  if (pending_ != nullptr) deliver_pending();
  pending_ = std::move(pending);
  pending_->publication.edition = ++edition_;
  dns_.use(pending_->publication.resolvers);
  discovery_.watch(pending_->publication.upstreams);
  Publication& next = pending_->publication;
  if (next.data != nullptr) next.data = issuers_.watch(*next.table, *next.data);
  loop_.set_timer(warm_up_timer_, loop_.now() + kWarmUp);
  warm();
}

// Targets can be asked once they are known. All of it together has kWarmUp.
void Control::warm() {
  if (!discovery_.is_ready()) return;
  if (!std::exchange(pending_->asks, true)) ask_targets(*pending_);
  if (is_ready() && upstream::HealthChecker::knows_all(pending_->asked)) deliver_pending();
}

// The table before goes on being served meanwhile: its targets keep their checks and their states.
void Control::ask_targets(Pending& pending) {
  static const std::vector<upstream::UpstreamConfig> kNone;
  const auto& before = current_ == nullptr ? kNone : current_->upstreams;
  for (const upstream::UpstreamConfig& next : discovery_.upstreams()) {
    if (!next.health.asks()) continue;
    const auto known = std::ranges::find(before, next.name, &upstream::UpstreamConfig::name);
    upstream::UpstreamConfig joined = next;
    if (known != before.end()) {
      joined.limits = known->limits;
      joined.targets.insert(joined.targets.end(), known->targets.begin(), known->targets.end());
    }
    registry_.attach(joined);
    joined.targets.resize(next.targets.size());
    std::erase_if(joined.targets, [](const upstream::TargetConfig& target) {
      return target.weight == 0 || target.state->checked;
    });
    if (!joined.targets.empty()) pending.asked.push_back(std::move(joined));
  }
  if (pending.asked.empty()) return;
  std::vector<upstream::UpstreamConfig> all = before;
  all.insert(all.end(), pending.asked.begin(), pending.asked.end());
  checker_.watch(all);
}

void Control::on_warm_up_end(void* context) {
  auto* self = static_cast<Control*>(context);
  if (self->pending_ != nullptr) self->deliver_pending();
}

void Control::deliver_pending() {
  warm_up_timer_.clear();
  const std::unique_ptr<Pending> pending = std::move(pending_);
  const TimePoint warm = std::chrono::steady_clock::now();
  deliver(std::move(pending->publication));
  pending->delivered.set_value({.warm = warm - pending->begun,
                                .swap = std::chrono::steady_clock::now() - warm,
                                .unhealthy = unhealthy_of(pending->asked)});
}

void Control::deliver(Publication publication) {
  publication.upstreams = discovery_.upstreams();
  for (auto& upstream : publication.upstreams) registry_.attach(upstream);
  current_ = std::make_shared<const Publication>(std::move(publication));
  deliver_(current_);
  exporter_.use(current_->collector);
  checker_.watch(current_->upstreams);
  std::set<std::string> upstreams;
  for (const auto& upstream : current_->upstreams) upstreams.insert(upstream.name);
  followed_.keep(discovery_.resolver().names(), issuers_.locations(), upstreams);
}

// The same table, other targets.
void Control::take_discovered() {
  if (pending_ != nullptr) {
    warm();
    return;
  }
  if (current_ != nullptr) deliver_again(current_->data);
}

void Control::deliver_again(std::shared_ptr<const LiveData> data) {
  Publication publication = *current_;
  publication.data = std::move(data);
  deliver(std::move(publication));
}

void Control::replace_data(std::shared_ptr<const LiveData> data) {
  const auto delivered = std::make_shared<std::promise<void>>();
  std::future<void> done = delivered->get_future();
  loop_.post([this, data = std::move(data), delivered] {
    if (pending_ != nullptr) deliver_pending();
    if (current_ != nullptr) deliver_again(issuers_.watch(*current_->table, *data));
    delivered->set_value();
  });
  done.get();
}

// On the thread that saw the change, which may be a worker: writing a line may block.
void Control::note(const HealthChange& change) {
  followed_.note(change.kind, change.upstream);
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
