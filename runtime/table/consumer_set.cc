#include "runtime/table/consumer_set.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "runtime/table/phf.h"
#include "runtime/table/verify_record.h"

namespace gw::table {
namespace {

constexpr u32 kMaxConsumers = u32{1} << 26;

Unexpected<Error> corrupt() { return fail(Errc::TableCorrupt, "consumers"); }

class ConsumerVerifier {
 public:
  ConsumerVerifier(Bytes section, const ConsumerHeader& header, const ConsumerBounds& bounds)
      : bytes_(section), header_(header), bounds_(bounds) {}

  bool parts_fit() const {
    const ConsumerHeader& h = header_;
    const bool fit = part_fits(h.pilots, 2) && part_fits(h.keys, sizeof(ConsumerKey)) &&
                     part_fits(h.consumers, 4) && part_fits(h.profiles, sizeof(ConsumerProfile)) &&
                     part_fits(h.lists, 4) && part_fits(h.overrides, sizeof(ConsumerOverride)) &&
                     part_fits(h.logins, sizeof(ConsumerLogin)) &&
                     part_fits(h.certificates, sizeof(ConsumerCertificate)) &&
                     part_fits(h.places, sizeof(SourceRef)) && part_fits(h.texts, 1);
    return fit && h.consumers.count <= kMaxConsumers && h.key_count <= h.keys.count &&
           (h.places.count == 0 || h.places.count == h.consumers.count) &&
           (h.key_count == 0 || h.pilots.count > 0);
  }

  bool records_fit() const {
    bool fine = true;
    for (const ConsumerKey& key : part<ConsumerKey>(header_.keys)) {
      fine &= key.consumer < header_.consumers.count || key.consumer == kNoConsumer;
    }
    for (const u32 consumer : part<u32>(header_.consumers)) fine &= consumer_fits(consumer);
    for (const u32 text : part<u32>(header_.lists)) fine &= text_fits(text);
    for (const ConsumerProfile& profile : part<ConsumerProfile>(header_.profiles)) {
      fine &= (profile.plan == kNoText || text_fits(profile.plan)) &&
              list_fits(profile.groups, header_.lists) &&
              list_fits(profile.metadata, header_.lists) && profile.metadata.count % 2 == 0 &&
              list_fits(profile.overrides, header_.overrides);
    }
    for (const ConsumerOverride& one : part<ConsumerOverride>(header_.overrides)) {
      fine &= text_fits(one.name) && one.kind <= OverrideKind::Concurrency &&
              number_fits(one.limit) && number_fits(one.burst);
    }
    for (const ConsumerLogin& login : part<ConsumerLogin>(header_.logins)) {
      fine &= text_fits(login.user) && text_fits(login.password) &&
              login.consumer < header_.consumers.count;
    }
    for (const auto& certificate : part<ConsumerCertificate>(header_.certificates)) {
      fine &= certificate.field <= CertificateField::Fingerprint && text_fits(certificate.value) &&
              certificate.consumer < header_.consumers.count;
    }
    for (const SourceRef& place : part<SourceRef>(header_.places)) {
      fine &= place.file < bounds_.files || place.file == kNone;
    }
    return fine;
  }

 private:
  bool part_fits(const ConsumerPart& part, u64 record_bytes) const {
    return part.offset % 8 == 0 && fits(part.offset, part.count * record_bytes, bytes_.size());
  }
  bool list_fits(const ConsumerList& list, const ConsumerPart& part) const {
    return fits(list.first, list.count, part.count);
  }
  // A number of at most 32 bits, which leaves `offset` behind it.
  bool number_fits(u32& offset, u32& value) const {
    if (offset < header_.texts.count && text_bytes()[offset] < 0x80) {  // nearly all of them
      value = text_bytes()[offset++];
      return true;
    }
    u64 sum = 0;
    for (u32 bits = 0; bits < 32 && offset < header_.texts.count; bits += 7) {
      const u8 byte = text_bytes()[offset++];
      sum |= u64{byte & 0x7fu} << bits;
      value = static_cast<u32>(sum);
      if (byte < 0x80) return sum <= ~u32{0};
    }
    return false;
  }
  bool text_fits(u32 offset) const {
    u32 length;
    return number_fits(offset, length) && length <= header_.texts.count - offset;
  }
  bool consumer_fits(u32 offset) const {
    u32 profile;
    return number_fits(offset, profile) && profile < header_.profiles.count && text_fits(offset);
  }
  const u8* text_bytes() const {
    return reinterpret_cast<const u8*>(bytes_.data() + header_.texts.offset);
  }
  bool number_fits(const LateNumber& number) const {
    // The largest number stands for a limit that has none of its own.
    if (number.late == kNone) return number.value != ~u64{0} && number.reserved == 0;
    return number.late < bounds_.late && number.reserved == 0;
  }
  template <class T>
  std::span<const T> part(const ConsumerPart& part) const {
    return {reinterpret_cast<const T*>(bytes_.data() + part.offset), part.count};
  }

