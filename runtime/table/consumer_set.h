// Look-up of consumers in a verified section.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/table/consumer_format.h"

namespace gw::table {

/// What consumers of a gateway table may name; a data table has none of it.
struct ConsumerBounds {
  u64 late = 0;   // late values
  u64 files = 0;  // source files
};
/// Confirms that every access below stays inside `section`, and what it names inside `bounds`.
/// Cost: one pass over its records.
Result<void> verify_consumers(Bytes section, const ConsumerBounds& bounds = {});

/// A verified section in place; none of it is copied. Cheap to copy; does not own the bytes. Any
/// thread. A default one has no consumers.
class ConsumerSet {
 public:
  ConsumerSet() = default;
  explicit ConsumerSet(Bytes section);

  u32 size() const { return header_.consumers.count; }
  u32 key_count() const { return header_.key_count; }
  /// Consumer of the API key with this SHA-256, or kNoConsumer. Two dependent loads; the digest is
  /// compared in constant time.
  u32 find_key(const u8 (&digest)[kKeyDigestBytes]) const;
  /// kNoConsumer: there is none of this name. O(log n).
  u32 find_name(std::string_view name) const;
  /// Login of a user name; null: none. O(log n).
  const ConsumerLogin* find_login(std::string_view user) const;
  /// Consumer of a certificate with this value, or kNoConsumer. O(log n).
  u32 find_certificate(CertificateField field, std::string_view value) const;

  std::string_view name(u32 consumer) const;
  /// "" when it has none.
  std::string_view plan(u32 consumer) const;
  bool in_group(u32 consumer, std::string_view group) const;
  u32 group_count(u32 consumer) const { return profile(consumer).groups.count; }
  std::string_view group(u32 consumer, u32 index) const;
  std::optional<std::string_view> metadata(u32 consumer, std::string_view name) const;
  /// Where it is written; nowhere in a data table.
  SourceRef place(u32 consumer) const;
  /// Its own limits.
  std::span<const ConsumerOverride> overrides(u32 consumer) const;
  std::span<const ConsumerOverride> all_overrides() const;
  /// Plans that consumers have; some more than once. For checks when it is loaded.
  u32 profile_count() const { return header_.profiles.count; }
  std::string_view plan_of_profile(u32 index) const;
  std::string_view text(u32 offset) const;

 private:
  template <class T>
  const T* part(const ConsumerPart& part) const {
    return reinterpret_cast<const T*>(bytes_.data() + part.offset);
  }
  // Reads a number of `texts` and leaves `offset` behind it.
  u32 number(u32& offset) const;
  const ConsumerProfile& profile(u32 consumer) const;

  Bytes bytes_;
  ConsumerHeader header_;
};

}  // namespace gw::table
