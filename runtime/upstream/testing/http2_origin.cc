#include "runtime/upstream/testing/http2_origin.h"

#include <nghttp2/nghttp2.h>

#include "runtime/base/check.h"

namespace gw::upstream::testing {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFrameHead = 9;

void append(std::string& out, u32 number, size_t bytes) {
  for (size_t i = bytes; i-- > 0;) out += static_cast<char>(number >> (8 * i));
}

u32 read_number(std::string_view text) {
  u32 number = 0;
  for (const char c : text) number = number << 8 | static_cast<u8>(c);
  return number;
}

std::string text_of(const u8* bytes, size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

}  // namespace

std::string Frame::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

u32 Frame::number(size_t at) const { return read_number(std::string_view(payload).substr(at, 4)); }

Http2Origin::Http2Origin(net::MemoryPeer& peer) : peer_(peer) {
  GW_CHECK(nghttp2_hd_inflate_new(&inflater_) == 0);
  GW_CHECK(nghttp2_hd_deflate_new(&deflater_, 4096) == 0);
}

Http2Origin::~Http2Origin() {
  nghttp2_hd_inflate_del(inflater_);
  nghttp2_hd_deflate_del(deflater_);
}

void Http2Origin::read() {
  input_ += peer_.take();
  if (!got_preface_) {
    if (input_.size() < kPreface.size()) return;
    GW_CHECK(input_.starts_with(kPreface));
    input_.erase(0, kPreface.size());
    got_preface_ = true;
  }
  while (input_.size() >= kFrameHead) {
    const std::string_view head(input_);
    const size_t size = read_number(head.substr(0, 3));
    if (input_.size() < kFrameHead + size) return;
    Frame frame;
    frame.type = static_cast<u8>(head[3]);
    frame.flags = static_cast<u8>(head[4]);
    frame.stream = read_number(head.substr(5, 4));
    frame.payload = input_.substr(kFrameHead, size);
    input_.erase(0, kFrameHead + size);
    if (frame.is(FrameType::Headers)) {
      GW_CHECK((frame.flags & kEndHeaders) != 0);  // small ones, without padding
      const auto* in = reinterpret_cast<const u8*>(frame.payload.data());
      size_t left = frame.payload.size();
      int flags = 0;
      do {
        nghttp2_nv pair{};
        flags = 0;
        const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &pair, &flags, in, left, 1);
        GW_CHECK(used >= 0);
        in += used;
        left -= static_cast<size_t>(used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) continue;
        frame.fields.emplace_back(text_of(pair.name, pair.namelen),
                                  text_of(pair.value, pair.valuelen));
      } while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0);
      nghttp2_hd_inflate_end_headers(inflater_);
    }
    frames.push_back(std::move(frame));
  }
}

std::vector<Frame> Http2Origin::of(FrameType type, u32 stream) const {
  std::vector<Frame> found;
  for (const Frame& frame : frames) {
    if (frame.is(type) && (stream == ~u32{0} || frame.stream == stream)) found.push_back(frame);
  }
  return found;
}

std::string Http2Origin::body(u32 stream) const {
  std::string text;
  for (const Frame& frame : of(FrameType::Data, stream)) text += frame.payload;
  return text;
}

void Http2Origin::send(FrameType type, u8 flags, u32 stream, const std::string& payload) {
  std::string frame;
  append(frame, static_cast<u32>(payload.size()), 3);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  append(frame, stream, 4);
  peer_.send(frame + payload);
}

void Http2Origin::send_settings(const std::vector<std::pair<u16, u32>>& settings) {
  std::string payload;
  for (const auto& [id, value] : settings) {
    append(payload, id, 2);
    append(payload, value, 4);
  }
  send(FrameType::Settings, 0, 0, payload);
}

void Http2Origin::send_head(u32 stream, const Fields& fields, u8 flags) {
  std::vector<nghttp2_nv> pairs;
  for (const auto& [name, value] : fields) {
    nghttp2_nv pair{};
    pair.name = reinterpret_cast<u8*>(const_cast<char*>(name.data()));
    pair.namelen = name.size();
    pair.value = reinterpret_cast<u8*>(const_cast<char*>(value.data()));
    pair.valuelen = value.size();
    pairs.push_back(pair);
  }
  std::string block(nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size()), '\0');
  const ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<u8*>(block.data()),
                                             block.size(), pairs.data(), pairs.size());
  GW_CHECK(size >= 0);
  block.resize(static_cast<size_t>(size));
  constexpr size_t kFrameBytes = 16'384;
  const bool one = block.size() <= kFrameBytes;
  const u8 first = static_cast<u8>(one ? flags : flags & ~kEndHeaders);
  send(FrameType::Headers, first, stream, block.substr(0, kFrameBytes));
  for (size_t at = kFrameBytes; at < block.size(); at += kFrameBytes) {
    const bool last = at + kFrameBytes >= block.size();
    send(FrameType::Continuation, last ? kEndHeaders : u8{0}, stream,
         block.substr(at, kFrameBytes));
  }
}

void Http2Origin::answer(u32 stream, const std::string& body, const std::string& status) {
  const Fields head = {{":status", status}, {"content-type", "text/plain"}};
  if (body.empty()) {
    send_head(stream, head, kEndHeaders | kEndStream);
    return;
  }
  send_head(stream, head);
  send(FrameType::Data, kEndStream, stream, body);
}

void Http2Origin::reset(u32 stream, u32 code) {
  std::string payload;
  append(payload, code, 4);
  send(FrameType::RstStream, 0, stream, payload);
}

void Http2Origin::go_away(u32 last_stream, u32 code) {
  std::string payload;
  append(payload, last_stream, 4);
  append(payload, code, 4);
  send(FrameType::GoAway, 0, 0, payload);
}

void Http2Origin::window(u32 stream, u32 bytes) {
  std::string payload;
  append(payload, bytes, 4);
  send(FrameType::WindowUpdate, 0, stream, payload);
}

}  // namespace gw::upstream::testing
