// The x-gw language: which fields may stand where, and how levels meet.
//
// The fields that become records are described by their field tables (runtime/policies); this
// file adds where they may be written. `gwctl schema`, the reference and the decoder read it.
#pragma once
#include <array>
#include <span>
#include <string_view>

#include "compiler/xgw/effective.h"
#include "compiler/xgw/limit_language.h"
#include "compiler/xgw/validate_language.h"
#include "runtime/policies/authorizer/record.h"
#include "runtime/policies/body/record.h"
#include "runtime/policies/cache/record.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/compose/record.h"
#include "runtime/policies/compress/record.h"
#include "runtime/policies/cors/record.h"
#include "runtime/policies/errors/record.h"
#include "runtime/policies/headers/record.h"
#include "runtime/policies/listener/record.h"
#include "runtime/policies/mock/record.h"
#include "runtime/policies/observe/record.h"
#include "runtime/policies/proxy/record.h"
#include "runtime/policies/query/record.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/redirect/record.h"
#include "runtime/policies/respond/record.h"
#include "runtime/policies/settings/record.h"
#include "runtime/policies/status/record.h"
#include "runtime/policies/upstream/record.h"

namespace gw::compiler {

inline constexpr std::string_view kExtensionKey = "x-gw";

/// `upstream` as it is written: names are looked up when it becomes a policies::ProxyRecord.
struct UpstreamShare {
  table::StringRef name;
  table::LateNumber share;
};
struct UpstreamForce {
  table::StringRef name;
  u32 condition;
  u32 reserved;
};
struct UpstreamChoice {
  u32 name;
  u32 reserved;
  table::Extent split;  // UpstreamShare[]
  table::Extent force;  // UpstreamForce[]
  table::Extent key;    // Extent[] into Expressions
};
struct MirrorChoice {
  table::StringRef name;
  table::LateNumber share;
  table::LateNumber max_body;
};

/// `request` and `response` as they are written.
struct RequestChanges {
  policies::HeadersRecord headers;
  policies::QueryRecord query;
  policies::BodyRecord body;
};
struct ResponseChanges {
  policies::HeadersRecord headers;
  policies::StatusRecord status;
  policies::BodyRecord body;
  policies::ErrorsRecord errors;
};

/// What is different for one class of clients. Laid over the fields of the operation.
struct ViewChoice {
  table::StringRef client_class;
  table::Extent pick;
  table::Extent omit;
  table::Extent rename;
  RequestChanges request;
  ResponseChanges response;
  table::Extent rate_limit;
  table::Extent quota;
  table::Extent concurrency;
  policies::ComposeRecord compose;
  policies::CompressRecord compress;
  policies::CacheChoice cache;
};

/// All effective fields of one operation before they become steps. Only the compiler has this.
struct OperationRecord {
  UpstreamChoice upstream;
  table::Extent mirror;  // MirrorChoice[]
  u32 idempotent;
  u32 upgrade;  // policies::kUpgradeWords
  u32 forward;  // policies::kForwardWords
  u32 decompress_requests;
  policies::CompressRecord compress;
  ValidateChoice validate;
  table::Extent path;
  table::Extent rate_limit;   // LimitChoice[]
  table::Extent quota;        // LimitChoice[]
  table::Extent concurrency;  // LimitChoice[]
  CorsChoice cors;
  policies::CacheChoice cache;
  policies::AuthorizerRecord authorizer;
  policies::RespondRecord respond;
  policies::RedirectRecord redirect;
  policies::MockRecord mock;
  policies::SettingsRecord settings;
  RequestChanges request;
  ResponseChanges response;
  table::Extent views;  // ViewChoice[]
  policies::ComposeRecord compose;
};

inline constexpr policies::FieldSpec kUpstreamShareElement[] = {
    {.name = "share",
     .kind = policies::FieldKind::Percent,
     .offset = offsetof(UpstreamShare, share),
     .late = true,
     .max = 10'000},
};
inline constexpr policies::FieldSpec kUpstreamForceElement[] = {
    {.name = "when",
     .kind = policies::FieldKind::Condition,
     .offset = offsetof(UpstreamForce, condition)},
};
inline constexpr policies::FieldSpec kUpstreamChoiceFields[] = {
    {.name = "name",
     .kind = policies::FieldKind::Name,
     .offset = offsetof(UpstreamChoice, name),
     .required = true,
     .names = policies::NameSpace::Upstream,
     .doc = "name of the upstream"},
    {.name = "split",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(UpstreamChoice, split),
     .max = policies::kMaxSplits,
     .fields = kUpstreamShareElement,
     .size = sizeof(UpstreamShare),
     .doc = "other upstreams and the share of the requests that each takes"},
    {.name = "force",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(UpstreamChoice, force),
     .max = policies::kMaxSplits,
     .fields = kUpstreamForceElement,
     .size = sizeof(UpstreamForce),
     .doc = "requests that one of these upstreams takes in any case, by conditions; of two that "
            "hold the first by name"},
    {.name = "key",
     .kind = policies::FieldKind::List,
     .offset = offsetof(UpstreamChoice, key),
     .max = 8,
     .fields = policies::kSplitKeyElement,
     .size = sizeof(table::Extent),
     .doc = "requests of one value meet the same upstream, and a share that is raised moves none "
            "back; of a list the first that is there; without it, or where it is absent, each "
            "request is drawn afresh"},
};
inline constexpr policies::FieldSpec kMirrorChoiceFields[] = {
    {.name = "share",
     .kind = policies::FieldKind::Percent,
     .offset = offsetof(MirrorChoice, share),
     .late = true,
     .required = true,
     .max = 10'000,
     .doc = "share of the requests"},
    {.name = "maxBody",
     .kind = policies::FieldKind::Bytes,
     .offset = offsetof(MirrorChoice, max_body),
     .late = true,
     .max = u64{16} << 20,
     .fallback = "64KiB",
     .doc = "a request with a longer body is not copied"},
};
inline constexpr policies::FieldSpec kMirrorChoiceElement[] = {
    {.name = "mirror",
     .kind = policies::FieldKind::Record,
     .fields = kMirrorChoiceFields,
     .size = sizeof(MirrorChoice),
     .shorthand = "share"},
};
inline constexpr policies::FieldSpec kRequestFields[] = {
    {.name = "headers",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(RequestChanges, headers),
     .fields = policies::kHeadersFields,
     .size = sizeof(policies::HeadersRecord),
     .doc = "changes of the fields that are sent upstream"},
    {.name = "query",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(RequestChanges, query),
     .fields = policies::kQueryFields,
     .size = sizeof(policies::QueryRecord),
     .doc = "changes of the query that is sent upstream; names are as they are decoded"},
    {.name = "body",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(RequestChanges, body),
     .fields = policies::kBodyFields,
     .size = sizeof(policies::BodyRecord),
     .doc = "changes of a JSON body before it is sent upstream; others pass"},
};
inline constexpr policies::FieldSpec kResponseFields[] = {
    {.name = "headers",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ResponseChanges, headers),
     .fields = policies::kHeadersFields,
     .size = sizeof(policies::HeadersRecord),
     .doc = "changes of the fields that are sent to the client"},
    {.name = "status",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(ResponseChanges, status),
     .max = 64,
     .fields = policies::kStatusChangeElement,
     .size = sizeof(policies::StatusChangeRecord),
     .doc = "other status codes: {'404': 200, 5xx: 502}; the closest pattern decides, and "
            "everything else here sees the new one"},
    {.name = "body",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ResponseChanges, body),
     .fields = policies::kBodyFields,
     .size = sizeof(policies::BodyRecord),
     .doc = "changes of the JSON body of a success (2xx); others pass"},
    {.name = "errors",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(ResponseChanges, errors),
     .max = 64,
     .fields = policies::kErrorBodyElement,
     .size = sizeof(policies::ErrorBodyRecord),
     .doc =
         "bodies in place of those of errors, whoever made them: {'404': {body: JSON}, 5xx: ..., "
         "default: ...}"},
};

