#include "runtime/http/long_stream.h"

namespace gw {

LongStream::LongStream(LongStreams* list, Exchange& exchange) : exchange_(exchange) {
  if (list == nullptr) return;
  if (list->over_) {
    exchange_.stream_ended = true;
    return;
  }
  next_ = list->first_;
  if (next_ != nullptr) next_->at_ = &next_;
  list->first_ = this;
  at_ = &list->first_;
}

void LongStream::unlink() {
  if (at_ == nullptr) return;
  *at_ = next_;
  if (next_ != nullptr) next_->at_ = at_;
  at_ = nullptr;
  next_ = nullptr;
}

void LongStream::end() {
  unlink();
  exchange_.stream_ended = true;
  exchange_.cancel_all();
}

u32 LongStreams::end_all() {
  over_ = true;
  u32 ended = 0;
  // One that ends may take others with it, within the call: those of its connection, for instance.
  for (; first_ != nullptr; ++ended) first_->end();
  return ended;
}

}  // namespace gw
