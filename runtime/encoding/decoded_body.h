// Bodies that are decoded, with bounds on what comes out: a few bytes can stand for a gigabyte.
#pragma once
#include "runtime/base/arena.h"
#include "runtime/encoding/encoder.h"
#include "runtime/http/body.h"

namespace gw::encoding {

/// How much longer a body may get by decoding. The text and data that APIs send seldom reaches 50;
/// gzip can do 1000, the others more than 100,000.
inline constexpr u64 kMaxRatio = 200;
/// Up to this many decoded bytes nobody counts: little is at stake, and short bodies of one
/// character are very small.
inline constexpr u64 kRatioFloorBytes = 64 * 1024;

/// How much may come out.
struct DecodeLimits {
  u64 bytes = 0;  // of the decoded body
  u64 ratio = kMaxRatio;
  Origin origin = Origin::Downstream;  // who has sent the body: errors name it
};

/// Decodes all of `body` into `arena`. At most `limits.bytes` and a constant are ever written.
/// Errors, with the origin of `limits`: BodyTooLarge beyond a bound; BadRequest (of an upstream:
/// UpstreamInvalid) for what is no such body, is cut off, or has bytes behind its end. No bytes at
/// all are an empty body.
Result<Bytes> decode_whole(Coding coding, Bytes body, const DecodeLimits& limits, Arena& arena);

/// Gives the bytes of another source, decoded. The same errors, and those of the other source.
/// Holds a context of its thread from begin() on, as EncodedBody does.
class DecodedBody final : public http::BodySource {
 public:
  DecodedBody() = default;

  /// Once, before anything else; `inner` must outlive this. False: there is no memory.
  bool begin(Coding coding, const DecodeLimits& limits, http::BodySource& inner);

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool must_wait() const override { return input_.empty() && !inner_ended_ && inner_->must_wait(); }
  void cancel() noexcept override { inner_->cancel(); }

 private:
  Result<size_t> step(size_t max_bytes);

  http::BodySource* inner_ = nullptr;
  DecoderLease decoder_;
  DecodeLimits limits_;
  Bytes input_;
  bool inner_ended_ = false;
  bool complete_ = false;       // what was decoded so far is a whole body
  bool may_have_more_ = false;  // the output was full when the decoder returned
  const http::FieldList* trailers_ = nullptr;
  u64 read_bytes_ = 0;
  u64 written_bytes_ = 0;
};

}  // namespace gw::encoding
