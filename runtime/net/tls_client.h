// The client's side of TLS, towards upstreams.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/net/tls_certificate.h"
#include "runtime/net/tls_stream.h"

namespace gw::net {

struct TlsClientOptions {
  bool verify = true;
  std::string ca;           // PEM; empty: the system's
  TlsCertificate identity;  // both empty: none
  bool http2 = false;       // offered by ALPN
};

/// What the connections of one worker to one upstream are made from. One thread.
class TlsClient {
 public:
  static Result<std::unique_ptr<TlsClient>> make(const TlsClientOptions& options,
                                                 std::string& problem);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// The engine of a new connection to `host`, a name or an address: sent as SNI (names only) and
  /// checked against the certificate. Resumes the last session where there is one.
  SslHandle connect(const std::string& host);

 private:
  TlsClient() = default;
  static int on_session(SSL* ssl, SSL_SESSION* session);

  SslContext context_;
  bool verify_ = true;
  struct Kept {
    std::string host;
    SSL_SESSION* session;
  };
  std::vector<Kept> sessions_;  // the last of each host
};

}  // namespace gw::net
