// What tells one content of a file from another.
#pragma once
#include <string>
#include <vector>

#include "runtime/base/types.h"

namespace gw::server {

struct FileStamp {
  u64 inode = 0;
  i64 size = -1;
  i64 modified_ns = 0;
  bool operator==(const FileStamp&) const = default;
};

/// Of each file, in order; that of one that is not there is like none. Costs a stat() per file.
std::vector<FileStamp> stamps_of(const std::vector<std::string>& files);

}  // namespace gw::server
