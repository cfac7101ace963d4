// Waiting until one of several files changes.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gw::cli {

/// Looks at the folders of the files, so that files which are replaced by rename, removed and made
/// again are followed all the same. What has changed since the constructor is not missed.
class FileWatch {
 public:
  explicit FileWatch(const std::vector<std::string>& paths);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  /// False: this system cannot tell, or no folder can be looked at.
  bool works() const { return !names_.empty(); }
  /// Returns when a file has been written and closed, or put in its place, and nothing more has
  /// happened to any for a moment: editors write in several steps. False: it cannot go on.
  bool wait();

 private:
  bool read_events();
  int inotify_ = -1;
  std::map<int, std::set<std::string>> names_;  // of files, by folder
};

}  // namespace gw::cli
