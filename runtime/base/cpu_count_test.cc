#include "runtime/base/cpu_count.h"

#include <sched.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/base/descriptor_limit.h"

using namespace gw;

namespace {

// A file system with nothing but what a test writes.
class Root {
 public:
  Root() {
    std::string name = (std::filesystem::temp_directory_path() / "gwctl-cgroup-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Root() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = path_ + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

constexpr const char* kMounts2 =
    "22 1 0:20 / /proc rw - proc proc rw\n"
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

u32 cpus(const Root& root, u32 allowed) { return cpu_count(allowed, cgroup_limits(root.path())); }

}  // namespace

TEST_CASE("processors: version 2 gives a quota per period, rounded up", "[cgroup]") {
  const Root root;
  root.write("/proc/self/cgroup", "0::/\n");
  root.write("/proc/self/mountinfo", kMounts2);
  struct Case {
    const char* text;
    u32 count;
  };
  for (const Case& c :
       {Case{"max 100000\n", 8}, Case{"100000 100000\n", 1}, Case{"150000 100000\n", 2},
        Case{"1000 100000\n", 1}, Case{"200000 100000\n", 2}, Case{"3200000 100000\n", 8},
        Case{"", 8}, Case{"nonsense", 8}, Case{"100000\n", 8}, Case{"-1 100000\n", 8},
        Case{"100000 0\n", 8}, Case{"0 100000\n", 8}, Case{"1e5 100000\n", 8},
        Case{"99999999999999999999 100000\n", 8}}) {
    CAPTURE(c.text);
    root.write("/sys/fs/cgroup/cpu.max", c.text);
    CHECK(cpus(root, 8) == c.count);
  }
}

TEST_CASE("processors: of groups within groups the least holds", "[cgroup]") {
  const Root root;
  root.write("/proc/self/cgroup", "0::/system.slice/gwctl.service\n");
  root.write("/proc/self/mountinfo", kMounts2);
  root.write("/sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n");
  CHECK(cpus(root, 16) == 3);
  root.write("/sys/fs/cgroup/system.slice/gwctl.service/cpu.max", "400000 100000\n");
  CHECK(cpus(root, 16) == 3);
  root.write("/sys/fs/cgroup/system.slice/gwctl.service/cpu.max", "200000 100000\n");
  CHECK(cpus(root, 16) == 2);
  CHECK(cpus(root, 1) == 1);
}

TEST_CASE("processors: version 1 has a file for each, and -1 for no limit", "[cgroup]") {
  const Root root;
  root.write("/proc/self/cgroup", "4:memory:/x\n3:cpuset:/\n2:cpu,cpuacct:/docker/ab\n0::/\n");
  root.write("/proc/self/mountinfo",
             "40 30 0:30 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
             "41 30 0:31 / /sys/fs/cgroup/with\\040blank rw - cgroup cgroup rw,memory\n");
  const std::string folder = "/sys/fs/cgroup/cpu,cpuacct";
  root.write(folder + "/cpu.cfs_period_us", "100000\n");
  root.write(folder + "/cpu.cfs_quota_us", "-1\n");
  CHECK(cpus(root, 8) == 8);
  root.write(folder + "/cpu.cfs_quota_us", "250000\n");
  CHECK(cpus(root, 8) == 3);
  root.write("/sys/fs/cgroup/with blank/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK_FALSE(cgroup_limits(root.path()).memory_bytes.has_value());
  root.write("/sys/fs/cgroup/with blank/x/memory.limit_in_bytes", "536870912\n");
  CHECK(cgroup_limits(root.path()).memory_bytes == u64{536'870'912});
}

TEST_CASE("processors: without control groups, or with broken files, all count", "[cgroup]") {
  const Root root;
  CHECK(cpus(root, 4) == 4);
  root.write("/proc/self/cgroup", "nonsense\n::\n0:");
  root.write("/proc/self/mountinfo", "- - - -\n30 23 0:26 / /x rw - cgroup2\n\n");
  CHECK(cpus(root, 4) == 4);
  root.write("/proc/self/cgroup", "0::/../../outside\n");
  root.write("/proc/self/mountinfo", kMounts2);
  root.write("/sys/fs/cgroup/cpu.max", "100000 100000\n");
  CHECK(cpus(root, 4) == 1);
}

TEST_CASE("processors: those that the process may not run on do not count", "[cgroup]") {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    cpu_set_t allowed;
    REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    size_t first = 0;
    while (!CPU_ISSET(first, &allowed)) ++first;
    CPU_SET(first, &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(allowed_cpus() == 1);
    CHECK(cpu_count() == 1);
  }).join();
  CHECK(allowed_cpus() >= 1);
}

TEST_CASE("descriptors: the soft limit is raised to the hard one", "[limits]") {
  const DescriptorLimit before = descriptor_limit();
  const DescriptorLimit raised = raise_descriptor_limit();
  CHECK(raised.before == before.now);
  CHECK(raised.now >= before.now);
  CHECK(raised.now == std::max<u64>(before.now, std::min<u64>(before.hard, 1'048'576)));
  CHECK(descriptor_limit().now == raised.now);
}
