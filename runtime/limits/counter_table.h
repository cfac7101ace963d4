// A fixed number of counters by key, in memory that is taken once.
//
// An entry is two words, fingerprint and value, that change together by one compare-and-swap of 16
// bytes: a value can never be taken for that of another key. Seven entries and a header fill two
// cache lines, a bucket; a key lives in the one bucket that its hash names, so that looking it up
// touches nothing else.
//
// Why it is never too lax. (1) A key has at most one entry: entries are put in and replaced under
// the lock of their bucket, after looking for the key once more. A key that is there is changed
// without the lock. (2) An entry is replaced only when its rules say that its value has expired,
// and what it was goes into the `floor` of the bucket first. A key without an entry starts no
// better than the floor, so that forgetting gives nothing away, whatever the clocks of the threads
// say. (3) A bucket that is full of values that have not expired takes no new key; who counts in
// other ways then does so under the same lock (Rules::no_room).
//
// Not here: what a value means, and what is done for want of room (local_counters.cc).
#pragma once
#include <atomic>
#include <cstddef>

#include "runtime/base/check.h"
#include "runtime/base/types.h"

namespace gw::limits {

__extension__ typedef unsigned __int128 WordPair;

/// Words of one entry. Read one by one; written as a pair.
struct alignas(16) CounterEntry {
  u64 fingerprint;  // 0: never used
  u64 value;
};

inline constexpr u32 kEntriesPerBucket = 7;
struct alignas(128) CounterBucket {
  std::atomic<u32> locked;
  u32 reserved;
  std::atomic<u64> floor;  // the largest value (by its rules) that was replaced
  CounterEntry entries[kEntriesPerBucket];
};
static_assert(sizeof(CounterBucket) == 128 && offsetof(CounterBucket, entries) == 16);

/// Any thread. The memory is reserved at once, and becomes resident as keys come.
class CounterTable {
 public:
  /// `bytes` is rounded down to a power of two; at least one bucket.
  explicit CounterTable(size_t bytes);
  ~CounterTable();
  CounterTable(const CounterTable&) = delete;
  CounterTable& operator=(const CounterTable&) = delete;

  size_t capacity() const { return (mask_ + 1) * kEntriesPerBucket; }
  size_t bytes() const { return (mask_ + 1) * sizeof(CounterBucket); }

  /// Looks (low, high) up and changes its value as `rules` say:
  ///   bool expired(u64 value)            forgetting it changes nothing but for the floor
  ///   u64 floor_of(u64 value)            what of it must be remembered
  ///   u64 fresh(u64 floor)               value of a key without an entry
  ///   bool decide(u64 value, u64& next)  true: store `next`. Called again when others came first
  ///   void stored(CounterEntry&)         `next` is in the entry; not called for no change
  ///   bool wants_entry()                 after fresh(): may it have one of its own?
  ///   void no_room(u64 floor)            the bucket is full; called with its lock held
  ///   void busy()                        somebody holds the lock and does not run
  template <class Rules>
  void update(u64 low, u64 high, Rules& rules) {
    CounterBucket& bucket = bucket_of(low);
    const u64 fingerprint = fingerprint_of(high);
    for (;;) {
      if (CounterEntry* entry = find(bucket, fingerprint)) {
        if (change(*entry, fingerprint, rules)) return;
        continue;
      }
      const Lock lock(bucket);
      if (!lock.held()) {
        rules.busy();
        return;
      }
      if (find(bucket, fingerprint) != nullptr) continue;
      insert(bucket, fingerprint, rules);
      return;
    }
  }

  /// Value of the key; without an entry rules.fresh() of the floor.
  template <class Rules>
  u64 read(u64 low, u64 high, const Rules& rules) const {
    CounterBucket& bucket = bucket_of(low);
    const u64 fingerprint = fingerprint_of(high);
    u64 value = 0;
    if (CounterEntry* entry = find(bucket, fingerprint)) {
      if (load(*entry, fingerprint, value)) return value;
    }
    return rules.fresh(bucket.floor.load(std::memory_order_acquire));
  }

