// What the access log says of a request: `observe.accessLog` of the gateway document.
#pragma once
#include <iterator>
#include <span>

#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// What a line can say, once: GW_LOG_FIELD(enumerator, name, in JSON by default, meaning). Tables
/// hold the places: new ones come last, before RequestHeader. Members of JSON, placeholders of
/// formats, the reference and the schema are made from this.
#define GW_LOG_FIELDS(GW_LOG_FIELD)                                                               \
  GW_LOG_FIELD(Time, "time", true, "when the request ended, RFC 3339 in UTC with milliseconds")   \
  GW_LOG_FIELD(RequestId, "request_id", true, "`X-Request-Id`")                                   \
  GW_LOG_FIELD(TraceId, "trace_id", true, "of the trace, 32 hexadecimal digits")                  \
  GW_LOG_FIELD(SpanId, "span_id", true, "of the gateway's span in it, 16 digits")                 \
  GW_LOG_FIELD(Client, "client", true, "address of the client, behind trusted proxies")           \
  GW_LOG_FIELD(Consumer, "consumer", true, "the consumer who called")                             \
  GW_LOG_FIELD(ClientClass, "client_class", true, "class of the client")                          \
  GW_LOG_FIELD(Operation, "operation", true, "identity of the operation")                         \
  GW_LOG_FIELD(Source, "source", true, "where it is declared: `orders.yaml:12`")                  \
  GW_LOG_FIELD(Method, "method", true, "method of the request")                                   \
  GW_LOG_FIELD(Scheme, "scheme", true, "`https` or `http`: how the client is connected")          \
  GW_LOG_FIELD(Host, "host", true, "host that was asked, without port")                           \
  GW_LOG_FIELD(Template, "template", true, "path of the operation, with its parameters' names")   \
  GW_LOG_FIELD(Path, "path", true, "path of the request, normalised; secrets in it are `*`")      \
  GW_LOG_FIELD(Query, "query", true, "query of the request, as `query` says")                     \
  GW_LOG_FIELD(Http, "http", true, "version of HTTP: `1.1`, `2`")                                 \
  GW_LOG_FIELD(Status, "status", true, "status of the answer; 0: none was sent")                  \
  GW_LOG_FIELD(RequestBytes, "request_bytes", true, "bytes of the request's body")                \
  GW_LOG_FIELD(ResponseBytes, "response_bytes", true, "bytes of the answer's body")               \
  GW_LOG_FIELD(DurationUs, "duration_us", true, "microseconds from the head to the last byte")    \
  GW_LOG_FIELD(Phases, "phases", true,                                                            \
               "microseconds from the head until the upstream was asked (`asked_us`), until its " \
               "head came (`head_us`), until the end (`end_us`)")                                 \
  GW_LOG_FIELD(Upstream, "upstream", true, "the upstream that was chosen")                        \
  GW_LOG_FIELD(Tries, "tries", true,                                                              \
               "each try at it: microseconds (`us`), `target`, `status` or `error`")              \
  GW_LOG_FIELD(Policy, "policy", true, "policy that answered in the place of the action")         \
  GW_LOG_FIELD(Limit, "limit", true, "limit that refused")                                        \
  GW_LOG_FIELD(ShadowLimit, "shadow_limit", true, "limit in shadow mode that would have refused") \
  GW_LOG_FIELD(Cache, "cache", true, "what the cache had to say")                                 \
  GW_LOG_FIELD(RequestFaults, "request_faults", true, "faults of the request, when it has some")  \
  GW_LOG_FIELD(RequestFault, "request_fault", true, "the first: place, name, keyword")            \
  GW_LOG_FIELD(ResponseFaults, "response_faults", true, "faults of the upstream's answer")        \
  GW_LOG_FIELD(ResponseFault, "response_fault", true, "the first")                                \
  GW_LOG_FIELD(Error, "error", true, "name of the error, if one ended it")                        \
  GW_LOG_FIELD(Detail, "detail", true, "what was wrong, in words")                                \
  GW_LOG_FIELD(Table, "table", true, "digest of the table that it ran by")                        \
  GW_LOG_FIELD(TimeCommon, "time_common", false, "the time as web servers write it")              \
  GW_LOG_FIELD(Request, "request", false, "method, path, query and version, as web servers do")   \
  GW_LOG_FIELD(Parts, "parts", true,                                                              \
               "each call of a composed answer: `name`, `outcome` (`ok`, `fallback`, `missing`, " \
               "`timeout`, `passed`, `skipped`, `stopped`), `status`, `upstream`, `tries`, "      \
               "microseconds (`us`), and how many `items` a list had")                            \
  GW_LOG_FIELD(RequestHeader, "request.header.*", false,                                          \
               "a header field, such as "                                                         \
               "`request.header.user-agent`; its first 4096 bytes")                               \
  GW_LOG_FIELD(ResponseHeader, "response.header.*", false, "the same of the answer")

