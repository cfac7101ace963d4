// What a test file may hold, once: the reader checks by these tables, and the JSON Schema
// (specs/test.schema.json) is made of them. A feature that tests should know of adds a line here, a
// member in suite.h and its comparison in judge.cc.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw::cli::tests {

inline constexpr u64 kMaxRepeat = 1'000'000;

enum class FieldKind : u8 {
  Text,
  TextOrNull,
  Words,     // one of `words`
  Status,    // 100 to 599
  Statuses,  // the same, or a class of them: 4XX
  Count,
  Times,  // 1 to kMaxRepeat
  Bool,
  Duration,   // 30s
  Time,       // RFC 3339
  Address,    // of a client
  Names,      // a text or a list of texts
  Headers,    // names to texts, or to lists of them
  Expected,   // the same, with matchers
  Any,        // any value
  Claims,     // a map of any values
  Object,     // of `fields`
  Objects,    // a list of these
  ObjectMap,  // names to these
};

struct Field {
  std::string_view name;
  FieldKind kind = FieldKind::Text;
  std::string_view doc;
  std::span<const Field> fields = {};
  std::span<const std::string_view> words = {};
};

inline constexpr std::string_view kDecisionWords[] = {"deny", "allow"};
inline constexpr std::string_view kCacheWords[] = {"none",        "hit",  "stale",
                                                   "revalidated", "miss", "bypass"};
inline constexpr std::string_view kFailureWords[] = {"connect", "reset", "timeout"};

inline constexpr Field kCertificateFields[] = {
    {.name = "subject", .doc = "subject as RFC 2253 writes it"},
    {.name = "san", .doc = "alternative names, separated by commas"},
    {.name = "fingerprint", .doc = "SHA-256, hexadecimal"},
};

inline constexpr Field kRequestFields[] = {
    {.name = "method", .doc = "GET where none is given"},
    {.name = "path", .doc = "target in origin form, with its query"},
    {.name = "https", .kind = FieldKind::Bool, .doc = "whether it comes over TLS"},
    {.name = "host", .doc = "Host; default: one that the gateway serves"},
    {.name = "headers", .kind = FieldKind::Headers, .doc = "fields of the request"},
    {.name = "body",
     .kind = FieldKind::Any,
     .doc = "body: a text as it is, anything else as JSON with its media type"},
    {.name = "bodySize", .kind = FieldKind::Count, .doc = "a body of so many spaces, in bytes"},
    {.name = "ip", .kind = FieldKind::Address, .doc = "address of the client [192.0.2.1]"},
    {.name = "at",
     .kind = FieldKind::Time,
     .doc = "when it comes [2026-01-01T00:00:00Z]; later requests of a test come after it"},
    {.name = "consumer", .doc = "a consumer whose credential is taken to be right"},
    {.name = "jwt",
     .kind = FieldKind::Claims,
     .doc = "claims of a token that the run signs with a key of its own; `iss`, `aud`, `iat` and "
            "`exp` are added, and left out where they are null"},
    {.name = "scheme", .doc = "security scheme that `jwt` is for; default: the first that fits"},
    {.name = "certificate",
     .kind = FieldKind::Object,
     .doc = "what the client has proved by TLS",
     .fields = kCertificateFields},
};

inline constexpr Field kReplyFields[] = {
    {.name = "of", .doc = "upstream that answers so; default: whichever is asked next"},
    {.name = "path",
     .kind = FieldKind::Any,
     .doc = "only requests with this target, with its query, are answered so; or a matcher"},
    {.name = "status", .kind = FieldKind::Status, .doc = "status [200]"},
    {.name = "headers", .kind = FieldKind::Headers, .doc = "fields of the answer"},
    {.name = "body",
     .kind = FieldKind::Any,
     .doc = "body: a text as it is, anything else as JSON with its media type"},
    {.name = "delay", .kind = FieldKind::Duration, .doc = "time before the answer, on the clock"},
    {.name = "fail",
     .kind = FieldKind::Words,
     .doc = "in place of an answer: no connection, one that breaks, or silence",
     .words = kFailureWords},
    {.name = "optional",
     .kind = FieldKind::Bool,
     .doc = "it may be left over; otherwise a request of the test has to take it"},
};

inline constexpr Field kSentFields[] = {
    {.name = "of", .doc = "upstream that was asked"},
    {.name = "method", .doc = "method"},
    {.name = "path", .kind = FieldKind::Any, .doc = "target as sent, with its query; or a matcher"},
    {.name = "headers", .kind = FieldKind::Expected, .doc = "fields as sent; others may be there"},
    {.name = "body", .kind = FieldKind::Any, .doc = "members that its body has, or a matcher"},
    {.name = "exact", .kind = FieldKind::Any, .doc = "its body, and nothing else"},
};

