// What the cache has to do with one exchange, and what exchanges have of the cache.
#pragma once
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/cache/flights.h"
#include "runtime/cache/store.h"

namespace gw::policies {
struct CacheRecord;
class VariantWriter;
}  // namespace gw::policies

namespace gw::cache {

/// Where an answer has come from; for logs, counters and tests. Exchange::cache_outcome.
enum class Outcome : u8 {
  None,         // no cache was asked
  Hit,          // from the cache, fresh
  Stale,        // from the cache, no longer fresh: a new one is being fetched, or cannot be
  Revalidated,  // from the cache, after the upstream has said that it still holds
  Miss,         // from the upstream
  Bypass,       // from the upstream, since this request is not one for the cache
};
inline constexpr size_t kOutcomeCount = 6;
std::string_view outcome_name(Outcome outcome);  // "hit"

/// Why a request went upstream (RFC 9211 section 2.2).
enum class Forward : u8 { None, Bypass, Method, UriMiss, VaryMiss, Stale, Request };

struct CacheEnv;

/// In the arena of its exchange; ended by policies::release_cache().
struct Use {
  const policies::CacheRecord* record = nullptr;
  CacheEnv* env = nullptr;
  bool serves = false;       // the request is one for the cache
  bool invalidates = false;  // its success makes entries invalid
  Directives asks;           // Cache-Control of the request
  Wishes wishes;             // without the times that go by status
  Key key;
  std::span<const u64> tags;
  u64 ticket = 0;
  TimePoint asked{};  // when the upstream was asked

  EntryPtr entry;                  // to be given out, to be asked about, or that was stored
  std::shared_ptr<Flight> flight;  // that it leads, or waits for
  std::shared_ptr<const GrowingAnswer> growing;
  http::BodySource* source = nullptr;         // of an answer that is still coming in; in the arena
  policies::VariantWriter* writer = nullptr;  // keeps what is encoded; in the arena
  bool leads = false;
  bool alone = false;       // fetches for itself, whoever else does
  bool collapsed = false;   // has waited for another's fetch
  bool gone = false;        // its client has, while it waited
  bool asks_about = false;  // the upstream is asked whether `entry` still holds
  bool refreshes = false;   // nobody waits for the answer
  bool stores = false;
  bool conditional = false;  // the client's own conditions were kept from the upstream
  Forward forward = Forward::None;
  u16 forward_status = 0;
  u64 growing_bytes = 0;  // that it has taken of Flights, for bodies that come in or are encoded
};

/// Fetches an answer anew while an old one is given out.
class Refresher {
 public:
  virtual ~Refresher() = default;
  /// Runs a copy of `exchange` from behind the cache look-up; copies what it needs, and does no
  /// more before it returns. `flight`: that the copy leads. False: too much is under way.
  virtual bool refresh(const Exchange& exchange, std::shared_ptr<Flight> flight,
                       const EntryPtr& entry) = 0;
};

struct CacheCounters {
  std::array<u64, kOutcomeCount> outcomes{};  // by Outcome
  u64 collapsed = 0;                          // that have waited for another's fetch
  u64 refreshes = 0;
  u64 variant_hits = 0;  // answers that were sent encoded, and were not encoded for it
};

/// The cache as one thread sees it. Env::cache.
struct CacheEnv {
  CacheEnv(Store& of_store, Flights& of_flights) : store(of_store), flights(of_flights) {}

  Store& store;
  Flights& flights;
  net::EventLoop* loop = nullptr;  // null: nobody waits for another, or reads with him
  Refresher* refresher = nullptr;  // null: what is stale is fetched anew before it is given out
  CacheCounters* counters = nullptr;
  /// Exchanges that fetch for others, too, so that they go on when their clients leave.
  std::vector<Exchange*> filling;
  /// Those end soon.
  void abort_filling();
};

}  // namespace gw::cache
