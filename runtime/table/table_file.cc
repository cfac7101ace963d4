#include "runtime/table/table_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
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

using SteadyClock = std::chrono::steady_clock;

u64 since(SteadyClock::time_point begun) {
  return static_cast<u64>((SteadyClock::now() - begun) / std::chrono::nanoseconds(1));
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

Result<std::shared_ptr<const TableFile>> TableFile::verified(std::shared_ptr<TableFile> file,
                                                             TableKind kind,
                                                             SteadyClock::time_point begun,
                                                             std::optional<u64> known_digest) {
  file->cost_.map = since(begun);
  const auto mapped = SteadyClock::now();
  GW_TRY(verify(file->bytes(), kind, known_digest));
  file->cost_.verify = since(mapped);
  return std::shared_ptr<const TableFile>(std::move(file));
}

Result<std::shared_ptr<const TableFile>> TableFile::adopt(PrivateMemory memory, TableKind kind,
                                                          SteadyClock::time_point begun,
                                                          std::optional<u64> known_digest) {
  GW_TRY(memory.protect());
  return verified(std::shared_ptr<TableFile>(new TableFile(memory.release(), kind)), kind, begun,
                  known_digest);
}

Result<std::shared_ptr<const TableFile>> TableFile::from_bytes(Bytes bytes, TableKind kind) {
  GW_TRY(size_is_possible(bytes.size()));
  const auto begun = SteadyClock::now();
  GW_TRY_ASSIGN(PrivateMemory memory, PrivateMemory::copy_of(bytes));
  return adopt(std::move(memory), kind, begun);
}

Result<std::shared_ptr<const TableFile>> TableFile::from_arrived(ArrivingTable arrived,
                                                                 TableKind kind) {
  GW_TRY(size_is_possible(arrived.size()));
  const u64 digest = arrived.digest();
  return adopt(arrived.take_memory(), kind, SteadyClock::now(), digest);
}

Result<std::shared_ptr<const TableFile>> TableFile::load(const std::string& path, TableKind kind) {
  const auto begun = SteadyClock::now();
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
  return adopt(std::move(memory), kind, begun);
}

Result<std::shared_ptr<const TableFile>> TableFile::map_private(const std::string& path) {
  const auto begun = SteadyClock::now();
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return unreadable("open");
  GW_TRY_ASSIGN(const u64 size, regular_size(file.get()));
  GW_TRY(size_is_possible(size));
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (mapped == MAP_FAILED) return unreadable("mmap");
  std::shared_ptr<TableFile> table(
      new TableFile(Bytes(static_cast<const std::byte*>(mapped), size), TableKind::Gateway));
  return verified(std::move(table), TableKind::Gateway, begun);
}

Result<std::string> read_file(const std::string& path, u64 limit_bytes) {
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable("open");
  return read_all(file.get(), limit_bytes);
}

}  // namespace gw::table
