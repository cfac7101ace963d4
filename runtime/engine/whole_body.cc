#include "runtime/engine/whole_body.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace gw::engine {
namespace {

constexpr size_t kPieceBytes = 16 * 1024;

// A growing array in an arena. What it outgrows stays until the arena is reset, which at most
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
      if (size != 0) std::memcpy(grown, data, size);
      data = grown;
    }
    std::memcpy(data + size, bytes.data(), bytes.size());
    size += bytes.size();
  }
};

Error too_large() {
  return {.code = Errc::BodyTooLarge, .origin = Origin::Downstream, .what = "body over its limit"};
}

}  // namespace

Task<Result<void>> read_to_end(http::BodySource& body, u64 limit_bytes, TimePoint deadline,
                               const Clock& clock, Arena& arena, WholeBody& out) {
  const u64 announced = body.remaining_bytes();
  if (announced != ~u64{0} && announced > limit_bytes) co_return fail(too_large());
  http::BodyChunk chunk;
  if (announced != ~u64{0} && body.take_buffered(chunk)) {
    out = {chunk.bytes, chunk.trailers};
    co_return Result<void>{};
  }
  Collected collected;
  while (!chunk.end) {
    Result<http::BodyChunk> next = co_await body.next(kPieceBytes);
    if (!next) co_return fail(next.error());
    chunk = *next;
    collected.append(chunk.bytes, arena);
    out = {Bytes(collected.data, collected.size), chunk.trailers};
    if (collected.size > limit_bytes) co_return fail(too_large());
    if (!chunk.end && clock.now() > deadline) {
      co_return fail(Error{.code = Errc::RequestTimeout,
                           .origin = Origin::Downstream,
                           .what = "body takes longer than the whole exchange may"});
    }
  }
  co_return Result<void>{};
}

Task<Result<http::BodyChunk>> ResumedBody::next(size_t max_bytes) {
  http::BodyChunk chunk;
  if (read_.bytes.empty() && rest_ != nullptr) {
    Result<http::BodyChunk> next = co_await rest_->next(max_bytes);
    co_return next;
  }
  chunk.bytes = read_.bytes.first(std::min(max_bytes, read_.bytes.size()));
  read_.bytes = read_.bytes.subspan(chunk.bytes.size());
  chunk.end = read_.bytes.empty() && rest_ == nullptr;
  if (chunk.end) chunk.trailers = read_.trailers;
  co_return chunk;
}

bool ResumedBody::take_buffered(http::BodyChunk& out) {
  if (rest_ != nullptr) return read_.bytes.empty() && rest_->take_buffered(out);
  out = {.bytes = read_.bytes, .end = true, .trailers = read_.trailers};
  read_ = {};
  return true;
}

u64 ResumedBody::remaining_bytes() const {
  if (rest_ == nullptr) return read_.bytes.size();
  const u64 more = rest_->remaining_bytes();
  return more == ~u64{0} ? more : more + read_.bytes.size();
}

http::BodySource* resume_body(Arena& arena, const WholeBody& read, http::BodySource* rest) {
  void* memory = arena.allocate(sizeof(ResumedBody), alignof(ResumedBody));
  return new (memory) ResumedBody(read, rest);
}

}  // namespace gw::engine
