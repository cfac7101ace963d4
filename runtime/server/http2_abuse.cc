// Budgets are wide of what browsers, curl, gRPC and load generators do, and narrow of what makes a
// gateway work for nothing. The frames that an honest client sends in answer to ours (WINDOW_UPDATE
// for DATA, a PING to measure it) are earned by those.
#include "runtime/server/http2_abuse.h"

#include <algorithm>
#include <chrono>

namespace gw::server {
namespace {

constexpr u32 kPrefaceBytes = 24;

enum FrameType : u8 {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9,
  kPriorityUpdate = 16,  // RFC 9218 section 7.1
};
constexpr u8 kEndStream = 0x1;
constexpr u8 kAck = 0x1;
constexpr u8 kEndHeaders = 0x4;
constexpr u8 kPadded = 0x8;

}  // namespace

std::string_view http2_abuse_name(Http2Abuse abuse) {
  static constexpr std::string_view kNames[] = {
      "none",     "reset",         "continuation", "header-list", "settings", "ping",
      "priority", "window-update", "empty-frame",  "unknown",     "slow-head"};
  static_assert(std::size(kNames) == kHttp2AbuseCount);
  return kNames[static_cast<size_t>(abuse)];
}

bool TokenBucket::take(TimePoint now) {
  using std::chrono::milliseconds;
  if (tokens < burst && refilled != TimePoint{}) {
    const auto passed = std::chrono::duration_cast<milliseconds>(now - refilled).count();
    const u64 earned = static_cast<u64>(passed) * per_second / 1000;
    if (earned > 0) {
      add(static_cast<u32>(std::min<u64>(earned, burst)));
      refilled = now;
    }
  } else {
    refilled = now;
  }
  if (tokens == 0) return false;
  --tokens;
  return true;
}

Http2FrameMeter::Http2FrameMeter()
    : preface_left_(kPrefaceBytes),
      resets_(200, 20),
      settings_(32, 1),
      pings_(200, 10),
      priorities_(200, 20),
      windows_(1000, 50),
      empty_(100, 10),
      unknown_(100, 10) {}

void Http2FrameMeter::data_sent(size_t bytes) {
  window_credit_bytes_ += static_cast<u32>(bytes);
  windows_.add(window_credit_bytes_ / kBytesPerWindowUpdate);
  window_credit_bytes_ %= kBytesPerWindowUpdate;
  pings_.add(1);
}

bool Http2FrameMeter::is_unfinished() const {
  return in_block_ || head_bytes_ > 0 || (payload_left_ > 0 && head_[3] != kData);
}

Http2Abuse Http2FrameMeter::feed(Bytes bytes, TimePoint now) {
  if (preface_left_ > 0) {
    const auto skipped = static_cast<u32>(std::min<size_t>(preface_left_, bytes.size()));
    preface_left_ -= skipped;
    bytes = bytes.subspan(skipped);
  }
  while (!bytes.empty()) {
    if (payload_left_ > 0) {
      if (pad_due_) {
        pad_due_ = false;
        // Padding all through: nothing but cost.
        const auto padding = static_cast<u32>(bytes.front());
        const bool ends = (head_[4] & kEndStream) != 0;
        if (padding + 1 >= payload_left_ && !ends && !empty_.take(now)) {
          return Http2Abuse::EmptyFrame;
        }
      }
      const auto skipped = static_cast<u32>(std::min<size_t>(payload_left_, bytes.size()));
      payload_left_ -= skipped;
      bytes = bytes.subspan(skipped);
      continue;
    }
    head_[head_bytes_++] = static_cast<u8>(bytes.front());
    bytes = bytes.subspan(1);
    if (head_bytes_ < head_.size()) continue;
    head_bytes_ = 0;
    const Http2Abuse abuse = frame_begins(now);
    if (abuse != Http2Abuse::None) return abuse;
  }
  return Http2Abuse::None;
}

Http2Abuse Http2FrameMeter::frame_begins(TimePoint now) {
  payload_left_ = static_cast<u32>(head_[0]) << 16 | static_cast<u32>(head_[1]) << 8 | head_[2];
  const u8 type = head_[3];
  const u8 flags = head_[4];
  pad_due_ = type == kData && (flags & kPadded) != 0;
  if (type == kHeaders) {
    block_frames_ = 0;
    block_bytes_ = 0;
    // What comes with a request is the request's.
    priorities_.add(2);
    windows_.add(2);
    pings_.add(1);
  }
  if (type == kHeaders || type == kContinuation) {
    in_block_ = (flags & kEndHeaders) == 0;
    block_bytes_ += payload_left_;
    if (block_bytes_ > kMaxHeaderBlockBytes) return Http2Abuse::Continuation;
  }
  return charge(now);
}

Http2Abuse Http2FrameMeter::charge(TimePoint now) {
  const u8 flags = head_[4];
  switch (head_[3]) {
    case kData:
      if (payload_left_ > 0 || (flags & kEndStream) != 0) return Http2Abuse::None;
      return empty_.take(now) ? Http2Abuse::None : Http2Abuse::EmptyFrame;
    case kHeaders:
      if (payload_left_ > 0 || (flags & kEndStream) != 0) return Http2Abuse::None;
      return empty_.take(now) ? Http2Abuse::None : Http2Abuse::EmptyFrame;
    case kContinuation:
      return ++block_frames_ > kMaxContinuations ? Http2Abuse::Continuation : Http2Abuse::None;
    case kPriority:
    case kPriorityUpdate:
      return priorities_.take(now) ? Http2Abuse::None : Http2Abuse::Priority;
    case kSettings:
      if ((flags & kAck) != 0) return Http2Abuse::None;  // one too many is an error by itself
      return settings_.take(now) ? Http2Abuse::None : Http2Abuse::Settings;
    case kPing:
      return pings_.take(now) ? Http2Abuse::None : Http2Abuse::Ping;
    case kWindowUpdate:
      return windows_.take(now) ? Http2Abuse::None : Http2Abuse::WindowUpdate;
    case kRstStream:  // charged where it is known what it has cut off
      return Http2Abuse::None;
    default:
      return unknown_.take(now) ? Http2Abuse::None : Http2Abuse::Unknown;
  }
}

}  // namespace gw::server
