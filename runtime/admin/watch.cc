#include "runtime/admin/watch.h"

#include <boost/json/serialize.hpp>

#include "runtime/admin/endpoints.h"
#include "runtime/admin/overview.h"
#include "runtime/admin/status.h"

namespace gw::admin {

Watch::Watch(net::EventLoop& loop, AdminTarget& target)
    : loop_(loop),
      target_(target),
      events_(loop),
      sample_timer_(&Watch::on_sample, this),
      look_timer_(&Watch::on_look, this) {}

// The first sample is what has come before: a gateway that has just started shows it at once.
void Watch::start() {
  sample_due_ = loop_.now();
  on_sample(this);
}

void Watch::stop() {
  sample_timer_.clear();
  look_timer_.clear();
  events_.close();
}

std::unique_ptr<EventBody> Watch::subscribe() {
  const bool first = events_.subscribers() == 0;
  auto body = events_.subscribe();
  if (body == nullptr || !first) return body;
  look_at_health(false);
  look_at_reloads(false);
  loop_.set_timer(look_timer_, loop_.now() + std::chrono::milliseconds(kLookIntervalMs));
  return body;
}

// By the time that it was due, so that samples do not drift apart; not in a row after a standstill.
void Watch::on_sample(void* context) {
  auto* self = static_cast<Watch*>(context);
  self->sample();
  constexpr std::chrono::milliseconds kInterval{kSampleIntervalMs};
  self->sample_due_ = std::max(self->sample_due_ + kInterval, self->loop_.now() + kInterval / 2);
  self->loop_.set_timer(self->sample_timer_, self->sample_due_);
}

void Watch::sample() {
  std::vector<const observe::WorkerCounters*> workers;
  for (size_t i = 0; i < target_.gateway.worker_count(); ++i) {
    workers.push_back(&target_.gateway.worker(i).counts());
  }
  history_.sample(loop_.unix_ms(), workers);
  limits_.sample(loop_.unix_ms(), observe::limit_totals(workers));
  if (events_.subscribers() == 0) return;
  events_.publish("sample", boost::json::serialize(last_sample_json(history_)));
}

void Watch::on_look(void* context) {
  auto* self = static_cast<Watch*>(context);
  if (self->events_.subscribers() == 0) return;  // subscribe() begins again
  self->look_at_reloads(true);
  self->look_at_health(true);
  self->loop_.set_timer(self->look_timer_,
                        self->loop_.now() + std::chrono::milliseconds(kLookIntervalMs));
}

void Watch::look_at_reloads(bool tell) {
  const server::ReloadCounts counts = target_.reloader.counts();
  const u64 now = counts.accepted + counts.refused;
  const u64 came = now - std::exchange(reloads_, now);
  if (!tell || came == 0) return;
  const auto history = target_.reloader.history();
  const size_t known = history.size() - std::min<u64>(came, history.size());
  for (size_t i = known; i < history.size(); ++i) {
    events_.publish("reload", boost::json::serialize(report_json(history[i])));
  }
}

void Watch::look_at_health(bool tell) {
  std::map<Target, std::string_view> now;
  for (const auto& upstream : target_.gateway.control().registry().snapshot()) {
    for (const auto& one : upstream.targets) now[{upstream.name, one.address}] = state_of(one);
  }
  if (tell) {
    for (const auto& [target, state] : now) {
      const auto before = states_.find(target);
      if (before != states_.end() && before->second == state) continue;
      const boost::json::object change{
          {"upstream", target.first}, {"target", target.second}, {"state", state}};
      events_.publish("health", boost::json::serialize(change));
    }
  }
  states_ = std::move(now);
}

}  // namespace gw::admin