/// Changes of bodies stand in a view directly; what else it may say is as for operations.
inline constexpr policies::FieldSpec kViewFields[] = {
    {.name = "pick",
     .kind = policies::FieldKind::List,
     .offset = offsetof(ViewChoice, pick),
     .max = policies::kMaxBodyPaths,
     .fields = policies::kBodyPathElement,
     .size = sizeof(table::StringRef),
     .doc = "of the answer that others get keep nothing but these"},
    {.name = "omit",
     .kind = policies::FieldKind::List,
     .offset = offsetof(ViewChoice, omit),
     .max = policies::kMaxBodyPaths,
     .fields = policies::kBodyPathElement,
     .size = sizeof(table::StringRef),
     .doc = "take these away"},
    {.name = "rename",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(ViewChoice, rename),
     .max = policies::kMaxBodyPaths,
     .fields = policies::kBodyToElement,
     .size = sizeof(policies::BodyPathRecord),
     .doc = "path: new name of the member that it leads to"},
    {.name = "request",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ViewChoice, request),
     .fields = kRequestFields,
     .size = sizeof(RequestChanges),
     .doc = "further changes of the request"},
    {.name = "response",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ViewChoice, response),
     .fields = kResponseFields,
     .size = sizeof(ResponseChanges),
     .doc = "further changes of the answer; those of its body come behind those of the operation"},
    {.name = "rateLimit",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(ViewChoice, rate_limit),
     .max = policies::kMaxLimits,
     .fields = kRateLimitElement,
     .size = sizeof(LimitChoice),
     .doc = "how often, by names; all must hold, and who is refused by one is not charged by "
            "others; counters belong to the place that declares the name first"},
    {.name = "quota",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(ViewChoice, quota),
     .max = policies::kMaxLimits,
     .fields = kQuotaElement,
     .size = sizeof(LimitChoice),
     .doc = "how much in an hour, day, week or month (UTC), by names"},
    {.name = "concurrency",
     .kind = policies::FieldKind::Map,
     .offset = offsetof(ViewChoice, concurrency),
     .max = policies::kMaxLimits,
     .fields = kConcurrencyElement,
     .size = sizeof(LimitChoice),
     .doc = "how many at a time, by names; a stream or tunnel counts until it ends"},
    {.name = "compose",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ViewChoice, compose),
     .fields = policies::kComposeFields,
     .size = sizeof(policies::ComposeRecord),
     .doc = "an answer put together otherwise"},
    {.name = "cache",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ViewChoice, cache),
     .fields = policies::kCacheFields,
     .size = sizeof(policies::CacheChoice),
     .shorthand = "ttl",
     .doc = "how answers are kept for this class; a bare duration sets `ttl`"},
    {.name = "compress",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ViewChoice, compress),
     .fields = policies::kCompressFields,
     .size = sizeof(policies::CompressRecord),
     .shorthand = "encodings",
     .doc = "encodes answers for clients that can read it; what an upstream has encoded passes; a "
            "bare word or list sets `encodings`; default: none"},
};
inline constexpr policies::FieldSpec kViewElement[] = {
    {.name = "view",
     .kind = policies::FieldKind::Record,
     .fields = kViewFields,
     .size = sizeof(ViewChoice)},
};

