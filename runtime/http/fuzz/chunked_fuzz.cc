// Property: a chunked body comes out the same however it is cut into pieces and however little is
// asked for at a time; nothing is consumed behind its end.
// Input: one byte for the pieces, one for what is asked for, then the coding.
#include <algorithm>
#include <cstdint>
#include <string>

#include "runtime/base/check.h"
#include "runtime/http/http1_chunked.h"

using namespace gw;
using namespace gw::http;

namespace {

struct Outcome {
  bool good = true;
  bool end = false;
  bool trailers_good = false;
  u32 trailers = 0;
  size_t consumed = 0;
  std::string body;
};

Outcome decode(const std::string& text, size_t piece, size_t max_bytes) {
  ChunkedDecoder decoder;
  Outcome out;
  while (out.consumed < text.size() && !out.end) {
    std::string part = text.substr(out.consumed, piece);
    ChunkedDecoder::Step step;
    out.good = decoder.decode(part.data(), part.size(), part.data(), max_bytes, step);
    GW_CHECK(step.consumed <= part.size() && step.produced <= std::min(max_bytes, step.consumed));
    out.body.append(part, 0, step.produced);
    if (!out.good) return out;
    GW_CHECK(step.consumed > 0);
    out.end = step.end;
    out.consumed += step.consumed;
  }
  if (!out.end) return out;
  Arena arena;
  FieldList trailers(arena);
  out.trailers_good = decoder.parse_trailers(trailers);
  out.trailers = trailers.size();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 64 * 1024) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = decode(text, text.size() + 1, text.size() + 1);
  const Outcome pieces = decode(text, 1 + data[0], 1 + data[1]);
  GW_CHECK(whole.good == pieces.good);
  GW_CHECK(whole.end == pieces.end);
  GW_CHECK(whole.trailers == pieces.trailers);
  GW_CHECK(whole.trailers_good == pieces.trailers_good);
  // After a fault the pieces before it have been handed out, and no more than all of them.
  if (whole.good) GW_CHECK(whole.body == pieces.body && whole.consumed == pieces.consumed);
  if (!whole.good)
    GW_CHECK(whole.body.starts_with(pieces.body) || pieces.body.starts_with(whole.body));
  return 0;
}