  /// Puts `to` where `from` is still the value of the key.
  void replace(u64 low, u64 high, u64 from, u64 to) {
    const u64 fingerprint = fingerprint_of(high);
    CounterEntry* entry = find(bucket_of(low), fingerprint);
    if (entry != nullptr) swap(*entry, {fingerprint, from}, {fingerprint, to});
  }

  /// The pair of words becomes `to` if it is `from`.
  static bool swap(CounterEntry& entry, const CounterEntry& from, const CounterEntry& to) {
    // The builtin of the older kind: the newer one calls a library that takes locks on some
    // machines. SAFETY: CounterEntry is 16 bytes on a boundary of 16, without padding.
    return __sync_bool_compare_and_swap(reinterpret_cast<WordPair*>(&entry), pair(from), pair(to));
  }
  static u64 fingerprint_of(u64 high) { return high == 0 ? 1 : high; }
  /// False: the entry has become that of another key.
  static bool load(const CounterEntry& entry, u64 fingerprint, u64& value) {
    value = __atomic_load_n(&entry.value, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&entry.fingerprint, __ATOMIC_ACQUIRE) == fingerprint;
  }

 private:
  /// Held for a few stores. Who was taken off the processor meanwhile is waited for, but not
  /// for ever: see busy().
  class Lock {
   public:
    explicit Lock(CounterBucket& bucket) : bucket_(bucket), held_(take(bucket)) {}
    ~Lock() {
      if (held_) bucket_.locked.store(0, std::memory_order_release);
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    bool held() const { return held_; }

   private:
    static bool take(CounterBucket& bucket);
    CounterBucket& bucket_;
    bool held_;
  };

  static WordPair pair(const CounterEntry& entry) {
    return (static_cast<WordPair>(entry.value) << 64) | entry.fingerprint;
  }

  CounterBucket& bucket_of(u64 low) const { return buckets_[low & mask_]; }

  static CounterEntry* find(CounterBucket& bucket, u64 fingerprint) {
    for (CounterEntry& entry : bucket.entries) {
      if (__atomic_load_n(&entry.fingerprint, __ATOMIC_ACQUIRE) == fingerprint) return &entry;
    }
    return nullptr;
  }

  // False: look again.
  template <class Rules>
  static bool change(CounterEntry& entry, u64 fingerprint, Rules& rules) {
    u64 value = 0;
    if (!load(entry, fingerprint, value)) return false;
    u64 next = value;
    if (!rules.decide(value, next)) return true;
    if (!swap(entry, {fingerprint, value}, {fingerprint, next})) return false;
    rules.stored(entry);
    return true;
  }

  // With the lock held, and no entry for the key.
  template <class Rules>
  static void insert(CounterBucket& bucket, u64 fingerprint, Rules& rules) {
    const u64 value = rules.fresh(bucket.floor.load(std::memory_order_relaxed));
    if (!rules.wants_entry()) {
      rules.no_room(bucket.floor.load(std::memory_order_relaxed));
      return;
    }
    for (CounterEntry& entry : bucket.entries) {
      const CounterEntry seen{__atomic_load_n(&entry.fingerprint, __ATOMIC_ACQUIRE),
                              __atomic_load_n(&entry.value, __ATOMIC_ACQUIRE)};
      if (seen.fingerprint != 0 && !rules.expired(seen.value)) continue;
      u64 next = value;
      if (!rules.decide(value, next)) return;
      if (seen.fingerprint != 0) {
        raise(bucket.floor, rules.floor_of(seen.value));
        // What was remembered just now holds for this key as well: it may be the one.
        const u64 again = rules.fresh(bucket.floor.load(std::memory_order_relaxed));
        if (again != value && !rules.decide(again, next)) return;
      }
      // Its owner may come back at this moment, without the lock: then it is not free.
      if (!swap(entry, seen, {fingerprint, next})) continue;
      rules.stored(entry);
      return;
    }
    rules.no_room(bucket.floor.load(std::memory_order_relaxed));
  }

  // Under the lock; read without it.
  static void raise(std::atomic<u64>& floor, u64 value) {
    if (value > floor.load(std::memory_order_relaxed)) {
      floor.store(value, std::memory_order_release);
    }
  }

  CounterBucket* buckets_;
  u64 mask_;
};

}  // namespace gw::limits
