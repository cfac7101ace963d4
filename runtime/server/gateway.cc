#include "runtime/server/gateway.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/base/units.h"
#include "runtime/server/stop_signals.h"

namespace gw::server {
namespace {

// Port 0 stands for the port that the first worker got.
std::string with_port(const std::string& address, u16 port) {
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

}  // namespace

Gateway::Gateway(GatewayOptions options)
    : options_(std::move(options)), control_([this](const auto& publication) {
        for (const auto& worker : workers_) worker->publish(publication);
      }) {
  if (options_.workers == 0) options_.workers = std::max(1U, std::thread::hardware_concurrency());
}

Gateway::~Gateway() {
  drain(0);
  wait();
}

Result<void> Gateway::start(Publication publication) {
  const BlockedStopSignals blocked;  // threads that are started here inherit the mask
  ExchangeObserver& observer = options_.observer != nullptr ? *options_.observer : ignore_;
  if (!options_.access_log.empty()) {
    GW_TRY_ASSIGN(access_log_, observe::AccessLogWriter::open(options_.access_log));
  }
  for (u32 i = 0; i < options_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(options_.session, options_.run, access_log_.get(),
                                                observer, counters_, passwords_));
  }
  if (const Result<void> opened = open_listeners(); !opened) {
    workers_.clear();
    return opened;
  }
  control_.start();
  control_.publish(std::move(publication));
  for (const auto& worker : workers_) worker->start();
  return {};
}

Result<void> Gateway::open_listeners() {
  for (const ListenerOptions& listener : options_.listen) GW_TRY(open_listener_for_all(listener));
  return {};
}

// One socket per worker on a port; one that all share on a path, which knows no SO_REUSEPORT.
Result<void> Gateway::open_listener_for_all(const ListenerOptions& listener) {
  std::vector<std::shared_ptr<net::TlsServer>> tls(workers_.size());
  if (listener.tls) {
    std::string problem;
    tls = make_tls(*listener.tls, problem);
    if (tls.empty()) {
      start_problem_ = listener.address + ": " + problem;
      return fail(Errc::TlsFailed, "TLS settings cannot be used");
    }
  }
  const bool shared = !parse_unix_address(listener.address).empty();
  int first = -1;
  for (size_t i = 0; i < workers_.size(); ++i) {
    int descriptor = -1;
    if (i > 0 && shared) {
      descriptor = ::fcntl(first, F_DUPFD_CLOEXEC, 0);
      if (descriptor < 0) return fail(Error{.code = Errc::AddressInvalid, .sys = errno});
    } else {
      GW_TRY_ASSIGN(descriptor, open_listener(i == 0 ? listener.address
                                                     : with_port(listener.address, ports_.back())));
    }
    if (i == 0) {
      first = descriptor;
      ports_.push_back(bound_port(descriptor));
    }
    auto settings = std::make_unique<ListenerSettings>();
    settings->tls = tls[i];
    settings->http2 = listener.http2;
    settings->proxy_protocol = listener.proxy_protocol;
    settings->redirect_port = listener.redirect_port;
    settings->strict_transport_security = listener.strict_transport_security;
    workers_[i]->add_listener(descriptor, std::move(settings));
  }
  return {};
}

// Empty: the settings cannot be used, `problem` says why.
std::vector<std::shared_ptr<net::TlsServer>> Gateway::make_tls(const net::TlsServerOptions& options,
                                                               std::string& problem) {
  std::vector<std::shared_ptr<net::TlsServer>> made;
  for (size_t i = 0; i < workers_.size(); ++i) {
    auto server = net::TlsServer::make(options, tickets_, problem);
    if (!server) return {};
    made.push_back(*std::move(server));
  }
  return made;
}

bool Gateway::set_tls(size_t index, const net::TlsServerOptions& options, std::string& problem) {
  const auto made = make_tls(options, problem);
  for (size_t i = 0; i < made.size(); ++i) workers_[i]->set_tls(index, made[i]);
  return !made.empty();
}

void Gateway::publish(Publication publication) { control_.publish(std::move(publication)); }

void Gateway::run_until_signal(const std::function<void()>& every_second) {
  const BlockedStopSignals blocked;
  const sigset_t signals = stop_signals();
  const timespec second{1, 0};
  while (::sigtimedwait(&signals, nullptr, &second) < 0) {
    if (errno == EAGAIN && every_second) every_second();
  }
  drain(options_.grace_ms);
  // A second one must be heard while the workers finish.
  std::thread impatient([this, signals] {
    int signal = 0;
    ::sigwait(&signals, &signal);
    drain(0);
  });
  wait();
  ::pthread_kill(impatient.native_handle(), SIGTERM);
  impatient.join();
  remove_socket_files();
}

void Gateway::remove_socket_files() {
  for (const ListenerOptions& listener : options_.listen) {
    const std::string path(parse_unix_address(listener.address));
    if (!path.empty()) ::unlink(path.c_str());
  }
}

void Gateway::drain(u32 grace_ms) {
  for (const auto& worker : workers_) worker->drain(std::chrono::milliseconds(grace_ms));
}

void Gateway::wait() {
  for (const auto& worker : workers_) worker->join();
  control_.stop();
}

}  // namespace gw::server
