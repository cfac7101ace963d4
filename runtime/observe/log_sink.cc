#include "runtime/observe/log_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "runtime/policies/access_log/record.h"

namespace gw::observe {
namespace {

constexpr std::string_view kSyslogSocket = "/dev/log";
constexpr std::string_view kSyslogPrefix = "syslog:unix:";
constexpr int kPriority = 3 * 8 + 6;       // facility `daemon`, severity `informational`
constexpr size_t kAtomicPipeBytes = 4096;  // PIPE_BUF: a pipe that is writable takes as many

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

std::string syslog_path(const std::string& place) {
  return std::string(place == "syslog" ? kSyslogSocket
                                       : std::string_view(place).substr(kSyslogPrefix.size()));
}

// Not connected: `error` says why.
UniqueDescriptor connect_to(const std::string& path, int& error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    error = ENAMETOOLONG;
    return {};
  }
  std::ranges::copy(path, address.sun_path);
  UniqueDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket &&
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return socket;
  }
  error = errno;
  return {};
}

// A FIFO is opened for both directions, so that opening it waits for no reader, and a reader that
// leaves makes it full, not broken (fifo(7)).
UniqueDescriptor open_file(const std::string& path, int& error) {
  struct stat found {};
  const bool is_fifo = ::stat(path.c_str(), &found) == 0 && S_ISFIFO(found.st_mode);
  const int direction = is_fifo ? O_RDWR : O_WRONLY | O_CREAT;
  UniqueDescriptor file(
      ::open(path.c_str(), direction | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640));
  if (!file) error = errno;
  return file;
}

}  // namespace

Result<std::unique_ptr<LogSink>> LogSink::open(const std::string& place) {
  const Kind kind = place == "-"                                            ? Kind::Output
                    : place == "syslog" || place.starts_with(kSyslogPrefix) ? Kind::Syslog
                                                                            : Kind::File;
  UniqueDescriptor descriptor;
  int error = policies::is_log_place(place) ? 0 : EINVAL;
  if (error == 0 && kind == Kind::File) descriptor = open_file(place, error);
  if (error == 0 && kind == Kind::Syslog) descriptor = connect_to(syslog_path(place), error);
  if (error != 0) {
    return fail(
        Error{.code = Errc::FileUnwritable, .sys = error, .what = "cannot open access log"});
  }
  return std::unique_ptr<LogSink>(new LogSink(place, kind, std::move(descriptor)));
}

LogSink::LogSink(std::string place, Kind kind, UniqueDescriptor descriptor)
    : place_(std::move(place)), kind_(kind), descriptor_(std::move(descriptor)) {
  struct stat found {};
  if (::fstat(this->descriptor(), &found) != 0) return;
  is_regular_ = S_ISREG(found.st_mode);
  is_socket_ = S_ISSOCK(found.st_mode);
}

LogSink::Step LogSink::write(std::string_view lines) {
  return kind_ == Kind::Syslog ? send_line(lines) : write_stream(lines);
}

LogSink::Step LogSink::write_stream(std::string_view lines) {
  ssize_t written = 0;
  do {
    written = write_some(lines);
  } while (written < 0 && errno == EINTR);
  if (written > 0) return {.bytes = static_cast<size_t>(written), .error = 0, .busy = false};
  if (written < 0 && would_block(errno)) return {.bytes = 0, .error = 0, .busy = true};
  return {.bytes = lines.size(), .error = written < 0 ? errno : EIO, .busy = false};
}

// Never waits. What we have opened ourselves does not block. Standard output is shared with others,
// so that its mode is left alone.
ssize_t LogSink::write_some(std::string_view text) {
  if (is_socket_) {
    return ::send(descriptor(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (is_regular_ || kind_ == Kind::File) return ::write(descriptor(), text.data(), text.size());
  if (takes_flags_) {  // pipes, since Linux 6.4
    const iovec whole{const_cast<char*>(text.data()), text.size()};
    const ssize_t written = ::pwritev2(descriptor(), &whole, 1, -1, RWF_NOWAIT);
    if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return written;
    takes_flags_ = false;
  }
  pollfd asked{descriptor(), POLLOUT, 0};
  if (::poll(&asked, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(descriptor(), text.data(), std::min(text.size(), kAtomicPipeBytes));
}

// A datagram of the local BSD form, as glibc's syslog() writes it: `<30>Nov 26 05:15:11
// gwctl[123]: LINE` in local time.
LogSink::Step LogSink::send_line(std::string_view lines) {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const size_t end = std::min(lines.find('\n'), lines.size());
  const size_t taken = std::min(end + 1, lines.size());
  if (end == 0) return {.bytes = taken, .error = 0, .busy = false};
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  datagram_.clear();
  fmt::format_to(std::back_inserter(datagram_),
                 "<{}>{} {:2} {:02}:{:02}:{:02} gwctl[{}]: ", kPriority,
                 kMonths.substr(static_cast<size_t>(parts.tm_mon) * 3, 3), parts.tm_mday,
                 parts.tm_hour, parts.tm_min, parts.tm_sec, ::getpid());
  datagram_.append(lines.substr(0, end));
  for (bool again = true;; again = false) {
    const ssize_t sent =
        ::send(descriptor_.get(), datagram_.data(), datagram_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return {.bytes = taken, .error = 0, .busy = false};
    const int error = errno;
    if (would_block(error)) return {.bytes = 0, .error = 0, .busy = true};
    // Its daemon was started anew.
    const bool gone = error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET ||
                      error == EDESTADDRREQ || error == EBADF;
    if (again && gone && connect_again() == 0) continue;
    return {.bytes = taken, .error = error, .busy = false};
  }
}

int LogSink::connect_again() {
  int error = 0;
  UniqueDescriptor fresh = connect_to(syslog_path(place_), error);
  if (error == 0) descriptor_ = std::move(fresh);
  return error;
}

void LogSink::wait(int milliseconds) const {
  pollfd asked{descriptor(), POLLOUT, 0};
  static_cast<void>(::poll(&asked, 1, milliseconds));
}

}  // namespace gw::observe
