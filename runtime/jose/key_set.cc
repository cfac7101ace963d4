#include "runtime/jose/key_set.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "runtime/base/check.h"
#include "runtime/jose/key.h"

namespace gw::jose {
namespace {

using Keys = std::vector<std::unique_ptr<const Key>>;

struct ById {
  bool operator()(const std::unique_ptr<const Key>& a, const std::unique_ptr<const Key>& b) const {
    return std::pair(a->has_id, std::string_view(a->id)) <
           std::pair(b->has_id, std::string_view(b->id));
  }
  bool operator()(const std::unique_ptr<const Key>& a, std::string_view id) const {
    return !a->has_id || a->id < id;
  }
  bool operator()(std::string_view id, const std::unique_ptr<const Key>& b) const {
    return b->has_id && id < b->id;
  }
};

bool keys_from_json(std::string_view text, const KeySetOptions& options, Keys& out,
                    std::string& problem, KeySetNotes& notes) {
  const auto document = JsonDocument::parse(text);
  if (!document || !document->root().is(JsonKind::Object)) {
    problem = "not a JSON object, or one with a member twice";
    return false;
  }
  const JsonValue root = document->root();
  const JsonValue list = root.find("keys");
  if (!list.present()) {
    MadeKey made = key_from_jwk(root, options);
    if (made.key == nullptr) {
      problem = made.problem;
      return false;
    }
    out.push_back(std::move(made.key));
    return true;
  }
  if (!list.is(JsonKind::Array)) {
    problem = "`keys` is not a list";
    return false;
  }
  size_t count = 0;
  for (JsonValue jwk = list.first(); jwk.present(); jwk = jwk.next()) {
    if (++count > kMaxKeys) {
      problem = "too many keys";
      return false;
    }
    MadeKey made = key_from_jwk(jwk, options);
    if (made.key == nullptr && options.secrets) {
      problem = made.problem;
      return false;
    }
    if (made.key == nullptr) {
      if (notes.skipped++ == 0) notes.reason = made.problem;
      continue;
    }
    out.push_back(std::move(made.key));
  }
  return true;
}

// Each secret has its own name. `keys` are by id.
bool has_secrets_of_one_id(const Keys& keys) {
  const auto same = [](const auto& a, const auto& b) {
    return a->type == KeyType::Secret && a->has_id && b->has_id && a->id == b->id;
  };
  return std::ranges::adjacent_find(keys, same) != keys.end();
}

// SHA-256, since documents come from outside: nobody may make one that passes for another's.
u64 fingerprint_of(char kind, std::string_view key_id, std::string_view content) {
  std::string all{kind, ' '};
  all.append(std::to_string(key_id.size())).append(" ").append(key_id).append(content);
  unsigned char digest[EVP_MAX_MD_SIZE];
  GW_CHECK(EVP_Digest(all.data(), all.size(), digest, nullptr, EVP_sha256(), nullptr) == 1);
  u64 out;
  std::memcpy(&out, digest, sizeof out);
  return out;
}

char kind_of(const KeySetOptions& options) {
  return static_cast<char>('0' + (options.secrets ? 1 : 0) + (options.private_parts ? 2 : 0));
}

}  // namespace

KeySet::KeySet(Keys keys, u64 fingerprint) : keys_(std::move(keys)), fingerprint_(fingerprint) {
  std::stable_sort(keys_.begin(), keys_.end(), ById{});
}

KeySet::~KeySet() = default;

std::shared_ptr<const KeySet> KeySet::parse(std::string_view document, const KeySetOptions& options,
                                            std::string& problem, KeySetNotes* notes) {
  KeySetNotes own_notes;
  KeySetNotes& noted = notes == nullptr ? own_notes : *notes;
  noted = {};
  if (document.size() > kMaxKeyDocumentBytes) {
    problem = "the key document is too large";
    return nullptr;
  }
  const ErrorMark mark;
  Keys keys;
  const size_t begin = document.find_first_not_of(" \t\r\n");
  const bool json = begin != std::string_view::npos && document[begin] == '{';
  const bool read = json ? keys_from_json(document, options, keys, problem, noted)
                         : keys_from_pem(document, options, keys, problem);
  if (!read) return nullptr;
  if (keys.empty()) {
    problem = "no usable key";
    if (!noted.reason.empty()) problem += ": " + std::string(noted.reason);
    return nullptr;
  }
  const u64 fingerprint = fingerprint_of(kind_of(options), options.key_id, document);
  std::shared_ptr<const KeySet> set(new KeySet(std::move(keys), fingerprint));
  if (has_secrets_of_one_id(set->keys_)) {
    problem = "two secrets with one `kid`";
    return nullptr;
  }
  return set;
}

std::shared_ptr<const KeySet> KeySet::of_secret(std::string_view secret, std::string key_id,
                                                std::string& problem) {
  if (secret.size() < least_secret_bytes(Algorithm::Hs256) || secret.size() > kMaxSecretBytes) {
    problem = "a secret has 32 to 1024 bytes";
    return nullptr;
  }
  auto key = std::make_unique<Key>();
  key->type = KeyType::Secret;
  const u64 fingerprint = fingerprint_of('s', key_id, secret);
  key->has_id = !key_id.empty();
  key->id = std::move(key_id);
  key->secret = secret;
  Keys keys;
  keys.push_back(std::move(key));
  return std::shared_ptr<const KeySet>(new KeySet(std::move(keys), fingerprint));
}

bool KeySet::has_key_id(std::string_view key_id) const {
  return std::binary_search(keys_.begin(), keys_.end(), key_id, ById{});
}

KeySet::Candidates KeySet::candidates(Algorithm algorithm, const std::string* key_id) const {
  Candidates out;
  auto begin = keys_.begin();
  auto end = keys_.end();
  if (key_id != nullptr) {
    std::tie(begin, end) = std::equal_range(begin, end, std::string_view(*key_id), ById{});
    if (begin == end) {
      begin = keys_.begin();
      end = std::find_if(begin, keys_.end(), [](const auto& key) { return key->has_id; });
    }
  }
  out.known = begin != end;
  for (; begin != end && out.count < kMaxCandidates; ++begin) {
    if ((*begin)->fits(algorithm)) out.keys[out.count++] = begin->get();
  }
  return out;
}

}  // namespace gw::jose
