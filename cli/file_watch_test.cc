// What happens to files, and what does not, as whoever waits for it hears of it.
#include "cli/file_watch.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace gw::cli {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    char name[] = "/tmp/gwctl-watch-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::string path;
};

void write(const std::string& path, std::string_view text) { std::ofstream(path) << text; }

void replace(const std::string& path, std::string_view text) {
  write(path + ".new", text);
  fs::rename(path + ".new", path);
}

// A change that is not seen makes wait() stay; the test's time limit ends that. That something is
// not seen is shown by stop(), which comes behind it.
bool is_heard(FileWatch& watch) { return watch.wait(); }
bool is_quiet(FileWatch& watch) {
  watch.stop();
  return !watch.wait();
}

}  // namespace

TEST_CASE("file watch: every way of changing a file is heard of", "[watch]") {
  const Folder folder;
  const std::string file = folder / "api.yaml";
  write(file, "one");
  FileWatch watch;
  watch.set_files({file});
  REQUIRE_FALSE(watch.polls());
  SECTION("written over") { write(file, "two"); }
  SECTION("appended to") { std::ofstream(file, std::ios::app) << "more"; }
  SECTION("cut") { fs::resize_file(file, 1); }
  SECTION("renamed over") { replace(file, "two"); }
  SECTION("removed") { fs::remove(file); }
  SECTION("moved away") { fs::rename(file, folder / "other"); }
  SECTION("made unreadable") { fs::permissions(file, fs::perms::none); }
  SECTION("its folder moved away") {
    fs::rename(folder.path, folder.path + ".old");
    fs::create_directory(folder.path);
    fs::remove_all(folder.path + ".old");
  }
  CHECK(is_heard(watch));
}

TEST_CASE("file watch: other files of the folder are not heard of", "[watch]") {
  const Folder folder;
  write(folder / "api.yaml", "one");
  FileWatch watch;
  watch.set_files({folder / "api.yaml"});
  write(folder / "other.yaml", "one");
  replace(folder / "access.log", "two");
  fs::create_directory(folder / "new");
  std::ifstream(folder / "api.yaml").get();  // reading is no change
  CHECK(is_quiet(watch));
}

TEST_CASE("file watch: a file that is not there is heard of when it comes", "[watch]") {
  const Folder folder;
  FileWatch watch;
  SECTION("in a folder that is there") {
    watch.set_files({folder / "api.yaml"});
    write(folder / "api.yaml", "one");
    CHECK(is_heard(watch));
  }
  SECTION("in one that is not") {
    const std::string file = folder / "a/b/api.yaml";
    watch.set_files({file});
    fs::create_directory(folder / "a");
    CHECK(is_heard(watch));
    watch.set_files({file});
    fs::create_directory(folder / "a/b");
    CHECK(is_heard(watch));
    watch.set_files({file});
    write(file, "one");
    CHECK(is_heard(watch));
  }
}

TEST_CASE("file watch: links are followed, and heard of when they turn", "[watch]") {
  // As a volume of Kubernetes: api.yaml -> ..data/api.yaml, ..data -> ..first
  const Folder folder;
  for (const std::string name : {"..first", "..second"}) {
    fs::create_directory(folder / name);
    write(folder / (name + "/api.yaml"), name);
  }
  fs::create_symlink("..first", folder / "..data");
  fs::create_symlink("..data/api.yaml", folder / "api.yaml");
  FileWatch watch;
  watch.set_files({folder / "api.yaml"});
  SECTION("the link in the middle turns") {
    fs::create_symlink("..second", folder / "..new");
    fs::rename(folder / "..new", folder / "..data");
    CHECK(is_heard(watch));
    watch.set_files({folder / "api.yaml"});
    write(folder / "..first/api.yaml", "nobody looks here any more");
    CHECK(is_quiet(watch));
  }
  SECTION("what it leads to is written") {
    write(folder / "..first/api.yaml", "two");
    CHECK(is_heard(watch));
  }
  SECTION("a link that leads to itself ends") {
    fs::create_symlink("self", folder / "self");
    watch.set_files({folder / "self"});
    CHECK(is_quiet(watch));
  }
}

TEST_CASE("file watch: paths are walked as the system walks them", "[watch]") {
  const Folder folder;
  fs::create_directories(folder / "a/b");
  write(folder / "a/api.yaml", "one");
  fs::create_directory_symlink(folder / "a/b", folder / "link");
  FileWatch watch;
  watch.set_files({folder / "link/.././api.yaml"});  // a/api.yaml, not api.yaml
  SECTION("where it is") {
    write(folder / "a/api.yaml", "two");
    CHECK(is_heard(watch));
  }
  SECTION("not where it looks to be") {
    write(folder / "api.yaml", "two");
    CHECK(is_quiet(watch));
  }
}

TEST_CASE("file watch: a new set of files takes the place of the old one", "[watch]") {
  const Folder folder;
  fs::create_directory(folder / "a");
  fs::create_directory(folder / "b");
  FileWatch watch;
  watch.set_files({folder / "a/api.yaml", folder / "b/api.yaml"});
  watch.set_files({folder / "b/api.yaml"});
  write(folder / "a/api.yaml", "one");
  SECTION("the old ones are not heard of") { CHECK(is_quiet(watch)); }
  SECTION("the new ones are") {
    write(folder / "b/api.yaml", "one");
    CHECK(is_heard(watch));
  }
}

TEST_CASE("file watch: where there are no watches to be had, it is time to look now and then",
          "[watch]") {
  const Folder folder;
  write(folder / "api.yaml", "one");
  // Room for one descriptor, which is the one to stop by.
  const int next = ::dup(STDERR_FILENO);
  REQUIRE(next >= 0);
  ::close(next);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{.rlim_cur = static_cast<rlim_t>(next) + 1, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  FileWatch watch;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  watch.set_files({folder / "api.yaml"});
  REQUIRE(watch.polls());
  CHECK(is_heard(watch));
  CHECK(watch.settle());
  CHECK(is_quiet(watch));
}

TEST_CASE("file watch: it settles when nobody writes any more", "[watch]") {
  const Folder folder;
  const std::string file = folder / "api.yaml";
  FileWatch watch;
  watch.set_files({file});
  // A writer that stops when it has been waited for as long as it may be. On a busy machine it may
  // itself have paused for so long that it counted as quiet: that is another try.
  bool never_quiet = false;
  for (int tries = 0; tries < 20 && !never_quiet; ++tries) {
    const auto begun = std::chrono::steady_clock::now();
    std::atomic<bool> ending = false;
    std::chrono::steady_clock::duration longest_pause{};
    std::thread writer([&] {
      auto before = begun;
      while (!ending) {
        write(file, "more");
        const auto now = std::chrono::steady_clock::now();
        longest_pause = std::max(longest_pause, now - before);
        before = now;
      }
    });
    CHECK(watch.wait());
    CHECK(watch.settle());
    const auto spent = std::chrono::steady_clock::now() - begun;
    ending = true;
    writer.join();
    never_quiet = longest_pause < FileWatch::kSettle;
    if (never_quiet) CHECK(spent >= FileWatch::kMaxSettle);
  }
  CHECK(never_quiet);
  CHECK(watch.settle());
  watch.stop();
  CHECK_FALSE(watch.settle());
}

}  // namespace gw::cli
