// Bodies that are read to their end before anything is done with them.
#pragma once
#include "runtime/http/env.h"

namespace gw::engine {

/// A body in memory, with its trailers.
struct WholeBody {
  Bytes bytes;
  const http::FieldList* trailers = nullptr;  // of its source, which must stay
};

/// Reads all of `body` into `arena` (what is in memory already is not copied). Errors: BodyTooLarge
/// beyond `limit_bytes`, RequestTimeout when it takes longer than `deadline`, and those of the
/// body. After BodyTooLarge `out` has what was read: nothing of it is lost.
Task<Result<void>> read_to_end(http::BodySource& body, u64 limit_bytes, TimePoint deadline,
                               const Clock& clock, Arena& arena, WholeBody& out);

/// The bytes that were read, and then what its source still has.
class ResumedBody final : public http::BodySource {
 public:
  /// `rest` null: there is no more.
  ResumedBody(const WholeBody& read, http::BodySource* rest) : read_(read), rest_(rest) {}

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool take_buffered(http::BodyChunk& out) override;
  bool must_wait() const override {
    return read_.bytes.empty() && rest_ != nullptr && rest_->must_wait();
  }
  u64 remaining_bytes() const override;
  void cancel() noexcept override {
    if (rest_ != nullptr) rest_->cancel();
  }

 private:
  WholeBody read_;
  http::BodySource* rest_;
};

/// A ResumedBody in `arena`. Its destructor is never run: it holds nothing of its own.
http::BodySource* resume_body(Arena& arena, const WholeBody& read, http::BodySource* rest);

}  // namespace gw::engine
