// A body that is still coming in, read by several exchanges on several workers at once.
//
// One exchange fills it as fast as the upstream sends, so that no client that reads slowly holds up
// the others; it never holds more than it was made for.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/cache/entry.h"
#include "runtime/cache/wait_queue.h"
#include "runtime/http/body.h"

namespace gw::cache {

class GrowingBody {
 public:
  enum class State : u8 {
    Growing,
    Complete,
    Overflown,  // longer than it may be: what is here is the beginning
    Failed,
  };

  /// `length`: of the whole, where it is known. `limit_bytes`: of what is kept.
  GrowingBody(std::optional<u64> length, u64 limit_bytes);
  GrowingBody(const GrowingBody&) = delete;
  GrowingBody& operator=(const GrowingBody&) = delete;

  // One writer.
  /// False: it is overflown now; the bytes are there all the same.
  bool append(Bytes bytes);
  void finish();
  void fail(const Error& error);
  /// All of it in one block, once it is complete.
  std::shared_ptr<const Body> whole() const;

  // Any thread.
  struct Piece {
    Bytes bytes;  // valid as long as this
    State state = State::Growing;
    Error error;  // of Failed
  };
  /// What is there from `offset` on, at most `max_bytes`.
  Piece at(u64 offset, size_t max_bytes) const;
  std::optional<u64> length() const { return length_; }
  /// Until there is something from `offset` on, or an end.
  Task<News> wait(u64 offset, net::EventLoop& loop, Exchange& exchange, TimePoint due);

 private:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    u64 first = 0;  // offset of its beginning
    size_t size = 0;
    size_t capacity = 0;
  };
  void add_block(size_t bytes);
  void end(State state);

  const std::optional<u64> length_;
  const u64 limit_;
  mutable std::mutex mutex_;
  std::vector<Block> blocks_;    // blocks themselves do not move
  std::shared_ptr<Body> exact_;  // with a known length: the one block
  u64 size_ = 0;
  State state_ = State::Growing;
  Error error_;
  WaitQueue waiting_;
};

/// Reads one from its beginning. `rest`: where what is beyond an overflow comes from; null: it ends
/// in an error there. Lives on the thread of `loop`, no longer than the exchange.
class GrowingSource final : public http::BodySource {
 public:
  GrowingSource(std::shared_ptr<GrowingBody> body, net::EventLoop& loop, Exchange& exchange,
                http::BodySource* rest)
      : body_(std::move(body)), loop_(loop), exchange_(exchange), rest_(rest) {}

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  bool must_wait() const override;
  u64 remaining_bytes() const override;

 private:
  std::shared_ptr<GrowingBody> body_;
  net::EventLoop& loop_;
  Exchange& exchange_;
  http::BodySource* rest_;
  u64 offset_ = 0;
};

}  // namespace gw::cache
