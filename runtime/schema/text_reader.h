// Reading a text character by character, for the parsers of formats.
#pragma once
#include <string_view>

#include "runtime/base/hex.h"
#include "runtime/base/types.h"

namespace gw::schema {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_hex_digit(char c) { return hex_value(c) >= 0; }

/// A set of ASCII characters. Asking is one load.
class CharacterSet {
 public:
  constexpr explicit CharacterSet(std::string_view characters) {
    for (const char c : characters) words_[static_cast<u8>(c) / 32] |= 1u << (c % 32);
  }
  constexpr bool has(char c) const {
    return (words_[static_cast<u8>(c) / 32] >> (static_cast<u8>(c) % 32) & 1) != 0;
  }

 private:
  u32 words_[8] = {};
};

/// A position in a text. Behind its end there are zeros, which no format has a use for.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}
  bool at_end() const { return at_ == text_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  char take() { return at_ < text_.size() ? text_[at_++] : '\0'; }
  bool take_if(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (!rest().starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_digits() {
    while (is_digit(peek())) ++at_;
  }
  size_t position() const { return at_; }
  std::string_view rest() const { return text_.substr(at_); }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace gw::schema
