#include "runtime/server/gateway.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

namespace gw::server {
namespace {

sigset_t stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  return signals;
}

// Port 0 stands for the port that the first worker got.
std::string with_port(const std::string& address, u16 port) {
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

}  // namespace

Gateway::Gateway(GatewayOptions options) : options_(std::move(options)) {
  if (options_.workers == 0) options_.workers = std::max(1U, std::thread::hardware_concurrency());
}

Gateway::~Gateway() {
  drain(0);
  wait();
}

Result<void> Gateway::start(Publication publication) {
  ExchangeObserver& observer = options_.observer != nullptr ? *options_.observer : ignore_;
  if (!options_.access_log.empty()) {
    GW_TRY_ASSIGN(access_log_, observe::AccessLogWriter::open(options_.access_log));
  }
  for (u32 i = 0; i < options_.workers; ++i) {
    workers_.push_back(
        std::make_unique<Worker>(options_.session, options_.run, access_log_.get(), observer));
  }
  for (const std::string& address : options_.listen) {
    for (size_t i = 0; i < workers_.size(); ++i) {
      auto listener = open_listener(i == 0 ? address : with_port(address, ports_.back()));
      if (!listener) {
        workers_.clear();
        return fail(listener.error());
      }
      if (i == 0) ports_.push_back(bound_port(*listener));
      workers_[i]->add_listener(*listener);
    }
  }
  publish(std::move(publication));
  // Only the control thread takes these signals; the workers inherit the mask.
  const sigset_t signals = stop_signals();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  for (const auto& worker : workers_) worker->start();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void Gateway::publish(Publication publication) {
  for (auto& upstream : publication.upstreams) {
    if (upstream.state == nullptr) upstream.state = std::make_shared<upstream::UpstreamState>();
  }
  const auto shared = std::make_shared<const Publication>(std::move(publication));
  for (const auto& worker : workers_) worker->publish(shared);
}

void Gateway::run_until_signal() {
  const sigset_t signals = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  int signal = 0;
  ::sigwait(&signals, &signal);
  drain(options_.grace_ms);
  // A second one must be heard while the workers finish.
  std::thread impatient([this, signals] {
    int second = 0;
    ::sigwait(&signals, &second);
    drain(0);
  });
  wait();
  ::pthread_kill(impatient.native_handle(), SIGTERM);
  impatient.join();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void Gateway::drain(u32 grace_ms) {
  for (const auto& worker : workers_) worker->drain(std::chrono::milliseconds(grace_ms));
}

void Gateway::wait() {
  for (const auto& worker : workers_) worker->join();
}

}  // namespace gw::server
