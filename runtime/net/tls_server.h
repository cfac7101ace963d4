// The server's side of TLS: which certificate answers which name, versions, client certificates.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/net/ticket_keys.h"
#include "runtime/net/tls_certificate.h"
#include "runtime/net/tls_stream.h"

namespace gw::net {

enum class TlsVersion : u8 { Tls12, Tls13 };
enum class ClientCertificate : u8 { None, Optional, Required };

struct TlsServerOptions {
  std::vector<TlsCertificate> certificates;  // at least one; the first serves unknown names
  TlsVersion min_version = TlsVersion::Tls12;
  std::string ciphers;  // of TLS 1.2, in OpenSSL's notation; empty: Mozilla's intermediate list
  ClientCertificate client_certificate = ClientCertificate::None;
  std::string client_ca;  // PEM; what client certificates must lead to
  bool http2 = true;      // offered by ALPN
};

/// A listener's side of TLS. Each worker has its own, since OpenSSL's reference counts are shared
/// cache lines. One thread.
class TlsServer {
 public:
  /// Error: TlsFailed; `problem` then says for people what is wrong and with which certificate.
  static Result<std::unique_ptr<TlsServer>> make(const TlsServerOptions& options,
                                                 std::shared_ptr<TicketKeys> tickets,
                                                 std::string& problem);
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  /// The engine of a new connection.
  SslHandle accept();
  /// Whether a request for `host` (lower case) may come over this connection: the certificate that
  /// its name would choose is the one that the name of the handshake chose. Always, when the client
  /// sent no name. RFC 9110 section 7.4.
  bool serves(const SSL& ssl, std::string_view host) const;

 private:
  struct Name {
    std::string text;  // lower case; of `*.example.com` the part behind the star
    u32 context;
    bool wildcard;
  };

  TlsServer() = default;
  bool add_certificate(const TlsServerOptions& options, const TlsCertificate& certificate,
                       std::string& problem);
  SslContext make_context(const TlsServerOptions& options, std::string& problem);
  u32 choose(std::string_view host) const;
  static int on_name(SSL* ssl, int* alert, void* self);
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_bytes,
                     const unsigned char* in, unsigned in_bytes, void* self);

  std::shared_ptr<TicketKeys> tickets_;
  std::vector<SslContext> contexts_;  // by certificate; RSA and ECDSA of the same names share one
  std::vector<Name> names_;           // sorted by text
  bool http2_ = true;
};

}  // namespace gw::net
