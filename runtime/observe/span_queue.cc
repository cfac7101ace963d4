#include "runtime/observe/span_queue.h"

namespace gw::observe {

void SpanQueue::add(std::string& spans, u32 count) {
  {
    const std::lock_guard lock(mutex_);
    if (bytes_ + spans.size() <= kMostBytes) {
      bytes_ += spans.size();
      waiting_ += count;
      batches_.push_back({std::move(spans), count});
      count = 0;
    }
  }
  spans.clear();
  if (count != 0) count_lost(count);
}

SpanQueue::Batch SpanQueue::take(u32 most) {
  Batch all;
  const std::lock_guard lock(mutex_);
  while (taken_ < batches_.size() && all.count < most) {
    Batch& next = batches_[taken_++];
    if (!all.spans.empty()) all.spans += ',';
    all.spans += next.spans;
    all.count += next.count;
    bytes_ -= next.spans.size();
    next.spans = {};
  }
  waiting_ -= all.count;
  if (taken_ == batches_.size()) {
    batches_.clear();
    taken_ = 0;
  }
  return all;
}

u32 SpanQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace gw::observe
