// A file descriptor that is closed by whoever has it last.
#pragma once
#include <unistd.h>

#include <utility>

namespace gw {

/// Owns one descriptor, or none (-1). Not shared, not copied.
class UniqueDescriptor {
 public:
  UniqueDescriptor() = default;
  explicit UniqueDescriptor(int descriptor) : descriptor_(descriptor) {}
  UniqueDescriptor(UniqueDescriptor&& other) noexcept : descriptor_(other.release()) {}
  UniqueDescriptor& operator=(UniqueDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueDescriptor() { reset(); }

  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  /// The caller closes it from now on.
  int release() { return std::exchange(descriptor_, -1); }
  void reset(int descriptor = -1) {
    const int before = std::exchange(descriptor_, descriptor);
    if (before >= 0) ::close(before);
  }

 private:
  int descriptor_ = -1;
};

}  // namespace gw
