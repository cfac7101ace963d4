// A security scheme: how a request proves who it comes from. The document declares it under
// `components/securitySchemes`; its `x-gw` says how it is enforced.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// What is checked. Stored in tables.
enum class SchemeKind : u32 { ApiKey, Basic, Jwt, Introspection, MutualTls };
inline constexpr u32 kSchemeKindCount = 5;

/// Where a credential stands. The words are those of OpenAPI.
enum class CredentialPlace : u32 { Header, Query, Cookie };
inline constexpr std::string_view kCredentialPlaceWords[] = {"header", "query", "cookie"};

/// Signature algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2). Their
/// places are stored in tables: new ones come last. The fully specified names of ECDSA in RFC 9864
/// (ESP256 and the like) are those of COSE; in JOSE ES256 says all.
inline constexpr std::string_view kAlgorithmWords[] = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",   "ES256", "ES384",
    "ES512", "EdDSA", "HS256", "HS384", "HS512", "Ed25519", "Ed448"};
constexpr bool is_symmetric_algorithm(u32 place) {
  return place < std::size(kAlgorithmWords) && kAlgorithmWords[place].starts_with("HS");
}

inline constexpr std::string_view kClaimTypeWords[] = {"string",  "integer", "number",
                                                       "boolean", "array",   "object"};

/// A claim of tokens that expressions and conditions may name.
struct ClaimRecord {
  table::StringRef name;
  u32 type;
  u32 required;          // a token without it is refused
  table::Extent values;  // StringRef[]: it must be one of these; none: anything
};

/// Where keys come from: at most one of these.
struct JwksRecord {
  table::LateString url;
  table::LateString file;  // the document itself
  table::StringRef keys;   // a list of keys as JSON
};

struct IntrospectionRecord {
  u32 upstream = table::kNone;
  u32 reserved = 0;
  table::StringRef path;
  table::LateString client_id;
  table::LateString client_secret;
  table::LateNumber timeout;  // milliseconds
  table::LateNumber cache;    // milliseconds
};

struct SchemeRecord {
  table::StringRef name;   // as `inspect` shows it: SERVICE.name, or name
  u32 kind;                // SchemeKind
  u32 forward;             // the credential goes on to the upstream
  u32 place;               // CredentialPlace
  u32 consumer_required;   // who is no consumer is refused
  table::StringRef field;  // header field in lower case, query parameter or cookie
  table::StringRef realm;
  table::SourceRef source;
  u32 discovers;                // the issuer's metadata say where its keys are
  table::LateString discovery;  // URL of the metadata
  table::LateString issuer;
  table::Extent audiences;       // LateString[]
  table::Extent algorithms;      // u32[], indexes of kAlgorithmWords
  table::LateNumber clock_skew;  // milliseconds
  table::LateNumber stale;       // milliseconds that keys are used without a word of the issuer
  table::Extent claims;          // ClaimRecord[]
  table::StringRef scopes;       // JSON Pointer of the claim; several by spaces
  table::StringRef consumer;     // JSON Pointer of the claim that names the consumer
  table::StringRef type;         // `typ` of the token's header; empty: not looked at
  table::LateString secret;      // of HS algorithms
  JwksRecord jwks;
  IntrospectionRecord introspection;
};
static_assert(sizeof(SchemeRecord) % 8 == 0);
static_assert(std::has_unique_object_representations_v<SchemeRecord>);

inline constexpr FieldSpec kForwardField{
    .name = "forward",
    .kind = FieldKind::Bool,
    .offset = offsetof(SchemeRecord, forward),
    .fallback = "false",
    .doc = "leave the credential in the request that is sent upstream"};
inline constexpr FieldSpec kConsumerRequiredField{
    .name = "required",
    .kind = FieldKind::Bool,
    .offset = offsetof(SchemeRecord, consumer_required),
    .fallback = "false",
    .doc = "refuse who is no consumer"};

inline constexpr FieldSpec kApiKeyFields[] = {kForwardField};
inline constexpr FieldSpec kBasicFields[] = {
    kForwardField,
    {.name = "realm",
     .kind = FieldKind::String,
     .offset = offsetof(SchemeRecord, realm),
     .min = 1,
     .max = 256,
     .doc = "what the password is for, as browsers show it; default: the title of the document"},
};
inline constexpr FieldSpec kCertificateConsumerFields[] = {kConsumerRequiredField};
inline constexpr FieldSpec kMutualTlsFields[] = {
    {.name = "consumer",
     .kind = FieldKind::Record,
     .fields = kCertificateConsumerFields,
     .size = sizeof(SchemeRecord),
     .doc = "consumers are found by the `certificates` that they name"},
};

inline constexpr FieldSpec kTextElement[] = {
    {.name = "text", .kind = FieldKind::String, .max = 1024}};
