// A client of HTTP/2 in tests, frame by frame: it sends whatever it is told to, right or wrong.
#pragma once
#include <nghttp2/nghttp2.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/memory_stream.h"

namespace gw::server::testing {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

namespace h2 {
inline constexpr u8 kData = 0, kHeaders = 1, kPriority = 2, kRstStream = 3, kSettings = 4,
                    kPushPromise = 5, kPing = 6, kGoaway = 7, kWindowUpdate = 8, kContinuation = 9;
inline constexpr u8 kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8, kPriorityFlag = 0x20;
inline constexpr u32 kNoError = 0, kProtocolError = 1, kInternalError = 2, kFlowControlError = 3,
                     kSettingsTimeout = 4, kStreamClosed = 5, kFrameSizeError = 6,
                     kRefusedStream = 7, kCancel = 8, kCompressionError = 9, kEnhanceYourCalm = 11;
inline constexpr u32 kNone = ~u32{0};  // no such frame came
}  // namespace h2

struct WireFrame {
  u8 type = 0;
  u8 flags = 0;
  u32 id = 0;
  std::string payload;
};

/// What has come on one stream.
struct Http2Answer {
  HeaderFields fields;
  HeaderFields trailers;
  std::vector<HeaderFields> interim;
  std::string body;  // kept up to Http2Client::keep_bytes
  u64 body_bytes = 0;
  u32 data_frames = 0;
  bool ended = false;
  u32 reset = h2::kNone;  // code of RST_STREAM

  u32 status() const;
  std::string_view field(std::string_view name) const;
  size_t count(std::string_view name) const;
};

/// Shares with the gateway nothing but nghttp2's HPACK. Reads whatever comes, acknowledges SETTINGS
/// and PING, and opens windows, unless told otherwise. Not to be moved.
class Http2Client {
 public:
  explicit Http2Client(net::MemoryPeer to);
  Http2Client(const Http2Client&) = delete;
  ~Http2Client();

  bool acknowledges = true;  // SETTINGS and PING
  bool opens_windows = true;
  size_t keep_bytes = ~size_t{0};

  /// The preface and SETTINGS with these entries.
  void greet(const std::vector<std::pair<u16, u32>>& settings = {});
  void send(std::string_view bytes) { peer.send(bytes); }
  void frame(u8 type, u8 flags, u32 id, std::string_view payload = {});
  void settings(const std::vector<std::pair<u16, u32>>& entries);
  /// HEADERS, in one frame unless too large for one.
  void headers(u32 id, const HeaderFields& fields, bool end);
  /// GET of `path`, POST without END_STREAM.
  void get(u32 id, std::string_view path = "/users/7");
  void post(u32 id, std::string_view path = "/users", const HeaderFields& more = {});
  void data(u32 id, std::string_view bytes, bool end);
  void rst_stream(u32 id, u32 code = h2::kCancel);
  void window_update(u32 id, u32 bytes);
  /// A compressed block, which moves the encoder's table on.
  std::string block(const HeaderFields& fields);
  /// A frame as bytes, to be put together.
  static std::string raw(u8 type, u8 flags, u32 id, std::string_view payload = {});
  /// From here on bytes are collected and leave as one event with release().
  void hold() { held_ = true; }
  void release();
  void read_at_once();
  void stop_reading() { peer.on_change(nullptr); }

  const Http2Answer& answer(u32 id) const;
  bool has(u32 id) const { return answers.contains(id); }
  size_t answered() const;  // streams that have ended
  /// Code of the last GOAWAY, and the last stream it names; h2::kNone: none came.
  u32 goaway_code() const;
  u32 goaway_last() const;
  size_t count(u8 type) const;
  const WireFrame* find(u8 type, u8 flags = 0) const;
  u32 setting(u16 id) const;  // of the gateway

  net::MemoryPeer peer;
  std::vector<WireFrame> frames;  // all that came; DATA without payload
  std::map<u32, Http2Answer> answers;
  std::string problem;  // what came that is no HTTP/2

 private:
  void take();
  void take_frame(WireFrame frame);
  void take_block(u32 id, bool end);
  void put(std::string_view bytes);
  void give_back(u32 id, size_t bytes);

  nghttp2_hd_deflater* deflater_ = nullptr;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string input_;
  std::map<u32, u32> owed_;  // read and not given back, by stream
  std::string block_;
  bool block_ends_stream_ = false;
  bool held_ = false;
  std::string out_;
};

}  // namespace gw::server::testing
