// Listening sockets on their way from one process to the next (SCM_RIGHTS, unix(7)).
//
//   new                                        old
//   makes a socket, asks POST /v1/takeover ──► connects to it
//                                          ◄── sends every descriptor with its name
//   starts to serve by them; "go"          ──► drains and ends
//
// When the new one closes without "go", the old one goes on as if nothing had been. What would
// change tables or drains in between is refused, or waits: the new one has been told already, and
// would not hear of it.
#pragma once
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/server/listener_set.h"

namespace gw::admin {

/// Names of descriptors that are no listeners of the data plane.
inline constexpr std::string_view kAdminSocketName = "admin";
inline constexpr std::string_view kStateLockName = "state lock";

/// The old one's side. One thread; waits for the other on another.
class Handover {
 public:
  /// Ends the wait.
  ~Handover();

  /// Called on another thread, one of them, once.
  struct Ends {
    std::function<void(pid_t successor)> go;  // it has said it; 0: its process is not known
    std::function<void()> given_up;           // nothing is under way any more
  };
  /// Sends `sockets` to who listens at `path`; then waits for "go". Errors: ConnectFailed with
  /// errno; EALREADY while another one is under way.
  Result<void> begin(const std::string& path,
                     const std::vector<server::ListenerSet::Socket>& sockets, Ends ends);
  /// From begin() until the other one has closed without "go"; for ever once it has said it. What
  /// is changed here meanwhile the other one does not hear of. Any thread.
  bool is_under_way() const { return under_way_; }

 private:
  void end();
  UniqueDescriptor connection_;
  std::atomic<bool> under_way_{false};
  std::thread waiter_;
};

/// The new one's side.
class SocketReceiver {
 public:
  /// Makes a socket in a new directory that only this user can enter. Errors: AddressInvalid.
  static Result<std::unique_ptr<SocketReceiver>> open();
  ~SocketReceiver();
  SocketReceiver(const SocketReceiver&) = delete;
  SocketReceiver& operator=(const SocketReceiver&) = delete;

  const std::string& path() const { return path_; }
  /// What was sent. Blocks for five seconds at most. Errors: ConnectFailed with errno.
  Result<std::vector<server::InheritedSocket>> receive();
  /// This process serves: the other one may end.
  void go();

 private:
  SocketReceiver() = default;
  std::string directory_;
  std::string path_;
  UniqueDescriptor listener_;
  UniqueDescriptor connection_;
};

/// Sockets that systemd has opened for this process (sd_listen_fds(3)); none when there are none.
std::vector<server::InheritedSocket> activated_sockets();

}  // namespace gw::admin