inline constexpr FieldSpec kAudienceElement[] = {
    {.name = "audience", .kind = FieldKind::String, .late = true, .min = 1, .max = 1024},
};
inline constexpr FieldSpec kAlgorithmElement[] = {
    {.name = "algorithm", .kind = FieldKind::Enum, .words = kAlgorithmWords},
};
inline constexpr FieldSpec kClaimFields[] = {
    {.name = "type",
     .kind = FieldKind::Enum,
     .offset = offsetof(ClaimRecord, type),
     .fallback = "string",
     .words = kClaimTypeWords,
     .doc = "type of its value; a token in which it is another is refused"},
    {.name = "required",
     .kind = FieldKind::Bool,
     .offset = offsetof(ClaimRecord, required),
     .fallback = "false",
     .doc = "refuse tokens without it"},
    {.name = "values",
     .kind = FieldKind::List,
     .offset = offsetof(ClaimRecord, values),
     .max = 64,
     .fields = kTextElement,
     .size = sizeof(table::StringRef),
     .doc = "refuse tokens in which it is none of these"},
};
inline constexpr FieldSpec kClaimElement[] = {
    {.name = "claim",
     .kind = FieldKind::Record,
     .fields = kClaimFields,
     .size = sizeof(ClaimRecord),
     .shorthand = "type"},
};
inline constexpr FieldSpec kTokenFields[] = {
    {.name = "in",
     .kind = FieldKind::Enum,
     .offset = offsetof(SchemeRecord, place),
     .fallback = "header",
     .words = kCredentialPlaceWords,
     .doc = "where the token stands"},
    {.name = "name",
     .kind = FieldKind::String,
     .offset = offsetof(SchemeRecord, field),
     .min = 1,
     .max = 256,
     .fallback = "authorization",
     .doc = "name of the header field, query parameter or cookie; in a header field `Bearer ` may "
            "stand before it, and must in `authorization`"},
};
inline constexpr FieldSpec kTokenConsumerFields[] = {
    {.name = "claim",
     .kind = FieldKind::ClaimPath,
     .offset = offsetof(SchemeRecord, consumer),
     .required = true,
     .doc = "the claim that names the consumer, such as `$jwt.client_id`"},
    kConsumerRequiredField,
};
inline constexpr FieldSpec kJwksFields[] = {
    {.name = "url",
     .kind = FieldKind::Url,
     .offset = offsetof(JwksRecord, url),
     .late = true,
     .max = 2048,
     .doc = "where the issuer publishes its keys; fetched in the background"},
    {.name = "file",
     .kind = FieldKind::Document,
     .offset = offsetof(JwksRecord, file),
     .late = true,
     .max = u64{1} << 20,
     .doc = "a file with a key set, or with public keys in PEM: `$file./etc/gw/keys.json`"},
    {.name = "keys",
     .kind = FieldKind::Body,
     .offset = offsetof(JwksRecord, keys),
     .max = u64{1} << 20,
     .doc = "the keys themselves, as in a key set (RFC 7517)"},
};
inline constexpr u64 kHourMs = 3'600'000;
inline constexpr FieldSpec kIntrospectionFields[] = {
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(IntrospectionRecord, upstream),
     .names = NameSpace::Upstream,
     .doc = "the upstream that is asked; required"},
    {.name = "path",
     .kind = FieldKind::String,
     .offset = offsetof(IntrospectionRecord, path),
     .min = 1,
     .max = 2048,
     .fallback = "/introspect",
     .doc = "path of the endpoint"},
    {.name = "clientId",
     .kind = FieldKind::String,
     .offset = offsetof(IntrospectionRecord, client_id),
     .late = true,
     .min = 1,
     .max = 1024,
     .doc = "who asks; required"},
    {.name = "clientSecret",
     .kind = FieldKind::String,
     .offset = offsetof(IntrospectionRecord, client_secret),
     .late = true,
     .min = 1,
     .max = 1024,
     .doc = "its secret, a reference; required"},
    {.name = "timeout",
     .kind = FieldKind::Duration,
     .offset = offsetof(IntrospectionRecord, timeout),
     .late = true,
     .min = 1,
     .max = 60'000,
     .fallback = "1s",
     .doc = "beyond it the answer is 503"},
    {.name = "cache",
     .kind = FieldKind::Duration,
     .offset = offsetof(IntrospectionRecord, cache),
     .late = true,
     .max = kHourMs,
     .fallback = "30s",
     .doc = "how long an answer is believed, at most until the token expires; a revoked token "
            "lives on for this long"},
};
inline constexpr FieldSpec kBearerFields[] = {
    {.name = "issuer",
     .kind = FieldKind::String,
     .offset = offsetof(SchemeRecord, issuer),
     .late = true,
     .min = 1,
     .max = 2048,
     .doc = "value that `iss` must have; default with OpenID Connect: what its metadata say"},
    {.name = "audiences",
     .kind = FieldKind::List,
     .offset = offsetof(SchemeRecord, audiences),
     .max = 64,
     .fields = kAudienceElement,
     .size = sizeof(table::LateString),
     .doc = "`aud` must have one of these"},
    {.name = "algorithms",
     .kind = FieldKind::List,
     .offset = offsetof(SchemeRecord, algorithms),
     .min = 1,
     .max = std::size(kAlgorithmWords),
     .fields = kAlgorithmElement,
     .size = sizeof(u32),
     .doc = "signature algorithms that are accepted; `none` is none of them"},
    {.name = "clockSkew",
     .kind = FieldKind::Duration,
     .offset = offsetof(SchemeRecord, clock_skew),
     .late = true,
     .max = 600'000,
     .fallback = "30s",
     .doc = "how far the issuer's clock may be off"},
    {.name = "claims",
     .kind = FieldKind::Map,
     .offset = offsetof(SchemeRecord, claims),
     .max = 64,
     .fields = kClaimElement,
     .size = sizeof(ClaimRecord),
     .doc = "claims that `$jwt.NAME` and conditions may name, by name"},
    {.name = "scopes",
     .kind = FieldKind::ClaimPath,
     .offset = offsetof(SchemeRecord, scopes),
     .fallback = "$jwt.scope",
     .doc = "the claim with the scopes: a list, or a text with spaces"},
    {.name = "consumer",
     .kind = FieldKind::Record,
     .fields = kTokenConsumerFields,
     .size = sizeof(SchemeRecord),
     .shorthand = "claim",
     .doc = "the consumer that a token stands for"},
    {.name = "typ",
     .kind = FieldKind::String,
     .offset = offsetof(SchemeRecord, type),
     .min = 1,
     .max = 128,
     .doc = "media type in the token's header, for instance `at+jwt` (RFC 9068); default: any"},
    {.name = "token",
     .kind = FieldKind::Record,
     .fields = kTokenFields,
     .size = sizeof(SchemeRecord),
     .doc = "where the token stands; default: `Authorization: Bearer TOKEN`"},
    {.name = "jwks",
     .kind = FieldKind::Record,
     .offset = offsetof(SchemeRecord, jwks),
     .fields = kJwksFields,
     .size = sizeof(JwksRecord),
     .shorthand = "url",
     .doc = "the issuer's keys; default with OpenID Connect: where its metadata say"},
    {.name = "stale",
     .kind = FieldKind::Duration,
     .offset = offsetof(SchemeRecord, stale),
     .late = true,
     .max = 24 * kHourMs,
     .fallback = "24h",
     .doc = "how long keys are used while the issuer cannot be reached"},
    {.name = "secret",
     .kind = FieldKind::String,
     .offset = offsetof(SchemeRecord, secret),
     .late = true,
     .min = 32,
     .max = 1024,
     .doc = "the shared secret of HS algorithms; a reference"},
    {.name = "introspection",
     .kind = FieldKind::Record,
     .offset = offsetof(SchemeRecord, introspection),
     .fields = kIntrospectionFields,
     .size = sizeof(IntrospectionRecord),
     .doc = "ask the issuer about each token (RFC 7662), in place of keys"},
    {.name = "forward",
     .kind = FieldKind::Bool,
     .offset = offsetof(SchemeRecord, forward),
     .fallback = "true",
     .doc = "leave the token in the request that is sent upstream"},
};

