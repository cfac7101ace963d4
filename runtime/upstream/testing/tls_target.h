// The other end of a connection with TLS, in memory: a real handshake, and a hand at what is
// within.
#pragma once
#include <memory>
#include <string>

#include "runtime/base/task.h"
#include "runtime/net/memory_stream.h"
#include "runtime/net/tls_stream.h"

namespace gw::upstream::testing {

/// Takes TLS off one connection of the gateway: `inside` is the hand at what is spoken within.
class TlsTarget {
 public:
  TlsTarget(net::VirtualLoop& loop, net::SslHandle ssl, net::MemoryPeer gateway);
  ~TlsTarget();

  std::string agreed() const { return std::string(tls_->alpn()); }

  net::MemoryPeer inside;

 private:
  static void carry(net::MemoryPeer& from, net::MemoryPeer& to);
  Task<void> serve();

  net::VirtualLoop& loop_;
  net::MemoryPeer gateway_;  // the hand at the gateway's connection
  net::MemoryPeer server_;   // the hand at ours
  std::unique_ptr<net::TlsStream> tls_;
  std::unique_ptr<net::ByteStream> plain_;
  Task<void> task_;
  Task<void> in_;
  Task<void> out_;
};

}  // namespace gw::upstream::testing
