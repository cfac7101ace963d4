#include "cli/output_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace gw::cli {

bool write_output(const std::string& path, const std::string& text, const Console& console) {
  if (path == "-") {
    console.out(text);
    return true;
  }
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  const bool written =
      file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int problem = errno;
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (written && closed) return true;
  console.error(fmt::format("cannot write {}: {}", path, std::strerror(written ? errno : problem)));
  return false;
}

}  // namespace gw::cli
