// Why not asio::basic_stream_socket: after each successful read its reactor tries another one at
// once, which on a request-response connection always ends in EAGAIN; each operation is a handler
// to be allocated; and its waits cost an epoll_ctl. The reactor itself serves us well, so our
// operations derive from its reactor_op, as its own do. That interface is internal to Asio: the
// version is pinned below, and only this file knows.
#include "runtime/net/socket_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include <boost/asio/detail/scheduler.hpp>
#include <boost/version.hpp>
#include <cerrno>
#include <cstring>

static_assert(BOOST_VERSION / 100 == 1081, "check reactor_op and epoll_reactor of this Boost");

namespace gw::net {
namespace {

namespace asio = boost::asio;

constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
constexpr size_t kCoalesceBytes = 2048;

int error_number(const boost::system::error_code& ec) { return ec ? ec.value() : 0; }

}  // namespace

SocketStream::ReactorOp::ReactorOp(perform_func_type perform_function, func_type complete_function,
                                   SocketStream& owner)
    : reactor_op(boost::system::error_code(), perform_function, complete_function), stream(owner) {}

SocketStream::SocketStream(WorkerLoop& loop)
    : loop_(loop),
      reactor_(asio::use_service<Reactor>(loop.io())),
      read_op_(&SocketStream::perform_read, &SocketStream::complete_read, *this),
      write_op_(&SocketStream::perform_write, &SocketStream::complete_write, *this) {
  reactor_.init_task();
}

SocketStream::~SocketStream() { close(false); }

bool SocketStream::open(int descriptor) {
  if (reactor_.register_descriptor(descriptor, watch_) != 0) {
    ::close(descriptor);
    return false;
  }
  descriptor_ = descriptor;
  drained_ = false;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return true;
}

// By syscall(): the functions of libc are cancellation points, which cost more than the rest of the
// call in a process with threads.
i64 SocketStream::receive() {
  i64 bytes = 0;
  do {
    bytes = ::syscall(SYS_recvfrom, descriptor_, into_.data(), into_.size(), MSG_DONTWAIT, nullptr,
                      nullptr);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0) {
    drained_ = errno == EAGAIN || errno == EWOULDBLOCK;
    return -errno;
  }
  drained_ = bytes > 0 && static_cast<size_t>(bytes) < into_.size();
  return bytes;
}

i64 SocketStream::send() {
  size_t total = 0;
  while (out_begin_ < out_end_) {
    i64 sent = 0;
    if (out_end_ - out_begin_ == 1) {
      sent = ::syscall(SYS_sendto, descriptor_, out_[out_begin_].iov_base, out_[out_begin_].iov_len,
                       kSendFlags, nullptr, 0);
    } else {
      msghdr message{};
      message.msg_iov = out_ + out_begin_;
      message.msg_iovlen = out_end_ - out_begin_;
      sent = ::syscall(SYS_sendmsg, descriptor_, &message, kSendFlags);
    }
    if (sent < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    auto bytes = static_cast<size_t>(sent);
    total += bytes;
    while (out_begin_ < out_end_ && bytes >= out_[out_begin_].iov_len) {
      bytes -= out_[out_begin_++].iov_len;
    }
    if (out_begin_ < out_end_) {
      out_[out_begin_].iov_base = static_cast<char*>(out_[out_begin_].iov_base) + bytes;
      out_[out_begin_].iov_len -= bytes;
    }
  }
  return static_cast<i64>(total);
}

void SocketStream::start_read(MutableBytes into) {
  into_ = into;
  reading.pending = false;
  reading.bytes = 0;
  reading.error = descriptor_ < 0 ? ECANCELED : 0;
  if (descriptor_ < 0) return;
  if (!drained_) {
    const i64 bytes = receive();
    if (bytes >= 0) {
      reading.bytes = static_cast<size_t>(bytes);
      return;
    }
    if (!drained_) {
      reading.error = static_cast<int>(-bytes);
      return;
    }
  }
  reading.pending = true;
  read_op_.prepare();
  reactor_.start_op(Reactor::read_op, descriptor_, watch_, &read_op_, false, true);
}

void SocketStream::start_write(const Bytes* pieces, size_t count) {
  writing.pending = false;
  writing.bytes = 0;
  writing.error = descriptor_ < 0 ? ECANCELED : 0;
  if (descriptor_ < 0) return;
  out_begin_ = 0;
  out_end_ = 0;
  // Small messages go as one piece: copying them costs less than a list of pieces in the kernel.
  char small[kCoalesceBytes];
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) total += pieces[i].size();
  const bool coalesce = count > 1 && total <= kCoalesceBytes;
  if (coalesce) {
    size_t at = 0;
    for (size_t i = 0; i < count; ++i) {
      if (pieces[i].empty()) continue;
      std::memcpy(small + at, pieces[i].data(), pieces[i].size());
      at += pieces[i].size();
    }
    const i64 sent = ::syscall(SYS_sendto, descriptor_, small, total, kSendFlags, nullptr, 0);
    if (sent == static_cast<i64>(total)) {
      writing.bytes = total;
      return;
    }
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      writing.error = errno;
      return;
    }
    // What did not fit is sent from where it came from, behind what has gone.
    out_skip_ = sent > 0 ? static_cast<size_t>(sent) : 0;
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t skip = std::min(out_skip_, pieces[i].size());
    out_skip_ -= skip;
    if (pieces[i].size() == skip) continue;
    out_[out_end_].iov_base = const_cast<std::byte*>(pieces[i].data() + skip);
    out_[out_end_++].iov_len = pieces[i].size() - skip;
  }
  const i64 bytes = send();
  if (bytes >= 0) {
    writing.bytes = static_cast<size_t>(bytes);
    return;
  }
  if (bytes != -EAGAIN && bytes != -EWOULDBLOCK) {
    writing.error = static_cast<int>(-bytes);
    return;
  }
  writing.pending = true;
  write_op_.prepare();
  reactor_.start_op(Reactor::write_op, descriptor_, watch_, &write_op_, false, true);
}

