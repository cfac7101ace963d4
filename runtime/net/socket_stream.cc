// Why not asio::basic_stream_socket: after each successful read its reactor tries another one at
// once, which on a request-response connection always ends in EAGAIN; each operation is a handler
// to be allocated; and its waits cost an epoll_ctl. The reactor itself serves us well, so our
// operations derive from its reactor_op, as its own do. That interface is internal to Asio: the
// version is pinned below, and only this file knows.
#include "runtime/net/socket_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/detail/scheduler.hpp>
#include <boost/version.hpp>
#include <cerrno>
#include <cstring>

static_assert(BOOST_VERSION / 100 == 1081, "check reactor_op and epoll_reactor of this Boost");

namespace gw::net {
namespace {

namespace asio = boost::asio;

int error_number(const boost::system::error_code& ec) { return ec ? ec.value() : 0; }

}  // namespace

SocketStream::ReactorOp::ReactorOp(perform_func_type perform_function, func_type complete_function,
                                   SocketStream& owner)
    : reactor_op(boost::system::error_code(), perform_function, complete_function), stream(owner) {}

SocketStream::SocketStream(asio::io_context& io)
    : reactor_(asio::use_service<Reactor>(io)),
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
  // Both fail on Unix sockets, where neither is needed: reads then go by EAGAIN.
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_INQ, &on, sizeof on);
  return true;
}

i64 SocketStream::receive() {
  iovec piece{into_.data(), into_.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t bytes = 0;
  do {
    bytes = ::recvmsg(descriptor_, &message, MSG_DONTWAIT);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0) {
    drained_ = errno == EAGAIN || errno == EWOULDBLOCK;
    return -errno;
  }
  // The hint counts a FIN that has come already as one byte, so an end of stream is never missed.
  drained_ = false;
  const cmsghdr* hint = CMSG_FIRSTHDR(&message);
  if (hint != nullptr && hint->cmsg_level == IPPROTO_TCP && hint->cmsg_type == TCP_CM_INQ) {
    int left = 1;
    std::memcpy(&left, CMSG_DATA(hint), sizeof left);
    drained_ = left == 0 && bytes > 0;
  }
  return bytes;
}

i64 SocketStream::send() {
  size_t total = 0;
  while (out_begin_ < out_end_) {
    msghdr message{};
    message.msg_iov = out_ + out_begin_;
    message.msg_iovlen = out_end_ - out_begin_;
    const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
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
  for (size_t i = 0; i < count; ++i) {
    if (pieces[i].empty()) continue;
    out_[out_end_].iov_base = const_cast<std::byte*>(pieces[i].data());
    out_[out_end_++].iov_len = pieces[i].size();
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
  op->stream.reading.finish(op->bytes_transferred_, error_number(op->ec_));
}

void SocketStream::complete_write(void* owner, Operation* base, const boost::system::error_code&,
                                  size_t) {
  if (owner == nullptr) return;
  auto* op = static_cast<ReactorOp*>(base);
  op->stream.writing.finish(op->bytes_transferred_, error_number(op->ec_));
}

void SocketStream::cancel() noexcept {
  if (descriptor_ >= 0) reactor_.cancel_ops(descriptor_, watch_);
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
