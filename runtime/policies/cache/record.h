// cache: answers that are kept, and given out again.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

inline constexpr u32 kMaxCacheKeys = 16;
inline constexpr u32 kMaxCacheTags = 16;
inline constexpr u64 kMaxCacheDuration = u64{366} * 86'400'000;

/// What the step does with a request.
enum class CacheMode : u32 {
  Serve,       // GET and HEAD are answered from the cache, other methods make entries invalid
  Invalidate,  // of operations that are not cached themselves: the second half alone
};
inline constexpr std::string_view kCacheModeWords[] = {"serve", "invalidate"};

/// What the caller is in the key.
enum class CacheCaller : u32 {
  Nobody,      // anybody may call; a request with credentials is not answered from the cache
  Caller,      // each caller has entries of his own
  Expression,  // `identity`
  Shared,      // `shared: true`: it does not matter who calls
};
inline constexpr std::string_view kCacheCallerWords[] = {"nobody", "caller", "identity", "shared"};

/// Bare times are for the errors that HTTP itself lets caches keep: 404, 405, 410, 414, 501.
struct CacheNegativeRecord {
  table::StringRef status;
  u64 ttl;  // milliseconds
};

/// `cache` as it is written. A part of CacheRecord.
struct CacheChoice {
  u64 ttl;
  u64 stale_while_revalidate;
  u64 stale_if_error;
  u64 max_body;
  u64 negative_ttl;
  table::Extent negative;  // CacheNegativeRecord[]
  table::Extent key;       // Extent[] into Expressions: all of them
  table::Extent identity;  // Extent[] into Expressions: the first that is there
  table::Extent tags;      // Extent[] into Expressions
  u32 negative_kind;       // 0: absent, 1: negative_ttl, 2: negative
  u32 shared;
  u32 override_upstream;
  u32 heuristic;
  u32 client_bypass;
  u32 coalesce;
};

/// A query parameter that the document declares.
struct CacheQueryRecord {
  table::StringRef name;
};

struct CacheRecord {
  CacheChoice choice;
  /// What every key begins with: the operation's identity, and a digest of what gives its entries
  /// their meaning. Entries outlive a table, but no change of these.
  table::StringRef prefix;
  table::StringRef operation;
  table::Extent query;  // CacheQueryRecord[], sorted; no other parameter is looked at or forwarded
  /// Extent[] into Expressions, of one part each: values of the request that the gateway sends
  /// upstream in other places, such as `request.headers`. What is absent counts as such.
  table::Extent inputs;
  u32 whole_query;  // the names are not known: all parameters count
  u32 mode;         // CacheMode
  u32 caller;       // CacheCaller
  u32 reserved;
};
static_assert(sizeof(CacheChoice) == 96 && sizeof(CacheRecord) == 144);

inline constexpr FieldSpec kCacheExpressionElement[] = {
    {.name = "value", .kind = FieldKind::Expression, .max = 8192},
};
inline constexpr FieldSpec kCacheNegativeElement[] = {
    {.name = "ttl",
     .kind = FieldKind::Duration,
     .offset = offsetof(CacheNegativeRecord, ttl),
     .min = 1,
     .max = kMaxCacheDuration},
};
inline constexpr FieldSpec kCacheNegativeAlternatives[] = {
    {.name = "ttl",
     .kind = FieldKind::Duration,
     .offset = offsetof(CacheChoice, negative_ttl),
     .min = 1,
     .max = kMaxCacheDuration},
    {.name = "statuses",
     .kind = FieldKind::Map,
     .offset = offsetof(CacheChoice, negative),
     .max = 32,
     .fields = kCacheNegativeElement,
     .size = sizeof(CacheNegativeRecord)},
};

