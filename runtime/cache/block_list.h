// Bytes in blocks, with the places of those who go through them: what lies behind all of them can
// be given up, so that a body of any length passes through a bounded memory.
#pragma once
#include <deque>
#include <memory>

#include "runtime/base/types.h"

namespace gw::cache {

/// No thread of its own: the owner's mutex is held for every call. Each call costs O(1), but for
/// at() and copy_to().
class BlockList {
 public:
  /// Where one reader is.
  struct Place {
    u64 offset = 0;
    u64 block = 0;  // number of the block that holds `offset`, or of the next one to come
  };
  struct Piece {
    std::shared_ptr<const std::byte[]> block;  // keeps `bytes`, also when the list has dropped it
    Bytes bytes;
  };

  void append(Bytes bytes);
  u64 size() const { return size_; }
  /// Whether the beginning has been dropped.
  bool dropped() const { return first_number_ != 0; }

  /// At the beginning, which is still there.
  void enter(Place& place);
  void leave(const Place& place);
  /// Forward, to at most size().
  void move(Place& place, u64 offset);
  /// From `offset` on, which is not dropped: at most `max_bytes`, all of one block.
  Piece at(u64 offset, size_t max_bytes) const;
  void copy_to(std::byte* out) const;  // all of it; nothing was dropped

  /// Gives up the blocks that lie behind every place. True: there were some.
  bool drop_read();
  /// Whether more than `limit_bytes` are kept for somebody who has not read them. Never when
  /// everybody has read all.
  bool is_full(u64 limit_bytes) const;
  /// Whether it is one of those for which the first block is kept.
  bool holds_up(const Place& place) const { return place.block == first_number_; }

 private:
  struct Block {
    std::shared_ptr<std::byte[]> bytes;
    u64 first = 0;  // offset of its beginning
    size_t size = 0;
    size_t capacity = 0;
    size_t readers = 0;  // whose places it holds
  };
  void add_block(size_t bytes);
  size_t& readers_of(u64 number);

  std::deque<Block> blocks_;
  u64 first_number_ = 0;  // of blocks_.front(), or of the first one to come
  size_t at_end_ = 0;     // places behind all blocks
  u64 size_ = 0;
};

}  // namespace gw::cache
