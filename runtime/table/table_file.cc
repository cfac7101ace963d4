#include "runtime/table/table_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "runtime/base/unique_descriptor.h"
#include "runtime/table/format.h"
#include "runtime/table/private_memory.h"
#include "runtime/table/verify.h"

namespace gw::table {
namespace {

Unexpected<Error> unreadable(std::string_view what) {
  return fail(Error{.code = Errc::FileUnreadable, .sys = errno, .what = what});
}

Result<u64> regular_size(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return unreadable("stat");
  if (!S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return unreadable("not a regular file");
  }
  return static_cast<u64>(status.st_size);
}

Result<void> size_is_possible(u64 size) {
  if (size < sizeof(Header)) return fail(Errc::TableTruncated, "header");
  if (size <= kMaxFileBytes + sizeof(Signature)) return {};
  errno = EFBIG;
  return unreadable("too large");
}

// A whole file or pipe.
Result<std::string> read_all(int fd, u64 limit_bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return unreadable("stat");
  if (S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return unreadable("a directory");
  }
  std::string text;
  // Pipes and /proc files have no size: grow as needed, up to the limit. A byte more than the size
  // has room for the read that finds the end.
  const u64 expected = static_cast<u64>(status.st_size) + 1;
  text.resize(std::min<u64>(limit_bytes, std::max<u64>(expected, 4096)));
  u64 used = 0;
  for (;;) {
    if (used == text.size()) {
      if (used >= limit_bytes) {
        char extra = 0;
        if (::read(fd, &extra, 1) > 0) {
          errno = EFBIG;
          return unreadable("too large");
        }
        break;
      }
      text.resize(std::min<u64>(limit_bytes, text.size() * 2));
    }
    const ssize_t n = ::read(fd, text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable("read");
    if (n == 0) break;
    used += static_cast<u64>(n);
  }
  text.resize(used);
  return text;
}

u64 since(std::chrono::steady_clock::time_point begun) {
  return static_cast<u64>((std::chrono::steady_clock::now() - begun) / std::chrono::nanoseconds(1));
}

}  // namespace

// A signature behind a data table would be one that nobody looks at.
TableFile::TableFile(Bytes mapped, TableKind kind) : mapped_(mapped), bytes_(mapped) {
  if (kind != TableKind::Gateway) return;
  const SplitFile split = split_signature(mapped);
  bytes_ = split.table;
  signature_ = split.signature;
}

TableFile::~TableFile() { ::munmap(const_cast<std::byte*>(mapped_.data()), mapped_.size()); }

Result<std::shared_ptr<const TableFile>> TableFile::adopt(PrivateMemory memory, TableKind kind) {
  GW_TRY(memory.protect());
  return std::shared_ptr<const TableFile>(new TableFile(memory.release(), kind));
}

Result<std::shared_ptr<const TableFile>> TableFile::verified(std::shared_ptr<const TableFile> file,
                                                             TableKind kind, LoadCost* cost) {
  const auto begun = std::chrono::steady_clock::now();
  GW_TRY(verify(file->bytes(), kind));
  if (cost != nullptr) cost->verify = since(begun);
  return file;
}

Result<std::shared_ptr<const TableFile>> TableFile::from_bytes(Bytes bytes, TableKind kind,
                                                               LoadCost* cost) {
  GW_TRY(size_is_possible(bytes.size()));
  const auto begun = std::chrono::steady_clock::now();
  GW_TRY_ASSIGN(PrivateMemory memory, PrivateMemory::allocate(bytes.size()));
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  GW_TRY_ASSIGN(auto file, adopt(std::move(memory), kind));
  if (cost != nullptr) cost->map = since(begun);
  return verified(std::move(file), kind, cost);
}

Result<std::shared_ptr<const TableFile>> TableFile::load(const std::string& path, TableKind kind) {
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable("open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return unreadable("stat");
  if (!S_ISREG(status.st_mode)) {  // a pipe: nobody knows how much there is
    GW_TRY_ASSIGN(const std::string bytes, read_all(file.get(), kMaxFileBytes + sizeof(Signature)));
    return from_bytes(as_bytes(bytes), kind);
  }
  GW_TRY(size_is_possible(static_cast<u64>(status.st_size)));
  GW_TRY_ASSIGN(PrivateMemory memory, PrivateMemory::allocate(static_cast<u64>(status.st_size)));
  // Who writes to the file meanwhile makes a copy whose digest does not hold.
  GW_TRY(memory.read(file.get()));
  GW_TRY_ASSIGN(auto table, adopt(std::move(memory), kind));
  return verified(std::move(table), kind, nullptr);
}

Result<std::shared_ptr<const TableFile>> TableFile::map_private(const std::string& path,
                                                                LoadCost* cost) {
  const auto begun = std::chrono::steady_clock::now();
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return unreadable("open");
  GW_TRY_ASSIGN(const u64 size, regular_size(file.get()));
  GW_TRY(size_is_possible(size));
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (mapped == MAP_FAILED) return unreadable("mmap");
  std::shared_ptr<const TableFile> table(
      new TableFile(Bytes(static_cast<const std::byte*>(mapped), size), TableKind::Gateway));
  if (cost != nullptr) cost->map = since(begun);
  return verified(std::move(table), TableKind::Gateway, cost);
}

Result<std::string> read_file(const std::string& path, u64 limit_bytes) {
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable("open");
  return read_all(file.get(), limit_bytes);
}

}  // namespace gw::table