/// A field that defaults, documents, paths, operations and policies may set.
struct OperationField {
  policies::FieldSpec spec;
  Merge merge;
  bool in_policies;  // may stand in `policies.NAME`
};

inline constexpr OperationField kOperationFields[] = {
    {{.name = "upstream",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, upstream),
      .fields = kUpstreamChoiceFields,
      .size = sizeof(UpstreamChoice),
      .shorthand = "name",
      .doc = "where requests are sent"},
     Merge::Replace,
     false},
    {{.name = "mirror",
      .kind = policies::FieldKind::Map,
      .offset = offsetof(OperationRecord, mirror),
      .max = policies::kMaxMirrors,
      .fields = kMirrorChoiceElement,
      .size = sizeof(MirrorChoice),
      .doc = "upstreams that get copies of a share of the requests; their answers are thrown away"},
     Merge::Replace,
     true},
    {{.name = "path",
      .kind = policies::FieldKind::PathRewrite,
      .offset = offsetof(OperationRecord, path),
      .doc = "path that is sent upstream, with `{parameter}` and runtime expressions; default: the "
             "normalised path"},
     Merge::Replace,
     false},
    {{.name = "upgrade",
      .kind = policies::FieldKind::Enum,
      .offset = offsetof(OperationRecord, upgrade),
      .words = policies::kUpgradeWords,
      .doc = "protocol that clients may switch to by an Upgrade over HTTP/1.1; default: none"},
     Merge::Replace,
     true},
    {{.name = "respond",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, respond),
      .fields = policies::kRespondFields,
      .size = sizeof(policies::RespondRecord),
      .shorthand = "status",
      .doc = "a fixed answer"},
     Merge::Replace,
     true},
    {{.name = "redirect",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, redirect),
      .fields = policies::kRedirectFields,
      .size = sizeof(policies::RedirectRecord),
      .shorthand = "to",
      .doc = "a redirect; the query is kept"},
     Merge::Replace,
     true},
    {{.name = "mock",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, mock),
      .fields = policies::kMockFields,
      .size = sizeof(policies::MockRecord),
      .doc = "answers from the examples of the document; `true` takes the first success"},
     Merge::Replace,
     true},
    {{.name = "timeout",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, settings.timeout),
      .fields = policies::kTimeoutFields,
      .size = sizeof(policies::TimeoutRecord),
      .shorthand = "total",
      .doc = "deadlines; a bare duration sets `total`"},
     Merge::ByKey,
     true},
    {policies::kSettingsFields[1], Merge::Replace, true},  // maxBody; offset set below
    {policies::kSettingsFields[2], Merge::ByKey, true},    // retry; offset set below
    {policies::kSettingsFields[3], Merge::Replace, true},  // maxStreamAge; offset set below
    {{.name = "idempotent",
      .kind = policies::FieldKind::Bool,
      .offset = offsetof(OperationRecord, idempotent),
      .fallback = "false",
      .doc = "sending a request twice has the effect of sending it once, whatever its method"},
     Merge::Replace,
     true},
    {{.name = "authorizer",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, authorizer),
      .fields = policies::kAuthorizerFields,
      .size = sizeof(policies::AuthorizerRecord),
      .shorthand = "upstream",
      .doc = "a service that is asked about each request, after everything else that decides who "
             "may call"},
     Merge::Replace,
     true},
    {{.name = "allow",
      .kind = policies::FieldKind::Condition,
      .doc = "who may call: a condition that must hold, of each level that has one; otherwise the "
             "answer is 403. `{off: REASON}` removes what is inherited"},
     Merge::Add,
     true},
    {{.name = "deny",
      .kind = policies::FieldKind::Condition,
      .doc = "who may not: a condition that may not hold, of each level that has one; otherwise "
             "the answer is 403. `{off: REASON}` removes what is inherited"},
     Merge::Add,
     true},
    {{.name = "cors",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, cors),
      .fields = kCorsChoiceFields,
      .size = sizeof(CorsChoice),
      .shorthand = "origins",
      .doc = "which pages of other origins may read the answers; `off` takes away what an upstream "
             "says about it; default: what it says passes"},
     Merge::Replace,
     true},
    {{.name = "compress",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, compress),
      .fields = policies::kCompressFields,
      .size = sizeof(policies::CompressRecord),
      .shorthand = "encodings",
      .doc = "encodes answers for clients that can read it; what an upstream has encoded passes; a "
             "bare word or list sets `encodings`; default: none"},
     Merge::Replace,
     true},
    {{.name = "decompressRequests",
      .kind = policies::FieldKind::Bool,
      .offset = offsetof(OperationRecord, decompress_requests),
      .fallback = "false",
      .doc =
          "request bodies in gzip, br or zstd go upstream decoded, within `maxBody`; others that "
          "are encoded are refused; default: bodies go upstream as they came"},
     Merge::Replace,
     true},
    {{.name = "rateLimit",
      .kind = policies::FieldKind::Map,
      .offset = offsetof(OperationRecord, rate_limit),
      .max = policies::kMaxLimits,
      .fields = kRateLimitElement,
      .size = sizeof(LimitChoice),
      .doc = "how often, by names; all must hold, and who is refused by one is not charged by "
             "others; counters belong to the place that declares the name first"},
     Merge::ByKey,
     true},
    {{.name = "quota",
      .kind = policies::FieldKind::Map,
      .offset = offsetof(OperationRecord, quota),
      .max = policies::kMaxLimits,
      .fields = kQuotaElement,
      .size = sizeof(LimitChoice),
      .doc = "how much in an hour, day, week or month (UTC), by names"},
     Merge::ByKey,
     true},
    {{.name = "concurrency",
      .kind = policies::FieldKind::Map,
      .offset = offsetof(OperationRecord, concurrency),
      .max = policies::kMaxLimits,
      .fields = kConcurrencyElement,
      .size = sizeof(LimitChoice),
      .doc = "how many at a time, by names; a stream or tunnel counts until it ends"},
     Merge::ByKey,
     true},
    {{.name = "validate",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, validate),
      .fields = kValidateChoiceFields,
      .size = sizeof(ValidateChoice),
      .shorthand = "request",
      .doc =
          "holds messages to what the document declares: parameters, media types, bodies; a bare "
          "word sets `request`"},
     Merge::ByKey,
     true},
    {{.name = "cache",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, cache),
      .fields = policies::kCacheFields,
      .size = sizeof(policies::CacheChoice),
      .shorthand = "ttl",
      .doc = "answers that are kept and given out again (RFC 9111); a bare duration sets `ttl`"},
     Merge::ByKey,
     true},
    {{.name = "views",
      .kind = policies::FieldKind::Map,
      .offset = offsetof(OperationRecord, views),
      .max = policies::kMaxClientClasses,
      .fields = kViewElement,
      .size = sizeof(ViewChoice),
      .doc = "what is different for classes of `clients`, by their names"},
     Merge::ByKey,
     false},
    {{.name = "compose",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, compose),
      .fields = policies::kComposeFields,
      .size = sizeof(policies::ComposeRecord),
      .doc = "an answer that is put together from those of several calls, in place of an upstream"},
     Merge::Replace,
     false},
    {{.name = "forward",
      .kind = policies::FieldKind::Enum,
      .offset = offsetof(OperationRecord, forward),
      .fallback = "all",
      .words = policies::kForwardWords,
      .doc = "what of a request goes upstream: with `declared` no query parameter, header or "
             "cookie that is not declared, but what HTTP itself, proxies and tracing need"},
     Merge::Replace,
     true},
    {{.name = "request",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, request),
      .fields = kRequestFields,
      .size = sizeof(RequestChanges),
      .doc = "changes of the request before it is sent upstream"},
     Merge::ByKey,
     true},
    {{.name = "response",
      .kind = policies::FieldKind::Record,
      .offset = offsetof(OperationRecord, response),
      .fields = kResponseFields,
      .size = sizeof(ResponseChanges),
      .doc = "changes of the answer before it is sent to the client"},
     Merge::ByKey,
     true},
};

