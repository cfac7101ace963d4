// ByteStream: the seam between a connection's logic and what carries its bytes: a socket, TLS, or
// memory in tests.
#pragma once
#include <sys/socket.h>

#include <coroutine>
#include <utility>

#include "runtime/base/types.h"

namespace gw::net {

/// One direction of a stream at work. Lives in the stream. A coroutine waits on it with IoWait;
/// when nobody waits, `on_done` (if set) is told instead.
struct IoOperation {
  size_t bytes = 0;      // transferred; 0 without an error: end of stream (reading)
  int error = 0;         // errno; ECANCELED after cancel() or close()
  bool pending = false;  // started and not finished
  std::coroutine_handle<> waiter;
  void (*on_done)(void* context) = nullptr;
  void* context = nullptr;

  void finish(size_t bytes_done, int error_number) {
    bytes = bytes_done;
    error = error_number;
    pending = false;
    wake();
  }
  /// Resumes the waiter, if any, whether the operation is finished or not.
  void wake() {
    if (waiter) {
      std::exchange(waiter, {}).resume();
    } else if (on_done != nullptr && !pending) {
      on_done(context);
    }
  }
};

/// `co_await IoWait(stream.reading)`: until it is finished, or wake() was called.
class IoWait {
 public:
  explicit IoWait(IoOperation& operation) : operation_(operation) {}
  bool await_ready() const noexcept { return !operation_.pending; }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { operation_.waiter = waiter; }
  void await_resume() const noexcept {}

 private:
  IoOperation& operation_;
};

inline constexpr size_t kMaxWritePieces = 4;

/// A connection's bytes, both ways. One read and one write at a time; one thread. The memory of a
/// pending read must stay until it finishes; so must the stream itself.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  IoOperation reading;
  IoOperation writing;

  /// Reads at least one byte into `into`. May finish at once: then `reading.pending` is false on
  /// return and nobody is woken.
  virtual void start_read(MutableBytes into) = 0;
  /// Writes all of `pieces` (at most kMaxWritePieces). Finishes at once in the usual case.
  virtual void start_write(const Bytes* pieces, size_t count) = 0;
  /// Makes pending operations finish soon with ECANCELED. The stream remains usable.
  virtual void cancel() noexcept = 0;
  /// The next read asks for bytes or an end of stream that may have come unnoticed, before it
  /// waits.
  virtual void look_again() noexcept {}
  /// Looks now, without reading: true when bytes, an end or an error are there to be read. On a
  /// connection at rest each of them means that it is of no more use. May cost a system call. A
  /// stream that cannot tell says false.
  virtual bool has_input() noexcept { return false; }
  /// Whom it leads to. False: it cannot tell. A system call.
  virtual bool peer(sockaddr_storage&) const noexcept { return false; }
  /// No more writes follow; the peer sees the end.
  virtual void shutdown_write() noexcept = 0;
  /// Ends both directions; pending operations finish with ECANCELED. `hard`: with a reset, so that
  /// the peer cannot take what it has got for all there is. Idempotent.
  virtual void close(bool hard) noexcept = 0;
  virtual bool is_open() const = 0;
};

}  // namespace gw::net
