#include "runtime/http/body.h"

#include <algorithm>

namespace gw::http {

Task<Result<BodyChunk>> MemoryBody::next(size_t max_bytes) {
  BodyChunk chunk;
  chunk.bytes = bytes_.first(std::min(max_bytes, bytes_.size()));
  bytes_ = bytes_.subspan(chunk.bytes.size());
  chunk.end = bytes_.empty();
  co_return chunk;
}

bool MemoryBody::take_buffered(BodyChunk& out) {
  out.bytes = bytes_;
  out.end = true;
  out.trailers = nullptr;
  bytes_ = {};
  return true;
}

namespace {

constexpr size_t kPieceBytes = 16 * 1024;

// A growing array in an arena; what it outgrows stays until the arena is reset, which at most
// doubles the cost of a body.
struct Collected {
  std::byte* data = nullptr;
  size_t size = 0;
  size_t capacity = 0;

  void append(Bytes bytes, Arena& arena) {
    if (bytes.empty()) return;
    if (size + bytes.size() > capacity) {
      capacity = std::max(size + bytes.size(), capacity * 2);
      auto* grown = arena.allocate_array<std::byte>(capacity);
      std::copy(data, data + size, grown);
      data = grown;
    }
    std::copy(bytes.begin(), bytes.end(), data + size);
    size += bytes.size();
  }
};

}  // namespace

Task<Result<Bytes>> read_whole(BodySource& body, size_t limit_bytes, Arena& arena) {
  const u64 announced = body.remaining_bytes();
  if (announced != ~u64{0} && announced > limit_bytes) {
    co_return fail(Error{
        .code = Errc::BodyTooLarge, .origin = Origin::Downstream, .what = "body over its limit"});
  }
  Collected collected;
  BodyChunk chunk;
  if (body.take_buffered(chunk)) {
    if (chunk.bytes.size() > limit_bytes) {
      co_return fail(Error{
          .code = Errc::BodyTooLarge, .origin = Origin::Downstream, .what = "body over its limit"});
    }
    collected.append(chunk.bytes, arena);
    co_return Bytes(collected.data, collected.size);
  }
  while (!chunk.end) {
    auto next = co_await body.next(kPieceBytes);
    if (!next) co_return fail(next.error());
    chunk = *next;
    if (chunk.bytes.size() > limit_bytes - collected.size) {
      co_return fail(Error{
          .code = Errc::BodyTooLarge, .origin = Origin::Downstream, .what = "body over its limit"});
    }
    collected.append(chunk.bytes, arena);
  }
  co_return Bytes(collected.data, collected.size);
}

}  // namespace gw::http
