// Which files a gateway was made of, and what was in them.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::cli {

/// Digests of texts by path, of files that could not be read as well. One thread.
class SourceState {
 public:
  /// A file as it was read.
  void note(const std::string& path, std::string_view text);
  /// One that could not be read.
  void note_unreadable(const std::string& path) { digests_[path] = std::nullopt; }
  /// A file as it is now.
  void note_file(const std::string& path) { digests_[path] = digest_of_file(path); }

  /// Whether all of them are now as they were. Reads them.
  bool holds() const;
  std::vector<std::string> paths() const;

 private:
  static std::optional<u64> digest_of_file(const std::string& path);
  std::map<std::string, std::optional<u64>> digests_;  // nullopt: cannot be read
};

}  // namespace gw::cli
