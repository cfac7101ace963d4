#include "cli/doctor/machine.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "runtime/base/cpu_count.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/base/units.h"
#include "runtime/base/wall_clock.h"

namespace gw::cli::doctor {
namespace {

// What a shell gets by default, and what a gateway with a few hundred clients needs.
constexpr u64 kFewestDescriptors = 1024;
constexpr u64 kLeastMemory = u64{32} << 20;
constexpr u64 kLittleMemory = u64{128} << 20;
constexpr i64 kYear2024 = 1'704'067'200;
constexpr i64 kYear2100 = 4'102'444'800;
constexpr u32 kBacklog = 4096;  // as the listeners ask for

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// `always [madvise] never`.
std::string chosen_word(const std::string& line) {
  const size_t begin = line.find('[');
  const size_t end = line.find(']');
  if (begin == line.npos || end == line.npos || end < begin) return {};
  return line.substr(begin + 1, end - begin - 1);
}

bool has_reuse_port() {
  const UniqueDescriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  return probe && ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
}

std::optional<bool> is_synchronised() {
  timex clock{};
  const int state = ::adjtimex(&clock);
  if (state < 0) return std::nullopt;
  return state != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
}

void judge_descriptors(const MachineFacts& facts, Findings& out) {
  const DescriptorLimit& limit = facts.descriptors;
  const std::string found = fmt::format(
      "{} descriptors may be open, {} after `serve` has raised it", limit.now, limit.hard);
  const std::string help =
      "raise the hard limit: LimitNOFILE= of a unit, `--ulimit nofile=` of a container, "
      "limits.conf(5) of a login";
  if (limit.hard < kFewestDescriptors) return fail(out, "descriptors", found, help);
  if (limit.hard < kFewDescriptors) return warn(out, "descriptors", found, help);
  note(out, "descriptors", found);
}

void judge_cpus(const MachineFacts& facts, Findings& out) {
  const u32 workers = cpu_count(facts.allowed_cpus, facts.cgroup);
  const std::string quota = facts.cgroup.cpus
                                ? fmt::format(", control groups give {:.2f}", *facts.cgroup.cpus)
                                : std::string();
  const std::string found = fmt::format("{} processors{}: {} worker{}", facts.allowed_cpus, quota,
                                        workers, workers == 1 ? "" : "s");
  if (facts.cgroup.cpus && *facts.cgroup.cpus < 1) {
    return warn(out, "processors", found,
                "with less than one the kernel pauses the gateway within each tenth of a second; "
                "give it a whole one, or shares (CPUWeight=, requests) in place of a quota");
  }
  note(out, "processors", found);
}

void judge_memory(const MachineFacts& facts, Findings& out) {
  if (!facts.cgroup.memory_bytes) return note(out, "memory", "control groups set no limit");
  const u64 bytes = *facts.cgroup.memory_bytes;
  const std::string found = fmt::format("control groups give {} MiB", bytes >> 20);
  const std::string help =
      "it needs 20 MiB, the size of its table, 8 KiB for each connection, and what `cache` may "
      "take";
  if (bytes < kLeastMemory) return fail(out, "memory", found, help);
  if (bytes < kLittleMemory) return warn(out, "memory", found, help);
  note(out, "memory", found);
}

void judge_clock(const MachineFacts& facts, Findings& out) {
  if (facts.unix_s < kYear2024 || facts.unix_s > kYear2100) {
    return fail(out, "clock", fmt::format("{} s since 1970 cannot be the time", facts.unix_s),
                "set the clock: tokens and certificates are judged by it");
  }
  if (!facts.clock_synchronised)
    return note(out, "clock", "plausible; the kernel does not say more");
  if (!*facts.clock_synchronised) {
    return warn(
        out, "clock", "nothing keeps it in step with others",
        "run chrony or systemd-timesyncd: a token is refused when its issuer's clock is ahead");
  }
  note(out, "clock", "kept in step");
}

void judge_kernel(const MachineFacts& facts, Findings& out) {
  if (facts.reuse_port) {
    note(out, "reuse_port", "workers can share a port");
  } else {
    fail(out, "reuse_port", "the kernel has no SO_REUSEPORT",
         "Linux 3.9 or newer, and not an emulation that leaves it out");
  }
  if (facts.huge_pages == "always") {
    warn(out, "huge_pages", "transparent huge pages are given to everybody",
         "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: the gateway asks for them "
         "where they help, and idle connections take less memory without");
  } else {
    note(out, "huge_pages",
         facts.huge_pages == "never" ? "never given: tables with a million consumers load slower"
         : facts.huge_pages.empty()  ? "the kernel does not say"
                                     : "given where they are asked for");
  }
  if (facts.backlog != 0 && facts.backlog < kBacklog) {
    warn(out, "backlog",
         fmt::format("{} connections may wait to be accepted, and {} are asked for", facts.backlog,
                     kBacklog),
         fmt::format("sysctl net.core.somaxconn={}: what is beyond is not let in", kBacklog));
  }
}

}  // namespace

MachineFacts machine_facts() {
  MachineFacts facts;
  facts.user = ::geteuid();
  facts.descriptors = descriptor_limit();
  facts.allowed_cpus = allowed_cpus();
  facts.cgroup = cgroup_limits();
  facts.unix_s = unix_now_ms() / 1000;
  facts.clock_synchronised = is_synchronised();
  facts.huge_pages = chosen_word(first_line("/sys/kernel/mm/transparent_hugepage/enabled"));
  facts.reuse_port = has_reuse_port();
  const std::string backlog = first_line("/proc/sys/net/core/somaxconn");
  facts.backlog = static_cast<u32>(std::strtoul(backlog.c_str(), nullptr, 10));
  return facts;
}

void judge_machine(const MachineFacts& facts, Findings& out) {
  note(out, "user",
       facts.user == 0 ? "root; run it as the user of the service to see what that may do"
                       : fmt::format("user {}", facts.user));
  judge_descriptors(facts, out);
  judge_cpus(facts, out);
  judge_memory(facts, out);
  judge_clock(facts, out);
  judge_kernel(facts, out);
}

}  // namespace gw::cli::doctor
