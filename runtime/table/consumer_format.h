// Consumers: who may call, and by what they are known. The layout of the section `consumers`, of a
// gateway table as of a data table.
//
//   offset 0    ConsumerHeader
//   then        parts at the offsets that it names, each on an 8-byte boundary
//
//   pilots      u16[]: of the perfect hash over the keys' digests (runtime/table/phf.h)
//   keys        ConsumerKey[]: by slot of that function; empty slots name no consumer
//   consumers   u32[]: offsets in texts of what each begins with, its profile and its name; sorted
//               by name
//   profiles    ConsumerProfile[]: what many consumers have in common
//   lists       u32[]: offsets of texts; groups, and pairs of metadata
//   overrides   ConsumerOverride[]: limits in place of those of operations and plans; only those of
//               a gateway table name late values
//   logins      ConsumerLogin[]: sorted by user name
//   certificates ConsumerCertificate[]: sorted by kind and value
//   places      SourceRef[]: where each consumer is written, by consumer; none of a data table,
//   which
//               has no files to name. For those who compare tables; nobody who serves reads them
//   texts       a number and as many bytes, each text; a text is named by its offset. Before the
//               name of a consumer there is one more number, the index of its profile
//
// A number in `texts` is 7 bits in each byte, the lowest first; all but its last byte have the
// highest bit set.
//
// The section `consumer plans` has the same layout: its consumers are plans, and have nothing but
// overrides, and their places.
//
// A million consumers with a key each take 43 bytes apiece, and their names, so nothing here is
// wider than it must be: a consumer is six bytes, and a key its digest and four.
#pragma once
#include <type_traits>

#include "runtime/base/types.h"
#include "runtime/table/format.h"

namespace gw::table {

inline constexpr u32 kConsumerLayout = 2;  // 0: other texts and consumers, 1: no places
inline constexpr u32 kNoText = ~u32{0};
inline constexpr u32 kNoConsumer = ~u32{0};
inline constexpr size_t kKeyDigestBytes = 32;  // SHA-256

struct ConsumerPart {
  u32 offset = 0;  // from the start of the section
  u32 count = 0;   // records; bytes of `texts`
};

struct ConsumerHeader {
  u64 bytes = 0;     // of the whole section
  u64 phf_seed = 0;  // of the function over digests
  u32 key_count = 0;
  u32 layout = kConsumerLayout;
  ConsumerPart pilots;
  ConsumerPart keys;
  ConsumerPart consumers;
  ConsumerPart profiles;
  ConsumerPart lists;
  ConsumerPart overrides;
  ConsumerPart logins;
  ConsumerPart certificates;
  ConsumerPart places;
  ConsumerPart texts;
};

struct ConsumerKey {
  u8 digest[kKeyDigestBytes];
  u32 consumer;  // kNoConsumer: an empty slot
};

struct ConsumerList {
  u32 first = 0;  // into lists, or overrides
  u32 count = 0;
};

struct ConsumerProfile {
  u32 plan = kNoText;  // its name
  u32 reserved = 0;
  ConsumerList groups;     // texts
  ConsumerList metadata;   // texts: name, value, name, value
  ConsumerList overrides;  // into overrides
};

/// What a limit of this name is for one consumer.
enum class OverrideKind : u32 { Rate, Quota, Concurrency };
struct ConsumerOverride {
  u32 name;
  OverrideKind kind;
  LateNumber limit;  // Rate: as a field of kind Rate is stored; otherwise a number
  LateNumber burst;  // Rate: how many at once; 0: as many as `limit` counts
};

struct ConsumerLogin {
  u32 user;
  u32 password;  // hash as crypt(5) writes it
  u32 consumer;
};

enum class CertificateField : u32 { Subject, San, Fingerprint };
struct ConsumerCertificate {
  CertificateField field;
  u32 value;
  u32 consumer;
};

static_assert(sizeof(ConsumerHeader) == 104 && sizeof(ConsumerKey) == 36);
static_assert(sizeof(ConsumerProfile) == 32 && sizeof(ConsumerOverride) == 40);
static_assert(sizeof(ConsumerLogin) == 12);
static_assert(std::has_unique_object_representations_v<ConsumerHeader> &&
              std::has_unique_object_representations_v<ConsumerProfile> &&
              std::has_unique_object_representations_v<ConsumerOverride>);

}  // namespace gw::table
