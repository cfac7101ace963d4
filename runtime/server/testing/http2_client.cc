#include "runtime/server/testing/http2_client.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace gw::server::testing {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kMaxPayload = 16384;

void put_number(std::string& to, u64 number, u32 bytes) {
  for (u32 i = bytes; i-- > 0;) to.push_back(static_cast<char>(number >> (8 * i)));
}

u32 number_at(std::string_view from, size_t at, u32 bytes) {
  u32 number = 0;
  for (u32 i = 0; i < bytes; ++i) number = number << 8 | static_cast<u8>(from.at(at + i));
  return number;
}

}  // namespace

u32 Http2Answer::status() const {
  const std::string_view text = field(":status");
  u32 status = 0;
  for (const char c : text) status = status * 10 + static_cast<u32>(c - '0');
  return status;
}

std::string_view Http2Answer::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

size_t Http2Answer::count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(fields.begin(), fields.end(),
                                           [&](const auto& field) { return field.first == name; }));
}

Http2Client::Http2Client(net::MemoryPeer to) : peer(std::move(to)) {
  GW_CHECK(nghttp2_hd_deflate_new(&deflater_, 4096) == 0);
  GW_CHECK(nghttp2_hd_inflate_new(&inflater_) == 0);
  read_at_once();
}

Http2Client::~Http2Client() {
  peer.on_change(nullptr);
  nghttp2_hd_deflate_del(deflater_);
  nghttp2_hd_inflate_del(inflater_);
}

void Http2Client::read_at_once() {
  peer.on_change([this] { take(); });
  take();
}

// Sending ----------------------------------------------------------------------------------------

void Http2Client::put(std::string_view bytes) {
  if (held_) {
    out_ += bytes;
  } else {
    peer.send(bytes);
  }
}

void Http2Client::release() {
  held_ = false;
  peer.send(std::exchange(out_, {}));
}

std::string Http2Client::raw(u8 type, u8 flags, u32 id, std::string_view payload) {
  std::string bytes;
  put_number(bytes, payload.size(), 3);
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(static_cast<char>(flags));
  put_number(bytes, id, 4);
  bytes += payload;
  return bytes;
}

void Http2Client::frame(u8 type, u8 flags, u32 id, std::string_view payload) {
  put(raw(type, flags, id, payload));
}

void Http2Client::settings(const std::vector<std::pair<u16, u32>>& entries) {
  std::string payload;
  for (const auto& [id, value] : entries) {
    put_number(payload, id, 2);
    put_number(payload, value, 4);
  }
  frame(h2::kSettings, 0, 0, payload);
}

void Http2Client::greet(const std::vector<std::pair<u16, u32>>& entries) {
  put(kPreface);
  settings(entries);
}

std::string Http2Client::block(const HeaderFields& fields) {
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields) {
    nghttp2_nv pair{};
    pair.name = reinterpret_cast<u8*>(const_cast<char*>(name.data()));
    pair.value = reinterpret_cast<u8*>(const_cast<char*>(value.data()));
    pair.namelen = name.size();
    pair.valuelen = value.size();
    list.push_back(pair);
  }
  std::string bytes(nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), '\0');
  const ssize_t written = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<u8*>(bytes.data()),
                                                bytes.size(), list.data(), list.size());
  GW_CHECK(written >= 0);
  bytes.resize(static_cast<size_t>(written));
  return bytes;
}

void Http2Client::headers(u32 id, const HeaderFields& fields, bool end) {
  std::string rest = block(fields);
  u8 type = h2::kHeaders;
  do {
    const std::string part = rest.substr(0, kMaxPayload);
    rest.erase(0, part.size());
    u8 flags = rest.empty() ? h2::kEndHeaders : 0;
    if (type == h2::kHeaders && end) flags |= h2::kEndStream;
    frame(type, flags, id, part);
    type = h2::kContinuation;
  } while (!rest.empty());
}

void Http2Client::get(u32 id, std::string_view path) {
  headers(id,
          {{":method", "GET"},
           {":scheme", "http"},
           {":path", std::string(path)},
           {":authority", "a.example"}},
          true);
}

void Http2Client::post(u32 id, std::string_view path, const HeaderFields& more) {
  HeaderFields fields{{":method", "POST"},
                      {":scheme", "http"},
                      {":path", std::string(path)},
                      {":authority", "a.example"}};
  fields.insert(fields.end(), more.begin(), more.end());
  headers(id, fields, false);
}

void Http2Client::data(u32 id, std::string_view bytes, bool end) {
  do {
    const std::string_view part = bytes.substr(0, kMaxPayload);
    bytes.remove_prefix(part.size());
    frame(h2::kData, end && bytes.empty() ? h2::kEndStream : 0, id, part);
  } while (!bytes.empty());
}

void Http2Client::rst_stream(u32 id, u32 code) {
  std::string payload;
  put_number(payload, code, 4);
  frame(h2::kRstStream, 0, id, payload);
}

void Http2Client::window_update(u32 id, u32 bytes) {
  std::string payload;
  put_number(payload, bytes, 4);
  frame(h2::kWindowUpdate, 0, id, payload);
}

// As honest clients do: not for every few bytes, which would cut answers into ever smaller pieces.
void Http2Client::give_back(u32 id, size_t bytes) {
  constexpr u32 kAtLeast = 2048;
  u32& owed = owed_[id];
  owed += static_cast<u32>(bytes);
  if (owed >= kAtLeast) window_update(id, std::exchange(owed, 0));
}

