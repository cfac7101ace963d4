#include "runtime/engine/websocket.h"

#include <openssl/evp.h>

namespace gw::engine {
namespace {

constexpr std::string_view kKeyField = "sec-websocket-key";
constexpr std::string_view kVersionField = "sec-websocket-version";
constexpr std::string_view kAcceptField = "sec-websocket-accept";
constexpr std::string_view kVersion = "13";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3
constexpr size_t kKeyBytes = 24;                                            // 16 bytes in base64
constexpr size_t kSha1Bytes = 20;

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

bool is_key(std::string_view key) {
  if (key.size() != kKeyBytes || !key.ends_with("==")) return false;
  for (const char c : key.substr(0, kKeyBytes - 2)) {
    if (!is_base64(c)) return false;
  }
  return true;
}

// The one field of this name; null: none, or several.
const http::Field* only(const http::FieldList& fields, std::string_view name) {
  const http::Field* found = nullptr;
  for (const http::Field& field : fields) {
    if (field.removed || !http::equal_fold(field.name, name)) continue;
    if (found != nullptr) return nullptr;
    found = &field;
  }
  return found;
}

}  // namespace

bool asks_for_websocket(const http::RequestHead& request) {
  return http::has_token(request.fields, http::FieldId::Upgrade, kWebSocket) &&
         http::has_token(request.fields, http::FieldId::Connection, "upgrade");
}

u16 refuse_websocket(const http::RequestHead& request, const http::FieldList& forwarded) {
  if (request.method != http::Method::Get || request.version_minor != 1) return 400;
  const bool has_body = request.framing == http::Framing::Chunked ||
                        (request.framing == http::Framing::Length && request.content_length > 0);
  if (has_body) return 400;
  const http::Field* version = only(forwarded, kVersionField);
  if (version == nullptr) return 400;
  if (version->value != kVersion) return 426;
  const http::Field* key = only(forwarded, kKeyField);
  return key != nullptr && is_key(key->value) ? 0 : 400;
}

bool accepts_websocket(const http::FieldList& forwarded, const http::FieldList& answer) {
  const http::Field* key = only(forwarded, kKeyField);
  const http::Field* accept = only(answer, kAcceptField);
  if (key == nullptr || !is_key(key->value) || accept == nullptr) return false;
  char text[kKeyBytes + kGuid.size()];
  key->value.copy(text, kKeyBytes);
  kGuid.copy(text + kKeyBytes, kGuid.size());
  unsigned char digest[kSha1Bytes];
  if (EVP_Digest(text, sizeof text, digest, nullptr, EVP_sha1(), nullptr) != 1) return false;
  unsigned char expected[32];
  const int bytes = EVP_EncodeBlock(expected, digest, kSha1Bytes);
  return accept->value ==
         std::string_view(reinterpret_cast<const char*>(expected), static_cast<size_t>(bytes));
}

}  // namespace gw::engine
