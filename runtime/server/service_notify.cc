#include "runtime/server/service_notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "runtime/server/blocked_signals.h"

namespace gw::server {
namespace {

constexpr size_t kMaxStatusBytes = 256;
constexpr int kSendTimeoutSeconds = 2;
// Of a manager's timeout; what is less is no timeout but a mistake.
constexpr u64 kLeastTimeoutUs = 1000;
constexpr u64 kMostTimeoutUs = u64{365} * 24 * 3600 * 1'000'000;

std::optional<u64> number_of(const char* text) {
  if (text == nullptr) return std::nullopt;
  u64 number = 0;
  const char* end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

u64 monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<u64>(now.tv_sec) * 1'000'000 + static_cast<u64>(now.tv_nsec) / 1000;
}

// A line of its own, or nothing: a message is lines, and the status must not become another one.
std::string status_line(std::string_view status) {
  if (status.empty()) return {};
  std::string line = "\nSTATUS=";
  for (const char c : status.substr(0, kMaxStatusBytes)) {
    if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) line += c;
  }
  return line;
}

}  // namespace

Result<ServiceNotify> ServiceNotify::open(std::string_view address) {
  sockaddr_un room{};
  const bool known = address.size() > 1 && (address[0] == '/' || address[0] == '@');
  // A path ends with a zero; an abstract name is as long as it is.
  const size_t most = sizeof room.sun_path - (known && address[0] == '/' ? 1 : 0);
  if (!known || address.size() > most) {
    return fail(Error{.code = Errc::AddressInvalid, .sys = EINVAL, .what = "NOTIFY_SOCKET"});
  }
  ServiceNotify notify;
  notify.socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!notify.socket_) {
    return fail(Error{.code = Errc::AddressInvalid, .sys = errno, .what = "NOTIFY_SOCKET"});
  }
  // Not for ever: a manager that takes nothing must not keep the gateway from its work.
  const timeval patience{kSendTimeoutSeconds, 0};
  ::setsockopt(notify.socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  notify.address_ = address;
  if (address[0] == '@') notify.address_[0] = '\0';
  return notify;
}

ServiceNotify ServiceNotify::from_environment() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr) return {};
  auto opened = open(address);
  return opened ? *std::move(opened) : ServiceNotify();
}

void ServiceNotify::send(std::string_view text) const {
  if (!socket_) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  address_.copy(to.sun_path, sizeof to.sun_path);
  const bool is_path = address_[0] != '\0';
  const size_t length = offsetof(sockaddr_un, sun_path) + address_.size() + (is_path ? 1 : 0);
  ssize_t sent = 0;
  do {
    sent = ::sendto(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&to), static_cast<socklen_t>(length));
  } while (sent < 0 && errno == EINTR);
}

void ServiceNotify::ready(std::string_view status) const { send("READY=1" + status_line(status)); }

void ServiceNotify::ready_as_main(std::string_view status) const {
  send(fmt::format("READY=1\nMAINPID={}{}", ::getpid(), status_line(status)));
}

void ServiceNotify::reloading() const {
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
}

void ServiceNotify::stopping(std::chrono::milliseconds within) const {
  std::string text = "STOPPING=1";
  if (within.count() > 0) {
    text += fmt::format("\nEXTEND_TIMEOUT_USEC={}", std::chrono::microseconds(within).count());
  }
  send(text);
}

void ServiceNotify::succeeded_by(pid_t process) const {
  if (process > 0) send(fmt::format("MAINPID={}", process));
}

void ServiceNotify::alive() const { send("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> watchdog_timeout(bool succeeds) {
  const auto timeout = number_of(std::getenv("WATCHDOG_USEC"));
  if (!timeout || *timeout < kLeastTimeoutUs || *timeout > kMostTimeoutUs) return std::nullopt;
  const char* process = std::getenv("WATCHDOG_PID");
  const bool means_us = process == nullptr || number_of(process) == static_cast<u64>(::getpid());
  if (!means_us && !succeeds) return std::nullopt;
  return std::chrono::microseconds(*timeout);
}

// Outlives the watchdog: a member may answer whenever it likes.
struct Watchdog::Round {
  std::mutex mutex;
  std::condition_variable changed;
  u64 number = 0;  // answers to earlier ones are no answers
  size_t missing = 0;
  bool members_end = false;
  bool stopping = false;
};

Watchdog::Watchdog(const ServiceNotify& notify, std::chrono::microseconds timeout,
                   std::vector<Ask> members)
    : notify_(notify),
      interval_(timeout / 2),
      members_(std::move(members)),
      round_(std::make_shared<Round>()) {
  const BlockedSignals blocked;
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(round_->mutex);
    round_->stopping = true;
  }
  round_->changed.notify_all();
  thread_.join();
}

void Watchdog::members_end() {
  const std::lock_guard lock(round_->mutex);
  round_->members_end = true;
  round_->changed.notify_all();
}

void Watchdog::run() {
  const auto round = round_;
  std::unique_lock lock(round->mutex);
  while (!round->stopping) {
    const auto begun = std::chrono::steady_clock::now();
    if (!round->members_end) {
      const u64 number = ++round->number;
      round->missing = members_.size();
      lock.unlock();
      for (const Ask& ask : members_) {
        ask([round, number] {
          const std::lock_guard answered(round->mutex);
          if (round->number == number && --round->missing == 0) round->changed.notify_all();
        });
      }
      lock.lock();
      round->changed.wait(
          lock, [&] { return round->missing == 0 || round->members_end || round->stopping; });
    }
    if (round->stopping) return;
    lock.unlock();
    notify_.alive();
    lock.lock();
    round->changed.wait_until(lock, begun + interval_, [&] { return round->stopping; });
  }
}

}  // namespace gw::server
