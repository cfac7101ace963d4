// A ByteStream in memory, and the hand at its other end.
//
// It behaves as a socket under an edge-triggered reactor does, as far as the code above can tell:
// what is there is read at once; a read that was not filled is taken for all there is, so that an
// end of stream which came in the same event goes unnoticed until one looks again; pending
// operations finish by a message of the loop, never within a call. The rules of ByteStream are
// checked: one read and one write at a time, and memory of a pending operation is used late, so
// that AddressSanitizer sees when it is gone.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/net/byte_stream.h"
#include "runtime/net/virtual_loop.h"

namespace gw::net {

/// Makes the Nth operation of all streams that share it fail, as a reset by the peer would. Every
/// attempt to read or write counts, also one that finds nothing.
struct FaultPlan {
  u64 countdown = 0;       // 0: none
  int error = 0;           // errno
  bool half_done = false;  // a write that fails has passed on half of its bytes
  bool hit = false;

  bool strikes() {
    if (countdown == 0 || --countdown != 0) return false;
    return hit = true;
  }
};

class MemoryStream;

/// What both ends share; outlives either.
struct MemoryWire {
  explicit MemoryWire(VirtualLoop& event_loop) : loop(event_loop) {}

  VirtualLoop& loop;
  MemoryStream* stream = nullptr;  // null once destroyed
  FaultPlan* faults = nullptr;

  // To the stream.
  struct Arrival {
    std::string bytes;
    bool end = false;    // with the last of them
    bool reset = false;  // instead of them
    bool dead = false;   // a reset has come behind them
  };
  std::deque<Arrival> coming;  // each is an event of its own
  bool arriving = false;       // a message for the next one is posted
  std::string there;           // has arrived and is not read
  size_t read_bytes = 0;       // of `there`
  bool ended = false;
  bool edge = true;     // something has come since the last read that was not filled
  int reset_error = 0;  // the connection is dead
  bool dead = false;    // the same, but what has come before can still be read
  u64 total_read = 0;

  // From the stream.
  std::string received;
  u64 total_received = 0;
  size_t window = size_t{1} << 20;  // what the peer's side holds unread at most
  bool peer_closed = false;         // what is written is answered with a reset
  bool got_end = false;
  bool got_reset = false;
  std::function<void()> on_change;  // bytes or an end have come from the stream
  std::function<void()> on_read;    // the stream has read all that had arrived
  bool change_posted = false;
  bool read_posted = false;
};

/// The peer's side. Copies are the same peer.
class MemoryPeer {
 public:
  MemoryPeer() = default;
  explicit MemoryPeer(std::shared_ptr<MemoryWire> wire) : wire_(std::move(wire)) {}

  /// Arrives as one event.
  void send(std::string_view text);
  /// Arrives in events of `piece_bytes`; each when the one before it has been read.
  void send_pieces(std::string_view text, size_t piece_bytes);
  /// The last bytes and the end of the stream in one event.
  void send_with_end(std::string_view text);
  /// An end of stream by itself: shutdown(SHUT_WR).
  void finish();
  /// close(): an end of stream, and whatever is written afterwards is answered with a reset.
  void close();
  /// Both in one event: an answer, and close() at once.
  void send_and_close(std::string_view text);
  /// Both in one event: an answer, and a reset behind it, as of a process that is killed. What has
  /// come can be read, writing fails.
  void send_and_reset(std::string_view text);
  /// A reset now; what had been sent and not been read is lost.
  void reset();

  /// What has come and has not been taken.
  const std::string& received() const { return wire_->received; }
  /// Takes it, which makes room.
  std::string take(size_t max_bytes = ~size_t{0});
  u64 total_received() const { return wire_->total_received; }
  /// How many unread bytes fit between the ends in the stream's direction of writing.
  void set_window(size_t bytes);
  /// Bytes that the stream's side has read, and not read, of what was sent.
  u64 total_read() const { return wire_->total_read; }
  size_t unread() const;

  /// Shut down for writing, closed or reset by the stream's side.
  bool got_end() const { return wire_->got_end; }
  bool got_reset() const { return wire_->got_reset; }
  /// The stream's side has let go.
  bool closed() const;

  void on_change(std::function<void()> handler) { wire_->on_change = std::move(handler); }
  void on_read(std::function<void()> handler) { wire_->on_read = std::move(handler); }

 private:
  std::shared_ptr<MemoryWire> wire_;
};

class MemoryStream final : public ByteStream {
 public:
  explicit MemoryStream(std::shared_ptr<MemoryWire> wire);
  ~MemoryStream() override;

  void start_read(MutableBytes into) override;
  void start_write(const Bytes* pieces, size_t count) override;
  void cancel() noexcept override;
  void look_again() noexcept override { drained_ = false; }
  bool has_input() noexcept override;
  void shutdown_write() noexcept override;
  void close(bool hard) noexcept override;
  bool is_open() const override { return open_; }

  // Of the wire.
  void bytes_arrived();
  void room_came();

 private:
  i64 receive();
  i64 send();
  void finish_later(IoOperation& operation, bool& queued, i64 outcome);

  std::shared_ptr<MemoryWire> wire_;
  bool open_ = true;
  bool drained_ = false;
  bool read_queued_ = false;  // its end is posted
  bool write_queued_ = false;
  MutableBytes into_;
  Bytes out_[kMaxWritePieces];
  size_t out_begin_ = 0;
  size_t out_end_ = 0;
  size_t out_total_ = 0;
};

/// A stream and its peer.
std::unique_ptr<MemoryStream> make_memory_stream(VirtualLoop& loop, MemoryPeer& peer,
                                                 FaultPlan* faults = nullptr);

}  // namespace gw::net
