#include "runtime/jose/base64url.h"

#include <array>

namespace gw::jose {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr u8 kInvalid = 0xff;

constexpr std::array<u8, 256> make_values() {
  std::array<u8, 256> values{};
  values.fill(kInvalid);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<u8>(kAlphabet[i])] = static_cast<u8>(i);
  }
  return values;
}
constexpr std::array<u8, 256> kValues = make_values();

u32 value_of(char c) { return kValues[static_cast<u8>(c)]; }

}  // namespace

bool base64url_decode(std::string_view text, u8* out) {
  if (!base64url_decoded_bytes(text.size())) return false;
  const char* in = text.data();
  const char* const whole_end = in + text.size() / 4 * 4;
  u32 seen = 0;  // has the high bit of a byte once a character was invalid
  for (; in != whole_end; in += 4) {
    const u32 a = value_of(in[0]);
    const u32 b = value_of(in[1]);
    const u32 c = value_of(in[2]);
    const u32 d = value_of(in[3]);
    seen |= a | b | c | d;
    const u32 bits = a << 18 | b << 12 | c << 6 | d;
    *out++ = static_cast<u8>(bits >> 16);
    *out++ = static_cast<u8>(bits >> 8);
    *out++ = static_cast<u8>(bits);
  }
  const size_t rest = text.size() % 4;
  if (rest != 0) {
    const u32 a = value_of(in[0]);
    const u32 b = value_of(in[1]);
    const u32 c = rest == 3 ? value_of(in[2]) : 0;
    seen |= a | b | c;
    const u32 left_over = rest == 3 ? c & 3U : b & 15U;
    if (left_over != 0) return false;
    *out++ = static_cast<u8>(a << 2 | b >> 4);
    if (rest == 3) *out++ = static_cast<u8>(b << 4 | c >> 2);
  }
  return (seen & 0x80U) == 0;
}

bool base64url_decode(std::string_view text, std::string& out) {
  const auto bytes = base64url_decoded_bytes(text.size());
  if (!bytes) return false;
  out.resize(*bytes);
  return base64url_decode(text, reinterpret_cast<u8*>(out.data()));
}

std::string base64url_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  u32 bits = 0;
  u32 count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<u8>(c);
    for (count += 8; count >= 6; count -= 6) out += kAlphabet[bits >> (count - 6) & 63U];
  }
  if (count > 0) out += kAlphabet[bits << (6 - count) & 63U];
  return out;
}

}  // namespace gw::jose
