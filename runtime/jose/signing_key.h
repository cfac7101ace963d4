// Keys that sign tokens, right or wrong ones: of callers that `gwctl test` and our own tests make
// up. The gateway itself signs none.
#pragma once
#include <string>
#include <string_view>

#include "runtime/jose/algorithm.h"
#include "runtime/net/tls_certificate.h"

namespace gw::jose {

/// A pair of keys. Making one of RSA takes about a tenth of a second.
class SigningKey {
 public:
  /// Of the kind that `algorithm` needs, a new one each time. `bits` counts for RSA only.
  static SigningKey make(Algorithm algorithm, int bits = 2048);
  static SigningKey make_ed448();
  static SigningKey from_secret(std::string secret);

  /// The public half (of secrets all) as a JWK; `more` are further members: `,"use":"sig"`.
  std::string jwk(std::string_view key_id, std::string_view more = "") const;
  /// Public half in PEM.
  std::string pem() const;
  /// Bytes of a signature as JWS has them.
  std::string sign(Algorithm algorithm, std::string_view text) const;
  /// A whole token; `header` and `payload` as they are.
  std::string token(Algorithm algorithm, std::string_view header, std::string_view payload) const;
  EVP_PKEY* handle() const { return key_.get(); }

 private:
  net::KeyHandle key_;
  std::string secret_;
};

/// `{"keys":[...]}`
std::string key_set_of(std::initializer_list<std::string> keys);

}  // namespace gw::jose
