// Bodies, pulled piece by piece. Nobody reads, nobody sends: that is the back-pressure.
#pragma once
#include "runtime/base/result.h"
#include "runtime/base/task.h"
#include "runtime/base/types.h"
#include "runtime/http/fields.h"

namespace gw::http {

struct BodyChunk {
  Bytes bytes;                          // valid until the next call of next(); may be empty
  bool end = false;                     // nothing follows
  const FieldList* trailers = nullptr;  // with end, when there were any; valid with the source
};

/// A body that is read once. Calls do not overlap; one thread.
class BodySource {
 public:
  virtual ~BodySource() = default;

  /// Waits until something is there: at most `max_bytes`, at least one unless `end`. After an
  /// error or `end` it must not be called again. Errors: PeerClosed (truncated), BadRequest or
  /// UpstreamInvalid (framing), RequestTimeout, BodyTooLarge, Cancelled.
  virtual Task<Result<BodyChunk>> next(size_t max_bytes) = 0;

  /// The rest of the body, when all of it is in memory already: true, and the source is at its
  /// end. Never waits and never allocates. The usual case of small bodies takes this way.
  virtual bool take_buffered(BodyChunk& out) {
    static_cast<void>(out);
    return false;
  }

  /// Nothing of what comes next is there yet, so that next() would wait. Known after take_buffered.
  virtual bool must_wait() const { return false; }

  /// Bytes that are still to come, where the framing says; ~0 where it does not.
  virtual u64 remaining_bytes() const { return ~u64{0}; }

  /// Makes a waiting next() return Cancelled soon. Idempotent.
  virtual void cancel() noexcept {}
};

/// A body in memory, e.g. of a local answer. `bytes` must outlive it.
class MemoryBody final : public BodySource {
 public:
  explicit MemoryBody(Bytes bytes) : bytes_(bytes) {}
  Task<Result<BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(BodyChunk& out) override;
  u64 remaining_bytes() const override { return bytes_.size(); }

 private:
  Bytes bytes_;
};

/// Collects a whole body of at most `limit_bytes` in `arena`; beyond it the error is BodyTooLarge.
Task<Result<Bytes>> read_whole(BodySource& body, size_t limit_bytes, Arena& arena);

}  // namespace gw::http
