// Buffers for reads and heads, kept for the next connection of the same worker.
#pragma once
#include <memory>
#include <vector>

#include "runtime/base/types.h"
#include "runtime/http/limits.h"

namespace gw::net {

/// A block of memory from a pool; empty by default.
struct Buffer {
  std::unique_ptr<char[]> data;
  size_t capacity = 0;
};

/// Blocks of two sizes. One thread.
class BufferPool {
 public:
  Buffer take(size_t at_least) {
    const bool large = at_least > http::kReadBufferBytes;
    auto& free = large ? large_ : small_;
    if (free.empty()) {
      const size_t bytes = large ? http::kLargeBufferBytes : http::kReadBufferBytes;
      // Not value-initialised: the pages come into being as they are used.
      return Buffer{std::unique_ptr<char[]>(new char[bytes]), bytes};
    }
    Buffer buffer = std::move(free.back());
    free.pop_back();
    return buffer;
  }
  void give(Buffer&& buffer) {
    if (buffer.data == nullptr) return;
    auto& free = buffer.capacity > http::kReadBufferBytes ? large_ : small_;
    const size_t keep = buffer.capacity > http::kReadBufferBytes ? kKeepLarge : kKeepSmall;
    if (free.size() < keep) free.push_back(std::move(buffer));
    buffer = {};
  }

 private:
  static constexpr size_t kKeepSmall = 256;
  static constexpr size_t kKeepLarge = 8;
  std::vector<Buffer> small_;
  std::vector<Buffer> large_;
};

}  // namespace gw::net
