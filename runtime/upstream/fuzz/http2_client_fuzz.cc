// Property: whatever bytes a target that should speak HTTP/2 sends, in whatever pieces, every
// request ends and nothing is left; what the gateway sends is HTTP/2; and a body that passes for
// whole is the one that a plain reader of frames finds in the bytes.
// Input: four bytes that choose the pieces, the requests, the window, and what happens at the end;
// then the bytes, the same on each connection.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/upstream/testing/http2_bench.h"

using namespace gw;
using namespace gw::upstream;
using namespace gw::upstream::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr size_t kFrameHead = 9;
constexpr size_t kMaxInput = 100'000;
constexpr u8 kPadded = 8;

// What the frames of one stream say of its body, by nothing but their heads.
struct Expected {
  std::string body;
  bool ended = false;
};

// Bytes of DATA without its padding; false: there is more padding than frame.
bool take_padding(std::string_view& payload) {
  if (payload.empty()) return false;
  const size_t padding = static_cast<u8>(payload.front());
  payload.remove_prefix(1);
  if (padding > payload.size()) return false;
  payload.remove_suffix(padding);
  return true;
}

Expected body_in(std::string_view bytes, u32 stream) {
  Expected out;
  while (bytes.size() >= kFrameHead && !out.ended) {
    const auto byte = [&](size_t at) { return static_cast<u32>(static_cast<u8>(bytes[at])); };
    const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    const u32 type = byte(3);
    const u32 flags = byte(4);
    const u32 id = (byte(5) & 0x7f) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
    if (bytes.size() < kFrameHead + length) break;
    std::string_view payload = bytes.substr(kFrameHead, length);
    bytes.remove_prefix(kFrameHead + length);
    if (id != stream) continue;
    const bool is_data = type == static_cast<u32>(FrameType::Data);
    if (is_data && (flags & kPadded) != 0 && !take_padding(payload)) break;
    if (is_data) out.body += payload;
    const bool is_head = type == static_cast<u32>(FrameType::Headers);
    out.ended = (is_data || is_head) && (flags & kEndStream) != 0;
  }
  return out;
}

struct Request {
  Request(FetchBench& bench, const char* method, bool has_body)
      : body(as_bytes("hello")), fetching(bench, method) {
    fetching.options.deadline = bench.loop.now() + seconds(20);
    fetching.start(has_body ? &body : nullptr);
  }
  http::MemoryBody body;
  Fetching fetching;
};

void check_answers(const std::vector<std::unique_ptr<Request>>& requests, std::string_view bytes) {
  std::vector<Expected> possible;
  for (u32 id = 1; id <= 7; id += 2) possible.push_back(body_in(bytes, id));
  for (const auto& request : requests) {
    const Fetching& fetching = request->fetching;
    GW_CHECK(fetching.done());
    if (!fetching.complete || fetching.error.code != Errc::None) continue;
    GW_CHECK(fetching.status >= 200 && fetching.status <= 999);
    // Which stream it was depends on repetitions; one of them must say the same.
    bool found = false;
    for (const Expected& one : possible) {
      const bool head_only = fetching.exchange.request.method == http::Method::Head;
      found = found || (one.ended && (head_only || one.body == fetching.body));
    }
    GW_CHECK(found);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4 || size > kMaxInput) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  const size_t piece = data[0] == 0 ? bytes.size() + 1 : data[0];
  const bool closes = (data[3] & 1) != 0;
  std::vector<std::unique_ptr<Request>> requests;
  {
    // The end of the bench still lets its target read.
    std::vector<bool> sent;  // of each connection
    std::function<void(net::MemoryPeer&, size_t)> read_frames;
    Http2Bench at;
    at.settings_first = (data[3] & 2) != 0;
    at.on_frames = [&](Http2Origin& origin) { origin.frames.clear(); };
    read_frames = at.bench.on_request;
    at.bench.on_request = [&](net::MemoryPeer& peer, size_t number) {
      read_frames(peer, number);
      if (sent.size() <= number) sent.resize(number + 1);
      if (sent[number]) return;
      sent[number] = true;
      if (data[2] != 0) peer.set_window(data[2]);
      peer.send_pieces(bytes, piece);
      if (closes) peer.close();
    };
    requests.push_back(std::make_unique<Request>(at.bench, "GET", false));
    if ((data[1] & 1) != 0) requests.push_back(std::make_unique<Request>(at.bench, "HEAD", false));
    if ((data[1] & 2) != 0) requests.push_back(std::make_unique<Request>(at.bench, "POST", true));
    if ((data[1] & 4) != 0) {
      requests.front()->fetching.exchange.client_gone = true;
      requests.front()->fetching.exchange.cancel_all();
      at.run();
    }
    if ((data[3] & 4) != 0) requests.push_back(std::make_unique<Request>(at.bench, "PUT", true));
    // Beyond every deadline, and the answer that a PING waits for.
    at.bench.loop.advance(seconds(60));
    check_answers(requests, bytes);
    requests.clear();
  }
  return 0;
}
