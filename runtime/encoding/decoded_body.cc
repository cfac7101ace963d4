#include "runtime/encoding/decoded_body.h"

#include <algorithm>
#include <cstring>

#include "runtime/encoding/head.h"

namespace gw::encoding {
namespace {

constexpr size_t kPieceBytes = 16 * 1024;

Error too_large(const DecodeLimits& limits) {
  return {
      .code = Errc::BodyTooLarge, .origin = limits.origin, .what = "decoded body over its limit"};
}

Error invalid(const DecodeLimits& limits, std::string_view what) {
  const bool is_answer = limits.origin == Origin::Upstream;
  return {.code = is_answer ? Errc::UpstreamInvalid : Errc::BadRequest,
          .origin = limits.origin,
          .what = what};
}

bool is_within(const DecodeLimits& limits, u64 read_bytes, u64 written_bytes) {
  if (written_bytes > limits.bytes) return false;
  return written_bytes <= kRatioFloorBytes || written_bytes / limits.ratio <= read_bytes;
}

}  // namespace

Result<Bytes> decode_whole(Coding coding, Bytes body, const DecodeLimits& limits, Arena& arena) {
  if (body.empty()) return Bytes{};  // there is nothing that could be cut off
  const DecoderLease decoder(coding);
  if (!decoder) return fail(Errc::Internal, "decoder");
  std::byte* data = nullptr;
  size_t size = 0;
  size_t capacity = 0;
  bool complete = false;
  bool goes_on = true;
  Bytes input = body;
  while (goes_on) {
    const MutableBytes buffer = decoder->buffer();
    const Result<Progress> step = decoder->decode(input, buffer);
    if (!step) return fail(invalid(limits, step.error().what));
    const size_t written = step->written;
    complete = step->done;
    goes_on = !input.empty() || (!complete && written == buffer.size());
    if (!is_within(limits, body.size() - input.size(), size + written)) {
      return fail(too_large(limits));
    }
    if (size + written > capacity) {
      capacity = std::max(size + written, capacity * 2);
      auto* grown = arena.allocate_array<std::byte>(capacity);
      if (size != 0) std::memcpy(grown, data, size);
      data = grown;
    }
    if (written != 0) std::memcpy(data + size, buffer.data(), written);
    size += written;
  }
  if (!complete) return fail(invalid(limits, "encoded body is cut off"));
  return Bytes(data, size);
}

bool DecodedBody::begin(Coding coding, const DecodeLimits& limits, http::BodySource& inner) {
  inner_ = &inner;
  limits_ = limits;
  decoder_ = DecoderLease(coding);
  return static_cast<bool>(decoder_);
}

// Decodes a part of what there is into the buffer.
Result<size_t> DecodedBody::step(size_t max_bytes) {
  const MutableBytes buffer =
      decoder_->buffer().first(std::min(max_bytes, decoder_->buffer().size()));
  const size_t before = input_.size();
  const Result<Progress> progress = decoder_->decode(input_, buffer);
  if (!progress) return fail(invalid(limits_, progress.error().what));
  read_bytes_ += before - input_.size();
  written_bytes_ += progress->written;
  complete_ = progress->done;
  may_have_more_ = !complete_ && progress->written == buffer.size();
  if (!is_within(limits_, read_bytes_, written_bytes_)) return fail(too_large(limits_));
  return progress->written;
}

Task<Result<http::BodyChunk>> DecodedBody::next(size_t max_bytes) {
  size_t written = 0;
  while (written == 0) {
    if (input_.empty() && !may_have_more_) {
      if (inner_ended_) break;
      Result<http::BodyChunk> piece = co_await inner_->next(kPieceBytes);
      if (!piece) co_return fail(piece.error());
      input_ = piece->bytes;
      inner_ended_ = piece->end;
      trailers_ = trailers_without_bytes(piece->trailers);
      if (input_.empty()) continue;
    }
    const Result<size_t> made = step(max_bytes);
    if (!made) co_return fail(made.error());
    written = *made;
  }
  http::BodyChunk chunk;
  chunk.bytes = Bytes(decoder_->buffer()).first(written);
  chunk.end = input_.empty() && !may_have_more_ && inner_ended_;
  if (!chunk.end) co_return chunk;
  if (!complete_ && read_bytes_ != 0) co_return fail(invalid(limits_, "encoded body is cut off"));
  chunk.trailers = trailers_;
  co_return chunk;
}

}  // namespace gw::encoding
