// Waits until something happens to files, which may not be there yet.
#pragma once
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/unique_descriptor.h"

namespace gw::cli {

/// Watches the folders of files, not the files: editors write a new file and rename it, and whoever
/// deploys turns a symbolic link. Every folder and link on the way to a file is watched for the
/// next name on that way. inotify, without polling; where the system has no watch to give, or the
/// file system is one that others write to over a network, files are looked at once per second.
/// One thread, but for stop().
class FileWatch {
 public:
  /// Quiet for so long, what was written is taken for complete.
  static constexpr std::chrono::milliseconds kSettle{50};
  /// Whoever never stops writing is not waited for longer.
  static constexpr std::chrono::milliseconds kMaxSettle{2000};
  static constexpr std::chrono::milliseconds kPoll{1000};

  FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  /// Watches these files in place of those before. To be called again after wait(): folders and
  /// links may have been replaced. What happens from then on is not missed; what happened before
  /// is for the caller to look at.
  void set_files(const std::vector<std::string>& paths);
  /// Until something has happened to one of them, or may have. False: stop() was called.
  bool wait();
  /// Until nothing has happened for kSettle. False: stop() was called.
  bool settle();
  /// Any thread: wait() and settle() return false from now on.
  void stop();
  /// Whether files are looked at once per second.
  bool polls() const { return polls_; }

 private:
  enum class Heard { Nothing, Change, Stop };
  struct Point {
    std::string folder;
    std::string name;
    bool is_last = false;  // the name of the file itself, or of what is missing on the way to it
    bool operator==(const Point&) const = default;
  };
  static std::vector<Point> points_of(const std::string& path);
  void add(const Point& point, std::map<int, std::set<std::string>>& names);
  Heard hear(std::chrono::milliseconds patience);
  bool drain_events();

  UniqueDescriptor stop_;
  UniqueDescriptor events_;                     // of inotify; none: there is no instance to be had
  std::map<int, std::set<std::string>> names_;  // by watch
  bool polls_ = false;
};

}  // namespace gw::cli