enum class LogField : u32 {
#define GW_LOG_FIELD(enumerator, name, standard, doc) enumerator,
  GW_LOG_FIELDS(GW_LOG_FIELD)
#undef GW_LOG_FIELD
};
struct LogFieldInfo {
  std::string_view name;
  bool standard;
  std::string_view doc;
};
inline constexpr LogFieldInfo kLogFields[] = {
#define GW_LOG_FIELD(enumerator, name, standard, doc) {name, standard, doc},
    GW_LOG_FIELDS(GW_LOG_FIELD)
#undef GW_LOG_FIELD
};
inline constexpr std::string_view kLogFieldWords[] = {
#define GW_LOG_FIELD(enumerator, name, standard, doc) name,
    GW_LOG_FIELDS(GW_LOG_FIELD)
#undef GW_LOG_FIELD
};
inline constexpr u32 kLogFieldCount = std::size(kLogFields);
inline constexpr u32 kLogLiteral = kLogFieldCount;  // LogPartRecord::field: a text of the format
inline constexpr std::string_view kRequestHeaderField = "request.header.";
inline constexpr std::string_view kResponseHeaderField = "response.header.";

/// Formats that have a name. `*` in a list of words stands for any text.
inline constexpr std::string_view kLogFormatWords[] = {"json", "common", "combined", "*"};
inline constexpr std::string_view kCommonLogFormat =
    R"({client} - {consumer} [{time_common}] "{request}" {status} {response_bytes})";
inline constexpr std::string_view kCombinedLogFormat =
    R"({client} - {consumer} [{time_common}] "{request}" {status} {response_bytes} )"
    R"("{request.header.referer}" "{request.header.user-agent}")";

inline constexpr std::string_view kLogQueryWords[] = {"names", "omit", "keep"};
enum class LogQuery : u32 { Names, Omit, Keep };

/// A member of a JSON line, or one part of a text.
struct LogPartRecord {
  u32 field;              // LogField, or kLogLiteral
  u32 reserved;           // 0
  table::StringRef text;  // the literal; of a header field its name in lower case
};
inline constexpr u64 kMostLogParts = 256;
inline constexpr u64 kMostLogFormatBytes = 4096;

struct AccessLogRecord {
  table::StringRef format;  // as written
  table::Extent fields;     // StringRef[], as written; none: those that are standard
  table::Extent parts;      // LogPartRecord[]: what is made of both; none: the standard line
  table::Extent status;     // StringRef[]: `5xx`, `429`
  table::Extent reveal;     // StringRef[]: names that look like secrets, and are none
  table::LateString to;
  u64 slower_than;  // milliseconds; 0: no filter
  u32 sample;       // hundredths of a percent, of what no filter takes
  u32 query;        // LogQuery
};
static_assert(sizeof(LogPartRecord) == 16 && sizeof(AccessLogRecord) == 72);

/// Whether a log can be written there: `-`, `syslog`, `syslog:unix:/PATH`, or a file.
constexpr bool is_log_place(std::string_view place) {
  if (place.empty() || place == "off") return false;
  if (!place.starts_with("syslog")) return true;
  return place == "syslog" || (place.starts_with("syslog:unix:/") && place.size() > 13);
}

/// Of a list of statuses: `429` or `5xx`.
constexpr bool is_status_pattern(std::string_view text) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '5') return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.substr(1) == "xx" || (is_digit(text[1]) && is_digit(text[2]));
}

// Parts of names that stand for secrets, in lower case without anything between the letters.
inline constexpr std::string_view kSecretWords[] = {
    "token", "secret", "password", "passwd", "csrf", "xsrf", "apikey", "passcode", "privatekey"};
// Tokens that say where a list goes on.
inline constexpr std::string_view kPagingWords[] = {"page", "next", "cursor", "continuation",
                                                    "sync"};
inline constexpr size_t kMostSecretNameBytes = 128;  // of a name; what comes later is not looked at

// The same, in header fields and queries only: elsewhere they are often something else.
inline constexpr std::string_view kMessageSecretWords[] = {
    "signature", "authorization", "credential", "assertion", "jwt", "accesskey", "authkey"};
// Whole names there.
inline constexpr std::string_view kMessageSecretNames[] = {
    "sig", "code", "key", "auth", "pass", "pwd", "sid", "session", "sessionid", "otp", "dpop"};

/// Letters and digits at the beginning of a name, in lower case.
class FoldedName {
 public:
  constexpr explicit FoldedName(std::string_view name) {
    for (const char c : name.substr(0, kMostSecretNameBytes)) {
      const bool upper = c >= 'A' && c <= 'Z';
      if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
        letters_[count_++] = upper ? static_cast<char>(c - 'A' + 'a') : c;
      }
    }
  }
  constexpr bool is_one_of(std::span<const std::string_view> names) const {
    for (const std::string_view name : names) {
      if (text() == name) return true;
    }
    return false;
  }
  constexpr bool has_one_of(std::span<const std::string_view> words) const {
    for (const std::string_view word : words) {
      if (text().find(word) != std::string_view::npos) return true;
    }
    return false;
  }

 private:
  constexpr std::string_view text() const { return {letters_, count_}; }

  char letters_[kMostSecretNameBytes]{};
  size_t count_ = 0;
};

