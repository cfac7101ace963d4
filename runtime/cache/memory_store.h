// The store in the memory of this process, shared by all workers.
//
// Entries are found by the hash of their key in one of several parts, each with a lock that is held
// for a look-up and never while a body is copied. What goes when room is wanted is decided by
// S3-FIFO (Yang, Zhang, Qiu, Yue, Vigfusson: "FIFO queues are all you need for cache eviction",
// SOSP 2023): new entries stand in a small queue, and those that nobody asks for leave from there;
// what was asked for again moves to the main queue; whoever comes back soon after it has left goes
// to the main queue at once. Nothing is moved by a hit but a count of two bits.
#pragma once
#include <array>
#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "runtime/cache/store.h"

namespace gw::cache {

class MemoryStore final : public Store {
 public:
  static constexpr u64 kDefaultBytes = u64{64} << 20;

  explicit MemoryStore(u64 limit_bytes = kDefaultBytes);
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  /// Any thread. What is too much goes at once.
  void set_limit(u64 limit_bytes);

  Found find(const Key& key, const http::FieldList& request) override;
  u64 ticket() const override { return sequence_.load(std::memory_order_acquire); }
  bool put(std::shared_ptr<Entry> entry, u64 ticket) override;
  bool put_variant(const Entry& entry, std::shared_ptr<const EncodedVariant> variant) override;
  u64 purge_tag(u64 tag) override;
  u64 purge_place(u64 place) override;
  u64 purge_all() override;
  u64 purge_matching(const std::function<bool(std::string_view)>& matches) override;
  u64 limit_bytes() const override { return limit_.load(std::memory_order_relaxed); }
  StoreCounts counts() const override;

 private:
  static constexpr size_t kParts = 16;
  static constexpr size_t kPurgeMarks = 1024;
  static constexpr u8 kMostUses = 3;
  /// Answers that vary, under one key; the oldest goes.
  static constexpr size_t kMostVariants = 32;

  struct Slot;
  struct TagLink {
    Slot* slot = nullptr;
    TagLink* next = nullptr;
    TagLink** at = nullptr;  // what points to this
  };
  struct Queue {
    std::list<Slot*> slots;  // newest first
    u64 bytes = 0;
  };
  struct Slot {
    std::shared_ptr<Entry> entry;
    u64 bytes = 0;
    u8 uses = 0;
    bool in_main = false;
    std::list<Slot*>::iterator place;
    std::vector<TagLink> tags;
  };
  struct HashOfKey {
    u64 low = 0;
    u64 high = 0;
    bool operator==(const HashOfKey&) const = default;
  };
  struct Hasher {
    size_t operator()(const HashOfKey& key) const { return key.low; }
    size_t operator()(u64 tag) const { return tag; }
  };
  struct alignas(64) Part {
    mutable std::mutex mutex;
    // Keys whose hashes are equal stand together; their texts tell them apart.
    std::unordered_map<HashOfKey, std::vector<Slot*>, Hasher> slots;
    std::unordered_map<u64, TagLink*, Hasher> tags;
    Queue small;
    Queue main;
    std::deque<u64> ghosts;
    std::unordered_set<u64, Hasher> ghost_set;
    u64 stored = 0;
    u64 evicted = 0;
    u64 purged = 0;
    u64 variants = 0;
    u64 variant_bytes = 0;
    u64 variants_stored = 0;
  };

  Part& part_of(u64 place) { return parts_[place % kParts]; }
  // All of these with the lock of the part.
  void add(Part& part, std::shared_ptr<Entry> entry);
  void remove(Part& part, Slot* slot);
  bool evict_one(Part& part);
  void remember(Part& part, u64 ghost);
  Slot* slot_of(Part& part, const Entry& entry);
  bool was_purged_since(const Entry& entry, u64 ticket) const override;
  u64 purge_tag_in(Part& part, u64 tag);

  /// Bytes that one entry may have, with its body in all codings.
  u64 most_of_one() const { return limit_.load(std::memory_order_relaxed) / 4; }
  bool has_room(u64 bytes) const;
  void mark_purge(u64 tag);
  void make_room();

  std::array<Part, kParts> parts_;
  std::atomic<u64> limit_;
  std::atomic<u64> used_{0};  // of entries that can be found, and of those about to come
  std::shared_ptr<std::atomic<u64>> alive_ = std::make_shared<std::atomic<u64>>(0);
  std::atomic<u32> hand_{0};  // the part that gives up something next
  std::atomic<u64> sequence_{1};
  std::atomic<u64> all_purged_{0};                          // sequence of the last purge of all
  std::array<std::atomic<u64>, kPurgeMarks> tag_purged_{};  // by hash of the tag
};

}  // namespace gw::cache