/// The specs of kOperationFields with offsets into OperationRecord.
constexpr auto operation_specs() {
  std::array<policies::FieldSpec, std::size(kOperationFields)> specs{};
  for (size_t i = 0; i < specs.size(); ++i) {
    specs[i] = kOperationFields[i].spec;
    // Those of the settings have offsets into their record.
    const std::string_view name = specs[i].name;
    const bool is_setting = name == "maxBody" || name == "retry" || name == "maxStreamAge";
    if (is_setting) specs[i].offset += offsetof(OperationRecord, settings);
  }
  return specs;
}
inline constexpr auto kOperationSpecs = operation_specs();

/// Fields that an upstream may set for the operations that use it.
inline constexpr std::string_view kUpstreamSettings[] = {"timeout", "maxBody", "retry"};
constexpr bool is_upstream_setting(std::string_view name) {
  for (const std::string_view setting : kUpstreamSettings) {
    if (setting == name) return true;
  }
  return false;
}

/// A key that is read by code of its own rather than by a field table.
struct PlainField {
  std::string_view name;
  std::string_view doc;
};

inline constexpr PlainField kRootFields[] = {
    {"version", "version of the language; 1"},
    {"services", "documents that this gateway puts together"},
    {"hosts", "hosts that are served; default: any"},
    {"listeners", "addresses that are listened on"},
    {"upstreams", "named groups of servers"},
    {"policies", "named bundles of fields, taken in by `use`"},
    {"defaults", "fields for every operation"},
    {"locked", "fields that service documents may not set"},
    {"basePath", "public base path, in place of that of `servers`"},
    {"trustedProxies", "peers whose X-Forwarded-* and Forwarded fields are believed"},
    {"consumers",
     "who calls: {NAME: {keys, passwords, certificates, plan, groups, metadata}}, or {table: "
     "'$file./path'} for a data table that is swapped alone"},
    {"plans",
     "limits of consumers by the name of their plan: {NAME: {rateLimit, quota, concurrency}}, each "
     "with names of limits that operations have"},
    {"clients",
     "classes of clients: {NAME: {when: CONDITION}}, of which one may be `{}`, the rest; a class "
     "within another comes first, others may not overlap"},
    {"resolvers",
     "servers that are asked for names, in turn: IP or IP:port; default: those of "
     "/etc/resolv.conf"},
    {"cacheMemory",
     "memory for stored answers (`cache`), such as `256MiB`; `0B` keeps none; default: 64MiB"},
    {"observe", "what is told of requests, besides metrics: {tracing, accessLog}"},
    {"public", "why operations that ask for no authentication need none"},
    {"assert",
     "what must hold of all operations and of the table: a list of {every, has, avoids, maxSteps, "
     "maxTableBytes}"},
    {"waive", "findings that are accepted: {RULE: {reason, until}}"},
    {"unenforced", "keywords that are knowingly not enforced: {KEYWORD: reason}"},
};
/// Of an entry of `assert`.
inline constexpr PlainField kAssertFields[] = {
    {"every", "which operations: {method, path, public}; default: all"},
    {"has", "what each of them has: security, limit, rateLimit, quota, concurrency, validate"},
    {"avoids", "upstreams that none of them reaches"},
    {"maxSteps", "most steps that the plan of one of them has"},
    {"maxTableBytes", "largest size of the table"},
};
inline constexpr PlainField kAssertEveryFields[] = {
    {"method", "these methods"},
    {"path", "paths that begin so"},
    {"public", "`true`: those that anybody may call; `false`: the others"},
};
inline constexpr std::string_view kAssertHasWords[] = {"security", "limit",       "rateLimit",
                                                       "quota",    "concurrency", "validate"};
