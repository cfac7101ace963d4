#include "runtime/admin/takeover.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "runtime/server/listener.h"

namespace gw::admin {
namespace {

constexpr std::string_view kEnd = "end";
constexpr char kGo[] = "go";
constexpr int kSendTimeoutMs = 2'000;
constexpr int kReceiveTimeoutMs = 5'000;
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxSockets = 4096;
constexpr int kFirstActivated = 3;

Unexpected<Error> broken(std::string_view what) {
  return fail(Error{.code = Errc::ConnectFailed, .sys = errno, .what = what});
}

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  path.copy(address.sun_path, path.size());
  return address;
}

void set_timeout(int socket, int milliseconds) {
  const timeval value{milliseconds / 1000, (milliseconds % 1000) * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

pid_t peer_of(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  const int got = ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  return got == 0 ? peer.pid : 0;
}

// A name, and the descriptor that it belongs to; -1: none.
bool send_one(int to, std::string_view name, int descriptor) {
  iovec bytes{const_cast<char*>(name.data()), name.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(to, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(name.size());
}

bool receive_one(int from, server::InheritedSocket& out) {
  char name[kMaxNameBytes];
  iovec bytes{name, sizeof name};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC);
  if (n <= 0) return false;
  out.address.assign(name, static_cast<size_t>(n));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    out.descriptor.reset(descriptor);
  }
  return true;
}

}  // namespace

Handover::~Handover() { end(); }

void Handover::end() {
  if (connection_) ::shutdown(connection_.get(), SHUT_RDWR);
  if (waiter_.joinable()) waiter_.join();
  connection_.reset();
}

Result<void> Handover::begin(const std::string& path,
                             const std::vector<server::ListenerSet::Socket>& sockets, Ends ends) {
  if (under_way_) {
    errno = EALREADY;
    return broken("a takeover is under way");
  }
  end();
  const auto address = address_of(path);
  if (!address) {
    errno = EINVAL;
    return broken("not the path of a socket");
  }
  UniqueDescriptor to(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!to) return broken("socket");
  set_timeout(to.get(), kSendTimeoutMs);
  if (::connect(to.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return broken("nobody takes the sockets");
  }
  for (const auto& socket : sockets) {
    if (!send_one(to.get(), socket.address, socket.descriptor)) return broken("send");
  }
  if (!send_one(to.get(), kEnd, -1)) return broken("send");
  set_timeout(to.get(), 0);
  connection_ = std::move(to);
  under_way_ = true;
  waiter_ = std::thread([this, ends = std::move(ends)] {
    char said[sizeof kGo] = {};
    const ssize_t n = ::recv(connection_.get(), said, sizeof said, 0);
    if (n == sizeof kGo && std::memcmp(said, kGo, sizeof kGo) == 0) {
      ends.go(peer_of(connection_.get()));
    } else {
      under_way_ = false;
      ends.given_up();
    }
  });
  return {};
}

Result<std::unique_ptr<SocketReceiver>> SocketReceiver::open() {
  std::unique_ptr<SocketReceiver> receiver(new SocketReceiver);
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  receiver->directory_ = fmt::format("{}/gwctl-XXXXXX", runtime != nullptr ? runtime : "/tmp");
  if (::mkdtemp(receiver->directory_.data()) == nullptr) return broken("mkdtemp");
  receiver->path_ = receiver->directory_ + "/sockets";
  const auto address = address_of(receiver->path_);
  if (!address) {
    errno = ENAMETOOLONG;
    return broken("socket");
  }
  receiver->listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const int listener = receiver->listener_.get();
  set_timeout(listener, kReceiveTimeoutMs);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::listen(listener, 1) != 0) {
    return broken("bind");
  }
  return receiver;
}

SocketReceiver::~SocketReceiver() {
  ::unlink(path_.c_str());
  ::rmdir(directory_.c_str());
}

Result<std::vector<server::InheritedSocket>> SocketReceiver::receive() {
  connection_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection_) return broken("nobody sends sockets");
  set_timeout(connection_.get(), kReceiveTimeoutMs);
  std::vector<server::InheritedSocket> sockets;
  while (sockets.size() < kMaxSockets) {
    server::InheritedSocket socket;
    if (!receive_one(connection_.get(), socket)) return broken("receive");
    if (!socket.descriptor) {
      if (socket.address == kEnd) return sockets;
      errno = EPROTO;
      return broken("receive");
    }
    sockets.push_back(std::move(socket));
  }
  errno = E2BIG;
  return broken("too many sockets");
}

void SocketReceiver::go() {
  static_cast<void>(::send(connection_.get(), kGo, sizeof kGo, MSG_NOSIGNAL));
}

std::vector<server::InheritedSocket> activated_sockets() {
  std::vector<server::InheritedSocket> sockets;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::atol(pid) != ::getpid()) return sockets;
  const int number = std::atoi(count);
  for (int i = 0; i < number && i < static_cast<int>(kMaxSockets); ++i) {
    const int descriptor = kFirstActivated + i;
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    sockets.push_back({server::bound_address(descriptor), UniqueDescriptor(descriptor)});
  }
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  return sockets;
}

}  // namespace gw::admin
