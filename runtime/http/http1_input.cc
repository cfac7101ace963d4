#include "runtime/http/http1_input.h"

#include <cstring>

#include "runtime/base/check.h"
#include "runtime/http/limits.h"

namespace gw::http {
namespace {

// Reads into less room than this are not worth a system call each.
constexpr size_t kMinRoomBytes = 2 * 1024;
constexpr size_t kMinReadAheadBytes = 16;

}  // namespace

void Http1Input::next_message() {
  pool_.give(std::move(old_));
  old_ = {};
  pinned_ = 0;
  // A pending read has its place behind `end_`; the bytes may only move when none is.
  if (filling_) return;
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > buffer_.capacity / 2) {
    std::memmove(buffer_.data.get(), buffer_.data.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
}

void Http1Input::append(std::string_view text) {
  GW_CHECK(!filling_);
  if (!has_buffer()) buffer_ = pool_.take(kReadBufferBytes);
  GW_CHECK(buffer_.capacity - end_ >= text.size());
  std::memcpy(buffer_.data.get() + end_, text.data(), text.size());
  end_ += text.size();
}

bool Http1Input::make_room() {
  if (!has_buffer()) buffer_ = pool_.take(kReadBufferBytes);
  if (begin_ == end_) begin_ = end_ = pinned_;
  if (buffer_.capacity - end_ >= kMinRoomBytes) return true;
  if (pinned_ > 0) {
    // The head keeps its buffer; what follows goes on in another.
    const bool first = old_.data == nullptr;
    net::Buffer next = pool_.take(
        end_ - begin_ + kMinRoomBytes > kReadBufferBytes ? kLargeBufferBytes : kReadBufferBytes);
    std::memcpy(next.data.get(), buffer_.data.get() + begin_, end_ - begin_);
    if (first) {
      old_ = std::move(buffer_);
    } else {
      pool_.give(std::move(buffer_));
    }
    buffer_ = std::move(next);
    end_ -= begin_;
    begin_ = pinned_ = 0;
    return buffer_.capacity > end_;
  }
  if (begin_ > 0) {
    std::memmove(buffer_.data.get(), buffer_.data.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.capacity - end_ < kMinRoomBytes && buffer_.capacity < kLargeBufferBytes) {
    net::Buffer large = pool_.take(kLargeBufferBytes);
    std::memcpy(large.data.get(), buffer_.data.get(), end_);
    pool_.give(std::move(buffer_));
    buffer_ = std::move(large);
  }
  return buffer_.capacity > end_;
}

bool Http1Input::start_fill() {
  if (filling_) return true;
  if (!make_room()) return false;
  start_read();
  return true;
}

bool Http1Input::start_read_ahead() {
  if (filling_) return true;
  if (!has_buffer() || buffer_.capacity - end_ < kMinReadAheadBytes) return false;
  start_read();
  return true;
}

void Http1Input::start_read() {
  filling_ = true;
  auto* to = reinterpret_cast<std::byte*>(buffer_.data.get() + end_);
  stream_.start_read({to, buffer_.capacity - end_});
}

i64 Http1Input::finish_fill() {
  GW_CHECK(filling_ && !stream_.reading.pending);
  filling_ = false;
  if (stream_.reading.error != 0) return -static_cast<i64>(stream_.reading.error);
  end_ += stream_.reading.bytes;
  return static_cast<i64>(stream_.reading.bytes);
}

void Http1Input::release() {
  pool_.give(std::move(buffer_));
  pool_.give(std::move(old_));
  buffer_ = {};
  old_ = {};
  begin_ = end_ = pinned_ = 0;
}

}  // namespace gw::http
