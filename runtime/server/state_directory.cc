#include "runtime/server/state_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "runtime/base/thread_priority.h"

namespace gw::server {
namespace {

constexpr size_t kMaxDrainsBytes = size_t{16} << 20;

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
    const size_t piece = std::min(bytes.size() - done, kYieldBytes);
    const ssize_t n = ::write(fd, bytes.data() + done, piece);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
    let_others_run();
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

// Whether a regular file is there with just these bytes. Anything that goes wrong is a no.
bool has_bytes(const std::string& path, Bytes bytes) {
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (static_cast<u64>(status.st_size) != bytes.size()) return false;
  std::vector<std::byte> piece(std::min(bytes.size(), kYieldBytes));
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    const auto got = static_cast<size_t>(std::max<ssize_t>(n, 0));
    if (got == 0 || got > bytes.size() - at) return false;
    if (std::memcmp(piece.data(), bytes.data() + at, got) != 0) return false;
    at += got;
    let_others_run();
  }
  return true;
}

// As it ends each table.
std::string digest_of(Bytes bytes) {
  u64 digest = 0;
  if (bytes.size() >= sizeof digest) {
    std::memcpy(&digest, bytes.data() + bytes.size() - sizeof digest, sizeof digest);
  }
  return fmt::format("{:016x}", digest);
}

// The process before may have had another directory.
bool is_lock_of(const std::string& path, int lock) {
  struct stat held {};
  struct stat named {};
  return ::fstat(lock, &held) == 0 && ::lstat((path + "/lock").c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

bool is_digest(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

Result<std::unique_ptr<StateDirectory>> StateDirectory::open(const std::string& path,
                                                             UniqueDescriptor lock) {
  GW_TRY(make_private_directory(path));
  GW_TRY(make_private_directory(path + "/tables"));
  // Otherwise the process before still writes here.
  const bool alone = !lock || !is_lock_of(path, lock.get());
  if (alone) {
    lock.reset(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) return unwritable("lock");
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      errno = EBUSY;
      return unwritable("state directory");
    }
  }
  std::unique_ptr<StateDirectory> state(new StateDirectory(path, std::move(lock)));
  if (alone) state->remove_leftovers();
  return state;
}

// What a process that was killed has left half written, or had not accepted yet.
void StateDirectory::remove_leftovers() const {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(path_ + "/tables", ec)) {
    const std::string name = entry.path().filename().string();
    const bool is_table = name.ends_with(".gwt") && is_kept(name.substr(0, name.size() - 4));
    if (!is_table) ::unlink(entry.path().c_str());
  }
}

// A directory of an earlier version has no history yet.
bool StateDirectory::is_kept(const std::string& digest) const {
  const auto accepted = table::read_file(path_ + "/accepted", 64);
  if (accepted && accepted->starts_with(digest + "\n")) return true;
  return std::ranges::count(history(), digest) != 0;
}

std::string StateDirectory::table_path(const std::string& digest) const {
  return fmt::format("{}/tables/{}.gwt", path_, digest);
}

Result<void> StateDirectory::take(const table::TableFile& file) {
  const std::string digest = digest_of(file.bytes());
  if (has_bytes(table_path(digest), file.file_bytes())) return {};
  return replace_file(path_ + "/tables", digest + ".gwt", file.file_bytes(), 0400);
}

Result<void> StateDirectory::accept(const table::TableFile& file) {
  const std::string digest = digest_of(file.bytes());
  const std::string text = digest + "\n";
  GW_TRY(replace_file(path_, "accepted", as_bytes(text), 0600));
  return note_in_history(digest);
}

void StateDirectory::discard(const table::TableFile& file) {
  const std::string digest = digest_of(file.bytes());
  if (!is_kept(digest)) ::unlink(table_path(digest).c_str());
}

// The tables that leave the list leave the directory.
Result<void> StateDirectory::note_in_history(const std::string& digest) {
  std::vector<std::string> kept = history();
  std::erase(kept, digest);
  kept.push_back(digest);
  const size_t too_many = kept.size() > kKeptTables ? kept.size() - kKeptTables : 0;
  const std::vector<std::string> leaving(kept.begin(),
                                         kept.begin() + static_cast<std::ptrdiff_t>(too_many));
  std::string text;
  for (size_t i = too_many; i < kept.size(); ++i) text += kept[i] + "\n";
  GW_TRY(replace_file(path_, "history", as_bytes(text), 0600));
  for (const std::string& old : leaving) ::unlink(table_path(old).c_str());
  return {};
}

std::vector<std::string> StateDirectory::history() const {
  std::vector<std::string> digests;
  const auto text = table::read_file(path_ + "/history", 4096);
  if (!text) return digests;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (is_digest(line)) digests.emplace_back(line);
  }
  return digests;
}

Result<std::shared_ptr<const table::TableFile>> StateDirectory::open_kept(
    const std::string& digest) const {
  if (!is_digest(digest)) return fail(Errc::FileUnreadable, "not a digest");
  return table::TableFile::map_private(table_path(digest));
}

Result<std::optional<std::shared_ptr<const table::TableFile>>> StateDirectory::accepted() const {
  using Accepted = std::optional<std::shared_ptr<const table::TableFile>>;
  const auto text = table::read_file(path_ + "/accepted", 64);
  if (!text) {
    if (text.error().sys == ENOENT) return Accepted{};
    return fail(text.error());
  }
  const std::string digest = text->substr(0, text->find('\n'));
  if (!is_digest(digest)) return fail(Errc::TableCorrupt, "accepted");
  GW_TRY_ASSIGN(auto file, table::TableFile::map_private(table_path(digest)));
  return Accepted{std::move(file)};
}

Result<u64> StateDirectory::counter() const {
  const auto text = table::read_file(path_ + "/counter", 64);
  if (!text) {
    if (text.error().sys == ENOENT) return u64{0};
    return fail(text.error());
  }
  u64 counter = 0;
  const char* end = text->data() + text->size();
  const auto [parsed, problem] = std::from_chars(text->data(), end, counter);
  if (problem != std::errc() || std::string_view(parsed, end) != "\n") {
    return fail(Errc::TableCorrupt, "counter");
  }
  return counter;
}

Result<void> StateDirectory::keep_counter(u64 counter) {
  const std::string text = std::to_string(counter) + "\n";
  return replace_file(path_, "counter", as_bytes(text), 0600);
}

Result<std::vector<std::string>> StateDirectory::drains() const {
  std::vector<std::string> drains;
  const auto text = table::read_file(path_ + "/drains", kMaxDrainsBytes);
  if (!text) {
    if (text.error().sys == ENOENT) return drains;
    return fail(text.error());
  }
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    // Whole lines only: nobody is to guess what half a name stands for.
    if (end == rest.npos || end == 0) return fail(Errc::TableCorrupt, "drains");
    drains.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return drains;
}

Result<void> StateDirectory::keep_drains(const std::vector<std::string>& drains) {
  std::string text;
  for (const std::string& drain : drains) {
    if (drain.empty() || drain.find('\n') != drain.npos) {  // as no table that is served has them
      errno = EINVAL;
      return unwritable("drains");
    }
    text += drain + "\n";
  }
  if (text.size() > kMaxDrainsBytes) {
    errno = EFBIG;
    return unwritable("drains");
  }
  return replace_file(path_, "drains", as_bytes(text), 0600);
}

}  // namespace gw::server
