#include "runtime/server/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/descriptor_shortage.h"
#include "runtime/base/units.h"
#include "runtime/http/http1_head.h"

namespace gw::server {
namespace {

// At most so many per turn, so that connections that exist are served in between.
constexpr int kAcceptsPerTurn = 16;
constexpr std::chrono::milliseconds kPause{100};
constexpr int kBacklog = 4096;

PeerAddress peer_of(const sockaddr_storage& storage) {
  PeerAddress peer;
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &storage, sizeof v4);
    peer.bytes[10] = peer.bytes[11] = 0xff;
    std::memcpy(peer.bytes + 12, &v4.sin_addr, 4);
    peer.port = ntohs(v4.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &storage, sizeof v6);
    std::memcpy(peer.bytes, &v6.sin6_addr, 16);
    peer.port = ntohs(v6.sin6_port);
  }
  return peer;
}

PeerAddress name_of(int descriptor) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return peer_of(storage);
}

// 0.0.0.0, or ::.
bool is_any(const PeerAddress& address) {
  constexpr PeerAddress kAny4{.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
  constexpr PeerAddress kAny6;
  return std::ranges::equal(address.bytes, kAny4.bytes) ||
         std::ranges::equal(address.bytes, kAny6.bytes);
}

Unexpected<Error> bad_address(int sys, std::string_view what) {
  return fail(Error{.code = Errc::AddressInvalid, .sys = sys, .what = what});
}

Result<int> listen_on(const addrinfo& info) {
  const int descriptor = ::socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return bad_address(errno, "cannot open a socket");
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(descriptor, info.ai_addr, info.ai_addrlen) != 0 ||
      ::listen(descriptor, kBacklog) != 0) {
    const int error = errno;
    ::close(descriptor);
    return bad_address(error, "cannot listen");
  }
  return descriptor;
}

// Whether somebody listens on the socket file; one that is left over only looks like it.
bool is_listening(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return true;
  const bool connected =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const bool refused = !connected && errno == ECONNREFUSED;
  ::close(probe);
  return !refused;
}

Result<int> listen_on_path(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return bad_address(errno, "cannot open a socket");
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  int bound = ::bind(descriptor, to, sizeof address);
  if (bound != 0 && errno == EADDRINUSE && !is_listening(address)) {
    ::unlink(address.sun_path);
    bound = ::bind(descriptor, to, sizeof address);
  }
  if (bound != 0 || ::listen(descriptor, kBacklog) != 0) {
    const int error = errno;
    ::close(descriptor);
    return bad_address(error, "cannot listen");
  }
  return descriptor;
}

}  // namespace

Result<int> open_listener(const std::string& address) {
  const std::string_view path = parse_unix_address(address);
  if (!path.empty()) return listen_on_path(path);
  std::string_view host;
  std::string_view port;
  if (!http::parse_authority(address, host, port) || port.empty()) {
    return bad_address(0, "it is neither HOST:PORT, with a port up to 65535, nor unix:/PATH");
  }
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(std::string(host).c_str(), std::string(port).c_str(), &hints, &found) != 0) {
    return bad_address(0, "listen address has no such host");
  }
  auto listener = listen_on(*found);
  ::freeaddrinfo(found);
  return listener;
}

std::string bound_address(int descriptor) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(v4.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &storage, sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6.sin6_port));
  }
  if (storage.ss_family != AF_UNIX) return {};
  sockaddr_un local;
  std::memcpy(&local, &storage, sizeof local);
  return fmt::format("unix:{}", local.sun_path);
}

u16 bound_port(int descriptor) { return name_of(descriptor).port; }

Listener::Listener(net::WorkerLoop& loop, int descriptor, Accepted accepted)
    : loop_(loop),
      acceptor_(loop.io()),
      local_(name_of(descriptor)),
      accepted_(std::move(accepted)),
      pause_(&Listener::on_pause_over, this) {
  acceptor_.assign(boost::asio::ip::tcp::v6(), descriptor);
}

void Listener::stop() {
  pause_.clear();
  for (int i = 0; i < kBacklog && acceptor_.is_open(); ++i) {
    if (accept_one() != Accept::Taken) break;
  }
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

void Listener::wait() {
  acceptor_.async_wait(
      boost::asio::socket_base::wait_read,
      [this, alive = std::weak_ptr<bool>(alive_)](const boost::system::error_code& ec) {
        if (alive.expired()) return;
        loop_.begin_turn();
        if (!ec) accept_some();
      });
}

// Which of its addresses a client has taken, of a listener on all of them only the system knows.
PeerAddress Listener::local_of(int descriptor) const {
  const bool unknown = local_.port != 0 && is_any(local_);
  return unknown ? name_of(descriptor) : local_;
}

Listener::Accept Listener::accept_one() {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const int descriptor = ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&storage),
                                   &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    accepted_(descriptor, peer_of(storage), local_of(descriptor));
    return Accept::Taken;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Accept::Nothing;
  if (is_shortage(errno)) {
    note_shortage(ShortageAt::Accept, errno);
    return Accept::Pause;
  }
  return Accept::Taken;  // ECONNABORTED and the network's errors belong to that one connection
}

void Listener::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn && acceptor_.is_open(); ++i) {
    switch (accept_one()) {
      case Accept::Taken:
        continue;
      case Accept::Nothing:
        wait();
        return;
      case Accept::Pause:
        loop_.set_timer(pause_, loop_.now() + kPause);
        return;
    }
  }
  if (acceptor_.is_open()) wait();
}

void Listener::on_pause_over(void* context) { static_cast<Listener*>(context)->accept_some(); }

}  // namespace gw::server
