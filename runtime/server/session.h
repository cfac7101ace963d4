// A client connection, whatever it speaks.
#pragma once
#include <memory>
#include <string>

#include "runtime/http/exchange.h"
#include "runtime/net/byte_stream.h"
#include "runtime/net/tls_server.h"

namespace gw::server {

/// What the connections of one listener have in common. Immutable: a change makes another one, for
/// connections to come.
struct ListenerSettings {
  u32 id = 0;                             // of the listener, as long as the process lives
  std::shared_ptr<net::TlsServer> tls;    // null: plain text
  bool http2 = true;                      // by ALPN, or in plain text with prior knowledge
  bool proxy_protocol = false;            // every connection begins with a PROXY header
  u16 redirect_port = 0;                  // requests are sent on to https on this port; 0: served
  std::string strict_transport_security;  // value of the field on TLS; empty: none
  std::string live_path;                  // is answered by the listener itself; empty: none
  std::string ready_path;                 // the same
};

/// A connection on its way to the session that will serve it.
struct ClientConnection {
  std::unique_ptr<net::ByteStream> stream;
  PeerAddress peer;
  PeerAddress local;                                 // what it has connected to
  std::shared_ptr<const ListenerSettings> listener;  // null: plain HTTP/1 with the defaults (tests)
  // Of a TLS connection: `stream` is a TlsStream then.
  std::shared_ptr<net::TlsServer> tls;
  std::unique_ptr<PeerCertificate> certificate;
  std::string unread;  // has been read already and belongs to the session
};

/// Owned by the SessionHost, which frees it some time after it is done. One thread.
class Session {
 public:
  virtual ~Session() = default;
  virtual void start() = 0;
  /// Nothing is pending any more and no coroutine runs.
  virtual bool done() const = 0;
  /// The connection that it serves; not once it has been handed on.
  virtual const ClientConnection& connection() const = 0;
  /// Ends between two requests, otherwise after the answers that are under way.
  virtual void drain() = 0;
  /// Ends at once.
  virtual void abort() = 0;
};

}  // namespace gw::server
