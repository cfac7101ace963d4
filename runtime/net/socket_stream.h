// A TCP or Unix socket as a ByteStream, on Asio's reactor.
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/detail/epoll_reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>

#include "runtime/net/byte_stream.h"
#include "runtime/net/worker_loop.h"

namespace gw::net {

/// One socket of one worker. Its operations are part of it, so that no I/O allocates. A read that
/// was not filled is taken for all there is, which saves the call that would only return EAGAIN;
/// writes go out at once and wait only when the socket buffer is full.
///
/// An end of stream that came together with the last bytes is therefore seen by the next event, by
/// a read after cancel(), or by one after look_again(), not by a read that waits already.
class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(WorkerLoop& loop);
  ~SocketStream() override;

  /// Takes over a non-blocking, connected (or connecting) socket. False: it could not be watched;
  /// the descriptor is closed then.
  bool open(int descriptor);
  /// Waits until a connecting socket is connected or not; the outcome is in `writing.error`.
  void start_connect();

  void start_read(MutableBytes into) override;
  void start_write(const Bytes* pieces, size_t count) override;
  void cancel() noexcept override;
  void look_again() noexcept override { drained_ = false; }
  bool has_input() noexcept override;
  bool peer(sockaddr_storage& out) const noexcept override;
  void shutdown_write() noexcept override;
  void close(bool hard) noexcept override;
  bool is_open() const override { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

 private:
  using Reactor = boost::asio::detail::epoll_reactor;
  using Operation = boost::asio::detail::operation;

  struct ReactorOp : boost::asio::detail::reactor_op {
    ReactorOp(perform_func_type perform_function, func_type complete_function, SocketStream& owner);
    void prepare() {
      ec_ = {};
      bytes_transferred_ = 0;
    }
    SocketStream& stream;
  };

  static ReactorOp::status perform_read(boost::asio::detail::reactor_op* base);
  static ReactorOp::status perform_write(boost::asio::detail::reactor_op* base);
  static void complete_read(void* owner, Operation* base, const boost::system::error_code& ec,
                            size_t bytes);
  static void complete_write(void* owner, Operation* base, const boost::system::error_code& ec,
                             size_t bytes);
  /// Number of bytes, or -errno.
  i64 receive();
  i64 send();

  WorkerLoop& loop_;
  Reactor& reactor_;
  Reactor::per_descriptor_data watch_ = nullptr;
  int descriptor_ = -1;
  bool drained_ = false;  // the last read took everything there was
  bool connecting_ = false;
  MutableBytes into_;
  iovec out_[kMaxWritePieces] = {};
  size_t out_begin_ = 0;
  size_t out_end_ = 0;
  size_t out_skip_ = 0;
  ReactorOp read_op_;
  ReactorOp write_op_;
};

}  // namespace gw::net
