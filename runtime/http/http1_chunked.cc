// A byte-driven state machine for everything but the data itself, which is moved in blocks. Beast's
// chunk parsing has no limit on extensions and trailers, so it is not used.
#include "runtime/http/http1_chunked.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/hex.h"
#include "runtime/http/http1_head.h"
#include "runtime/http/limits.h"

namespace gw::http {
namespace {

constexpr u64 kMaxChunkBytes = u64{1} << 60;

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_token_byte(char c) { return is_token({&c, 1}); }
bool is_text_byte(char c) { return static_cast<u8>(c) >= 0x20 ? c != 0x7f : c == '\t'; }

}  // namespace

void ChunkedDecoder::reset() {
  state_ = State::FirstDigit;
  left_ = 0;
  extension_bytes_ = 0;
  trailer_fields_ = 0;
  trailers_.clear();
  problem_ = {};
}

bool ChunkedDecoder::broken(std::string_view what) {
  state_ = State::Broken;
  problem_ = what;
  return false;
}

bool ChunkedDecoder::decode(const char* in, size_t in_bytes, char* out, size_t max_bytes,
                            Step& step) {
  step = {};
  while (step.consumed < in_bytes && state_ != State::Done) {
    if (state_ == State::Data) {
      const size_t room = max_bytes - step.produced;
      if (room == 0) return true;
      const u64 available = std::min<u64>(in_bytes - step.consumed, room);
      const auto bytes = static_cast<size_t>(std::min<u64>(left_, available));
      std::memmove(out + step.produced, in + step.consumed, bytes);
      step.produced += bytes;
      step.consumed += bytes;
      left_ -= bytes;
      if (left_ == 0) state_ = State::DataCr;
      continue;
    }
    if (!take(in[step.consumed])) return false;
    ++step.consumed;
  }
  step.end = state_ == State::Done;
  return state_ != State::Broken;
}

bool ChunkedDecoder::take(char c) {
  switch (state_) {
    case State::FirstDigit:
    case State::Digits:
    case State::SizeLf:
      return take_size(c);
    case State::DataCr:
      if (c != '\r') return broken("chunk data longer than its size");
      state_ = State::DataLf;
      return true;
    case State::DataLf:
      if (c != '\n') return broken("bare CR after chunk data");
      state_ = State::FirstDigit;
      return true;
    case State::TrailerStart:
    case State::Trailer:
    case State::TrailerLf:
    case State::EndLf:
      return take_trailer(c);
    case State::Data:
    case State::Done:
    case State::Broken:
      return broken("bytes after the end");
    default:
      return take_extension(c);
  }
}

bool ChunkedDecoder::take_size(char c) {
  if (state_ == State::SizeLf) {
    if (c != '\n') return broken("bare CR in a chunk size line");
    state_ = left_ == 0 ? State::TrailerStart : State::Data;
    return true;
  }
  const int digit = hex_value(c);
  if (digit >= 0) {
    if (left_ >= kMaxChunkBytes / 16) return broken("chunk size too large");
    left_ = state_ == State::FirstDigit ? static_cast<u64>(digit)
                                        : left_ * 16 + static_cast<u64>(digit);
    // Leading zeros count as well, or a size line could go on for ever. Each line has its own
    // limit: a long stream has very many of them.
    size_digits_ = state_ == State::FirstDigit ? 1 : size_digits_ + 1;
    if (size_digits_ > kMaxChunkSizeDigits) return broken("chunk size line too long");
    state_ = State::Digits;
    return true;
  }
  if (state_ == State::FirstDigit) return broken("chunk size is no number");
  if (c == '\r') {
    state_ = State::SizeLf;
    return true;
  }
  if (c != ';' && !is_space(c)) return broken("chunk size is no number");
  state_ = State::SpaceBeforeExtension;
  return take_extension(c);
}

// chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
bool ChunkedDecoder::take_extension(char c) {
  if (++extension_bytes_ > kMaxChunkExtensionBytes) return broken("chunk extensions too long");
  if (c == '\r') {
    const bool whole = state_ == State::ExtensionName || state_ == State::ExtensionToken ||
                       state_ == State::SpaceAfterValue;
    if (!whole) return broken("malformed chunk extension");
    state_ = State::SizeLf;
    return true;
  }
  const bool next = c == ';';
  switch (state_) {
    case State::SpaceBeforeExtension:
      if (!next && !is_space(c)) return broken("malformed chunk extension");
      if (next) state_ = State::ExtensionStart;
      return true;
    case State::ExtensionStart:
      if (is_space(c)) return true;
      if (!is_token_byte(c)) return broken("malformed chunk extension");
      state_ = State::ExtensionName;
      return true;
    case State::ExtensionName:
    case State::SpaceAfterName:
      if (c == '=') {
        state_ = State::ExtensionValueStart;
      } else if (next) {
        state_ = State::ExtensionStart;
      } else if (is_space(c)) {
        state_ = State::SpaceAfterName;
      } else if (state_ == State::SpaceAfterName || !is_token_byte(c)) {
        return broken("malformed chunk extension");
      }
      return true;
    case State::ExtensionValueStart:
      if (is_space(c)) return true;
      if (c != '"' && !is_token_byte(c)) return broken("malformed chunk extension");
      state_ = c == '"' ? State::ExtensionQuoted : State::ExtensionToken;
      return true;
    case State::ExtensionToken:
    case State::SpaceAfterValue:
      if (next) {
        state_ = State::ExtensionStart;
      } else if (is_space(c)) {
        state_ = State::SpaceAfterValue;
      } else if (state_ == State::SpaceAfterValue || !is_token_byte(c)) {
        return broken("malformed chunk extension");
      }
      return true;
    case State::ExtensionQuoted:
      if (!is_text_byte(c)) return broken("control byte in a chunk extension");
      if (c == '"') state_ = State::SpaceAfterValue;
      if (c == '\\') state_ = State::ExtensionEscape;
      return true;
    default:
      if (!is_text_byte(c)) return broken("control byte in a chunk extension");
      state_ = State::ExtensionQuoted;
      return true;
  }
}

bool ChunkedDecoder::take_trailer(char c) {
  if (state_ == State::EndLf) {
    if (c != '\n') return broken("bare CR after the trailers");
    state_ = State::Done;
    return true;
  }
  if (state_ == State::TrailerStart && c == '\r') {
    state_ = State::EndLf;
    return true;
  }
  if (trailers_.size() >= kMaxTrailerBytes) return broken("trailers too long");
  trailers_.push_back(c);
  if (state_ == State::TrailerStart) {
    if (is_space(c)) return broken("folded trailer line");
    if (++trailer_fields_ > kMaxTrailerFields) return broken("too many trailers");
    state_ = State::Trailer;
  }
  if (state_ == State::TrailerLf) {
    if (c != '\n') return broken("bare CR in a trailer");
    state_ = State::TrailerStart;
    return true;
  }
  if (c == '\r') {
    state_ = State::TrailerLf;
    return true;
  }
  return is_text_byte(c) || broken("control byte in a trailer");
}

bool ChunkedDecoder::parse_trailers(FieldList& out) {
  std::string_view rest = trailers_;
  while (!rest.empty()) {
    const size_t end = rest.find("\r\n");
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return broken("malformed trailer");
    }
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
    while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
    const FieldId id = field_id(name);
    if (may_be_trailer(id, name)) out.add(id, name, value);
  }
  return true;
}

}  // namespace gw::http