inline constexpr FieldSpec kCacheFields[] = {
    {.name = "ttl",
     .kind = FieldKind::Duration,
     .offset = offsetof(CacheChoice, ttl),
     .max = kMaxCacheDuration,
     .doc = "how long a good answer is fresh where the upstream does not say; default: only what "
            "the upstream says"},
    {.name = "override",
     .kind = FieldKind::Bool,
     .offset = offsetof(CacheChoice, override_upstream),
     .fallback = "false",
     .doc = "the times here hold, whatever the upstream says of times; `no-store` and `private` "
            "are obeyed all the same"},
    {.name = "staleWhileRevalidate",
     .kind = FieldKind::Duration,
     .offset = offsetof(CacheChoice, stale_while_revalidate),
     .max = kMaxCacheDuration,
     .doc = "how long an answer that is no longer fresh is given out while a new one is fetched "
            "(RFC 5861); what the upstream says comes first"},
    {.name = "staleIfError",
     .kind = FieldKind::Duration,
     .offset = offsetof(CacheChoice, stale_if_error),
     .max = kMaxCacheDuration,
     .doc = "how long it is given out where the upstream fails or answers 5xx"},
    {.name = "negative",
     .kind = FieldKind::Union,
     .offset = offsetof(CacheChoice, negative_kind),
     .fields = kCacheNegativeAlternatives,
     .doc = "how long errors are kept: `{404: 10s}`, or one time for 404, 405, 410, 414 and 501; "
            "default: only where the upstream says so"},
    {.name = "key",
     .kind = FieldKind::List,
     .offset = offsetof(CacheChoice, key),
     .max = kMaxCacheKeys,
     .fields = kCacheExpressionElement,
     .size = sizeof(table::Extent),
     .doc = "what an answer depends on besides host, path and the declared parameters, such "
            "as `$request.header.accept-language`; all of them count"},
    {.name = "identity",
     .kind = FieldKind::List,
     .offset = offsetof(CacheChoice, identity),
     .max = kMaxCacheKeys,
     .fields = kCacheExpressionElement,
     .size = sizeof(table::Extent),
     .doc = "whose answers are kept apart, such as `$jwt.tenant`; of a list the first that is "
            "there, and without any nothing is kept; default: those of each caller, where "
            "`security` asks for one"},
    {.name = "shared",
     .kind = FieldKind::Bool,
     .offset = offsetof(CacheChoice, shared),
     .fallback = "false",
     .doc = "all callers may have the same answer, whatever credentials they bring"},
    {.name = "tags",
     .kind = FieldKind::List,
     .offset = offsetof(CacheChoice, tags),
     .max = kMaxCacheTags,
     .fields = kCacheExpressionElement,
     .size = sizeof(table::Extent),
     .doc = "names by which answers are purged, besides those in `Surrogate-Key`; on an operation "
            "that changes things, what its success purges"},
    {.name = "maxBody",
     .kind = FieldKind::Bytes,
     .offset = offsetof(CacheChoice, max_body),
     .max = u64{64} << 20,
     .fallback = "1MiB",
     .doc = "longer answers are not kept"},
    {.name = "heuristic",
     .kind = FieldKind::Bool,
     .offset = offsetof(CacheChoice, heuristic),
     .fallback = "false",
     .doc = "where nobody says how long, guess from `Last-Modified`"},
    {.name = "clientBypass",
     .kind = FieldKind::Bool,
     .offset = offsetof(CacheChoice, client_bypass),
     .fallback = "false",
     .doc = "clients may ask for a fresh answer by `Cache-Control: no-cache`, `max-age` and the "
            "like"},
    {.name = "coalesce",
     .kind = FieldKind::Bool,
     .offset = offsetof(CacheChoice, coalesce),
     .fallback = "true",
     .doc = "of requests for the same at the same time one asks the upstream"},
};
inline constexpr RecordSpec kCacheSpec{.name = "cache",
                                       .bytes = sizeof(CacheChoice),
                                       .fields = kCacheFields,
                                       .doc = "answers that are kept and given out again",
                                       .shorthand = "ttl"};

inline constexpr FieldSpec kCacheQueryElement[] = {
    {.name = "name", .kind = FieldKind::String, .offset = offsetof(CacheQueryRecord, name)},
};
inline constexpr FieldSpec kCacheStoredFields[] = {
    {.name = "cache",
     .kind = FieldKind::Record,
     .offset = offsetof(CacheRecord, choice),
     .fields = kCacheFields,
     .size = sizeof(CacheChoice),
     .doc = "as it is written"},
    {.name = "prefix",
     .kind = FieldKind::String,
     .offset = offsetof(CacheRecord, prefix),
     .required = true,
     .doc = "what its keys begin with"},
    {.name = "operation",
     .kind = FieldKind::String,
     .offset = offsetof(CacheRecord, operation),
     .required = true,
     .doc = "whose answers they are"},
    {.name = "query",
     .kind = FieldKind::List,
     .offset = offsetof(CacheRecord, query),
     .fields = kCacheQueryElement,
     .size = sizeof(CacheQueryRecord),
     .doc = "parameters that count"},
    {.name = "inputs",
     .kind = FieldKind::List,
     .offset = offsetof(CacheRecord, inputs),
     .fields = kCacheExpressionElement,
     .size = sizeof(table::Extent),
     .doc = "what else of a request reaches the upstream"},
    {.name = "wholeQuery",
     .kind = FieldKind::Bool,
     .offset = offsetof(CacheRecord, whole_query),
     .doc = "all parameters count"},
    {.name = "mode",
     .kind = FieldKind::Enum,
     .offset = offsetof(CacheRecord, mode),
     .words = kCacheModeWords,
     .doc = "whether answers are kept, or only made invalid"},
    {.name = "caller",
     .kind = FieldKind::Enum,
     .offset = offsetof(CacheRecord, caller),
     .words = kCacheCallerWords,
     .doc = "what the caller is in the key"},
};
inline constexpr RecordSpec kCacheStoredSpec{.name = "cache",
                                             .bytes = sizeof(CacheRecord),
                                             .fields = kCacheStoredFields,
                                             .doc = "answers that are kept and given out again"};

}  // namespace gw::policies
