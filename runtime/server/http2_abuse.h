// What a client may make us do on one HTTP/2 connection, beyond what requests need: budgets that
// refill with time and with the work that the client's frames belong to.
#pragma once
#include <array>
#include <string_view>

#include "runtime/http/env.h"

namespace gw::server {

/// Why a connection was ended with ENHANCE_YOUR_CALM.
enum class Http2Abuse : u8 {
  None,
  Reset,         // streams cancelled while they were served, or that had to be reset
  Continuation,  // a header block of too many frames or bytes
  HeaderList,    // a header block that decodes to far more than it may
  Settings,
  Ping,
  Priority,
  WindowUpdate,
  EmptyFrame,  // frames without content that end nothing
  Unknown,     // frame types that nobody knows
  SlowHead,    // a header block that does not end
  Count
};
std::string_view http2_abuse_name(Http2Abuse abuse);
inline constexpr size_t kHttp2AbuseCount = static_cast<size_t>(Http2Abuse::Count);

inline constexpr u32 kMaxContinuations = 8;
inline constexpr size_t kMaxHeaderBlockBytes = 128 * 1024;  // as sent
inline constexpr size_t kMaxHeaderListBytes = 1024 * 1024;  // as decoded; beyond 60 KiB: 431
// WINDOW_UPDATE frames are earned by what they give back: honest ones are worth far more bytes.
inline constexpr u32 kBytesPerWindowUpdate = 64;

/// A bucket of tokens. Times are those of the loop.
struct TokenBucket {
  u32 burst;
  u32 per_second;
  u32 tokens;
  TimePoint refilled{};

  TokenBucket(u32 burst_tokens, u32 rate)
      : burst(burst_tokens), per_second(rate), tokens(burst_tokens) {}
  /// False: none is left.
  bool take(TimePoint now);
  void add(u32 count) { tokens = tokens + count > burst ? burst : tokens + count; }
};

/// Follows the frames of a connection by their heads alone, before anybody decodes them, and
/// charges what costs us more than it does the client. Never allocates. One thread.
class Http2FrameMeter {
 public:
  Http2FrameMeter();

  /// The next bytes that the client has sent, from the connection preface on. Anything but None:
  /// they are not to be processed, and the connection is to be ended. Bytes that are no HTTP/2 are
  /// not judged here.
  Http2Abuse feed(Bytes bytes, TimePoint now);
  /// A stream was cancelled while it was served, or had to be reset. False: too many.
  bool charge_reset(TimePoint now) { return resets_.take(now); }
  /// A DATA frame has been sent: the client may answer it.
  void data_sent(size_t bytes);

  /// Something other than the payload of DATA has begun and not ended; for a header block, its
  /// last frame.
  bool is_unfinished() const;

 private:
  Http2Abuse frame_begins(TimePoint now);
  Http2Abuse charge(TimePoint now);

  u32 preface_left_;
  u32 head_bytes_ = 0;  // of the frame head that is being read
  std::array<u8, 9> head_;
  u32 payload_left_ = 0;
  u32 window_credit_bytes_ = 0;
  bool pad_due_ = false;  // the next byte is the length of the padding of DATA
  bool in_block_ = false;
  u32 block_frames_ = 0;
  size_t block_bytes_ = 0;

  TokenBucket resets_;
  TokenBucket settings_;
  TokenBucket pings_;
  TokenBucket priorities_;
  TokenBucket windows_;
  TokenBucket empty_;
  TokenBucket unknown_;
};

}  // namespace gw::server
