#include "cli/file_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace gw::cli {
namespace {

constexpr int kQuietMs = 80;

}  // namespace

FileWatch::FileWatch(const std::vector<std::string>& paths) {
  inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_ < 0) return;
  for (const std::string& path : paths) {
    if (path == "-") continue;
    const size_t slash = path.rfind('/');
    const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
    const int watch = ::inotify_add_watch(inotify_, folder.c_str(),
                                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR);
    if (watch >= 0) names_[watch].insert(slash == path.npos ? path : path.substr(slash + 1));
  }
}

FileWatch::~FileWatch() {
  if (inotify_ >= 0) ::close(inotify_);
}

// True: one of them was about a file that is watched. EAGAIN ends it.
bool FileWatch::read_events() {
  alignas(inotify_event) char buffer[4096];
  bool ours = false;
  for (;;) {
    const ssize_t bytes = ::read(inotify_, buffer, sizeof buffer);
    if (bytes <= 0) return ours;
    for (ssize_t at = 0; at < bytes;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      const auto folder = names_.find(event->wd);
      const bool overflow = (event->mask & IN_Q_OVERFLOW) != 0;
      ours = ours || overflow ||
             (folder != names_.end() && event->len > 0 && folder->second.contains(event->name));
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

bool FileWatch::wait() {
  bool changed = false;
  for (;;) {
    pollfd poll{.fd = inotify_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&poll, 1, changed ? kQuietMs : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return false;
    if (ready == 0) return true;
    changed = read_events() || changed;
  }
}

}  // namespace gw::cli
