// What a service manager is told: the protocol of sd_notify(3), without its library.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_descriptor.h"

namespace gw::server {

/// One datagram for each call, to the socket that the manager listens at. What cannot be delivered
/// within two seconds is lost: nothing depends on it here. Any thread; may block for so long.
class ServiceNotify {
 public:
  /// Tells nobody.
  ServiceNotify() = default;
  /// To `address`: an absolute path, or `@name` for one of Linux's abstract sockets. Error:
  /// AddressInvalid.
  static Result<ServiceNotify> open(std::string_view address);
  /// To $NOTIFY_SOCKET; nobody when it is not set, or is none.
  static ServiceNotify from_environment();

  bool is_on() const { return static_cast<bool>(socket_); }
  /// It serves. `status` is for people, as in the next ones; what would break its line is left out.
  void ready(std::string_view status) const;
  /// As ready(); and this process is the main one of the service now.
  void ready_as_main(std::string_view status) const;
  /// A change of tables has begun. It ends with ready().
  void reloading() const;
  /// It ends, `within` that time; zero: as the manager thinks. A manager of the time before
  /// systemd 236 bounds it by its own setting all the same.
  void stopping(std::chrono::milliseconds within = {}) const;
  /// Another process takes its place, and this one ends soon.
  void succeeded_by(pid_t process) const;
  void alive() const;

 private:
  void send(std::string_view text) const;
  UniqueDescriptor socket_;
  std::string address_;  // as sockaddr_un has it, without its family
};

/// How often the manager wants to hear that the process is well ($WATCHDOG_USEC); nullopt: it does
/// not, or means another process ($WATCHDOG_PID), unless this one `succeeds` it.
std::optional<std::chrono::microseconds> watchdog_timeout(bool succeeds);

/// Tells the manager that the process is well for as long as all `members` answer: a member that
/// hangs makes it silent, and the manager ends the process. Members are asked at half of the
/// timeout, and what they answer late counts when it comes. A thread of its own.
class Watchdog {
 public:
  /// Asks a member, which calls `answer` on whatever thread, once, soon, or never. `answer` may
  /// outlive the watchdog.
  using Ask = std::function<void(std::function<void()> answer)>;

  /// `notify` outlives it.
  Watchdog(const ServiceNotify& notify, std::chrono::microseconds timeout,
           std::vector<Ask> members);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Any thread. Members end from now on and are not asked any more: how long that may take is
  /// bounded by the time that the manager gives for stopping. It goes on telling.
  void members_end();

 private:
  struct Round;
  void run();

  const ServiceNotify& notify_;
  const std::chrono::microseconds interval_;
  std::vector<Ask> members_;
  std::shared_ptr<Round> round_;
  std::thread thread_;
};

}  // namespace gw::server
