#include "runtime/http/http1_body.h"

#include <algorithm>
#include <new>

namespace gw::http {

void Http1Body::begin(Framing framing, u64 content_length, Arena& arena) {
  framing_ = framing;
  left_ = framing == Framing::Length ? content_length : 0;
  end_ = framing == Framing::None || (framing == Framing::Length && content_length == 0);
  failed_ = false;
  cancelled_ = false;
  decoded_ = {};
  arena_ = &arena;
  trailers_ = nullptr;
  if (framing == Framing::Chunked) decoder_.reset();
  input_.pin();
}

u64 Http1Body::remaining_bytes() const {
  if (end_) return decoded_.size();
  return framing_ == Framing::Length ? left_ : ~u64{0};
}

Unexpected<Error> Http1Body::fail_with(Error error) {
  failed_ = true;
  return fail(error);
}

void Http1Body::cancel() noexcept {
  cancelled_ = true;
  if (waiting_) stream_.reading.wake();
}

// Decodes what is there into the place where it lies, so that many small chunks leave as one piece.
Http1Body::Piece Http1Body::take_chunked(size_t max_bytes, BodyChunk& chunk) {
  if (decoded_.empty() && !end_) {
    char* data = input_.unread_data();
    ChunkedDecoder::Step step;
    const size_t size = input_.unread().size();
    if (!decoder_.decode(data, size, data, size, step)) return Piece::Broken;
    decoded_ = as_bytes({data, step.produced});
    input_.consume(step.consumed);
    // A message whose trailers are malformed has no end, whatever was decoded before.
    if (step.end && decoder_.has_trailers()) {
      trailers_ = new (arena_->allocate(sizeof(FieldList))) FieldList(*arena_);
      if (!decoder_.parse_trailers(*trailers_)) {
        end_ = false;  // asked again, the decoder says again that it is broken
        return Piece::Broken;
      }
    }
    end_ = step.end;
  }
  if (decoded_.empty() && !end_) return Piece::NeedMore;
  chunk.bytes = decoded_.first(std::min(decoded_.size(), max_bytes));
  decoded_ = decoded_.subspan(chunk.bytes.size());
  chunk.end = end_ && decoded_.empty();
  chunk.trailers = chunk.end ? trailers_ : nullptr;
  return Piece::Ready;
}

Http1Body::Piece Http1Body::take_piece(size_t max_bytes, BodyChunk& chunk) {
  chunk = {};
  if (framing_ == Framing::Chunked) return take_chunked(max_bytes, chunk);
  if (end_) {
    chunk.end = true;
    return Piece::Ready;
  }
  if (input_.empty()) return Piece::NeedMore;
  size_t bytes = std::min(input_.unread().size(), max_bytes);
  if (framing_ == Framing::Length) bytes = static_cast<size_t>(std::min<u64>(bytes, left_));
  chunk.bytes = as_bytes(input_.unread().substr(0, bytes));
  input_.consume(bytes);
  if (framing_ == Framing::Length) {
    left_ -= bytes;
    end_ = left_ == 0;
  }
  chunk.end = end_;
  return Piece::Ready;
}

bool Http1Body::look_ahead() {
  if (framing_ != Framing::Chunked || end_ || input_.empty()) return true;
  BodyChunk nothing;
  return take_chunked(0, nothing) != Piece::Broken;
}

bool Http1Body::take_buffered(BodyChunk& out) {
  if (failed_ || cancelled_) return false;
  const size_t there = input_.unread().size();
  if (framing_ == Framing::UntilClose && !end_) return false;
  if (framing_ == Framing::Length && there < left_) return false;
  if (framing_ == Framing::Chunked && !end_) {
    if (!decoded_.empty()) return false;
    BodyChunk piece;
    const Piece taken = take_chunked(~size_t{0}, piece);
    if (taken == Piece::NeedMore) return false;
    if (taken == Piece::Broken || !piece.end) {
      // The next call of next() tells: either what was decoded, or what is wrong.
      decoded_ = piece.bytes;
      return false;
    }
    out = piece;
  } else if (take_piece(~size_t{0}, out) != Piece::Ready || !out.end) {
    return false;
  }
  host_.body_bytes_read(out.bytes.size());
  return true;
}

Task<Result<BodyChunk>> Http1Body::next(size_t max_bytes) {
  const Errc broken = origin_ == Origin::Upstream ? Errc::UpstreamInvalid : Errc::BadRequest;
  BodyChunk chunk;
  while (true) {
    if (cancelled_) {  // not failed: what is left is where it was
      co_return fail(Error{.code = Errc::Cancelled, .what = "body no longer wanted"});
    }
    const Piece piece = take_piece(max_bytes, chunk);
    if (piece == Piece::Ready) {
      host_.body_bytes_read(chunk.bytes.size());
      co_return chunk;
    }
    if (piece == Piece::Broken) {
      co_return fail_with(Error{.code = broken, .origin = origin_, .what = decoder_.problem()});
    }
    const Result<void> ready = host_.before_body_read();
    if (!ready) co_return fail_with(ready.error());
    if (!input_.start_fill()) {
      co_return fail_with(Error{.code = Errc::Internal, .what = "no room for a body"});
    }
    waiting_ = true;
    co_await net::IoWait(stream_.reading);
    waiting_ = false;
    if (cancelled_) continue;
    const i64 read = input_.finish_fill();
    if (read > 0) continue;
    if (read == 0 && framing_ == Framing::UntilClose) {
      end_ = true;
      continue;
    }
    co_return fail_with(host_.body_read_error(static_cast<int>(-read)));
  }
}

}  // namespace gw::http
