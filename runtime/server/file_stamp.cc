#include "runtime/server/file_stamp.h"

#include <sys/stat.h>

namespace gw::server {

std::vector<FileStamp> stamps_of(const std::vector<std::string>& files) {
  std::vector<FileStamp> stamps;
  for (const std::string& file : files) {
    struct stat status {};
    FileStamp& stamp = stamps.emplace_back();
    if (::stat(file.c_str(), &status) != 0) continue;
    stamp = {status.st_ino, status.st_size,
             status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
  }
  return stamps;
}

}  // namespace gw::server
