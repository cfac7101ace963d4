// A listening socket of one worker.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/http/exchange.h"
#include "runtime/net/worker_loop.h"

namespace gw::server {

/// Opens a non-blocking listening socket: on `host:port` with SO_REUSEPORT, so that each worker has
/// its own; on `unix:/path` one that workers share by dup(). A socket file that nobody listens on
/// any more is replaced. Error: AddressInvalid with errno.
Result<int> open_listener(const std::string& address);
/// Where it listens, as listener options have it; "": nobody knows.
std::string bound_address(int descriptor);
/// 0 for Unix sockets.
u16 bound_port(int descriptor);

/// Accepts on one worker. When descriptors or memory run out it pauses for 100 ms instead of
/// spinning. One thread.
class Listener {
 public:
  using Accepted =
      std::function<void(int descriptor, const PeerAddress& peer, const PeerAddress& local)>;

  Listener(net::WorkerLoop& loop, int descriptor, Accepted accepted);
  void start() { wait(); }
  /// Takes what waits to be accepted, at most one backlog, and closes: a connection that is left
  /// waiting would be reset.
  void stop();
  u16 port() const { return local_.port; }

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                      boost::asio::io_context::executor_type>;
  PeerAddress local_of(int descriptor) const;
  enum class Accept : u8 { Taken, Nothing, Pause };
  void wait();
  Accept accept_one();
  void accept_some();
  static void on_pause_over(void* context);

  net::WorkerLoop& loop_;
  Acceptor acceptor_;
  PeerAddress local_;  // zeros before the port: any address of this machine
  Accepted accepted_;
  net::Timer pause_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a wait may end after this
};

}  // namespace gw::server
