#include "runtime/jose/jws.h"

#include <algorithm>

#include "runtime/jose/base64url.h"
#include "runtime/jose/json_document.h"
#include "runtime/jose/signature.h"

namespace gw::jose {
namespace {

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;  // header and payload with the dot between
};

Failure split(std::string_view token, Parts& out) {
  const auto dots = std::ranges::count(token, '.');
  if (dots == 4) return Failure::Encrypted;
  if (dots != 2) return Failure::Malformed;
  const size_t first = token.find('.');
  const size_t second = token.find('.', first + 1);
  out.header = token.substr(0, first);
  out.payload = token.substr(first + 1, second - first - 1);
  out.signature = token.substr(second + 1);
  out.signed_text = token.substr(0, second);
  return out.header.empty() || out.signature.empty() ? Failure::Malformed : Failure::None;
}

struct Header {
  Algorithm algorithm = Algorithm::Rs256;
  bool has_key_id = false;
  std::string key_id;
  std::string type;
};

// False: a member that is there and is no string.
bool take_text(JsonValue header, std::string_view name, bool& there, std::string& out) {
  const JsonValue value = header.find(name);
  there = value.present();
  if (!there) return true;
  out = value.text();
  return value.is(JsonKind::String);
}

Failure read_header(std::string_view text, Header& out) {
  std::string decoded;
  if (!base64url_decode(text, decoded)) return Failure::Malformed;
  const auto document = JsonDocument::parse(decoded);
  if (!document || !document->root().is(JsonKind::Object)) return Failure::HeaderInvalid;
  const JsonValue header = document->root();
  // Who does not understand an extension must refuse (RFC 7515 section 4.1.11), and none is known
  // here; `b64` would change what is signed (RFC 7797).
  if (header.find("crit").present() || header.find("b64").present()) {
    return Failure::ExtensionUnknown;
  }
  bool has_type = false;
  if (!take_text(header, "kid", out.has_key_id, out.key_id) || out.key_id.size() > kMaxKeyIdBytes ||
      !take_text(header, "typ", has_type, out.type)) {
    return Failure::HeaderInvalid;
  }
  const JsonValue name = header.find("alg");
  if (!name.is(JsonKind::String)) return Failure::HeaderInvalid;
  const auto algorithm = algorithm_of(name.text());
  if (!algorithm) return Failure::AlgorithmNotAllowed;
  out.algorithm = *algorithm;
  return Failure::None;
}

Failure check_signature(const Parts& parts, const Header& header, const KeySet& keys) {
  const auto candidates =
      keys.candidates(header.algorithm, header.has_key_id ? &header.key_id : nullptr);
  if (candidates.count == 0) {
    return candidates.known ? Failure::KeyUnfit : Failure::KeyUnknown;
  }
  std::string signature;
  if (!base64url_decode(parts.signature, signature)) return Failure::Malformed;
  for (size_t i = 0; i < candidates.count; ++i) {
    if (verify_signature(*candidates.keys[i], header.algorithm, parts.signed_text, signature)) {
      return Failure::None;
    }
  }
  // Keys without an id may be others than the one that is named.
  const bool named = header.has_key_id && keys.has_key_id(header.key_id);
  return named || !header.has_key_id ? Failure::SignatureInvalid : Failure::KeyUnknown;
}

Failure verify(std::string_view token, const KeySet& keys, AlgorithmSet allowed,
               const JwsLimits& limits, VerifiedJws& out) {
  if (token.size() > limits.token_bytes) return Failure::TooLarge;
  Parts parts;
  if (const Failure failure = split(token, parts); failure != Failure::None) return failure;
  if (parts.header.size() > limits.header_bytes) return Failure::TooLarge;
  Header header;
  if (const Failure failure = read_header(parts.header, header); failure != Failure::None) {
    return failure;
  }
  if (!allowed.has(header.algorithm)) return Failure::AlgorithmNotAllowed;
  if (const Failure failure = check_signature(parts, header, keys); failure != Failure::None) {
    return failure;
  }
  if (!base64url_decode(parts.payload, out.payload)) return Failure::Malformed;
  out.algorithm = header.algorithm;
  out.type = std::move(header.type);
  return Failure::None;
}

}  // namespace

VerifiedJws verify_jws(std::string_view token, const KeySet& keys, AlgorithmSet allowed,
                       const JwsLimits& limits) {
  VerifiedJws out;
  out.failure = verify(token, keys, allowed, limits, out);
  if (out.failure != Failure::None) out.payload.clear();
  return out;
}

}  // namespace gw::jose
