#include "runtime/policies/cache/variant.h"

#include <algorithm>
#include <new>
#include <vector>

#include "runtime/policies/cache/record.h"

namespace gw::policies {
namespace {

using cache::EncodedVariant;
using cache::Outcome;
using cache::Use;
using encoding::Coding;

// Of what is not compressed by its coding, at most: frames, blocks and checksums.
constexpr u64 kCodingOverhead = 1024;
// Of the store's memory, with bodies that come in, which may take twice as much: an answer comes
// before its encoding.
constexpr u64 kUnderWayShare = 4;

// Whether what is sent is made of an entry that is in the store, or comes into it.
bool is_of_entry(const Exchange& exchange, const Use& use) {
  if (!use.serves || use.entry == nullptr) return false;
  if (exchange.response.status != use.entry->status) return false;
  if (use.stores) return true;
  const bool found =
      exchange.cache_outcome == Outcome::Hit || exchange.cache_outcome == Outcome::Stale;
  return found && use.growing == nullptr;
}

// Bytes in memory that are not changed: of the entry.
bool is_body_of(const cache::Entry& entry, Bytes plain) {
  return entry.body != nullptr && plain.data() == entry.body->bytes.get() &&
         plain.size() == entry.body->size;
}

bool is_made_of(const EncodedVariant& variant, const cache::Entry& entry, Bytes plain) {
  if (variant.plain == nullptr) return is_body_of(entry, plain);
  return std::ranges::equal(variant.plain->view(), plain);
}

u64 most_bytes(const Use& use, Bytes plain) {
  const u64 max_body = use.record->choice.max_body;
  if (plain.empty()) return max_body;
  return std::min<u64>(max_body, plain.size() + plain.size() / 8 + kCodingOverhead);
}

}  // namespace

// Passes an encoded body on, and keeps a copy of it. In the arena; ended by end_variant().
class VariantWriter final : public http::BodySource {
 public:
  /// `plain`: what is encoded, where it is not the body of the entry; else empty.
  VariantWriter(Use& use, Coding coding, Bytes plain, u64 most, http::BodySource& encoded)
      : use_(use), coding_(coding), plain_(plain), most_(most), encoded_(encoded) {}

  Task<Result<http::BodyChunk>> next(size_t max_bytes) override {
    Result<http::BodyChunk> piece = co_await encoded_.next(max_bytes);
    if (piece) take(*piece);
    co_return piece;
  }
  bool take_buffered(http::BodyChunk& out) override {
    if (!encoded_.take_buffered(out)) return false;
    take(out);
    return true;
  }
  bool must_wait() const override { return encoded_.must_wait(); }
  u64 remaining_bytes() const override { return encoded_.remaining_bytes(); }
  void cancel() noexcept override { encoded_.cancel(); }

  /// Into the store, where it is whole and the entry is there.
  void put() {
    if (!whole_) return;
    whole_ = false;
    auto variant = std::make_shared<EncodedVariant>();
    variant->coding = coding_;
    variant->body = cache::copy_body(kept_);
    if (!plain_.empty()) variant->plain = cache::copy_body(plain_);
    use_.env->store.put_variant(*use_.entry, std::move(variant));
  }

 private:
  void take(const http::BodyChunk& piece) {
    if (too_long_) return;
    too_long_ = kept_.size() + piece.bytes.size() > most_;
    if (too_long_) {
      kept_ = {};
      return;
    }
    kept_.insert(kept_.end(), piece.bytes.begin(), piece.bytes.end());
    // Trailers are told anew for each client, or not at all.
    whole_ = piece.end && piece.trailers == nullptr;
    // An answer that is still coming in is not in the store before all of it has been read.
    if (whole_ && use_.growing == nullptr) put();
  }

  Use& use_;
  const Coding coding_;
  const Bytes plain_;
  const u64 most_;
  http::BodySource& encoded_;
  std::vector<std::byte> kept_;
  bool whole_ = false;
  bool too_long_ = false;
};

http::BodySource* stored_variant(Exchange& exchange, Coding coding, const http::BodySource* body,
                                 Bytes plain) {
  const Use* use = exchange.cache;
  if (use == nullptr || body == nullptr || plain.empty()) return nullptr;
  if (!is_of_entry(exchange, *use)) return nullptr;
  const EncodedVariant* variant = use->entry->encoded.find(coding);
  if (variant == nullptr || !is_made_of(*variant, *use->entry, plain)) return nullptr;
  const bool is_head = exchange.request.method == http::Method::Head;
  if (!is_head && use->env->counters != nullptr) ++use->env->counters->variant_hits;
  void* memory = exchange.arena.allocate(sizeof(http::MemoryBody), alignof(http::MemoryBody));
  return new (memory) http::MemoryBody(variant->body->view());
}

http::BodySource* keep_variant(Exchange& exchange, Coding coding, const http::BodySource* body,
                               Bytes plain, http::BodySource& encoded) {
  Use* use = exchange.cache;
  if (use == nullptr || use->writer != nullptr || !is_of_entry(exchange, *use)) return &encoded;
  // A body that is passed on as it comes in is that of the entry.
  const bool grows = body == use->source && use->source != nullptr;
  if (!grows && plain.empty()) return &encoded;
  // The first stays: what differs for each client would only take the place of each other.
  if (use->entry->encoded.find(coding) != nullptr) return &encoded;
  const u64 most = most_bytes(*use, plain);
  if (!use->env->flights.take_bytes(most, use->env->store.limit_bytes() / kUnderWayShare)) {
    return &encoded;
  }
  use->growing_bytes += most;
  const bool unchanged = grows || is_body_of(*use->entry, plain);
  void* memory = exchange.arena.allocate(sizeof(VariantWriter), alignof(VariantWriter));
  use->writer =
      new (memory) VariantWriter(*use, coding, unchanged ? Bytes{} : plain, most, encoded);
  return use->writer;
}

void end_variant(Use& use) noexcept {
  if (use.writer == nullptr) return;
  use.writer->put();
  use.writer->~VariantWriter();
  use.writer = nullptr;
}

}  // namespace gw::policies
