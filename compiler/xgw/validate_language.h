// `validate` and `forward` as they are written. How a message is judged, the document says.
#pragma once
#include "runtime/policies/validate/record.h"

namespace gw::compiler {

struct UnknownChoice {
  u32 query;
  u32 headers;
  u32 cookies;
};
struct ValidateChoice {
  u32 request;
  u32 response;
  UnknownChoice unknown;
  u32 errors;
};

inline constexpr u32 kReportedFaults = 16;
/// Requests are held to what is declared where nobody mentions `validate`.
inline constexpr bool kValidatesUnasked = true;

inline constexpr policies::FieldSpec kUnknownChoiceFields[] = {
    {.name = "query",
     .kind = policies::FieldKind::Enum,
     .offset = offsetof(UnknownChoice, query),
     .fallback = "allow",
     .words = policies::kUnknownActionWords,
     .doc = "query parameters: `drop` takes them out of what is forwarded, `reject` answers 400"},
    {.name = "headers",
     .kind = policies::FieldKind::Enum,
     .offset = offsetof(UnknownChoice, headers),
     .fallback = "allow",
     .words = policies::kUnknownActionWords,
     .doc = "headers, but those that HTTP itself, proxies and tracing live by, and credentials"},
    {.name = "cookies",
     .kind = policies::FieldKind::Enum,
     .offset = offsetof(UnknownChoice, cookies),
     .fallback = "allow",
     .words = policies::kUnknownActionWords,
     .doc = "cookies"},
};
inline constexpr policies::FieldSpec kValidateChoiceFields[] = {
    {.name = "request",
     .kind = policies::FieldKind::Enum,
     .offset = offsetof(ValidateChoice, request),
     .fallback = "enforce",
     .words = policies::kValidateModeWords,
     .doc = "requests that are not as described: `enforce` answers 400 (406, 415), `log` notes it"},
    {.name = "response",
     .kind = policies::FieldKind::Enum,
     .offset = offsetof(ValidateChoice, response),
     .fallback = "off",
     .words = policies::kValidateModeWords,
     .doc = "answers of upstreams: `enforce` puts 502 in their place, `log` notes it; bodies that "
            "have a schema are read whole, up to `maxBody`"},
    {.name = "unknown",
     .kind = policies::FieldKind::Record,
     .offset = offsetof(ValidateChoice, unknown),
     .fields = kUnknownChoiceFields,
     .size = sizeof(UnknownChoice),
     .doc = "what nobody has declared"},
    {.name = "errors",
     .kind = policies::FieldKind::Count,
     .offset = offsetof(ValidateChoice, errors),
     .min = 1,
     .max = policies::kMaxReportedFaults,
     .fallback = "16",
     .doc = "faults that an answer lists"},
};

}  // namespace gw::compiler
