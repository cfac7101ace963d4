#include "runtime/base/cgroup.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

namespace gw {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxLevels = 64;
// Version 1 says "no limit" by a number that no machine has.
constexpr u64 kNoMemoryLimit = u64{1} << 60;

std::string read_file(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  std::string text;
  if (file == nullptr) return text;
  char piece[4096];
  size_t bytes = 0;
  while (text.size() < kMaxFileBytes &&
         (bytes = std::fread(piece, 1, sizeof piece, file.get())) > 0) {
    text.append(piece, bytes);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool has_word(std::string_view list, std::string_view word) {
  const auto words = split(list, ',');
  return std::ranges::find(words, word) != words.end();
}

std::optional<i64> number_of(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  i64 number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// mountinfo writes blanks and backslashes in octal.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '\\' && i + 3 < text.size();
    if (!coded) {
      out += text[i];
      continue;
    }
    out +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
    i += 3;
  }
  return out;
}

// One hierarchy: where it is mounted, and the group of this process within.
struct Hierarchy {
  std::string mount;   // without `root`
  std::string prefix;  // what of the group's path the mount shows as its root
  std::string group;
};

// The group by /proc/self/cgroup: lines `number:controllers:path`; version 2 has no controllers.
std::optional<std::string> group_of(std::string_view text, std::string_view controller) {
  for (const std::string_view line : split(text, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool is_it = controller.empty() ? controllers.empty() : has_word(controllers, controller);
    if (is_it) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// proc(5): `id parent device root mount options [optional...] - type source super-options`.
std::optional<Hierarchy> hierarchy_of(std::string_view mounts, std::string_view groups,
                                      std::string_view controller) {
  const auto group = group_of(groups, controller);
  if (!group) return std::nullopt;
  for (const std::string_view line : split(mounts, '\n')) {
    const auto fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, std::string_view("-"));
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    const bool is_it = controller.empty() ? dash[1] == "cgroup2"
                                          : dash[1] == "cgroup" && has_word(dash[3], controller);
    if (is_it) return Hierarchy{unescaped(fields[4]), unescaped(fields[3]), *group};
  }
  return std::nullopt;
}

// Folders of the group and of all that it is in, up to the mount. A group outside of what is
// mounted here (another namespace) is taken for the mount itself.
std::vector<std::string> folders_of(const std::string& root, const Hierarchy& hierarchy) {
  std::string group = hierarchy.group;
  if (hierarchy.prefix != "/") {
    group = group.starts_with(hierarchy.prefix) ? group.substr(hierarchy.prefix.size()) : "";
  }
  if (group.find("/..") != group.npos) group.clear();
  while (group.ends_with('/')) group.pop_back();
  std::vector<std::string> folders;
  while (!group.empty() && folders.size() < kMaxLevels) {
    folders.push_back(root + hierarchy.mount + group);
    group.resize(group.rfind('/') == group.npos ? 0 : group.rfind('/'));
  }
  folders.push_back(root + hierarchy.mount);
  return folders;
}

template <typename T>
void lower(std::optional<T>& limit, T to) {
  limit = limit ? std::min(*limit, to) : to;
}

void add_cpus(CgroupLimits& limits, std::optional<i64> quota, std::optional<i64> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return;
  lower(limits.cpus, static_cast<double>(*quota) / static_cast<double>(*period));
}

void add_memory(CgroupLimits& limits, std::optional<i64> bytes) {
  if (!bytes || *bytes < 0 || static_cast<u64>(*bytes) >= kNoMemoryLimit) return;
  lower(limits.memory_bytes, static_cast<u64>(*bytes));
}

}  // namespace

CgroupLimits cgroup_limits(const std::string& root) {
  const std::string groups = read_file(root + "/proc/self/cgroup");
  const std::string mounts = read_file(root + "/proc/self/mountinfo");
  CgroupLimits limits;
  if (const auto unified = hierarchy_of(mounts, groups, "")) {
    for (const std::string& folder : folders_of(root, *unified)) {
      // `max 100000`, or the quota in place of "max".
      const std::string cpu = read_file(folder + "/cpu.max");
      const auto parts = split(cpu, ' ');
      if (parts.size() == 2) add_cpus(limits, number_of(parts[0]), number_of(parts[1]));
      add_memory(limits, number_of(read_file(folder + "/memory.max")));
    }
  }
  if (const auto cpu = hierarchy_of(mounts, groups, "cpu")) {
    for (const std::string& folder : folders_of(root, *cpu)) {
      add_cpus(limits, number_of(read_file(folder + "/cpu.cfs_quota_us")),
               number_of(read_file(folder + "/cpu.cfs_period_us")));
    }
  }
  if (const auto memory = hierarchy_of(mounts, groups, "memory")) {
    for (const std::string& folder : folders_of(root, *memory)) {
      add_memory(limits, number_of(read_file(folder + "/memory.limit_in_bytes")));
    }
  }
  return limits;
}

}  // namespace gw
