#include "runtime/server/state_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "runtime/table/view.h"

namespace gw::server {
namespace {

Unexpected<Error> unwritable(std::string_view what) {
  return fail(Error{.code = Errc::FileUnwritable, .sys = errno, .what = what});
}

Result<void> make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return unwritable("mkdir");
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return unwritable("stat");
  if (!S_ISDIR(status.st_mode)) {
    errno = ENOTDIR;
    return unwritable("state directory");
  }
  // What others may change cannot be vouched for.
  if (status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
    errno = EPERM;
    return unwritable("state directory");
  }
  return {};
}

// Written beside its place, synced, renamed.
Result<void> replace_file(const std::string& directory, const std::string& name, Bytes bytes,
                          mode_t mode) {
  const std::string temporary = fmt::format("{}/.{}.{}", directory, name, ::getpid());
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return unwritable("create");
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  const bool written = done == bytes.size() && ::fsync(fd) == 0;
  const int saved = errno;
  ::close(fd);
  errno = saved;
  const std::string final_path = directory + "/" + name;
  if (!written || ::rename(temporary.c_str(), final_path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    errno = reason;
    return unwritable("write");
  }
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

u64 digest_of(Bytes bytes) {
  u64 digest = 0;
  if (bytes.size() >= sizeof digest) {
    std::memcpy(&digest, bytes.data() + bytes.size() - sizeof digest, sizeof digest);
  }
  return digest;
}

}  // namespace

Result<std::unique_ptr<StateDirectory>> StateDirectory::open(const std::string& path) {
  GW_TRY(make_private_directory(path));
  GW_TRY(make_private_directory(path + "/tables"));
  const int lock =
      ::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return unwritable("lock");
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    errno = EBUSY;
    return unwritable("state directory");
  }
  return std::unique_ptr<StateDirectory>(new StateDirectory(path, lock));
}

StateDirectory::~StateDirectory() { ::close(lock_); }

std::string StateDirectory::table_path(u64 digest) const {
  return fmt::format("{}/tables/{:016x}.gwt", path_, digest);
}

Result<std::shared_ptr<const table::TableFile>> StateDirectory::take(Bytes bytes) {
  const u64 digest = digest_of(bytes);
  // Verified before it is kept, so that the directory holds nothing that was refused.
  GW_TRY_ASSIGN(const auto checked, table::TableFile::from_bytes(bytes));
  GW_TRY(replace_file(path_ + "/tables", fmt::format("{:016x}.gwt", digest), bytes, 0400));
  return table::TableFile::map_private(table_path(digest));
}

Result<void> StateDirectory::accept(const table::TableFile& file) {
  const std::string text = fmt::format("{:016x}\n", digest_of(file.bytes()));
  return replace_file(path_, "accepted", as_bytes(text), 0600);
}

Result<std::optional<std::shared_ptr<const table::TableFile>>> StateDirectory::accepted() const {
  using Accepted = std::optional<std::shared_ptr<const table::TableFile>>;
  const auto text = table::read_file(path_ + "/accepted", 64);
  if (!text) {
    if (text.error().sys == ENOENT) return Accepted{};
    return fail(text.error());
  }
  u64 digest = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), digest, 16);
  if (parsed.ec != std::errc{}) return fail(Errc::TableCorrupt, "accepted");
  GW_TRY_ASSIGN(auto file, table::TableFile::map_private(table_path(digest)));
  return Accepted{std::move(file)};
}

}  // namespace gw::server
