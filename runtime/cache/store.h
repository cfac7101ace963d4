// Where answers are kept. One that several instances share can take the place of the memory of this
// process.
#pragma once
#include <functional>

#include "runtime/cache/entry.h"

namespace gw::cache {

struct StoreCounts {
  u64 entries = 0;
  u64 bytes = 0;
  u64 limit_bytes = 0;
  u64 stored = 0;   // since the start, as the next ones
  u64 evicted = 0;  // for want of room
  u64 purged = 0;
  u64 variants = 0;  // bodies in a content coding beside those of the entries; in `bytes`
  u64 variant_bytes = 0;
  u64 variants_stored = 0;  // since the start
};

struct Found {
  EntryPtr entry;       // null: nothing fits
  bool others = false;  // there are answers under this key, for other requests
};

/// Any thread, all calls at once. An entry that was found stays readable as long as it is held,
/// whatever becomes of it in the store. Nothing here waits.
class Store {
 public:
  virtual ~Store() = default;

  /// Of the entries under `key` that fit `request` the one with the encoding that it likes best,
  /// the newest of those.
  virtual Found find(const Key& key, const http::FieldList& request) = 0;
  /// A point in the order of purges, taken before an answer is asked for.
  virtual u64 ticket() const = 0;
  /// Takes an entry in, in place of the one for the same requests. False: there is no room for it,
  /// or something that concerns it was purged since `ticket`: it may be older than the purge.
  virtual bool put(std::shared_ptr<Entry> entry, u64 ticket) = 0;

  /// Whether something that concerns the entry was purged since `ticket`. Takes no lock.
  virtual bool was_purged_since(const Entry& entry, u64 ticket) const = 0;

  /// Keeps the body of an entry of this store in a coding as well, for as long as the entry is
  /// there. False: the entry has gone, has one of this coding already, or there is no room.
  virtual bool put_variant(const Entry& entry, std::shared_ptr<const EncodedVariant> variant) = 0;

  /// How many entries went. What is on its way in from an upstream does not come in any more.
  virtual u64 purge_tag(u64 tag) = 0;
  /// All entries of one host and path: cheaper, since they stand together.
  virtual u64 purge_place(u64 place) = 0;
  virtual u64 purge_all() = 0;
  /// Looks at the key of every entry: for people, not for requests.
  virtual u64 purge_matching(const std::function<bool(std::string_view key_text)>& matches) = 0;

  virtual u64 limit_bytes() const = 0;
  virtual StoreCounts counts() const = 0;
};

}  // namespace gw::cache
