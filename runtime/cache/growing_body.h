// A body that is still coming in, read by several exchanges on several workers at once.
//
// One exchange fills it as fast as the upstream sends. What fits into the cache is kept from its
// beginning, so that anybody may still join, and no client that reads slowly holds up the others.
// One that turns out longer goes on as a window for those who are there: what all of them have read
// is given up, and who reads so slowly that the others wait for him is left behind after a while.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/cache/block_list.h"
#include "runtime/cache/entry.h"
#include "runtime/cache/wait_queue.h"
#include "runtime/http/body.h"

namespace gw::cache {

class GrowingBody {
 public:
  /// So long those who have read all wait, once the body is a window, until the slowest is through
  /// with the block that it is at.
  static constexpr std::chrono::seconds kPatience{5};

  enum class State : u8 {
    Growing,
    Complete,
    Overflown,  // longer than it may be, and only its owner reads: what is here is the beginning
    Failed,
  };
  /// What append() has made of it.
  enum class Growth : u8 {
    Kept,       // all of it is here
    Windowed,   // the beginning may be gone: it cannot be stored, and nobody else may join
    Overflown,  // the owner goes on alone; the bytes are there all the same
  };

  /// `length`: of the whole, where it is known. `limit_bytes`: of what is kept.
  GrowingBody(std::optional<u64> length, u64 limit_bytes);
  GrowingBody(const GrowingBody&) = delete;
  GrowingBody& operator=(const GrowingBody&) = delete;

  // One writer.
  Growth append(Bytes bytes);
  /// Until there is room for more. False: nobody reads what does not fit, `due` has passed, or
  /// `exchange`, which fetches, is to end although others read along.
  Task<bool> wait_for_room(net::EventLoop& loop, Exchange& exchange, TimePoint due);
  /// Once it is a window: `tell` is called when the last reader has gone before the end of the
  /// body, once, on any thread, with a lock held. At once, when there is none.
  void when_abandoned(std::function<void()> tell);
  void finish();
  void fail(const Error& error);
  /// Whether neither finish() nor fail() was called.
  bool is_growing() const;
  /// All of it in one block, once it is complete; null: it is not, or its beginning is gone.
  std::shared_ptr<const Body> whole() const;

  // Any thread.
  /// One who reads. Between enter() and leave() it stays where it is.
  struct Reader {
    BlockList::Place place;                    // of the last piece
    u64 taken = 0;                             // bytes of the last piece
    std::shared_ptr<const std::byte[]> block;  // of the last piece, whoever drops it
    bool owner = false;                        // can go on behind an overflow
    bool entered = false;                      // no longer: it was left behind
    size_t index = 0;
    u64 next() const { return place.offset + taken; }
  };
  struct Piece {
    Bytes bytes;  // valid until the reader's next call
    State state = State::Growing;
    Error error;  // of Failed
  };
  /// False: the beginning is gone.
  bool enter(Reader& reader);
  void leave(Reader& reader, TimePoint now);
  /// What comes next, at most `max_bytes`; empty: nothing is there yet, or nothing follows.
  Piece read(Reader& reader, size_t max_bytes, TimePoint now);
  /// All that is left, where it is here in one piece; otherwise nothing is taken.
  std::optional<Bytes> read_rest(Reader& reader);
  /// Whether read() would give nothing as yet.
  bool must_wait(const Reader& reader) const;
  std::optional<u64> length() const { return length_; }
  /// Until there is something to read, or an end.
  Task<News> wait(Reader& reader, net::EventLoop& loop, Exchange& exchange, TimePoint due);

 private:
  void end(State state);
  bool only_owner_reads() const;
  void remove(Reader& reader);
  void drop_read(TimePoint now);
  bool is_full() const { return windowed_ && blocks_.is_full(limit_); }
  void leave_slow_ones_behind(TimePoint now);
  void end_starving(News news);
  Piece piece_at(Reader& reader, size_t max_bytes) const;

  const std::optional<u64> length_;
  const u64 limit_;
  mutable std::mutex mutex_;
  BlockList blocks_;
  std::shared_ptr<Body> exact_;  // with a known length: the one block
  u64 size_ = 0;
  State state_ = State::Growing;
  Error error_;
  std::vector<Reader*> readers_;
  WaitQueue waiting_;  // readers
  WaitQueue filler_;   // at most one: who waits for room
  std::function<void()> abandoned_;
  bool windowed_ = false;
  u32 starving_ = 0;  // readers that have nothing, for want of room
  // Since when there is one, while the slowest has stayed where it is.
  std::optional<TimePoint> starving_since_;
};

/// Reads one from its beginning. `rest`: where what is beyond an overflow comes from, of the owner;
/// null: a reader beside. Lives on the thread of `loop`, no longer than the exchange.
class GrowingSource final : public http::BodySource {
 public:
  GrowingSource(std::shared_ptr<GrowingBody> body, net::EventLoop& loop, Exchange& exchange,
                http::BodySource* rest);
  ~GrowingSource() override { body_->leave(reader_, loop_.now()); }
  /// False: its beginning was gone already.
  bool entered() const { return entered_; }

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  bool must_wait() const override { return body_->must_wait(reader_); }
  u64 remaining_bytes() const override;

 private:
  std::shared_ptr<GrowingBody> body_;
  net::EventLoop& loop_;
  Exchange& exchange_;
  http::BodySource* rest_;
  GrowingBody::Reader reader_;
  bool entered_;
};

}  // namespace gw::cache