/// Whether a parameter or a property of this name is taken for a secret: `csrf_token`, `apiKey`.
constexpr bool is_secret_name(std::string_view name) {
  const FoldedName folded(name);
  return !folded.has_one_of(kPagingWords) && folded.has_one_of(kSecretWords);
}

/// Whether a header field or a parameter of a query of this name is: `X-Auth-Token`, `sig`.
constexpr bool is_secret_in_messages(std::string_view name) {
  const FoldedName folded(name);
  if (folded.is_one_of(kMessageSecretNames)) return true;
  return !folded.has_one_of(kPagingWords) &&
         (folded.has_one_of(kSecretWords) || folded.has_one_of(kMessageSecretWords));
}

/// Fields whose value never stands in a log, whatever the document says.
constexpr bool is_secret_header(std::string_view lower_case_name) {
  return lower_case_name == "authorization" || lower_case_name == "proxy-authorization" ||
         lower_case_name == "cookie" || lower_case_name == "set-cookie";
}

inline constexpr FieldSpec kLogFieldElement[] = {
    {.name = "field", .kind = FieldKind::String, .min = 1, .max = 256, .words = kLogFieldWords},
};
inline constexpr FieldSpec kLogRevealElement[] = {
    {.name = "name", .kind = FieldKind::String, .min = 1, .max = kMostSecretNameBytes},
};
inline constexpr FieldSpec kLogStatusElement[] = {
    {.name = "status", .kind = FieldKind::String, .min = 3, .max = 3},
};
inline constexpr FieldSpec kLogPartFields[] = {
    {.name = "field",
     .kind = FieldKind::Count,
     .offset = offsetof(LogPartRecord, field),
     .max = kLogLiteral},
    {.name = "text",
     .kind = FieldKind::String,
     .offset = offsetof(LogPartRecord, text),
     .max = kMostLogFormatBytes},
};
inline constexpr FieldSpec kLogPartElement[] = {
    {.name = "part",
     .kind = FieldKind::Record,
     .fields = kLogPartFields,
     .size = sizeof(LogPartRecord)},
};
inline constexpr FieldSpec kAccessLogFields[] = {
    {.name = "format",
     .kind = FieldKind::String,
     .offset = offsetof(AccessLogRecord, format),
     .min = 1,
     .max = kMostLogFormatBytes,
     .fallback = "json",
     .words = kLogFormatWords,
     .doc = "`json`; `common` or `combined`, as web servers write it; or a text with `{field}` for "
            "values, in which `{{` stands for a brace"},
    {.name = "fields",
     .kind = FieldKind::List,
     .offset = offsetof(AccessLogRecord, fields),
     .min = 1,
     .max = kMostLogParts,
     .fields = kLogFieldElement,
     .size = sizeof(table::StringRef),
     .doc = "members of a JSON line, in this order; what a request does not have is left out; "
            "default: those of the table below"},
    {.name = "sample",
     .kind = FieldKind::Percent,
     .offset = offsetof(AccessLogRecord, sample),
     .max = 10'000,
     .doc = "share of the requests which no filter takes that is written all the same; default: "
            "`100%`, or `0%` with a filter"},
    {.name = "status",
     .kind = FieldKind::List,
     .offset = offsetof(AccessLogRecord, status),
     .min = 1,
     .max = 32,
     .fields = kLogStatusElement,
     .size = sizeof(table::StringRef),
     .doc = "filter: answers with such a status, as `[5xx, 429]`, are always written"},
    {.name = "slowerThan",
     .kind = FieldKind::Duration,
     .offset = offsetof(AccessLogRecord, slower_than),
     .min = 1,
     .max = 86'400'000,
     .doc = "filter: requests that took longer are always written"},
    {.name = "query",
     .kind = FieldKind::Enum,
     .offset = offsetof(AccessLogRecord, query),
     .fallback = "names",
     .words = kLogQueryWords,
     .doc = "queries, here and in spans: with `*` for values, not at all, or as they came but for "
            "secrets"},
    {.name = "reveal",
     .kind = FieldKind::List,
     .offset = offsetof(AccessLogRecord, reveal),
     .min = 1,
     .max = 64,
     .fields = kLogRevealElement,
     .size = sizeof(table::StringRef),
     .doc = "header fields and parameters of queries whose names look like those of secrets, and "
            "which are none, such as `x-csrf-token`: their values are not hidden"},
    {.name = "to",
     .kind = FieldKind::String,
     .offset = offsetof(AccessLogRecord, to),
     .late = true,
     .min = 1,
     .max = 4096,
     .doc = "a file, `-` for standard output, `syslog` or `syslog:unix:/PATH`; `--access-log` "
            "takes its place; default: `-`"},
};

}  // namespace gw::policies
