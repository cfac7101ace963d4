#include "runtime/identity/services.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>

#include "runtime/base/check.h"

namespace gw {
namespace {

// Fetched once: looking an algorithm up by name costs more than hashing a key.
class Sha256 {
 public:
  Sha256() : digest_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
    GW_CHECK(digest_ != nullptr && context_ != nullptr);
  }
  ~Sha256() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(digest_);
  }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void begin() { GW_CHECK(EVP_DigestInit_ex2(context_, digest_, nullptr) == 1); }
  void add(const void* bytes, size_t size) {
    GW_CHECK(EVP_DigestUpdate(context_, bytes, size) == 1);
  }
  // A text with its length before it: no two lists of texts are the same bytes.
  void add_text(std::string_view text) {
    const u64 size = text.size();
    add(&size, sizeof size);
    add(text.data(), text.size());
  }
  void end(u8* out) { GW_CHECK(EVP_DigestFinal_ex(context_, out, nullptr) == 1); }

 private:
  EVP_MD* digest_;
  EVP_MD_CTX* context_;
};

Sha256& hasher() {
  thread_local Sha256 one;
  return one;
}

}  // namespace

void sha256(std::string_view text, u8 (&out)[32]) {
  Sha256& hash = hasher();
  hash.begin();
  hash.add(text.data(), text.size());
  hash.end(out);
}

SchemeKeys::SchemeKeys(const SchemeData& scheme) : fixed_(scheme.keys), slot_(scheme.slot) {
  if (slot_ != nullptr) reader_.emplace(slot_);
}

IdentityEnv::IdentityEnv(IdentityServices& services_, const LiveData& data) : services(services_) {
  keys.reserve(data.schemes.size());
  for (const SchemeData& scheme : data.schemes) keys.emplace_back(scheme);
}

PasswordCache::PasswordCache(u64 seed) {
  // The seed is for tests, where nothing is secret; a key that nobody knows keeps the digests from
  // being tried out.
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) {
    std::memcpy(key_.data(), &seed, sizeof seed);
  }
}

PasswordCache::Digest PasswordCache::digest_of(std::string_view user, std::string_view password,
                                               std::string_view hash) const {
  Digest out;
  Sha256& sha = hasher();
  sha.begin();
  sha.add(key_.data(), key_.size());
  sha.add_text(user);
  sha.add_text(password);
  sha.add_text(hash);
  sha.end(out.data());
  return out;
}

bool PasswordCache::has(std::string_view user, std::string_view password, std::string_view hash,
                        i64 now_ms) const {
  if (entries_ == nullptr) return false;
  const Digest digest = digest_of(user, password, hash);
  u32 place;
  std::memcpy(&place, digest.data(), sizeof place);
  const Entry& entry = (*entries_)[place % kEntries];
  return now_ms < entry.until_ms && entry.digest == digest;
}

void PasswordCache::add(std::string_view user, std::string_view password, std::string_view hash,
                        i64 now_ms) {
  if (entries_ == nullptr) entries_ = std::make_unique<std::array<Entry, kEntries>>();
  const Digest digest = digest_of(user, password, hash);
  u32 place;
  std::memcpy(&place, digest.data(), sizeof place);
  (*entries_)[place % kEntries] = {.digest = digest, .until_ms = now_ms + kLifeMs};
}

}  // namespace gw
