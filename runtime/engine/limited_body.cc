#include "runtime/engine/limited_body.h"

#include <algorithm>

namespace gw::engine {

void LimitedBody::count(u64 bytes) {
  taken_bytes_ += bytes;
  exchange_.request_bytes = std::max(exchange_.request_bytes, taken_bytes_);
}

Task<Result<http::BodyChunk>> LimitedBody::next(size_t max_bytes) {
  Result<http::BodyChunk> piece = co_await inner_->next(max_bytes);
  if (!piece) co_return piece;
  count(piece->bytes.size());
  if (taken_bytes_ > limit_bytes_) {
    co_return fail(
        Error{.code = Errc::BodyTooLarge, .origin = Origin::Downstream, .what = "maxBody"});
  }
  co_return piece;
}

bool LimitedBody::take_buffered(http::BodyChunk& out) {
  // Only a body that fits is taken at once; next() reports the others.
  if (inner_->remaining_bytes() > limit_bytes_ - taken_bytes_) return false;
  if (!inner_->take_buffered(out)) return false;
  count(out.bytes.size());
  return true;
}

}  // namespace gw::engine
