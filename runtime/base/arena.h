// Arena: memory for one exchange, freed all at once.
#pragma once
#include <cstring>
#include <memory>
#include <memory_resource>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// Hands out memory that lives until reset(). The first block stays over resets, so that an
/// exchange of ordinary size allocates nothing after warm-up. One thread at a time.
class Arena {
 public:
  static constexpr size_t kFirstBlockBytes = 4096;

  Arena() : first_(new std::byte[kFirstBlockBytes]) { rewind(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { drop_blocks(); }

  /// Never null. `align` is a power of two, 16 at the most.
  void* allocate(size_t bytes, size_t align = alignof(std::max_align_t)) {
    size_t at = (used_ + align - 1) & ~(align - 1);
    if (at + bytes > capacity_) {
      grow(bytes + align);
      at = (used_ + align - 1) & ~(align - 1);
    }
    used_ = at + bytes;
    return current_ + at;
  }

  template <class T>
  T* allocate_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
  }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  /// All memory that it holds now. For tests and measurements: walks the blocks.
  size_t held_bytes() const {
    size_t bytes = kFirstBlockBytes;
    for (const Block* block = blocks_; block != nullptr; block = block->next) bytes += block->bytes;
    return bytes;
  }

  /// Everything handed out so far is gone.
  void reset() {
    drop_blocks();
    rewind();
  }

 private:
  struct Block {
    Block* next;
    size_t bytes;
  };

  void rewind() {
    current_ = first_.get();
    capacity_ = kFirstBlockBytes;
    used_ = 0;
  }
  void grow(size_t at_least) {
    const size_t bytes = std::max<size_t>(at_least + sizeof(Block), capacity_ * 2);
    auto* block = static_cast<Block*>(::operator new(bytes));
    block->next = blocks_;
    block->bytes = bytes;
    blocks_ = block;
    current_ = reinterpret_cast<std::byte*>(block);
    capacity_ = bytes;
    used_ = sizeof(Block);
  }
  void drop_blocks() {
    while (blocks_ != nullptr) {
      Block* next = blocks_->next;
      ::operator delete(blocks_);
      blocks_ = next;
    }
  }

  std::unique_ptr<std::byte[]> first_;
  Block* blocks_ = nullptr;
  std::byte* current_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
};

}  // namespace gw