// Reading ----------------------------------------------------------------------------------------

void Http2Client::take() {
  input_ += peer.take();
  while (input_.size() >= 9 && problem.empty()) {
    const size_t length = number_at(input_, 0, 3);
    if (length > kMaxPayload) {
      problem = "frame too large";
      return;
    }
    if (input_.size() < 9 + length) return;
    WireFrame next;
    next.type = static_cast<u8>(input_[3]);
    next.flags = static_cast<u8>(input_[4]);
    next.id = number_at(input_, 5, 4);
    next.payload = input_.substr(9, length);
    input_.erase(0, 9 + length);
    take_frame(std::move(next));
  }
}

void Http2Client::take_frame(WireFrame next) {
  const bool end = (next.flags & h2::kEndStream) != 0;
  const bool in_block = !block_.empty() || block_ends_stream_;
  if (in_block && next.type != h2::kContinuation) problem = "frame within a header block";
  Http2Answer* answer = next.id == 0 ? nullptr : &answers[next.id];
  switch (next.type) {
    case h2::kData:
      if (answer == nullptr || answer->ended) {
        problem = "DATA on a stream that has ended";
        return;
      }
      answer->body_bytes += next.payload.size();
      ++answer->data_frames;
      answer->body +=
          next.payload.substr(0, keep_bytes - std::min(keep_bytes, answer->body.size()));
      answer->ended = end;
      if (opens_windows) {
        give_back(0, next.payload.size());
        if (!end) give_back(next.id, next.payload.size());
      }
      next.payload.clear();
      break;
    case h2::kHeaders:
    case h2::kContinuation:
      block_ += next.payload;
      if (next.type == h2::kHeaders) block_ends_stream_ = end;
      if ((next.flags & h2::kEndHeaders) != 0) take_block(next.id, block_ends_stream_);
      break;
    case h2::kRstStream:
      answer->reset = number_at(next.payload, 0, 4);
      break;
    case h2::kSettings:
      if ((next.flags & h2::kAck) == 0 && acknowledges) frame(h2::kSettings, h2::kAck, 0);
      break;
    case h2::kPing:
      if ((next.flags & h2::kAck) == 0 && acknowledges) {
        frame(h2::kPing, h2::kAck, 0, next.payload);
      }
      break;
    default:
      break;
  }
  frames.push_back(std::move(next));
}

void Http2Client::take_block(u32 id, bool end) {
  HeaderFields fields;
  const std::string bytes = std::exchange(block_, {});
  block_ends_stream_ = false;
  auto* in = reinterpret_cast<const u8*>(bytes.data());
  size_t left = bytes.size();
  while (true) {
    nghttp2_nv pair;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &pair, &flags, in, left, 1);
    if (used < 0) {
      problem = "HPACK";
      return;
    }
    in += used;
    left -= static_cast<size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<char*>(pair.name), pair.namelen),
                          std::string(reinterpret_cast<char*>(pair.value), pair.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  for (const auto& [name, value] : fields) {
    const bool upper =
        std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (upper || name == "connection" || name == "transfer-encoding") problem = "field " + name;
  }
  Http2Answer& answer = answers[id];
  if (!answer.fields.empty()) {
    answer.trailers = std::move(fields);
    if (!end) problem = "trailers without END_STREAM";
  } else if (!fields.empty() && fields[0].first == ":status" && fields[0].second[0] == '1') {
    answer.interim.push_back(std::move(fields));
  } else {
    if (fields.empty() || fields[0].first != ":status") problem = "no :status first";
    answer.fields = std::move(fields);
  }
  answer.ended |= end;
}

const Http2Answer& Http2Client::answer(u32 id) const {
  static const Http2Answer kNothing;
  const auto found = answers.find(id);
  return found == answers.end() ? kNothing : found->second;
}

size_t Http2Client::answered() const {
  return static_cast<size_t>(std::count_if(answers.begin(), answers.end(),
                                           [](const auto& entry) { return entry.second.ended; }));
}

u32 Http2Client::goaway_code() const {
  for (size_t i = frames.size(); i-- > 0;) {
    if (frames[i].type == h2::kGoaway) return number_at(frames[i].payload, 4, 4);
  }
  return h2::kNone;
}

u32 Http2Client::goaway_last() const {
  for (size_t i = frames.size(); i-- > 0;) {
    if (frames[i].type == h2::kGoaway) return number_at(frames[i].payload, 0, 4);
  }
  return h2::kNone;
}

size_t Http2Client::count(u8 type) const {
  return static_cast<size_t>(std::count_if(frames.begin(), frames.end(),
                                           [&](const WireFrame& f) { return f.type == type; }));
}

const WireFrame* Http2Client::find(u8 type, u8 flags) const {
  for (const WireFrame& frame : frames) {
    if (frame.type == type && (frame.flags & flags) == flags) return &frame;
  }
  return nullptr;
}

u32 Http2Client::setting(u16 id) const {
  const WireFrame* frame = find(h2::kSettings);
  if (frame == nullptr) return h2::kNone;
  for (size_t at = 0; at + 6 <= frame->payload.size(); at += 6) {
    if (number_at(frame->payload, at, 2) == id) return number_at(frame->payload, at + 2, 4);
  }
  return h2::kNone;
}

}  // namespace gw::server::testing
