// Whole bodies and bodies in pieces are decoded to the same, within their bounds; what comes out is
// encoded and decoded again.
#include <algorithm>
#include <cstdlib>

#include "runtime/encoding/testing/pieces.h"

using namespace gw;            // NOLINT(google-build-using-namespace)
using namespace gw::encoding;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto coding = static_cast<Coding>(data[0] % kCodings);
  const size_t piece = size_t{1} + data[1];
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const DecodeLimits limits{.bytes = 256 * 1024};
  Arena arena;
  const Result<Bytes> whole = decode_whole(coding, as_bytes(body), limits, arena);
  testing::PieceBody pieces(testing::cut(body, piece), false);
  DecodedBody decoded;
  if (!decoded.begin(coding, limits, pieces)) std::abort();
  const testing::ReadAll all = testing::read_all(decoded, piece * 7);
  if (all.text.size() > limits.bytes) std::abort();
  // The ratio is measured when a buffer is full, so only good bodies must be good both ways.
  if (whole && all.error.code == Errc::None && as_text(*whole) != all.text) std::abort();
  if (whole.has_value() != (all.error.code == Errc::None) && all.error.code != Errc::BodyTooLarge &&
      whole.error().code != Errc::BodyTooLarge) {
    std::abort();
  }
  if (!whole) return 0;
  const std::string again = testing::encode(coding, all.text);
  const DecodeLimits wide{.bytes = 256 * 1024, .ratio = 1'000'000};
  const Result<Bytes> back = decode_whole(coding, as_bytes(again), wide, arena);
  if (all.error.code == Errc::None && (!back || as_text(*back) != all.text)) std::abort();
  return 0;
}
