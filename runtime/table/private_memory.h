// Memory with a copy of a file, which nobody else can change.
#pragma once
#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw::table {

/// Pages of this process alone: no descriptor and no name leads to them. They can be written to
/// until protect(). Empty when default or moved from. One thread until protect(), then any.
class PrivateMemory {
 public:
  PrivateMemory() = default;
  PrivateMemory(PrivateMemory&& other) noexcept;
  PrivateMemory& operator=(PrivateMemory&& other) noexcept;
  ~PrivateMemory();

  /// `size` > 0 bytes of zeros, in huge pages where the system has them to give. Errors:
  /// FileUnreadable with errno.
  static Result<PrivateMemory> allocate(u64 size);

  /// As many bytes as `bytes` has, which is not empty.
  static Result<PrivateMemory> copy_of(Bytes bytes);

  /// Fills it with as many bytes of a regular file, from its begin, whatever its position. Two
  /// threads share the work when it is large: most of it is finding and clearing pages. Errors:
  /// FileUnreadable with errno; TableTruncated when the file has become shorter.
  Result<void> read(int descriptor);
  /// From now on writing to it ends the process.
  Result<void> protect();

  std::byte* data() { return data_; }
  u64 size() const { return size_; }
  Bytes bytes() const { return {data_, size_}; }
  /// Leaves the pages to the caller, who gives them back by munmap().
  Bytes release();

 private:
  PrivateMemory(std::byte* data, u64 size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  u64 size_ = 0;
};

}  // namespace gw::table
