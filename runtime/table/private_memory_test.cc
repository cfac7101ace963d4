#include "runtime/table/private_memory.h"
#include "cmake/source_dir.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "runtime/table/table_file.h"

namespace gw::table {
namespace {

// Large enough for two threads, and ends inside a page.
constexpr size_t kLarge = (size_t{9} << 20) + 1234;

std::string pattern(size_t size) {
  std::string text(size, '\0');
  u32 state = 7;
  for (char& byte : text) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return text;
}

// A file without a name, open for reading and writing.
class OpenFile {
 public:
  explicit OpenFile(std::string_view content) : file_(std::tmpfile()) {
    REQUIRE(file_ != nullptr);
    REQUIRE(std::fwrite(content.data(), 1, content.size(), file_) == content.size());
    REQUIRE(std::fflush(file_) == 0);
  }
  OpenFile(const OpenFile&) = delete;
  ~OpenFile() { std::fclose(file_); }
  int fd() const { return fileno(file_); }

 private:
  std::FILE* file_;
};

}  // namespace

TEST_CASE("private memory: has what the file had, whatever its size", "[table]") {
  for (const size_t size : {size_t{1}, size_t{4096}, size_t{2} << 20, kLarge}) {
    CAPTURE(size);
    const std::string content = pattern(size);
    const OpenFile file(content);
    auto memory = PrivateMemory::allocate(size);
    REQUIRE(memory);
    REQUIRE(memory->read(file.fd()));
    CHECK((as_text(memory->bytes()) == content));
  }
}

TEST_CASE("private memory: a file that changes later changes nothing", "[table]") {
  const std::string content = pattern(kLarge);
  const OpenFile file(content);
  auto memory = PrivateMemory::allocate(kLarge);
  REQUIRE(memory);
  REQUIRE(memory->read(file.fd()));
  REQUIRE(memory->protect());
  REQUIRE(::pwrite(file.fd(), "changed", 7, 0) == 7);
  REQUIRE(::ftruncate(file.fd(), 100) == 0);
  CHECK((as_text(memory->bytes()) == content));
}

TEST_CASE("private memory: a file that has become shorter is told", "[table]") {
  for (const size_t left : {size_t{0}, kLarge / 2, kLarge - 1}) {
    CAPTURE(left);
    const OpenFile file(pattern(left));
    auto memory = PrivateMemory::allocate(kLarge);
    REQUIRE(memory);
    const auto read = memory->read(file.fd());
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Errc::TableTruncated);
  }
}

TEST_CASE("private memory: what cannot be read is told with its errno", "[table]") {
  auto memory = PrivateMemory::allocate(kLarge);
  REQUIRE(memory);
  const auto read = memory->read(-1);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Errc::FileUnreadable);
  CHECK(read.error().sys == EBADF);
}

TEST_CASE("private memory: cannot be written to once it is protected", "[table]") {
  auto memory = PrivateMemory::allocate(4096);
  REQUIRE(memory);
  REQUIRE(memory->protect());
  // The kernel, asked to write there, says what a store would end the process with.
  const OpenFile file("x");
  CHECK(::pread(file.fd(), memory->data(), 1, 0) == -1);
  CHECK(errno == EFAULT);
}

TEST_CASE("table file: a table may come through a pipe", "[table]") {
  std::ifstream seed(source_dir() + "/runtime/table/fuzz/corpus/table_fuzz/everything.gwt",
                     std::ios::binary);
  const std::string table(std::istreambuf_iterator<char>(seed), {});
  REQUIRE_FALSE(table.empty());
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  std::thread writer([&] {
    std::string_view left = table;
    while (!left.empty()) {
      const ssize_t n = ::write(ends[1], left.data(), left.size());
      if (n <= 0) break;
      left.remove_prefix(static_cast<size_t>(n));
    }
    ::close(ends[1]);
  });
  const auto loaded = TableFile::load("/dev/fd/" + std::to_string(ends[0]));
  writer.join();
  ::close(ends[0]);
  REQUIRE(loaded);
  CHECK((as_text((*loaded)->bytes()) == table));
}

TEST_CASE("table file: what is no table's size is refused", "[table]") {
  CHECK(TableFile::load("/dev/null").error().code == Errc::TableTruncated);
  CHECK(TableFile::from_bytes({}).error().code == Errc::TableTruncated);
  CHECK(TableFile::load("/").error().sys == EISDIR);
}

}  // namespace gw::table
