#include "cli/file_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <filesystem>

#include "runtime/base/check.h"
#include "runtime/base/types.h"

namespace gw::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr u32 kHeard = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE |
                       IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// The folder itself is gone, or events are.
constexpr u32 kAboutAll = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;
constexpr int kMaxLinks = 40;  // as the system follows
constexpr int kMaxRounds = 8;

// Writers on other machines, or outside of a virtual one, are not heard of (statfs(2)).
bool is_remote(const std::string& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return false;
  constexpr u32 kRemote[] = {0x6969,       // NFS
                             0xff534d42,   // CIFS
                             0xfe534d42,   // SMB 2
                             0x01021997,   // 9P
                             0x65735546,   // FUSE
                             0x786f4256};  // shared folders of VirtualBox
  return std::ranges::count(kRemote, static_cast<u32>(status.f_type)) != 0;
}

// The parts of a path, in order, before those that are there already.
void push_front(std::deque<std::string>& parts, const std::string& path) {
  std::vector<std::string> own;
  for (const auto& part : std::filesystem::path(path).relative_path()) {
    own.push_back(part.string());
  }
  parts.insert(parts.begin(), own.begin(), own.end());
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder == "/" ? folder + name : folder + "/" + name;
}

std::string parent_of(const std::string& folder) {
  const size_t slash = folder.rfind('/');
  return slash == 0 || slash == folder.npos ? "/" : folder.substr(0, slash);
}

}  // namespace

FileWatch::FileWatch()
    : stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  GW_CHECK(stop_);
}

// As the system walks: `folder` has no link in it, a link is replaced by what it leads to.
std::vector<FileWatch::Point> FileWatch::points_of(const std::string& path) {
  std::vector<Point> points;
  std::deque<std::string> parts;
  std::error_code ec;
  push_front(parts, std::filesystem::absolute(path, ec).string());
  std::string folder = "/";
  int links = 0;
  while (!parts.empty()) {
    const std::string name = parts.front();
    parts.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      folder = parent_of(folder);
      continue;
    }
    points.push_back({folder, name, false});
    const std::string child = joined(folder, name);
    struct stat status {};
    if (::lstat(child.c_str(), &status) != 0)
      break;  // what is to come is heard of where it would be
    if (!S_ISLNK(status.st_mode)) {
      folder = child;
      continue;
    }
    char target[PATH_MAX];
    const ssize_t bytes = ::readlink(child.c_str(), target, sizeof target);
    if (bytes <= 0 || ++links > kMaxLinks) break;
    const std::string leads_to(target, static_cast<size_t>(bytes));
    if (leads_to.front() == '/') folder.resize(1);
    push_front(parts, leads_to);
  }
  if (!points.empty()) points.back().is_last = true;
  return points;
}

void FileWatch::add(const Point& point, std::map<int, std::set<std::string>>& names) {
  const int watch = ::inotify_add_watch(events_.get(), point.folder.c_str(), kHeard);
  if (watch >= 0) {
    names[watch].insert(point.name);
    polls_ = polls_ || (point.is_last && is_remote(point.folder));
    return;
  }
  // Folders above, which only an administrator may list, are not renamed every day.
  if (errno != EACCES || point.is_last) polls_ = true;
}

void FileWatch::set_files(const std::vector<std::string>& paths) {
  polls_ = !events_;
  if (!events_) return;
  std::map<int, std::set<std::string>> names;
  // A folder that comes between the look and the watch is not heard of: look again.
  std::vector<Point> watched;
  for (int round = 0; round < kMaxRounds; ++round) {
    std::vector<Point> points;
    for (const std::string& path : paths) {
      const std::vector<Point> way = points_of(path);
      points.insert(points.end(), way.begin(), way.end());
    }
    if (points == watched) break;
    names.clear();
    for (const Point& point : points) add(point, names);
    watched = std::move(points);
    if (round + 1 == kMaxRounds) polls_ = true;  // somebody moves folders about all the time
  }
  for (const auto& [watch, unused] : names_) {
    if (!names.contains(watch)) ::inotify_rm_watch(events_.get(), watch);
  }
  names_ = std::move(names);
}

// Whether one of the events that have come is about a watched file.
bool FileWatch::drain_events() {
  bool changed = false;
  alignas(inotify_event) char buffer[16'384];
  for (;;) {
    const ssize_t bytes = ::read(events_.get(), buffer, sizeof buffer);
    if (bytes <= 0) return changed;
    for (ssize_t at = 0; at < bytes;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;  // ends with zeros; as long as `len` says
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) changed = true;
      const auto watched = names_.find(event.wd);
      if (watched == names_.end()) continue;
      const std::string about(name, ::strnlen(name, event.len));
      if ((event.mask & kAboutAll) != 0 || watched->second.contains(about)) changed = true;
    }
  }
}

FileWatch::Heard FileWatch::hear(std::chrono::milliseconds patience) {
  pollfd heard[] = {{stop_.get(), POLLIN, 0}, {events_.get(), POLLIN, 0}};
  const int ready = ::poll(heard, 2, static_cast<int>(patience.count()));
  if (heard[0].revents != 0) return Heard::Stop;
  return ready > 0 && events_ && drain_events() ? Heard::Change : Heard::Nothing;
}

bool FileWatch::wait() {
  const auto next_look = SteadyClock::now() + kPoll;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_look - SteadyClock::now());
    if (polls_ && left.count() <= 0) return true;
    const Heard heard = hear(polls_ ? left : std::chrono::milliseconds(-1));
    if (heard == Heard::Stop) return false;
    if (heard == Heard::Change) return true;
  }
}

bool FileWatch::settle() {
  const auto latest = SteadyClock::now() + kMaxSettle;
  auto quiet_since = SteadyClock::now();
  for (;;) {
    const auto now = SteadyClock::now();
    const auto until = std::min(quiet_since + kSettle, latest);
    if (now >= until) return true;
    const Heard heard = hear(std::chrono::ceil<std::chrono::milliseconds>(until - now));
    if (heard == Heard::Stop) return false;
    if (heard == Heard::Change) quiet_since = SteadyClock::now();
  }
}

void FileWatch::stop() {
  const u64 one = 1;
  static_cast<void>(::write(stop_.get(), &one, sizeof one));
}

}  // namespace gw::cli
