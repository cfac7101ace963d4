// A line that is made of many short pieces.
#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/base/plain_text.h"
#include "runtime/base/types.h"

namespace gw::observe {

/// A short text in memory of a fixed size, which is copied faster than one of any size.
class PaddedText {
 public:
  static constexpr size_t kMost = 32;

  PaddedText() = default;
  /// `text` has at most kMost bytes.
  explicit PaddedText(std::string_view text) : size_(text.size()) {
    GW_CHECK(text.size() <= kMost);
    std::ranges::copy(text, bytes_.begin());
  }
  bool empty() const { return size_ == 0; }

 private:
  friend class LineBuffer;
  std::array<char, kMost> bytes_{};
  size_t size_ = 0;
};

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
  void put(const PaddedText& text) {
    if (sizeof bytes_ - used_ < PaddedText::kMost) spill();
    std::memcpy(bytes_ + used_, text.bytes_.data(), PaddedText::kMost);
    used_ += text.size_;
  }
  /// All three, unless something of `text` needs escaping: false then, and nothing has come.
  [[gnu::always_inline]] bool put_plain(const PaddedText& before, std::string_view text,
                                        char after) {
    const size_t size = before.size_ + text.size() + 1;
    // Behind a long text there is as much room as the padding takes.
    if (PaddedText::kMost + text.size() >= sizeof bytes_ - used_) {
      if (!copy_plain(text, nullptr)) return false;
      put(before);
      put(text);
      put(after);
      return true;
    }
    char* const to = bytes_ + used_;
    std::memcpy(to, before.bytes_.data(), PaddedText::kMost);
    if (!copy_plain(text, to + before.size_)) return false;
    to[size - 1] = after;
    used_ += size;
    return true;
  }
  /// The text, unless something of it needs escaping: false then, and nothing has come.
  [[gnu::always_inline]] bool put_plain(std::string_view text) {
    if (text.size() > sizeof bytes_ - used_) return put_plain_rest(text);
    if (!copy_plain(text, bytes_ + used_)) return false;
    used_ += text.size();
    return true;
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
  [[gnu::noinline]] std::string& spill() {
    out_.append(bytes_, used_);
    used_ = 0;
    return out_;
  }
  void finish() { spill(); }

 private:
  static constexpr size_t kMostDigits = 20;

  [[gnu::noinline]] void put_rest(std::string_view text) {
    spill();
    if (text.size() > sizeof bytes_) {
      out_ += text;
      return;
    }
    std::memcpy(bytes_, text.data(), text.size());
    used_ = text.size();
  }

  [[gnu::noinline]] bool put_plain_rest(std::string_view text) {
    if (!copy_plain(text, nullptr)) return false;
    put(text);
    return true;
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
