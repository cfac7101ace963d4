#include "runtime/trust/signing.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/thread_priority.h"

namespace gw::trust {
namespace {

constexpr size_t kPublicKeyBytes = 32;

struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, KeyDeleter>;
struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioHandle = std::unique_ptr<BIO, BioDeleter>;
struct DigestDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestHandle = std::unique_ptr<EVP_MD_CTX, DigestDeleter>;

// What is signed. The bytes of the table are in it by their digest, so that a table of 4 GiB is
// read once, and Ed25519, which reads its message twice, has 64 bytes.
struct Message {
  u8 context[sizeof table::kSignatureContext];
  u8 digest[SHA256_DIGEST_LENGTH];
  u64 counter;
};
static_assert(sizeof(Message) == 64 && std::has_unique_object_representations_v<Message>);

// A large table takes some 10 ms, in which others come to their turn.
void digest_table(Bytes table, u8 (&digest)[SHA256_DIGEST_LENGTH]) {
  const DigestHandle context(EVP_MD_CTX_new());
  GW_CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  while (!table.empty()) {
    const Bytes piece = table.first(std::min(table.size(), kYieldBytes));
    GW_CHECK(EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1);
    table = table.subspan(piece.size());
    let_others_run();
  }
  GW_CHECK(EVP_DigestFinal_ex(context.get(), digest, nullptr) == 1);
}

Message message_of(Bytes table, u64 counter) {
  Message message{};
  std::memcpy(message.context, table::kSignatureContext, sizeof message.context);
  digest_table(table, message.digest);
  message.counter = counter;
  return message;
}

const u8* bytes_of(const Message& message) { return reinterpret_cast<const u8*>(&message); }

bool key_id_of(const EVP_PKEY* key, u8 (&id)[8]) {
  u8 raw[kPublicKeyBytes];
  size_t bytes = sizeof raw;
  if (EVP_PKEY_get_raw_public_key(key, raw, &bytes) != 1 || bytes != sizeof raw) return false;
  u8 digest[SHA256_DIGEST_LENGTH];
  GW_CHECK(EVP_Digest(raw, sizeof raw, digest, nullptr, EVP_sha256(), nullptr) == 1);
  std::memcpy(id, digest, sizeof id);
  return true;
}

// OpenSSL would ask the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

BioHandle reader_of(std::string_view text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool has_block(std::string_view pem, std::string_view kind) {
  return pem.find(std::string("-----BEGIN ").append(kind).append("-----")) != pem.npos;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(bytes)};
}

bool is_small(std::string_view pem, std::string& problem) {
  if (pem.size() <= kMaxPemBytes) return true;
  problem = "it is too long for a key";
  return false;
}

}  // namespace

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

KeyPair make_key_pair() {
  const KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  // Its memory is overwritten when it is freed.
  const BioHandle secret(BIO_new(BIO_s_secmem()));
  const BioHandle open(BIO_new(BIO_s_mem()));
  u8 id[8];
  GW_CHECK(key != nullptr && key_id_of(key.get(), id));
  GW_CHECK(PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                         nullptr) == 1);
  GW_CHECK(PEM_write_bio_PUBKEY(open.get(), key.get()) == 1);
  return {text_of(secret.get()), text_of(open.get()), table::key_id_text(id)};
}

struct SigningKey::Key {
  KeyHandle handle;
  u8 id[8];
};

SigningKey::SigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
SigningKey::~SigningKey() = default;

std::unique_ptr<SigningKey> SigningKey::from_pem(std::string_view pem, std::string& problem) {
  if (!is_small(pem, problem)) return nullptr;
  auto key = std::make_unique<Key>();
  key->handle.reset(
      PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, &no_passphrase, nullptr));
  ERR_clear_error();
  if (key->handle == nullptr) {
    problem = has_block(pem, "PUBLIC KEY") ? "it is a public key; the private one of the pair signs"
              : has_block(pem, "ENCRYPTED PRIVATE KEY")
                  ? "the key is encrypted; `openssl pkey` takes the passphrase off"
                  : "it is no private key in PEM; `gwctl key sign` makes one";
    return nullptr;
  }
  if (EVP_PKEY_is_a(key->handle.get(), "ED25519") != 1 || !key_id_of(key->handle.get(), key->id)) {
    problem = "it is no key of Ed25519; `gwctl key sign` makes one";
    return nullptr;
  }
  return std::unique_ptr<SigningKey>(new SigningKey(std::move(key)));
}

table::Signature SigningKey::sign(Bytes table, u64 counter) const {
  table::Signature signature{};
  std::memcpy(signature.magic, table::kSignatureMagic, sizeof signature.magic);
  std::memcpy(signature.key_id, key_->id, sizeof signature.key_id);
  signature.counter = counter;
  const Message message = message_of(table, counter);
  const DigestHandle context(EVP_MD_CTX_new());
  size_t bytes = sizeof signature.value;
  GW_CHECK(context != nullptr &&
           EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->handle.get()) == 1 &&
           EVP_DigestSign(context.get(), signature.value, &bytes, bytes_of(message),
                          sizeof message) == 1 &&
           bytes == sizeof signature.value);
  return signature;
}

struct TrustedKeys::Key {
  KeyHandle handle;
  u8 id[8];
};

bool TrustedKeys::add_pem(std::string_view pem, std::string& problem) {
  if (!is_small(pem, problem)) return false;
  // Whoever serves should not have what signs.
  if (pem.find("PRIVATE KEY-----") != pem.npos) {
    problem = "it is a private key; who serves needs the public one of the pair only";
    return false;
  }
  if (keys_.size() >= kMaxKeys) {
    problem = "there are too many keys";
    return false;
  }
  auto key = std::make_shared<Key>();
  key->handle.reset(PEM_read_bio_PUBKEY(reader_of(pem).get(), nullptr, &no_passphrase, nullptr));
  ERR_clear_error();
  if (key->handle == nullptr) {
    problem = "it is no public key in PEM; `gwctl key sign` makes one";
    return false;
  }
  if (EVP_PKEY_is_a(key->handle.get(), "ED25519") != 1 || !key_id_of(key->handle.get(), key->id)) {
    problem = "it is no key of Ed25519; `gwctl key sign` makes one";
    return false;
  }
  keys_.push_back(std::move(key));
  return true;
}

std::vector<std::string> TrustedKeys::ids() const {
  std::vector<std::string> ids;
  for (const auto& key : keys_) ids.push_back(table::key_id_text(key->id));
  return ids;
}

Verdict TrustedKeys::check(Bytes table, const std::optional<table::Signature>& signature) const {
  if (!signature) return Verdict::Unsigned;
  const auto key = std::ranges::find_if(keys_, [&](const auto& trusted) {
    return std::memcmp(trusted->id, signature->key_id, sizeof trusted->id) == 0;
  });
  if (key == keys_.end()) return Verdict::UnknownKey;
  const Message message = message_of(table, signature->counter);
  const DigestHandle context(EVP_MD_CTX_new());
  GW_CHECK(context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                                                      (*key)->handle.get()) == 1);
  const int verified = EVP_DigestVerify(context.get(), signature->value, sizeof signature->value,
                                        bytes_of(message), sizeof message);
  ERR_clear_error();
  return verified == 1 ? Verdict::Good : Verdict::Forged;
}

}  // namespace gw::trust