inline constexpr PlainField kServiceFields[] = {
    {"spec", "path of the document"},
    {"mount", "public prefix in place of the base path of `servers`; not forwarded"},
    {"hosts", "hosts of this service"},
    {"upstream", "upstream of operations that name none"},
    {"schemes", "document's security scheme: the gateway's"},
    {"security", "requirements for a document that states none"},
    {"defaults", "fields for every operation of the service"},
    {"operations", "fields by operationId, for documents that are generated"},
    {"basePath", "public base path, in place of that of `servers`"},
};
/// Besides kOperationFields, on paths and operations.
inline constexpr PlainField kPathFields[] = {
    {"use", "named policies to take in"},
    {"anyMethod", "an operation for every method that is not declared; `true`: an empty one"},
    {"public", "why this needs no authentication"},
    {"waive", "findings that are accepted here"},
    {"unenforced", "keywords that are knowingly not enforced here"},
};
inline constexpr PlainField kOperationOnlyFields[] = {
    {"use", "named policies to take in"},
    {"id", "stable identity in place of the operationId"},
    {"public", "why this needs no authentication"},
    {"waive", "findings that are accepted here"},
    {"unenforced", "keywords that are knowingly not enforced here"},
};
inline constexpr PlainField kParameterFields[] = {
    {"greedy", "the parameter takes the rest of the path, slashes included"},
    {"matchOnly", "a value that its schema refuses is no match: 404 instead of 400"},
    {"equals", "what the value must be, such as `$jwt.tenant`; otherwise the answer is 403"},
};

/// Fields of features to come, by place. They are known and refused as not supported yet.
inline constexpr std::string_view kLaterFields[] = {
    "sunset",
    "tls",
    "http2",
};

}  // namespace gw::compiler