  Bytes bytes_;
  const ConsumerHeader& header_;
  const ConsumerBounds bounds_;
};

// Tells nothing by its time of how many bytes agree.
bool equal_in_constant_time(const u8* a, const u8* b, size_t bytes) {
  u8 difference = 0;
  for (size_t i = 0; i < bytes; ++i) difference |= static_cast<u8>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

Result<void> verify_consumers(Bytes section, const ConsumerBounds& bounds) {
  if (section.empty()) return {};
  ConsumerHeader header;
  if (section.size() < sizeof header) return corrupt();
  std::memcpy(&header, section.data(), sizeof header);
  if (header.layout != kConsumerLayout) return fail(Errc::TableVersion, "consumers");
  if (header.bytes != section.size()) return corrupt();
  const ConsumerVerifier verifier(section, header, bounds);
  if (!verifier.parts_fit() || !verifier.records_fit()) return corrupt();
  return {};
}

ConsumerSet::ConsumerSet(Bytes section) : bytes_(section) {
  if (!section.empty()) std::memcpy(&header_, section.data(), sizeof header_);
}

u32 ConsumerSet::find_key(const u8 (&digest)[kKeyDigestBytes]) const {
  if (header_.key_count == 0) return kNoConsumer;
  const std::string_view key(reinterpret_cast<const char*>(digest), sizeof digest);
  const u64 hash = phf_hash(key, header_.phf_seed);
  // SAFETY: verify_consumers() checked the extents; both indexes are reduced to their counts.
  const u16 pilot = part<u16>(header_.pilots)[phf_reduce(hash, header_.pilots.count)];
  const ConsumerKey& slot =
      part<ConsumerKey>(header_.keys)[phf_slot(hash, pilot, header_.keys.count)];
  return equal_in_constant_time(slot.digest, digest, sizeof digest) ? slot.consumer : kNoConsumer;
}

u32 ConsumerSet::find_name(std::string_view name) const {
  const auto name_at = [this](u32 offset) {
    number(offset);  // the profile
    return text(offset);
  };
  const std::span<const u32> all(part<u32>(header_.consumers), size());
  const auto found = std::ranges::lower_bound(all, name, {}, name_at);
  if (found == all.end() || name_at(*found) != name) return kNoConsumer;
  return static_cast<u32>(found - all.begin());
}

const ConsumerLogin* ConsumerSet::find_login(std::string_view user) const {
  const std::span<const ConsumerLogin> all(part<ConsumerLogin>(header_.logins),
                                           header_.logins.count);
  const auto found = std::ranges::lower_bound(
      all, user, {}, [this](const ConsumerLogin& login) { return text(login.user); });
  return found == all.end() || text(found->user) != user ? nullptr : &*found;
}

u32 ConsumerSet::find_certificate(CertificateField field, std::string_view value) const {
  const std::span<const ConsumerCertificate> all(part<ConsumerCertificate>(header_.certificates),
                                                 header_.certificates.count);
  const auto found = std::lower_bound(all.begin(), all.end(), value,
                                      [&](const auto& one, std::string_view wanted) {
                                        if (one.field != field) return one.field < field;
                                        return text(one.value) < wanted;
                                      });
  const bool same = found != all.end() && found->field == field && text(found->value) == value;
  return same ? found->consumer : kNoConsumer;
}

std::string_view ConsumerSet::name(u32 consumer) const {
  u32 offset = part<u32>(header_.consumers)[consumer];
  number(offset);  // the profile
  return text(offset);
}

const ConsumerProfile& ConsumerSet::profile(u32 consumer) const {
  u32 offset = part<u32>(header_.consumers)[consumer];
  return part<ConsumerProfile>(header_.profiles)[number(offset)];
}

std::string_view ConsumerSet::plan(u32 consumer) const {
  const u32 plan = profile(consumer).plan;
  return plan == kNoText ? std::string_view{} : text(plan);
}

SourceRef ConsumerSet::place(u32 consumer) const {
  if (header_.places.count == 0) return {};
  return part<SourceRef>(header_.places)[consumer];
}

std::string_view ConsumerSet::group(u32 consumer, u32 index) const {
  return text(part<u32>(header_.lists)[profile(consumer).groups.first + index]);
}

bool ConsumerSet::in_group(u32 consumer, std::string_view group_name) const {
  for (u32 i = 0; i < group_count(consumer); ++i) {
    if (group(consumer, i) == group_name) return true;
  }
  return false;
}

std::optional<std::string_view> ConsumerSet::metadata(u32 consumer, std::string_view name) const {
  const ConsumerList& list = profile(consumer).metadata;
  const u32* texts = part<u32>(header_.lists) + list.first;
  for (u32 i = 0; i < list.count; i += 2) {
    if (text(texts[i]) == name) return text(texts[i + 1]);
  }
  return std::nullopt;
}

std::span<const ConsumerOverride> ConsumerSet::overrides(u32 consumer) const {
  const ConsumerList& list = profile(consumer).overrides;
  return {part<ConsumerOverride>(header_.overrides) + list.first, list.count};
}

std::span<const ConsumerOverride> ConsumerSet::all_overrides() const {
  return {part<ConsumerOverride>(header_.overrides), header_.overrides.count};
}

std::string_view ConsumerSet::plan_of_profile(u32 index) const {
  const u32 plan = part<ConsumerProfile>(header_.profiles)[index].plan;
  return plan == kNoText ? std::string_view{} : text(plan);
}

u32 ConsumerSet::number(u32& offset) const {
  // SAFETY: verify_consumers() checked that it ends inside the texts, after 32 bits at most.
  const auto* at = reinterpret_cast<const u8*>(bytes_.data() + header_.texts.offset);
  u32 value = 0;
  for (u32 bits = 0;; bits += 7) {
    const u8 byte = at[offset++];
    value |= u32{byte & 0x7fu} << bits;
    if (byte < 0x80) return value;
  }
}

std::string_view ConsumerSet::text(u32 offset) const {
  const u32 length = number(offset);
  return {reinterpret_cast<const char*>(bytes_.data() + header_.texts.offset + offset), length};
}

}  // namespace gw::table