/// Every field, for the check of records in a table.
inline constexpr FieldSpec kSchemeFields[] = {
    {.name = "name", .kind = FieldKind::String, .offset = offsetof(SchemeRecord, name)},
    {.name = "kind",
     .kind = FieldKind::Count,
     .offset = offsetof(SchemeRecord, kind),
     .max = kSchemeKindCount - 1},
    {.name = "place",
     .kind = FieldKind::Enum,
     .offset = offsetof(SchemeRecord, place),
     .words = kCredentialPlaceWords},
    {.name = "field", .kind = FieldKind::String, .offset = offsetof(SchemeRecord, field)},
    {.name = "realm", .kind = FieldKind::String, .offset = offsetof(SchemeRecord, realm)},
    {.name = "discovers", .kind = FieldKind::Bool, .offset = offsetof(SchemeRecord, discovers)},
    {.name = "discovery",
     .kind = FieldKind::Url,
     .offset = offsetof(SchemeRecord, discovery),
     .late = true},
    kConsumerRequiredField,
    {.name = "bearer", .kind = FieldKind::Record, .fields = kBearerFields},
};
inline constexpr RecordSpec kSchemeSpec{.name = "scheme",
                                        .bytes = sizeof(SchemeRecord),
                                        .fields = kSchemeFields,
                                        .doc = "a security scheme"};
inline constexpr RecordSpec kApiKeySpec{.name = "apiKey",
                                        .bytes = sizeof(SchemeRecord),
                                        .fields = kApiKeyFields,
                                        .doc = "`type: apiKey`"};
inline constexpr RecordSpec kBasicSpec{.name = "basic",
                                       .bytes = sizeof(SchemeRecord),
                                       .fields = kBasicFields,
                                       .doc = "`type: http, scheme: basic`"};
inline constexpr RecordSpec kMutualTlsSpec{.name = "mutualTLS",
                                           .bytes = sizeof(SchemeRecord),
                                           .fields = kMutualTlsFields,
                                           .doc = "`type: mutualTLS`"};
inline constexpr RecordSpec kBearerSpec{
    .name = "bearer",
    .bytes = sizeof(SchemeRecord),
    .fields = kBearerFields,
    .doc = "`type: http, scheme: bearer`, `type: oauth2` and `type: openIdConnect`"};

}  // namespace gw::policies
