// Certificates: reading them from PEM, and what they say.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/http/exchange.h"

namespace gw::net {

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;
struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Handle = std::unique_ptr<X509, X509Deleter>;
struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, KeyDeleter>;

/// Texts in PEM. The key is a secret: it goes into OpenSSL and nowhere else.
struct TlsCertificate {
  std::string chain;  // the certificate first, then its issuers
  std::string key;
};

/// A TlsCertificate as OpenSSL has it.
struct LoadedCertificate {
  X509Handle leaf;
  std::vector<X509Handle> issuers;
  KeyHandle key;
};

/// Reads both texts and sees to it that they belong together. False: `problem` says what is wrong;
/// it never quotes the texts.
bool load_certificate(const TlsCertificate& from, LoadedCertificate& out, std::string& problem);
/// Makes `context` use it, beside those of other key types. False: OpenSSL refuses it (`problem`).
bool use_certificate(SSL_CTX& context, const LoadedCertificate& certificate, std::string& problem);
/// Makes `context` trust the certificates in `pem`; empty: those of the system. False: `problem`.
bool trust(SSL_CTX& context, const std::string& pem, std::string& problem);

/// Names in a certificate's subjectAltName, lower case; for one without any, its common name.
std::vector<std::string> certificate_names(const X509& certificate);

/// What operators want to know of a certificate that is served.
struct CertificateFacts {
  std::string name;       // the first of its names
  i64 begins_unix_s = 0;  // 0: unknown, as the next one
  i64 expires_unix_s = 0;
};
/// Of the first certificate in a text of PEM; nothing known of what is none.
CertificateFacts certificate_facts(const std::string& chain);

/// What the other side has shown in the handshake. Null: no certificate.
std::unique_ptr<PeerCertificate> describe_peer(const SSL& ssl);

}  // namespace gw::net
