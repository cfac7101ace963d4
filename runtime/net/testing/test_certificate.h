// Certificates made on the spot, for tests.
#pragma once
#include <string>
#include <vector>

#include "runtime/net/tls_certificate.h"

namespace gw::net::testing {

enum class KeyType : u8 { Ecdsa, Rsa };

struct CertificateOptions {
  std::string subject = "test";
  std::vector<std::string> names = {};  // `DNS:a.example`, `IP:127.0.0.1`, `email:...`
  KeyType key = KeyType::Ecdsa;
  const TlsCertificate* issuer = nullptr;  // null: signs itself, and may sign others
  bool expired = false;
};

/// Ends the process when OpenSSL cannot make it.
TlsCertificate make_certificate(const CertificateOptions& options);

}  // namespace gw::net::testing
