// What comes before HTTP on a connection: a PROXY header and the TLS handshake.
#pragma once
#include <string>

#include "runtime/base/task.h"
#include "runtime/net/tls_stream.h"
#include "runtime/server/session.h"
#include "runtime/server/session_host.h"

namespace gw::server {

/// Reads the PROXY header where the listener asks for one, shakes hands where it has TLS, and gives
/// the connection back to the host for the session that ALPN chooses. What does not get that far
/// within SessionOptions::head_timeout_ms is closed.
class EntrySession final : public Session {
 public:
  EntrySession(SessionHost& host, ClientConnection connection);
  ~EntrySession() override;

  void start() override;
  bool done() const override { return done_; }
  const ClientConnection& connection() const override { return connection_; }
  void drain() override { abort(); }
  void abort() override;

 private:
  Task<void> enter();
  Task<bool> read_proxy_header();
  Task<bool> shake_hands();
  Task<void> answer_plain(net::ByteStream& stream);
  static void on_timer(void* context);

  SessionHost& host_;
  ClientConnection connection_;
  net::Timer timer_;
  Task<void> task_;
  bool done_ = false;
};

}  // namespace gw::server
