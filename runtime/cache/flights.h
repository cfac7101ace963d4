// One fetch for all who ask for the same at the same time.
//
// Whoever misses first leads: he fetches, and those with the same key wait for what comes of it. An
// answer that can be kept is handed on while it comes in; otherwise everybody fetches for himself,
// and for a while nobody waits for answers under that key. When the leader gives up, the next one
// leads.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "runtime/cache/entry.h"
#include "runtime/cache/wait_queue.h"

namespace gw::cache {

class GrowingBody;

/// An answer whose head has come: `entry` has all but the body.
struct GrowingAnswer {
  std::shared_ptr<const Entry> entry;
  std::shared_ptr<GrowingBody> body;
  u64 ticket = 0;  // of the leader (Store::ticket): nobody joins after a purge behind it
};

/// What has become of a fetch.
enum class Ending : u8 {
  Stored,     // it is in the store
  NotStored,  // the answer was for the leader alone
  Died,       // there is no answer
};

class Flight {
 public:
  explicit Flight(std::string key_text, u64 key_low)
      : key_text_(std::move(key_text)), key_low_(key_low) {}
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  /// What has come so far; null: nothing that could be handed on.
  std::shared_ptr<const GrowingAnswer> growing() const;
  size_t waiting() const;

 private:
  friend class Flights;
  const std::string key_text_;
  const u64 key_low_;
  mutable std::mutex mutex_;
  WaitQueue waiting_;
  bool over_ = false;
  std::shared_ptr<const GrowingAnswer> growing_;
};

enum class Role : u8 {
  Leader,  // fetch, and say what has become of it
  Waiter,  // wait
  Reader,  // there is an answer that is coming in
  Alone,   // too many wait: fetch for yourself
};

/// Of a process. Any thread.
class Flights {
 public:
  /// Of one key.
  static constexpr size_t kMostWaiting = 4096;
  /// After an answer that was for the leader alone.
  static constexpr std::chrono::seconds kAloneFor{5};

  struct Joined {
    Role role = Role::Alone;
    std::shared_ptr<Flight> flight;
  };
  Joined join(const Key& key, TimePoint now);
  /// Leads when nobody does, and never waits: for a refresh.
  std::shared_ptr<Flight> try_lead(const Key& key);

  // The leader's.
  void publish(Flight& flight, std::shared_ptr<const GrowingAnswer> answer);
  /// Once. With Died the first who waits leads in his place.
  void finish(Flight& flight, Ending ending, TimePoint now);

  /// Until there is news, `due`, or the client of `exchange` has gone. Look: growing(), or the
  /// store, may have it. Lead: the caller leads now. On the thread of `loop`.
  Task<News> wait(Flight& flight, net::EventLoop& loop, Exchange& exchange, TimePoint due);

  /// Memory for bodies that are coming in. False: too much is under way already.
  bool take_bytes(u64 bytes, u64 limit_bytes);
  void give_bytes(u64 bytes) { growing_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  static constexpr size_t kParts = 16;
  struct Lonely {
    u64 low = 0;
    TimePoint until{};
  };
  struct alignas(64) Part {
    std::mutex mutex;
    std::unordered_multimap<u64, std::shared_ptr<Flight>> flights;  // by the low half of the hash
    // Keys whose answers were for one alone, by hash; a newer one takes the place of an older.
    std::array<Lonely, 64> lonely{};
  };
  Part& part_of(u64 low) { return parts_[(low >> 32) % kParts]; }
  std::shared_ptr<Flight> find(Part& part, const Key& key);
  std::shared_ptr<Flight> lead(Part& part, const Key& key);
  void forget(Flight& flight, Ending ending, TimePoint now);

  std::array<Part, kParts> parts_;
  std::atomic<u64> growing_bytes_{0};
};

}  // namespace gw::cache
