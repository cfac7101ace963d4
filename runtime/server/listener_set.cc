#include "runtime/server/listener_set.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/units.h"
#include "runtime/server/listener.h"

namespace gw::server {
namespace {

// Port 0 stands for the port that the first worker got.
std::string with_port(const std::string& address, u16 port) {
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

bool is_path(const std::string& address) { return !parse_unix_address(address).empty(); }

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
  if (::getaddrinfo(host.c_str(), std::to_string(parts->port).c_str(), &hints, &found) != 0) {
    return false;
  }
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

// On all addresses of this machine: of IPv6 includes those of IPv4, unless the system says no.
bool is_any_host(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

bool is_same_place(const std::string& inherited, const std::string& wanted) {
  if (inherited == wanted) return true;
  const auto there = parse_host_port(inherited);
  const auto here = parse_host_port(wanted);
  return there && here && there->port == here->port && is_any_host(there->host) &&
         is_any_host(here->host);
}

bool shares_port(int descriptor) {
  int on = 0;
  socklen_t bytes = sizeof on;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, &bytes) == 0 && on != 0;
}

Result<UniqueDescriptor> duplicate(int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return fail(Error{.code = Errc::AddressInvalid, .sys = errno, .what = "dup"});
  return UniqueDescriptor(copy);
}

std::shared_ptr<const ListenerSettings> settings_of(u32 id, const ListenerOptions& options,
                                                    std::shared_ptr<net::TlsServer> tls) {
  auto settings = std::make_shared<ListenerSettings>();
  settings->id = id;
  settings->tls = std::move(tls);
  settings->http2 = options.http2;
  settings->proxy_protocol = options.proxy_protocol;
  settings->redirect_port = options.redirect_port;
  settings->live_path = options.live_path;
  settings->ready_path = options.ready_path;
  settings->strict_transport_security = options.strict_transport_security;
  return settings;
}

}  // namespace

ListenerSet::~ListenerSet() {
  if (leave_files_) return;
  for (const Open& open : listeners_) {
    const std::string path(parse_unix_address(open.options.address));
    if (!path.empty()) ::unlink(path.c_str());
  }
}

void ListenerSet::inherit(std::vector<InheritedSocket> sockets) { inherited_ = std::move(sockets); }

Result<ListenerSet::TlsServers> ListenerSet::make_tls(const net::TlsServerOptions& options,
                                                      std::string& problem) const {
  TlsServers made;
  for (size_t i = 0; i < workers_.size(); ++i) {
    auto server = net::TlsServer::make(options, tickets_, problem);
    if (!server) return fail(Errc::TlsFailed, "TLS settings cannot be used");
    made.push_back(*std::move(server));
  }
  return made;
}

bool ListenerSet::has_port(u16 port) const {
  return std::ranges::any_of(listeners_, [&](const Open& open) { return open.port == port; });
}

Result<std::unique_ptr<ListenerSet::Plan>> ListenerSet::prepare(
    const std::vector<ListenerOptions>& wanted, std::string& problem) {
  auto plan = std::make_unique<Plan>();
  std::vector<bool> kept(listeners_.size());
  for (const ListenerOptions& options : wanted) {
    Open open;
    open.options = options;
    size_t known = 0;
    while (known < listeners_.size() &&
           (kept[known] || listeners_[known].options.address != options.address)) {
      ++known;
    }
    TlsServers tls(workers_.size());
    if (options.tls) {
      auto made = make_tls(*options.tls, problem);
      if (!made) {
        problem = fmt::format("cannot use TLS on {}: {}", options.address, problem);
        return fail(made.error());
      }
      tls = *std::move(made);
    }
    if (known < listeners_.size()) {
      kept[known] = true;
      open.id = listeners_[known].id;
      open.port = listeners_[known].port;
      open.descriptors = listeners_[known].descriptors;
    } else {
      open.id = next_id_++;
      const auto opened = open_sockets(options, *plan, open);
      if (!opened) {
        const Error& error = opened.error();
        problem = fmt::format("cannot listen on {}: {}", options.address,
                              error.sys != 0 ? std::strerror(error.sys) : error.what);
        return fail(error);
      }
    }
    for (auto& server : tls) {
      open.settings.push_back(settings_of(open.id, options, std::move(server)));
    }
    plan->listeners.push_back(std::move(open));
  }
  return plan;
}

Result<void> ListenerSet::open_sockets(const ListenerOptions& wanted, Plan& plan, Open& open) {
  if (use_inherited(wanted, plan, open)) return {};
  const auto parts = parse_host_port(wanted.address);
  const bool ours = parts && has_port(parts->port);
  if (!ours && is_taken(wanted.address)) {
    return fail(Error{.code = Errc::AddressInvalid, .sys = EADDRINUSE, .what = "listen"});
  }
  return open_own(wanted, plan, open);
}

// One socket per worker on a port; one that all share on a path, which knows no SO_REUSEPORT.
Result<void> ListenerSet::open_own(const ListenerOptions& wanted, Plan& plan, Open& open) {
  for (size_t i = open.descriptors.size(); i < workers_.size(); ++i) {
    UniqueDescriptor socket;
    if (i > 0 && (is_path(wanted.address) || !shares_port(open.descriptors[0]))) {
      GW_TRY_ASSIGN(socket, duplicate(open.descriptors[0]));
    } else {
      GW_TRY_ASSIGN(const int opened,
                    open_listener(i == 0 ? wanted.address : with_port(wanted.address, open.port)));
      socket.reset(opened);
    }
    if (i == 0) open.port = bound_port(socket.get());
    open.descriptors.push_back(socket.get());
    plan.sockets.push_back({i, open.id, std::move(socket)});
  }
  return {};
}

// All sockets of the address, however many workers there are: what waits on one that nobody accepts
// from would be lost. Missing ones are opened beside them.
bool ListenerSet::use_inherited(const ListenerOptions& wanted, Plan& plan, Open& open) {
  for (const InheritedSocket& socket : inherited_) {
    if (!is_same_place(socket.address, wanted.address)) continue;
    plan.taken.push_back(socket.address);
    auto copy = duplicate(socket.descriptor.get());
    if (!copy) return false;
    const size_t worker = open.descriptors.size() % workers_.size();
    open.port = bound_port(copy->get());
    open.descriptors.push_back(copy->get());
    plan.sockets.push_back({worker, open.id, *std::move(copy)});
  }
  if (open.descriptors.empty()) return false;
  return open_own(wanted, plan, open).has_value();
}

void ListenerSet::apply(std::unique_ptr<Plan> plan) {
  for (Plan::NewSocket& socket : plan->sockets) {
    const auto open = std::ranges::find(plan->listeners, socket.listener, &Open::id);
    workers_[socket.worker]->add_listener(socket.descriptor.release(),
                                          open->settings[socket.worker]);
  }
  for (const Open& before : listeners_) {
    const auto now = std::ranges::find(plan->listeners, before.id, &Open::id);
    const bool stays = now != plan->listeners.end();
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (stays) {
        workers_[i]->set_listener(now->settings[i]);
      } else {
        workers_[i]->remove_listener(before.id);
      }
    }
    const std::string path(parse_unix_address(before.options.address));
    if (!stays && !path.empty()) ::unlink(path.c_str());
  }
  listeners_ = std::move(plan->listeners);
  show();
  std::erase_if(inherited_, [&](const InheritedSocket& socket) {
    return std::ranges::find(plan->taken, socket.address) != plan->taken.end();
  });
}

void ListenerSet::show() {
  std::vector<Shown> now;
  for (size_t i = 0; i < size(); ++i) {
    Shown& shown =
        now.emplace_back(Shown{.address = address(i), .tls = options(i).tls.has_value()});
    if (!shown.tls) continue;
    for (const net::TlsCertificate& certificate : options(i).tls->certificates) {
      shown.certificates.push_back(net::certificate_facts(certificate.chain));
    }
  }
  const std::lock_guard lock(mutex_);
  shown_ = std::move(now);
}

bool ListenerSet::set_tls(size_t index, const net::TlsServerOptions& options,
                          std::string& problem) {
  auto made = make_tls(options, problem);
  if (!made) return false;
  Open& open = listeners_[index];
  open.options.tls = options;
  for (size_t i = 0; i < workers_.size(); ++i) {
    open.settings[i] = settings_of(open.id, open.options, std::move((*made)[i]));
    workers_[i]->set_listener(open.settings[i]);
  }
  show();
  return true;
}

std::string ListenerSet::address(size_t index) const {
  const Open& open = listeners_[index];
  return open.port == 0 ? open.options.address : with_port(open.options.address, open.port);
}

std::vector<ListenerSet::Shown> ListenerSet::shown() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

std::vector<ListenerSet::Socket> ListenerSet::sockets() const {
  std::vector<Socket> all;
  for (size_t i = 0; i < size(); ++i) {
    for (const int descriptor : listeners_[i].descriptors) all.push_back({address(i), descriptor});
  }
  return all;
}

}  // namespace gw::server
