// A table of 60 MB is 15,000 pages of 4 KiB, and getting them costs more than copying into them.
// With huge pages there are 30 of 2 MiB; the mapping begins where one does, since a page that lies
// across its begin could not be one. What is behind the last of them stays in small pages, so that
// no more is occupied than the file has.
#include "runtime/table/private_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/base/thread_priority.h"

namespace gw::table {
namespace {

constexpr u64 kHugePage = u64{2} << 20;
constexpr u64 kParallelBytes = u64{8} << 20;  // from where a second thread pays

Unexpected<Error> no_memory() {
  return fail(Error{.code = Errc::FileUnreadable, .sys = errno, .what = "memory"});
}

/// The pieces of a file, each read by whoever comes to it first. On a busy machine the second
/// thread may begin when all is done: nobody waits for it, and it finds nothing left.
class SharedReading {
 public:
  SharedReading(int descriptor, std::byte* to, u64 size)
      : descriptor_(descriptor),
        to_(to),
        size_(size),
        pieces_((size + kHugePage - 1) / kHugePage) {}

  void work() {
    for (u64 piece = next_++; piece < pieces_; piece = next_++) {
      read_piece(piece * kHugePage);
      ++done_;
      done_.notify_all();
    }
  }

  /// When it returns nobody uses the descriptor or the memory any more.
  Result<void> finish() {
    for (u64 done = done_; done < pieces_; done = done_) done_.wait(done);
    const int problem = problem_;
    if (problem == 0) return {};
    if (problem == kEnded) return fail(Errc::TableTruncated, "read");
    return fail(Error{.code = Errc::FileUnreadable, .sys = problem, .what = "read"});
  }

 private:
  static constexpr int kEnded = -1;

  void read_piece(u64 begin) {
    const u64 end = std::min(begin + kHugePage, size_);
    for (u64 at = begin; at < end && problem_ == 0;) {
      const u64 size = std::min<u64>(end - at, kYieldBytes);
      const ssize_t n = ::pread(descriptor_, to_ + at, size, static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        problem_ = n == 0 ? kEnded : errno;
        return;
      }
      at += static_cast<u64>(n);
      let_others_run();
    }
  }

  const int descriptor_;
  std::byte* const to_;
  const u64 size_;
  const u64 pieces_;
  std::atomic<u64> next_ = 0;
  std::atomic<u64> done_ = 0;
  std::atomic<int> problem_ = 0;  // errno, or kEnded
};

}  // namespace

PrivateMemory::PrivateMemory(PrivateMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PrivateMemory& PrivateMemory::operator=(PrivateMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

PrivateMemory::~PrivateMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<PrivateMemory> PrivateMemory::allocate(u64 size) {
  const u64 room = size < kHugePage ? 0 : kHugePage;
  void* mapped =
      ::mmap(nullptr, size + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return no_memory();
  auto* data = static_cast<std::byte*>(mapped);
  if (room == 0) return PrivateMemory(data, size);
  const u64 before = (kHugePage - reinterpret_cast<uintptr_t>(data) % kHugePage) % kHugePage;
  const u64 page = static_cast<u64>(::sysconf(_SC_PAGESIZE));
  const u64 kept = (size + page - 1) / page * page;
  const u64 all = (size + room + page - 1) / page * page;
  if (before > 0) ::munmap(data, before);
  if (all > before + kept) ::munmap(data + before + kept, all - before - kept);
  ::madvise(data + before, kept, MADV_HUGEPAGE);  // where there are none it changes nothing
  return PrivateMemory(data + before, size);
}

Result<PrivateMemory> PrivateMemory::copy_of(Bytes bytes) {
  GW_TRY_ASSIGN(PrivateMemory memory, allocate(bytes.size()));
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  return memory;
}

Result<void> PrivateMemory::read(int descriptor) {
  const auto reading = std::make_shared<SharedReading>(descriptor, data_, size_);
  if (size_ >= kParallelBytes) {
    try {
      std::thread([reading] { reading->work(); }).detach();
    } catch (const std::system_error&) {
      // There is no thread to be had: this one reads all of it.
    }
  }
  reading->work();
  return reading->finish();
}

Result<void> PrivateMemory::protect() {
  if (::mprotect(data_, size_, PROT_READ) != 0) return no_memory();
  return {};
}

Bytes PrivateMemory::release() {
  const Bytes all = bytes();
  data_ = nullptr;
  size_ = 0;
  return all;
}

}  // namespace gw::table
