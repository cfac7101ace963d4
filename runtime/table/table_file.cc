#include "runtime/table/table_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/table/format.h"
#include "runtime/table/verify.h"

namespace gw::table {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Unexpected<Error> unreadable(std::string_view what) {
  return fail(Error{.code = Errc::FileUnreadable, .sys = errno, .what = what});
}

Result<int> make_memory_file() {
  const int fd = ::memfd_create("gwctl-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return unreadable("memfd");
  return fd;
}

Result<void> write_all(int fd, Bytes bytes) {
  for (u64 done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return unreadable("memfd write");
    done += static_cast<u64>(n);
  }
  return {};
}

Result<void> seal(int fd) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(fd, F_ADD_SEALS, kSeals) != 0) return unreadable("memfd seal");
  return {};
}

// Through a buffer that stays in the processor's cache: a table of 60 MB is in memory once, and
// half as soon as through a text of its size.
Result<u64> copy_all(int from, int to) {
  constexpr size_t kBufferBytes = 256 * 1024;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBufferBytes);
  for (u64 size = 0;;) {
    const ssize_t n = ::read(from, buffer.get(), kBufferBytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable("read");
    if (n == 0) return size;
    size += static_cast<u64>(n);
    if (size > kMaxFileBytes) {
      errno = EFBIG;
      return unreadable("too large");
    }
    GW_TRY(write_all(to, Bytes(buffer.get(), static_cast<size_t>(n))));
  }
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

}  // namespace

TableFile::~TableFile() { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

Result<std::shared_ptr<const TableFile>> TableFile::adopt(int descriptor, u64 size,
                                                          TableKind kind) {
  if (size < sizeof(Header)) return fail(Errc::TableTruncated, "header");
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  if (mapped == MAP_FAILED) return unreadable("mmap");
  const Bytes bytes(static_cast<const std::byte*>(mapped), size);
  std::shared_ptr<const TableFile> file(new TableFile(bytes));
  GW_TRY(verify(bytes, kind));
  return file;
}

Result<std::shared_ptr<const TableFile>> TableFile::from_bytes(Bytes bytes, TableKind kind) {
  GW_TRY_ASSIGN(const int fd, make_memory_file());
  const Descriptor memory(fd);
  GW_TRY(write_all(fd, bytes));
  GW_TRY(seal(fd));
  return adopt(fd, bytes.size(), kind);
}

Result<std::shared_ptr<const TableFile>> TableFile::load(const std::string& path, TableKind kind) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return unreadable("open");
  GW_TRY_ASSIGN(const int fd, make_memory_file());
  const Descriptor memory(fd);
  GW_TRY_ASSIGN(const u64 size, copy_all(file.get(), fd));
  GW_TRY(seal(fd));
  return adopt(fd, size, kind);
}

Result<std::shared_ptr<const TableFile>> TableFile::map_private(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return unreadable("open");
  GW_TRY_ASSIGN(const u64 size, regular_size(file.get()));
  return adopt(file.get(), size, TableKind::Gateway);
}

Result<std::string> read_file(const std::string& path, u64 limit_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return unreadable("open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return unreadable("stat");
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
        if (::read(file.get(), &extra, 1) > 0) {
          errno = EFBIG;
          return unreadable("too large");
        }
        break;
      }
      text.resize(std::min<u64>(limit_bytes, text.size() * 2));
    }
    const ssize_t n = ::read(file.get(), text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable("read");
    if (n == 0) break;
    used += static_cast<u64>(n);
  }
  text.resize(used);
  return text;
}

}  // namespace gw::table
