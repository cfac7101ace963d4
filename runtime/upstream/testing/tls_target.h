// The other end of a connection with TLS, in memory: a real handshake, and a hand at what is
// within.
#pragma once
#include <memory>
#include <string>

#include "runtime/base/task.h"
#include "runtime/net/testing/memory_stream.h"
#include "runtime/net/tls_stream.h"

namespace gw::upstream::testing {

/// Takes TLS off one connection of the gateway: `inside` is the hand at what is spoken within.
class TlsTarget {
 public:
  TlsTarget(net::testing::FakeLoop& loop, net::SslHandle ssl, net::testing::MemoryPeer gateway);
  ~TlsTarget();

  std::string agreed() const { return std::string(tls_->alpn()); }

  net::testing::MemoryPeer inside;

 private:
  static void carry(net::testing::MemoryPeer& from, net::testing::MemoryPeer& to);
  Task<void> serve();

  net::testing::FakeLoop& loop_;
  net::testing::MemoryPeer gateway_;  // the hand at the gateway's connection
  net::testing::MemoryPeer server_;   // the hand at ours
  std::unique_ptr<net::TlsStream> tls_;
  std::unique_ptr<net::ByteStream> plain_;
  Task<void> task_;
  Task<void> in_;
  Task<void> out_;
};

}  // namespace gw::upstream::testing
