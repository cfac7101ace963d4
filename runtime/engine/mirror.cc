#include "runtime/engine/mirror.h"

#include <algorithm>

#include "runtime/engine/share.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {

Mirroring::Mirroring(Exchange& exchange, Env& env, const policies::ProxyRecord& record,
                     const FetchOptions& options)
    : exchange_(exchange), env_(env), options_(options) {
  const BoundTable& table = *exchange.table;
  for (const auto& mirror : table.view().policy_list<policies::MirrorRecord>(record.mirrors)) {
    if (!is_within(env.random.next(), table.number(mirror.share), kWholeShare)) continue;
    const u64 max_body = table.number(mirror.max_body);
    longest_ = std::max(longest_, max_body);
    copies_[count_++] = {mirror.upstream, max_body};
    if (count_ == copies_.size()) return;
  }
}

http::BodySource* Mirroring::watch(http::BodySource* body) {
  if (count_ == 0) return body;
  if (body == nullptr) {
    send();
    return nullptr;
  }
  inner_ = body;
  return this;
}

Task<Result<http::BodyChunk>> Mirroring::next(size_t max_bytes) {
  Result<http::BodyChunk> piece = co_await inner_->next(max_bytes);
  if (piece) keep(*piece);
  co_return piece;
}

bool Mirroring::take_buffered(http::BodyChunk& out) {
  if (!inner_->take_buffered(out)) return false;
  keep(out);
  return true;
}

void Mirroring::keep(const http::BodyChunk& chunk) {
  body_bytes_ += chunk.bytes.size();
  if (body_bytes_ <= longest_) body_ += as_text(chunk.bytes);
  if (chunk.end) send();
}

void Mirroring::send() {
  for (u32 i = 0; i < count_; ++i) {
    if (body_bytes_ > copies_[i].max_body) continue;
    FetchOptions options = options_;
    options.upstream = copies_[i].upstream;
    options.retry_times = 0;
    options.retry_cause_count = 0;
    options.retry_causes = nullptr;  // belongs to the table
    options.sticky_token = 0;
    options.clients_deadline = false;
    env_.mirrors->send(exchange_, options, as_bytes(body_));
  }
  count_ = 0;
}

}  // namespace gw::engine
