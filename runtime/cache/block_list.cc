#include "runtime/cache/block_list.h"

#include <algorithm>
#include <utility>

namespace gw::cache {
namespace {

constexpr size_t kFirstBlockBytes = 16 * 1024;
constexpr size_t kLargestBlockBytes = 256 * 1024;

}  // namespace

void BlockList::add_block(size_t bytes) {
  size_t capacity = blocks_.empty() ? kFirstBlockBytes : blocks_.back().capacity * 2;
  capacity = std::max(bytes, std::min(capacity, kLargestBlockBytes));
  blocks_.push_back({.bytes = std::make_shared_for_overwrite<std::byte[]>(capacity),
                     .first = size_,
                     .size = 0,
                     .capacity = capacity,
                     .readers = std::exchange(at_end_, 0)});
}

void BlockList::append(Bytes bytes) {
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().size == blocks_.back().capacity) add_block(bytes.size());
    Block& block = blocks_.back();
    const size_t taken = std::min(bytes.size(), block.capacity - block.size);
    std::copy_n(bytes.begin(), taken, block.bytes.get() + block.size);
    block.size += taken;
    size_ += taken;
    bytes = bytes.subspan(taken);
  }
}

size_t& BlockList::readers_of(u64 number) {
  const u64 index = number - first_number_;
  return index < blocks_.size() ? blocks_[index].readers : at_end_;
}

void BlockList::enter(Place& place) {
  place = {.offset = 0, .block = 0};
  ++readers_of(0);
}

void BlockList::leave(const Place& place) { --readers_of(place.block); }

void BlockList::move(Place& place, u64 offset) {
  u64 number = place.block;
  while (number - first_number_ < blocks_.size()) {
    const Block& block = blocks_[number - first_number_];
    // At the end of one that has room what comes next is in it, too.
    const bool ends_here = offset == block.first + block.size && block.size < block.capacity;
    if (offset < block.first + block.size || ends_here) break;
    ++number;
  }
  place.offset = offset;
  if (number == place.block) return;
  --readers_of(place.block);
  ++readers_of(number);
  place.block = number;
}

BlockList::Piece BlockList::at(u64 offset, size_t max_bytes) const {
  if (offset >= size_) return {};
  const auto block = std::ranges::find_if(
      blocks_, [&](const Block& one) { return offset < one.first + one.size; });
  const Bytes rest = Bytes(block->bytes.get(), block->size).subspan(offset - block->first);
  return {.block = block->bytes, .bytes = rest.first(std::min(rest.size(), max_bytes))};
}

void BlockList::copy_to(std::byte* out) const {
  for (const Block& block : blocks_) std::copy_n(block.bytes.get(), block.size, out + block.first);
}

bool BlockList::drop_read() {
  const u64 before = first_number_;
  while (!blocks_.empty() && blocks_.front().readers == 0) {
    // The last one is still written to.
    if (blocks_.size() == 1 && blocks_.front().size < blocks_.front().capacity) break;
    blocks_.pop_front();
    ++first_number_;
  }
  return first_number_ != before;
}

bool BlockList::is_full(u64 limit_bytes) const {
  return blocks_.size() > 1 && size_ - blocks_.front().first > limit_bytes;
}

}  // namespace gw::cache