void SocketStream::start_connect() {
  connecting_ = true;
  writing.bytes = 0;
  writing.error = 0;
  writing.pending = true;
  write_op_.prepare();
  reactor_.start_op(Reactor::write_op, descriptor_, watch_, &write_op_, false, false);
}

SocketStream::ReactorOp::status SocketStream::perform_read(asio::detail::reactor_op* base) {
  auto* op = static_cast<ReactorOp*>(base);
  SocketStream& stream = op->stream;
  // Speculative calls of the reactor come here too; after EAGAIN one would be for nothing.
  const i64 bytes = stream.receive();
  if (bytes < 0) {
    if (stream.drained_) return ReactorOp::not_done;
    op->ec_ = boost::system::error_code(static_cast<int>(-bytes), boost::system::system_category());
    return ReactorOp::done;
  }
  op->bytes_transferred_ = static_cast<size_t>(bytes);
  return stream.drained_ ? ReactorOp::done_and_exhausted : ReactorOp::done;
}

SocketStream::ReactorOp::status SocketStream::perform_write(asio::detail::reactor_op* base) {
  auto* op = static_cast<ReactorOp*>(base);
  SocketStream& stream = op->stream;
  if (stream.connecting_) {
    pollfd poll{stream.descriptor_, POLLOUT, 0};
    if (::poll(&poll, 1, 0) == 0) return ReactorOp::not_done;
    stream.connecting_ = false;
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(stream.descriptor_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) op->ec_ = boost::system::error_code(error, boost::system::system_category());
    return ReactorOp::done;
  }
  const i64 bytes = stream.send();
  if (bytes >= 0) return ReactorOp::done;
  if (bytes == -EAGAIN || bytes == -EWOULDBLOCK) return ReactorOp::not_done;
  op->ec_ = boost::system::error_code(static_cast<int>(-bytes), boost::system::system_category());
  return ReactorOp::done;
}

// `owner` is null when the io_context is being destroyed: nothing may run then.
void SocketStream::complete_read(void* owner, Operation* base, const boost::system::error_code&,
                                 size_t) {
  if (owner == nullptr) return;
  auto* op = static_cast<ReactorOp*>(base);
  op->stream.loop_.begin_turn();
  op->stream.reading.finish(op->bytes_transferred_, error_number(op->ec_));
}

void SocketStream::complete_write(void* owner, Operation* base, const boost::system::error_code&,
                                  size_t) {
  if (owner == nullptr) return;
  auto* op = static_cast<ReactorOp*>(base);
  op->stream.loop_.begin_turn();
  op->stream.writing.finish(op->bytes_transferred_, error_number(op->ec_));
}

void SocketStream::cancel() noexcept {
  drained_ = false;
  if (descriptor_ >= 0) reactor_.cancel_ops(descriptor_, watch_);
}

bool SocketStream::has_input() noexcept {
  if (descriptor_ < 0) return true;
  char byte = 0;
  const i64 bytes = ::syscall(SYS_recvfrom, descriptor_, &byte, sizeof byte,
                              MSG_DONTWAIT | MSG_PEEK, nullptr, nullptr);
  return bytes >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool SocketStream::peer(sockaddr_storage& out) const noexcept {
  socklen_t length = sizeof out;
  return ::getpeername(descriptor_, reinterpret_cast<sockaddr*>(&out), &length) == 0;
}

void SocketStream::shutdown_write() noexcept {
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_WR);
}

void SocketStream::close(bool hard) noexcept {
  if (descriptor_ < 0) return;
  if (hard) {
    const linger now{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  reactor_.deregister_descriptor(descriptor_, watch_, true);
  ::close(descriptor_);
  reactor_.cleanup_descriptor_data(watch_);
  descriptor_ = -1;
}

}  // namespace gw::net