inline constexpr Field kExpectFields[] = {
    {.name = "decision",
     .kind = FieldKind::Words,
     .doc = "whether the gateway lets the request through",
     .words = kDecisionWords},
    {.name = "operation",
     .kind = FieldKind::TextOrNull,
     .doc = "id of the operation that it is for; null: there is none"},
    {.name = "by",
     .doc = "what has decided: authenticate, authorizer, allow, deny, equals, rateLimit, validate, "
            "cors, maxBody, route, request, cache, respond, redirect, mock, compose, proxy; a "
            "limit's name "
            "may follow: rateLimit.perClient"},
    {.name = "cache",
     .kind = FieldKind::Words,
     .doc = "where the answer has come from: the cache, though no longer fresh, after the upstream "
            "has confirmed it, or from the upstream",
     .words = kCacheWords},
    {.name = "client", .doc = "class of clients that the request belongs to"},
    {.name = "partial",
     .kind = FieldKind::Names,
     .doc = "optional calls of a composition that have brought nothing, as the field Gw-Partial "
            "names them, in any order; []: all have brought something"},
    {.name = "status", .kind = FieldKind::Statuses, .doc = "status of the answer, or 4XX"},
    {.name = "headers",
     .kind = FieldKind::Expected,
     .doc = "fields of the answer; null: not there; others may be there"},
    {.name = "body", .kind = FieldKind::Any, .doc = "members that the body has, or a matcher"},
    {.name = "exact", .kind = FieldKind::Any, .doc = "the body, and nothing else"},
    {.name = "upstream",
     .kind = FieldKind::Objects,
     .doc = "requests that upstreams have got, in order and no others",
     .fields = kSentFields},
    {.name = "tries",
     .kind = FieldKind::Count,
     .doc = "how often it was tried to reach a target, by all calls of a composition together"},
};

// What a test and each of its steps may have.
#define GW_TEST_STEP_FIELDS                                                                       \
  {.name = "use", .kind = FieldKind::Names, .doc = "fixtures that this is put on, in order"},     \
      {.name = "request",                                                                         \
       .kind = FieldKind::Object,                                                                 \
       .doc = "what a client sends",                                                              \
       .fields = kRequestFields},                                                                 \
      {.name = "upstream",                                                                        \
       .kind = FieldKind::Objects,                                                                \
       .doc = "what upstreams answer, one entry for each try; 200 without a body when used up",   \
       .fields = kReplyFields},                                                                   \
      {.name = "expect",                                                                          \
       .kind = FieldKind::Object,                                                                 \
       .doc = "what must come of it",                                                             \
       .fields = kExpectFields},                                                                  \
      {.name = "repeat", .kind = FieldKind::Times, .doc = "how often it is sent [1]"},            \
      {.name = "wait", .kind = FieldKind::Duration, .doc = "time that passes before it is sent"}, \
  {                                                                                               \
    .name = "snapshot", .kind = FieldKind::Bool,                                                  \
    .doc = "hold the whole answer to what FILE.snap.yaml has; --update writes it"                 \
  }

inline constexpr Field kStepFields[] = {GW_TEST_STEP_FIELDS};
#define GW_TEST_STEPS                                                                       \
  {                                                                                         \
    .name = "steps", .kind = FieldKind::Objects,                                            \
    .doc =                                                                                  \
        "requests one after the other; state of the gateway stays, as it does not between " \
        "tests; each is put on what the test has itself",                                   \
    .fields = kStepFields                                                                   \
  }
inline constexpr Field kCaseFields[] = {
    {.name = "name", .doc = "what this row shows"},
    GW_TEST_STEP_FIELDS,
    GW_TEST_STEPS,
};
inline constexpr Field kTestFields[] = {
    {.name = "name", .doc = "what the test shows; one of a file"},
    GW_TEST_STEP_FIELDS,
    GW_TEST_STEPS,
    {.name = "cases",
     .kind = FieldKind::Objects,
     .doc = "rows of a table: a test of its own each, put on what stands here",
     .fields = kCaseFields},
};
#undef GW_TEST_STEP_FIELDS
#undef GW_TEST_STEPS

inline constexpr Field kFileFields[] = {
    {.name = "fixtures",
     .kind = FieldKind::ObjectMap,
     .doc = "parts of tests, by name",
     .fields = kStepFields},
    {.name = "tests", .kind = FieldKind::Objects, .doc = "the tests", .fields = kTestFields},
};

/// The JSON Schema of test files, for editors; ends with a line feed.
std::string test_json_schema();

}  // namespace gw::cli::tests
