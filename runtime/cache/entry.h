// A stored answer.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cache/conditions.h"
#include "runtime/cache/rules.h"
#include "runtime/encoding/coding.h"
#include "runtime/http/exchange.h"

namespace gw::cache {

/// Most names of a Vary that are followed; an answer with more is not kept.
inline constexpr size_t kMaxVaryNames = 16;
/// Most tags of one entry, those of the gateway included; more are left out, and it is not kept.
inline constexpr size_t kMaxTags = 64;

/// What names an entry. Two keys are equal only when their texts are: the hash finds, the text
/// decides, so that nobody is ever given what was stored for another.
struct Key {
  u64 low = 0;  // of the text
  u64 high = 0;
  u64 place = 0;          // of host and path, which all keys of one resource share
  std::string_view text;  // of whoever made the key
};
Key make_key(std::string_view text, u64 place);

/// Tags are kept as hashes: two that meet are purged together, which costs a fetch and no more.
/// `kind` keeps tags of users apart from those of the gateway.
enum class TagKind : u8 { Place, Operation, Named };
u64 tag_of(TagKind kind, std::string_view text);
/// Of host and path, as requests have them.
u64 place_of(std::string_view authority, std::string_view path);

/// Bytes that are shared by whoever reads them, and do not change once they are in an entry.
struct Body {
  std::unique_ptr<std::byte[]> bytes;
  size_t size = 0;
  Bytes view() const { return {bytes.get(), size}; }
};
std::shared_ptr<Body> copy_body(Bytes bytes);

/// A field of requests that the answer depends on, and the value that it had.
struct VaryField {
  http::FieldId id = http::FieldId::Other;
  std::string_view name;
  std::string_view value;
  bool absent = false;
};

/// The body of an answer in a content coding, as clients were sent it.
struct EncodedVariant {
  encoding::Coding coding = encoding::Coding::Identity;
  std::shared_ptr<const Body> body;
  /// What it was made of, where that is not the entry's body but what the gateway has made of it
  /// for one client: it stands for bytes that are the same, and for no others.
  std::shared_ptr<const Body> plain;
  /// Memory that it holds, roughly.
  size_t bytes() const;
};

/// Those of one entry. Each is set once, by whoever holds the lock that guards the entry's place in
/// a store, and stays as long as the entry; anybody reads without a lock.
class EncodedVariants {
 public:
  /// Null: there is none. Not of Identity, which is the entry's body.
  const EncodedVariant* find(encoding::Coding coding) const {
    return seen_[static_cast<size_t>(coding)].load(std::memory_order_acquire);
  }
  /// Only where there is none of its coding.
  void set(std::shared_ptr<const EncodedVariant> variant);
  /// Of an entry that nobody else sees yet.
  void share(const EncodedVariants& from);
  size_t count() const;
  size_t bytes() const;

 private:
  std::array<std::atomic<const EncodedVariant*>, encoding::kCodings> seen_{};
  std::array<std::shared_ptr<const EncodedVariant>, encoding::kCodings> held_;
};

/// Immutable once it is in a store, but for what stands at its end. Any thread.
struct Entry {
  Entry() = default;
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry();

  std::string key_text;
  u64 key_low = 0;
  u64 key_high = 0;
  u64 place = 0;
  u16 status = 0;
  std::vector<http::Field> fields;  // that are kept; without framing
  std::vector<VaryField> varies;
  std::string_view coding;  // of the body; empty: none
  Validators validators;
  std::shared_ptr<const Body> body;
  std::vector<u64> tags;
  Freshness freshness;
  TimePoint stored_at{};

  i64 age_ms(TimePoint now) const {
    return freshness.age_ms +
           std::chrono::duration_cast<std::chrono::milliseconds>(now - stored_at).count();
  }
  /// Memory that it holds, roughly.
  size_t bytes() const;

  /// Its body as it is sent to clients that read a coding; by Store::put_variant().
  mutable EncodedVariants encoded;
  /// Until then the upstream is not asked again after it has failed; steady milliseconds.
  mutable std::atomic<i64> quiet_until_ms{0};
  /// Counts bytes of entries that are alive, in a store or not; null: nobody counts.
  std::shared_ptr<std::atomic<u64>> account;

 private:
  friend class EntryMaker;
  std::unique_ptr<char[]> text_;  // that the views above view
  size_t text_bytes_ = 0;
};
using EntryPtr = std::shared_ptr<const Entry>;

/// What an entry is made of. Views are copied.
struct EntryParts {
  Key key;
  u16 status = 0;
  const http::FieldList* answer = nullptr;
  const http::FieldList* request = nullptr;  // whose values of the fields in Vary count
  /// Fields that are the same for every request of this key, whatever Vary says.
  std::span<const std::string_view> constant = {};
  std::span<const u64> tags = {};
  std::shared_ptr<const Body> body;
  Freshness freshness;
  TimePoint stored_at{};
};
/// Null: Vary names too many fields.
std::shared_ptr<Entry> make_entry(const EntryParts& parts);
/// The same answer with its body, which has come in. The old one may be read meanwhile.
std::shared_ptr<Entry> completed_entry(const Entry& old, std::shared_ptr<const Body> body);
/// The same answer after a 304: other fields and times, the same body in all its codings.
std::shared_ptr<Entry> renewed_entry(const Entry& old, const http::FieldList& fields,
                                     const Freshness& freshness, TimePoint now);

/// Whether the entry is an answer to a request with these fields (RFC 9111 section 4.1).
/// Accept-Encoding is not compared by its text: an encoding fits who accepts it.
bool fits(const Entry& entry, const http::FieldList& request);
/// Both would answer the same requests: one replaces the other.
bool same_variant(const Entry& a, const Entry& b);

}  // namespace gw::cache
