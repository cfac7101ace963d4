#include "runtime/engine/limited_body.h"

namespace gw::engine {

Task<Result<http::BodyChunk>> LimitedBody::next(size_t max_bytes) {
  Result<http::BodyChunk> piece = co_await inner_->next(max_bytes);
  if (!piece) co_return piece;
  exchange_.request_bytes += piece->bytes.size();
  if (exchange_.request_bytes > limit_bytes_) {
    co_return fail(
        Error{.code = Errc::BodyTooLarge, .origin = Origin::Downstream, .what = "maxBody"});
  }
  co_return piece;
}

bool LimitedBody::take_buffered(http::BodyChunk& out) {
  // Only a body that fits is taken at once; next() reports the others.
  if (inner_->remaining_bytes() > limit_bytes_ - exchange_.request_bytes) return false;
  if (!inner_->take_buffered(out)) return false;
  exchange_.request_bytes += out.bytes.size();
  return true;
}

}  // namespace gw::engine
