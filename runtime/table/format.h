// The byte layout of a compiled gateway table (*.gwt). Normative text: specs/table-format.md.
//
//   offset 0        Header, 64 bytes
//   offset 64       Section[section_count], 32 bytes each, sorted by kind
//   ...             section bodies, each on a 64-byte boundary, gaps zero-filled
//   file_bytes - 8  xxh3-64 of every byte before it
//
// The file is mapped read-only and used in place: nothing is rewritten, no pointer is stored. All
// integers are little-endian. References are indices into a section, byte offsets into the
// PolicyData section (Extent of a record's lists) or into the Strings section (StringRef).
//
// Compatibility: a reader accepts its own `version_major`, refuses any feature name it does not
// know, and refuses a section kind it does not know unless the section is marked optional.
#pragma once
#include <bit>
#include <cstddef>
#include <type_traits>

#include "runtime/base/types.h"

namespace gw::table {

static_assert(std::endian::native == std::endian::little, "the table is used in place");

// As PNG does it: a high bit, a name, both line endings, so that a text-mode copy is caught.
inline constexpr u8 kMagic[8] = {0x89, 'G', 'W', 'T', '\r', '\n', 0x1a, '\n'};
inline constexpr u16 kVersionMajor = 1;
inline constexpr u16 kVersionMinor = 0;
inline constexpr u32 kSectionAlignment = 64;  // one cache line
inline constexpr u64 kTrailerBytes = 8;
inline constexpr u64 kMaxFileBytes = u64{1} << 32;
/// "absent" for every index and for StringRef::offset.
inline constexpr u32 kNone = ~u32{0};

/// What a file is. Data tables (consumers, IP sets) are named by late references.
enum class TableKind : u32 {
  Gateway = 1,
  Consumers = 2,  // section Consumers alone
  Networks = 3,   // section NetworkSet alone
};

/// A run of `count` elements beginning at `offset`. What offset counts is said where it is used.
struct Extent {
  u32 offset = 0;
  u32 count = 0;
  friend bool operator==(const Extent&, const Extent&) = default;
};

/// UTF-8 bytes in the Strings section, not terminated. offset == kNone: absent.
struct StringRef {
  u32 offset = kNone;
  u32 bytes = 0;
  friend bool operator==(const StringRef&, const StringRef&) = default;
};

/// A number that may be known only when the table is loaded. late == kNone: `value` holds.
struct LateNumber {
  u64 value = 0;
  u32 late = kNone;  // into Late
  u32 reserved = 0;
};
/// A text that may be known only when the table is loaded.
struct LateString {
  StringRef value;
  u32 late = kNone;  // into Late
  u32 reserved = 0;
};

enum class SectionKind : u32 {
  Strings = 1,          // bytes
  Features = 2,         // StringRef[]: names a runtime must know
  Gateway = 3,          // GatewayRecord[1]
  Router = 4,           // blob, runtime/router/format.h
  Routes = 5,           // RouteRecord[]
  Plans = 6,            // PlanRecord[]
  Steps = 7,            // StepRecord[]
  PolicyData = 8,       // records of policies and settings, lists and maps of them
  Settings = 9,         // SettingsRecord[] (runtime/policies/settings/record.h)
  Upstreams = 10,       // UpstreamRecord[] (runtime/policies/upstream/record.h)
  Listeners = 11,       // ListenerRecord[] (runtime/policies/listener/record.h)
  Expressions = 12,     // ExpressionPart[]
  Conditions = 13,      // ConditionRecord[]
  ConditionTests = 14,  // ConditionTest[]
  StringLists = 15,     // StringRef[]: capture names, values of condition tests
  Networks = 16,        // NetworkRecord[]: values of `ip` tests
  Regexes = 17,         // RegexRecord[]
  DfaData = 18,         // blobs, runtime/table/dfa.h
  Late = 19,            // LateRecord[]
  LateParts = 20,       // LatePart[]
  Files = 21,           // StringRef[]: source files by index
  Origins = 22,         // OriginRecord[]: where each effective setting came from
  Notes = 23,           // NoteRecord[]: what is switched off, not enforced, waived
  Schemas = 24,         // StringRef[]: schemas as canonical JSON
  SchemaPrograms = 25,  // u32[], runtime/schema/format.h
  Schemes = 26,         // SchemeRecord[] (runtime/policies/scheme/record.h)
  Consumers = 27,       // blob, runtime/table/consumer_format.h
  NetworkFiles = 28,    // StringRef[]: files with networks that conditions name
  NetworkSet = 29,      // blob, runtime/table/network_set.h; of data tables only
  ConsumerPlans = 30,   // blob, runtime/table/consumer_format.h
  Contracts = 31,       // blob, runtime/table/contract_format.h; optional
};
inline constexpr u32 kLastSectionKind = 31;
inline constexpr u32 kSectionOptional = 1;  // Section::flags

struct Header {
  u8 magic[8];  // kMagic
  u16 version_major;
  u16 version_minor;
  TableKind kind;
  u64 file_bytes;     // whole file, trailer included
  u64 source_digest;  // xxh3-64 of the effective sources; equal inputs give equal files
  u32 section_count;
  u32 header_bytes;  // 64 in version 1
  u8 reserved[24];   // zero; a reader refuses anything else
};

struct Section {
  SectionKind kind;
  u32 flags;         // kSectionOptional
  u32 record_bytes;  // of one record as the writer knew it; 1 for bytes and blobs
  u32 digest;        // lower half of XXH3-64 of its bytes: tells where the damage is
  u64 offset;        // from the start of the file
  u64 bytes;
};

/// Where something is written. line is 1-based; file == kNone: nowhere (made by the compiler).
struct SourceRef {
  u32 file = kNone;  // into Files
  u32 line = 0;
  u32 column = 0;
};

struct GatewayRecord {
  StringRef title;
  StringRef version;
  u32 flags;                // GatewayFlag
  u32 default_settings;     // into Settings: for requests without a route
  Extent trusted_proxies;   // into Networks
  Extent resolvers;         // LateString[] in PolicyData: servers that are asked for names
  StringRef consumer_file;  // data table with the consumers; absent: section Consumers has them
  u32 default_plan;         // into Plans: for requests without a route; kNone: nothing
  u32 cache_kib;            // memory of stored answers; 0: as the runtime likes, kNone: none
  Extent observe;           // ObserveRecord[] in PolicyData: one, or none
  Extent origins;           // into Origins: where its keys are written
};
enum GatewayFlag : u32 {
  kGatewayMockAll = 1,             // compiled with --mock
  kGatewaySecurityUnenforced = 2,  // compiled with --unenforced security
  kGatewayUpstreamOverride = 4,    // compiled with --upstream
};

/// One operation of one method.
struct RouteRecord {
  StringRef id;         // stable identity: SERVICE.operationId
  StringRef template_;  // public path template, base path included
  StringRef method;     // "*" for any method
  StringRef host;       // "" any host
  u32 plan;             // into Plans
  u32 settings;         // into Settings
  Extent captures;      // into StringLists: parameter names in order of the template
  SourceRef source;
  u32 flags;  // RouteFlag
};
enum RouteFlag : u32 {
  kRouteSecured = 1,             // the document asks for authentication
  kRouteSecurityUnenforced = 2,  // ... and it is not enforced
  kRouteDeprecated = 4,
  // From kRouteSecretCapture on, a bit per capture: its value stands in no log. The last one is of
  // all captures from there on.
};
inline constexpr u32 kRouteSecretCapture = 16;
inline constexpr u32 kRouteSecretCaptures = 16;  // how many bits

/// What a body is needed for by a plan.
enum class BodyNeed : u8 { None, Stream, Whole };

/// What happens to a request, in order. Deduplicated: many routes share one.
struct PlanRecord {
  Extent steps;    // into Steps, by phase
  Extent origins;  // into Origins
  u32 upstream;    // of the proxy step, for logs; kNone: none
  BodyNeed request_body;
  BodyNeed response_body;
  u8 reserved[2];
};

struct StepRecord {
  u16 policy;  // id in policies.def
  u8 phase;    // policies::Phase
  u8 reserved;
  u32 record;     // byte offset into PolicyData
  u32 condition;  // into Conditions; kNone: always
  u32 scratch;    // slot in the exchange's scratch array; kNone: none
};

/// A value of a request, evaluated when the request runs.
enum class ExpressionSource : u8 {
  Literal,        // `text`
  PathParameter,  // capture `index`
  Query,          // first parameter `text`, decoded
  Header,         // field `text`
  Cookie,         // cookie `text`
  Method,
  Path,  // normalised path
  Host,
  Url,  // scheme://authority/path?query
  ClientIp,
  RequestId,
  Scheme,
  Late,  // late value `index`, e.g. a credential for the upstream
  ClientCertSubject,
  ClientCertSan,
  ClientCertFingerprint,
  Claim,             // of the token: JSON Pointer `text`
  SchemeClaim,       // the same of scheme `index`
  ConsumerName,      // of the caller
  ConsumerPlan,      //
  ConsumerMetadata,  // entry `text`
  RequestBody,       // JSON Pointer `text` into it
  ResponseBody,      // the same of the answer
  ResponseHeader,    // field `text`
  ResponseStatus,
  CallBody,    // of call `index` of a composition: JSON Pointer `text`
  CallHeader,  // field `text` of its answer
  CallStatus,
  Item,         // of a call with `forEach`: JSON Pointer `text`
  ClientClass,  // name of the client class
};
inline constexpr ExpressionSource kLastExpressionSource = ExpressionSource::ClientClass;
/// Whether a value is known only once it is known who calls.
constexpr bool is_identity(ExpressionSource source) {
  return source >= ExpressionSource::Claim && source <= ExpressionSource::ConsumerMetadata;
}
/// Whether a value is known only behind authentication.
constexpr bool is_known_late(ExpressionSource source) {
  return is_identity(source) || source == ExpressionSource::ClientClass;
}
/// Parts are concatenated. Encoding says how a value is written into its place.
enum class ExpressionEncoding : u8 { Plain, PathSegment, PathRest, QueryValue };
struct ExpressionPart {
  ExpressionSource source;
  ExpressionEncoding encoding;
  u16 index;  // of a capture, a late value or a scheme
  StringRef text;
};

enum class TestSource : u8 {
  Header,
  Query,
  Cookie,
  Ip,
  Host,
  Path,
  Method,
  Claim,             // of the token: JSON Pointer `name`; of a list any item
  ConsumerName,      // of the caller
  ConsumerGroup,     // any of his
  ConsumerPlan,      //
  ConsumerMetadata,  // entry `name`
  ClientClass,       // name of the client class
};
inline constexpr TestSource kLastTestSource = TestSource::ClientClass;
/// Whether a test needs to know who calls.
constexpr bool is_identity(TestSource source) {
  return source >= TestSource::Claim && source <= TestSource::ConsumerMetadata;
}
/// Whether it can be told only behind authentication.
constexpr bool is_known_late(TestSource source) { return source >= TestSource::Claim; }
enum class TestKind : u8 {
  Present,
  Equals,
  Prefix,
  Matches,
  Network,
  NetworkFile,  // values.offset: into NetworkFiles
};
/// One test of a condition. All tests of an alternative must hold.
struct ConditionTest {
  TestSource source;
  TestKind kind;
  u8 negate;
  u8 reserved;
  u32 regex;       // into Regexes, for Matches; kNone otherwise
  StringRef name;  // of header, query parameter, cookie, metadata; pointer of a claim
  Extent values;   // any of: into StringLists (Equals, Prefix) or Networks (Network)
};
/// Any of several alternatives; each is a run of tests. Alternatives of one condition are
/// consecutive; `last` marks the end.
struct ConditionRecord {
  Extent tests;  // into ConditionTests
  u32 last;
  u32 reserved;
};

/// A CIDR block; IPv4 as mapped IPv6, prefix_bits counted on 128.
struct NetworkRecord {
  u8 address[16];
  u32 prefix_bits;
};

struct RegexRecord {
  Extent dfa;        // bytes of DfaData; count 0: too big, `re2` is compiled at load
  StringRef re2;     // the pattern in RE2 syntax
  StringRef source;  // as written
  u32 anchored;
  u32 states;
};

enum class LatePartKind : u32 { Literal, Env, File };
struct LatePart {
  LatePartKind kind;
  u32 has_default;
  StringRef text;      // literal, variable name or path
  StringRef fallback;  // default of a variable
};
/// A value that is put together when the table is loaded, then parsed and checked as `value_kind`
/// says (policies::FieldKind).
struct LateRecord {
  Extent parts;  // into LateParts
  u32 value_kind;
  u32 reserved;
  u64 min;
  u64 max;
  StringRef field;  // e.g. "upstreams.users.targets.0.url"
  SourceRef source;
  u32 padding;
};

/// Where one effective field of a plan, its settings or the gateway was set.
struct OriginRecord {
  StringRef field;  // e.g. "timeout.total"
  StringRef level;  // "default", "gateway", "service", "document", "path", "operation", policy
  StringRef value;  // as shown to people
  SourceRef source;
};

enum class NoteKind : u32 { Off, Unenforced, Waived, Public };
struct NoteRecord {
  NoteKind kind;
  StringRef subject;  // field or keyword
  StringRef where;    // operation id, or "" for the gateway
  StringRef reason;
  SourceRef source;
};

static_assert(sizeof(Header) == 64 && sizeof(Section) == 32);
static_assert(offsetof(Header, file_bytes) == 16 && offsetof(Header, section_count) == 32);
static_assert(sizeof(LateNumber) == 16 && sizeof(LateString) == 16);
static_assert(sizeof(GatewayRecord) == 72 && sizeof(RouteRecord) == 64);
static_assert(sizeof(PlanRecord) == 24 && sizeof(StepRecord) == 16);
static_assert(sizeof(ExpressionPart) == 12 && sizeof(ConditionTest) == 24);
static_assert(sizeof(ConditionRecord) == 16 && sizeof(NetworkRecord) == 20);
static_assert(sizeof(RegexRecord) == 32 && sizeof(LatePart) == 24 && sizeof(LateRecord) == 56);
static_assert(sizeof(OriginRecord) == 36 && sizeof(NoteRecord) == 40);

// No padding anywhere, so nothing leaks into a file and equal records are equal bytes.
template <class... Records>
inline constexpr bool kUnique = (std::has_unique_object_representations_v<Records> && ...);
static_assert(kUnique<Header, Section, GatewayRecord, RouteRecord, PlanRecord, StepRecord,
                      ExpressionPart, ConditionTest, ConditionRecord, NetworkRecord, RegexRecord,
                      LatePart, LateRecord, OriginRecord, NoteRecord, LateNumber, LateString>);

}  // namespace gw::table
