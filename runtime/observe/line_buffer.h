// A line that is made of many short pieces.
#pragma once
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::observe {

/// Collects what comes at the end of `out`, which has it after finish(): a piece costs some moves
/// where an append to a string would be two calls. One thread.
class LineBuffer {
 public:
  explicit LineBuffer(std::string& out) : out_(out), begin_(out.size()) {}
  LineBuffer(const LineBuffer&) = delete;
  LineBuffer& operator=(const LineBuffer&) = delete;

  void put(char c) {
    if (used_ == sizeof bytes_) spill();
    bytes_[used_++] = c;
  }
  // Inlined, what is known of a size leaves one move of it.
  [[gnu::always_inline]] void put(std::string_view text) {
    if (text.size() > sizeof bytes_ - used_) return put_rest(text);
    copy(bytes_ + used_, text);
    used_ += text.size();
  }
  void put_number(u64 value) {
    if (sizeof bytes_ - used_ < kMostDigits) spill();
    char* const to = bytes_ + used_;
    used_ += static_cast<size_t>(std::to_chars(to, to + kMostDigits, value).ptr - to);
  }

  bool empty() const { return used_ == 0 && out_.size() == begin_; }
  /// The first character, of a line that is not empty.
  void replace_first(char c) { (out_.size() == begin_ ? bytes_[0] : out_[begin_]) = c; }
  /// The string, with all that has come: to be appended to before the next piece.
  std::string& spill() {
    out_.append(bytes_, used_);
    used_ = 0;
    return out_;
  }
  void finish() { spill(); }

 private:
  static constexpr size_t kMostDigits = 20;

  void put_rest(std::string_view text) {
    spill();
    if (text.size() > sizeof bytes_) {
      out_ += text;
      return;
    }
    std::memcpy(bytes_, text.data(), text.size());
    used_ = text.size();
  }

  // Up to 32 bytes are two moves that may overlap.
  [[gnu::always_inline]] static void copy(char* to, std::string_view from) {
    const size_t size = from.size();
    if (size > 32) {
      std::memcpy(to, from.data(), size);
    } else if (size >= 16) {
      copy_ends<16>(to, from);
    } else if (size >= 8) {
      copy_ends<8>(to, from);
    } else if (size >= 4) {
      copy_ends<4>(to, from);
    } else {
      for (size_t i = 0; i < size; ++i) to[i] = from[i];
    }
  }
  template <size_t kBytes>
  static void copy_ends(char* to, std::string_view from) {
    char first[kBytes];
    char last[kBytes];
    std::memcpy(first, from.data(), kBytes);
    std::memcpy(last, from.data() + from.size() - kBytes, kBytes);
    std::memcpy(to, first, kBytes);
    std::memcpy(to + from.size() - kBytes, last, kBytes);
  }

  std::string& out_;
  const size_t begin_;
  size_t used_ = 0;
  char bytes_[2048];  // most lines
};

}  // namespace gw::observe
