#include "runtime/server/service_notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdlib>
#include <filesystem>

using namespace gw;
using namespace gw::server;

namespace {

constexpr int kSeconds = 20;

// Stands in for the service manager.
class Manager {
 public:
  explicit Manager(bool abstract) {
    static int number = 0;
    const std::string name = fmt::format("gwctl-test-{}-{}", ::getpid(), ++number);
    address_ = abstract ? "@" + name : (std::filesystem::temp_directory_path() / name).string();
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval patience{kSeconds, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    address_.copy(at.sun_path, sizeof at.sun_path - 1);
    if (abstract) at.sun_path[0] = '\0';
    const size_t length = offsetof(sockaddr_un, sun_path) + address_.size() + (abstract ? 0 : 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at),
                   static_cast<socklen_t>(length)) == 0);
  }
  ~Manager() {
    if (address_[0] == '/') ::unlink(address_.c_str());
  }

  const std::string& address() const { return address_; }
  std::string hear(int flags = 0) {
    char text[1024];
    const ssize_t n = ::recv(socket_.get(), text, sizeof text, flags);
    return n < 0 ? "(nothing)" : std::string(text, static_cast<size_t>(n));
  }
  std::string hear_at_once() { return hear(MSG_DONTWAIT); }

 private:
  std::string address_;
  UniqueDescriptor socket_;
};

// A member that answers when it is told to.
class Member {
 public:
  Watchdog::Ask ask() {
    return [this](std::function<void()> answer) {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(answer));
      changed_.notify_all();
    };
  }
  bool await_question(size_t number) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(kSeconds),
                             [&] { return waiting_.size() >= number; });
  }
  void answer(size_t number) {
    std::function<void()> answer;
    {
      const std::lock_guard lock(mutex_);
      answer = waiting_[number - 1];
    }
    answer();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> waiting_;
};

// A variable of the environment for as long as it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("service manager: hears each state as a message of its own", "[server][notify]") {
  for (const bool abstract : {false, true}) {
    CAPTURE(abstract);
    Manager manager(abstract);
    const auto notify = ServiceNotify::open(manager.address());
    REQUIRE(notify.has_value());
    notify->ready("table 12");
    CHECK(manager.hear() == "READY=1\nSTATUS=table 12");
    notify->ready("");
    CHECK(manager.hear() == "READY=1");
    notify->ready_as_main("");
    CHECK(manager.hear() == fmt::format("READY=1\nMAINPID={}", ::getpid()));
    notify->stopping();
    CHECK(manager.hear() == "STOPPING=1");
    notify->stopping(std::chrono::milliseconds(1500));
    CHECK(manager.hear() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000");
    notify->succeeded_by(42);
    CHECK(manager.hear() == "MAINPID=42");
    notify->alive();
    CHECK(manager.hear() == "WATCHDOG=1");
  }
}

TEST_CASE("service manager: a reload says when it began, as notify-reload wants", "[notify]") {
  Manager manager(true);
  const auto notify = ServiceNotify::open(manager.address());
  REQUIRE(notify.has_value());
  notify->reloading();
  const std::string heard = manager.hear();
  REQUIRE(heard.starts_with("RELOADING=1\nMONOTONIC_USEC="));
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const long long said = std::stoll(heard.substr(heard.rfind('=') + 1));
  CHECK(said / 1'000'000 <= now.tv_sec);
  CHECK(said / 1'000'000 >= now.tv_sec - kSeconds);
}

TEST_CASE("service manager: a status is one line, however long and whatever is in it", "[notify]") {
  Manager manager(true);
  const auto notify = ServiceNotify::open(manager.address());
  REQUIRE(notify.has_value());
  notify->ready("a\nMAINPID=1\r\x1b[2J");
  CHECK(manager.hear() == "READY=1\nSTATUS=aMAINPID=1[2J");
  notify->ready(std::string(100'000, 'x'));
  CHECK(manager.hear().size() < 300);
}

TEST_CASE("service manager: addresses that are none are refused", "[notify]") {
  const std::string long_name(108, 'x');
  for (const std::string& address :
       {std::string(), std::string("/"), std::string("@"), std::string("relative"),
        std::string("vsock:2:1"), "/" + long_name, "@" + long_name}) {
    CAPTURE(address);
    CHECK_FALSE(ServiceNotify::open(address).has_value());
  }
  CHECK(ServiceNotify::open("@" + std::string(107, 'x')).has_value());
}

TEST_CASE("service manager: without one, or with one that is gone, nothing happens", "[notify]") {
  ::unsetenv("NOTIFY_SOCKET");  // of whoever runs this test
  const ServiceNotify nobody = ServiceNotify::from_environment();
  CHECK_FALSE(nobody.is_on());
  nobody.ready("x");
  const Variable gone("NOTIFY_SOCKET", "/nonexistent/socket");
  const ServiceNotify lost = ServiceNotify::from_environment();
  CHECK(lost.is_on());
  lost.ready("x");
  const Variable none("NOTIFY_SOCKET", "none");
  CHECK_FALSE(ServiceNotify::from_environment().is_on());
}

TEST_CASE("watchdog: its time is the manager's, for the process that it means", "[notify]") {
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
  CHECK_FALSE(watchdog_timeout(false));
  const Variable timeout("WATCHDOG_USEC", "30000000");
  CHECK(watchdog_timeout(false) == std::chrono::seconds(30));
  {
    const Variable us("WATCHDOG_PID", std::to_string(::getpid()));
    CHECK(watchdog_timeout(false) == std::chrono::seconds(30));
  }
  {
    const Variable other("WATCHDOG_PID", std::to_string(::getppid()));
    CHECK_FALSE(watchdog_timeout(false));
    CHECK(watchdog_timeout(true) == std::chrono::seconds(30));
  }
  for (const char* wrong : {"", "0", "-1", "3s", "99999999999999999999", "18446744073709551615"}) {
    CAPTURE(wrong);
    const Variable broken("WATCHDOG_USEC", wrong);
    CHECK_FALSE(watchdog_timeout(false));
  }
}

TEST_CASE("watchdog: says nothing while one of its members does not answer", "[notify]") {
  Manager manager(true);
  const auto notify = ServiceNotify::open(manager.address());
  REQUIRE(notify.has_value());
  Member well;
  Member hangs;
  Watchdog watchdog(*notify, std::chrono::milliseconds(2), {well.ask(), hangs.ask()});
  REQUIRE(hangs.await_question(1));
  well.answer(1);
  hangs.answer(1);
  CHECK(manager.hear() == "WATCHDOG=1");

  REQUIRE(hangs.await_question(2));
  well.answer(2);
  hangs.answer(1);  // once more, to a question of before
  CHECK(manager.hear_at_once() == "(nothing)");
  hangs.answer(2);
  CHECK(manager.hear() == "WATCHDOG=1");
}

TEST_CASE("watchdog: goes on while its members end, and ends while one of them hangs", "[notify]") {
  Manager manager(true);
  const auto notify = ServiceNotify::open(manager.address());
  REQUIRE(notify.has_value());
  Member hangs;
  {
    Watchdog watchdog(*notify, std::chrono::milliseconds(2), {hangs.ask()});
    REQUIRE(hangs.await_question(1));
    CHECK(manager.hear_at_once() == "(nothing)");
    watchdog.members_end();
    CHECK(manager.hear() == "WATCHDOG=1");
    CHECK(manager.hear() == "WATCHDOG=1");
  }
  {
    const Watchdog ends(*notify, std::chrono::milliseconds(2), {hangs.ask()});
    REQUIRE(hangs.await_question(2));
  }
  hangs.answer(2);  // when nobody waits for it any more
}
