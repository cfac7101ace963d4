// The target's end of an HTTP/2 connection, frame by frame, in tests.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/net/memory_stream.h"

struct nghttp2_hd_deflater;
struct nghttp2_hd_inflater;

namespace gw::upstream::testing {

enum class FrameType : u8 {
  Data = 0,
  Headers = 1,
  RstStream = 3,
  Settings = 4,
  PushPromise = 5,
  Ping = 6,
  GoAway = 7,
  WindowUpdate = 8,
  Continuation = 9,
};
inline constexpr u8 kEndStream = 1;
inline constexpr u8 kAck = 1;
inline constexpr u8 kEndHeaders = 4;

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Frame {
  u8 type = 0;
  u8 flags = 0;
  u32 stream = 0;
  std::string payload;
  Fields fields;  // of HEADERS

  bool is(FrameType wanted) const { return type == static_cast<u8>(wanted); }
  bool ends() const { return (flags & kEndStream) != 0; }
  std::string field(std::string_view name) const;
  u32 number(size_t at = 0) const;  // of the payload
};

/// Reads what the gateway sends and writes whatever it is told to, legal or not. Only HPACK is the
/// library's.
class Http2Origin {
 public:
  explicit Http2Origin(net::MemoryPeer& peer);
  ~Http2Origin();
  Http2Origin(const Http2Origin&) = delete;

  /// Takes what has come apart. To be called when bytes have come.
  void read();
  bool got_preface() const { return got_preface_; }

  /// All frames so far, in order.
  std::vector<Frame> frames;
  /// Those of a type on a stream; stream ~0: any.
  std::vector<Frame> of(FrameType type, u32 stream = ~u32{0}) const;
  /// Bytes of DATA on a stream.
  std::string body(u32 stream) const;

  void send(FrameType type, u8 flags, u32 stream, const std::string& payload = {});
  void send_settings(const std::vector<std::pair<u16, u32>>& settings = {});
  void send_head(u32 stream, const Fields& fields, u8 flags = kEndHeaders);
  void answer(u32 stream, const std::string& body, const std::string& status = "200");
  void reset(u32 stream, u32 code);
  void go_away(u32 last_stream, u32 code = 0);
  void window(u32 stream, u32 bytes);

 private:
  net::MemoryPeer& peer_;
  std::string input_;
  bool got_preface_ = false;
  nghttp2_hd_inflater* inflater_ = nullptr;
  nghttp2_hd_deflater* deflater_ = nullptr;
};

}  // namespace gw::upstream::testing
