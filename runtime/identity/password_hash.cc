#include "runtime/identity/password_hash.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <cstring>
#include <memory>

namespace gw::identity {
namespace {

// The library's working memory holds the password: it is wiped.
struct Wiped {
  void operator()(crypt_data* data) const {
    OPENSSL_cleanse(data, sizeof *data);
    delete data;
  }
};

std::string crypted(const std::string& password, const std::string& setting) {
  const std::unique_ptr<crypt_data, Wiped> data(new crypt_data{});
  const char* out = ::crypt_r(password.c_str(), setting.c_str(), data.get());
  if (out == nullptr || out[0] == '*') return {};
  return out;
}

}  // namespace

bool is_password(std::string_view hash, std::string_view password) {
  if (hash.empty() || password.find('\0') != password.npos) return false;
  std::string copy(password);
  const std::string made = crypted(copy, std::string(hash));
  OPENSSL_cleanse(copy.data(), copy.size());
  return made.size() == hash.size() && CRYPTO_memcmp(made.data(), hash.data(), hash.size()) == 0;
}

std::string hash_password(std::string_view password) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (::crypt_gensalt_rn("$y$", 0, nullptr, 0, setting, sizeof setting) == nullptr) return {};
  return crypted(std::string(password), setting);
}

}  // namespace gw::identity
