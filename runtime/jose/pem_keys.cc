// Public keys and certificates in PEM.
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "runtime/jose/key.h"

namespace gw::jose {
namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

// One block of PEM; OpenSSL's memory.
struct Block {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long bytes = 0;

  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<size_t>(bytes));
  }
};

net::KeyHandle read_block(const Block& block) {
  const std::string_view name = block.name;
  const unsigned char* at = block.data;
  if (name == PEM_STRING_PUBLIC) return net::KeyHandle(d2i_PUBKEY(nullptr, &at, block.bytes));
  if (name == PEM_STRING_RSA_PUBLIC) {
    return net::KeyHandle(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, block.bytes));
  }
  if (name == PEM_STRING_X509) {
    const net::X509Handle certificate(d2i_X509(nullptr, &at, block.bytes));
    return net::KeyHandle(certificate == nullptr ? nullptr : X509_get_pubkey(certificate.get()));
  }
  return nullptr;
}

bool add_block(const Block& block, const KeySetOptions& options,
               std::vector<std::unique_ptr<const Key>>& out, std::string& problem) {
  if (std::string_view(block.name).ends_with("PRIVATE KEY")) {
    problem = "a private key, where a public one is enough";
    return false;
  }
  if (out.size() >= kMaxKeys) {
    problem = "too many keys";
    return false;
  }
  net::KeyHandle handle = read_block(block);
  if (handle == nullptr) {
    problem = "a block of PEM is neither a public key nor a certificate";
    return false;
  }
  MadeKey made = key_from_handle(std::move(handle));
  if (made.key == nullptr) {
    problem = made.problem;
    return false;
  }
  made.key->has_id = !options.key_id.empty();
  made.key->id = options.key_id;
  out.push_back(std::move(made.key));
  return true;
}

}  // namespace

// Somebody put each of these keys there, so one that cannot be used is a mistake: unlike in a JWK
// Set it is not passed over.
bool keys_from_pem(std::string_view text, const KeySetOptions& options,
                   std::vector<std::unique_ptr<const Key>>& out, std::string& problem) {
  if (options.secrets) {
    problem = "PEM holds no secrets";
    return false;
  }
  const std::unique_ptr<BIO, BioDeleter> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  bool good = true;
  while (good) {
    Block block;
    if (PEM_read_bio(bio.get(), &block.name, &block.header, &block.data, &block.bytes) != 1) break;
    good = add_block(block, options, out, problem);
  }
  if (!good) return false;
  // The end of the text is an error to OpenSSL, too; but it must be the last one.
  const unsigned long last = ERR_peek_last_error();
  if (ERR_GET_REASON(last) != PEM_R_NO_START_LINE) {
    problem = "broken PEM";
    return false;
  }
  if (out.empty()) problem = "neither JSON nor PEM";
  return !out.empty();
}

}  // namespace gw::jose
