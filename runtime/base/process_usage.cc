#include "runtime/base/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace gw {
namespace {

u64 count_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), &::closedir);
  if (folder == nullptr) return 0;
  u64 entries = 0;
  while (::readdir(folder.get()) != nullptr) ++entries;
  return entries < 3 ? 0 : entries - 3;  // ".", ".." and the folder itself
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The fields behind the name of the program, which may hold anything (proc(5)).
void read_stat(ProcessUsage& usage) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/stat", "re"),
                                                   &std::fclose);
  if (file == nullptr) return;
  char text[1024];
  const size_t bytes = std::fread(text, 1, sizeof text - 1, file.get());
  text[bytes] = '\0';
  const char* fields = text;
  for (const char* at = text; *at != '\0'; ++at) {
    if (*at == ')') fields = at + 1;
  }
  unsigned long threads = 0;
  unsigned long virtual_bytes = 0;
  unsigned long resident_pages = 0;
  // state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
  // priority nice num_threads itrealvalue starttime vsize rss
  const int read = std::sscanf(
      fields,
      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %lu %*d %*u %lu %lu",
      &threads, &virtual_bytes, &resident_pages);
  if (read != 3) return;
  usage.threads = threads;
  usage.virtual_bytes = virtual_bytes;
  usage.resident_bytes = resident_pages * static_cast<u64>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

ProcessUsage process_usage() {
  ProcessUsage usage;
  read_stat(usage);
  usage.descriptors = count_descriptors();
  rusage times{};
  if (::getrusage(RUSAGE_SELF, &times) == 0) {
    usage.cpu_seconds = seconds(times.ru_utime) + seconds(times.ru_stime);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.descriptor_limit = limit.rlim_cur;
  return usage;
}

}  // namespace gw
