// validate: what an operation declares of its requests and answers, in the form in which they are
// judged. Made from parameters, request body and responses of the document.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

enum class ValidateMode : u32 { Enforce, Log, Off };
inline constexpr std::string_view kValidateModeWords[] = {"enforce", "log", "off"};

/// What becomes of parameters that nobody has declared.
enum class UnknownAction : u32 { Allow, Drop, Reject };
inline constexpr std::string_view kUnknownActionWords[] = {"allow", "drop", "reject"};

inline constexpr std::string_view kForwardWords[] = {"all", "declared"};

enum class Place : u32 { Path, Query, Header, Cookie, Body };
inline constexpr std::string_view kPlaceWords[] = {"path", "query", "header", "cookie", "body"};

/// How a value is written as text. Json: `content` with a media type of JSON; Cookie: as Form,
/// without percent-encoding.
enum class ParameterStyle : u32 {
  Simple,
  Label,
  Matrix,
  Form,
  SpaceDelimited,
  PipeDelimited,
  DeepObject,
  Cookie,
  Json,
};
inline constexpr std::string_view kParameterStyleWords[] = {
    "simple",        "label",      "matrix", "form", "spaceDelimited",
    "pipeDelimited", "deepObject", "cookie", "json"};

/// How a body is read. Opaque: not at all.
enum class BodyFormat : u32 { Opaque, Json, Form, Multipart, Text };
inline constexpr std::string_view kBodyFormatWords[] = {"opaque", "json", "form", "multipart",
                                                        "text"};

enum class BodyPresence : u32 { Undeclared, Optional, Required };
inline constexpr std::string_view kBodyPresenceWords[] = {"undeclared", "optional", "required"};

inline constexpr u32 kMaxParameters = 512;   // of one operation; fields of one form
inline constexpr u32 kMaxProperties = 1024;  // of one object that is written as text
inline constexpr u32 kMaxMediaTypes = 128;   // of one body
inline constexpr u32 kMaxResponses = 256;    // of one operation
inline constexpr u32 kMaxReportedFaults = 100;

/// Levels of brackets in a deepObject: `filter[a][b]` has two.
inline constexpr u32 kMaxDeepLevels = 8;

/// A property of an object that is written as text; types are masks of schema::TypeBit. Of a
/// deepObject also properties of properties: the name is then what stands between the outer
/// brackets, `a][b` of `filter[a][b]`.
struct PropertyRecord {
  table::StringRef name;
  u32 types;
  u32 item_types;  // of its items; of an object in a deepObject: of properties that are not listed
};

/// Whether a part of a multipart body is bytes that need be no text. Free: nothing is asked of it.
/// Judged: each byte is a character (as in ISO 8859-1), so that lengths count bytes.
enum class PartBytes : u32 { Text, Free, Judged };
inline constexpr std::string_view kPartBytesWords[] = {"text", "free", "judged"};

/// A parameter, a header of a response, or a field of a form. `types` say what its text may become;
/// they come from the schema and only steer reading: `schema` is what judges.
struct ParameterRecord {
  table::StringRef name;     // of headers: lower case
  table::Extent properties;  // PropertyRecord[], by name in order of bytes
  u32 place;                 // Place
  u32 style;                 // ParameterStyle
  u32 explode;
  u32 required;
  u32 allow_empty;  // `name=` and `name` are fine, whatever the schema says
  u32 types;
  u32 item_types;  // of a list
  u32 rest_types;  // of properties that are not listed
  u32 open;     // takes what belongs to no other parameter (form, exploded, additional properties)
  u32 capture;  // of Path: which one
  u32 schema;   // into SchemaPrograms; kNone: everything is fine
  u32 bytes;    // PartBytes, of multipart
};

struct MediaRecord {
  table::StringRef type;  // lower case: `application/json`, `text/*`, `*/*`
  table::Extent fields;   // ParameterRecord[]: of forms
  u32 format;             // BodyFormat
  u32 schema;             // into SchemaPrograms; kNone: not judged
  u32 rest_types;         // of fields that are not listed
  u32 rest_bytes;         // PartBytes, of files that are not listed: Free or Judged
};

/// Answers with a status from `first` to `last`. The narrowest come first.
struct ResponseRecord {
  table::Extent headers;  // ParameterRecord[]
  table::Extent media;    // MediaRecord[]; none: any body
  u32 first;
  u32 last;
};

struct ValidateRecord {
  table::Extent parameters;  // ParameterRecord[]; those that are `open` come last
  table::Extent media;       // MediaRecord[]: of the request body; exact types first
  table::Extent responses;   // ResponseRecord[]
  table::Extent produces;    // StringRef[]: types of good answers; none: Accept is not looked at
  table::Extent known;       // StringRef[]: names that are not judged: credentials, styles not read
  table::StringRef accepts;  // what a request body may be, as the value of Accept
  u32 request;               // ValidateMode
  u32 response;              // ValidateMode
  u32 body;                  // BodyPresence
  u32 unknown_query;         // UnknownAction
  u32 unknown_headers;       // UnknownAction
  u32 unknown_cookies;       // UnknownAction
  u32 errors;                // faults that an answer lists
  u32 reserved;
};
static_assert(sizeof(PropertyRecord) == 16 && sizeof(ParameterRecord) == 64);
static_assert(sizeof(MediaRecord) == 32 && sizeof(ResponseRecord) == 24);
static_assert(sizeof(ValidateRecord) == 80);

inline constexpr u32 kMaxTypes = 127;  // schema::kAllTypes

inline constexpr FieldSpec kPropertyFields[] = {
    {.name = "name", .kind = FieldKind::String, .offset = offsetof(PropertyRecord, name)},
    {.name = "types",
     .kind = FieldKind::Count,
     .offset = offsetof(PropertyRecord, types),
     .max = kMaxTypes},
    {.name = "itemTypes",
     .kind = FieldKind::Count,
     .offset = offsetof(PropertyRecord, item_types),
     .max = kMaxTypes},
};
inline constexpr FieldSpec kPropertyElement[] = {
    {.name = "property",
     .kind = FieldKind::Record,
     .fields = kPropertyFields,
     .size = sizeof(PropertyRecord)},
};
inline constexpr FieldSpec kParameterRecordFields[] = {
    {.name = "name", .kind = FieldKind::String, .offset = offsetof(ParameterRecord, name)},
    {.name = "properties",
     .kind = FieldKind::List,
     .offset = offsetof(ParameterRecord, properties),
     .max = kMaxProperties,
     .fields = kPropertyElement,
     .size = sizeof(PropertyRecord)},
    {.name = "in",
     .kind = FieldKind::Enum,
     .offset = offsetof(ParameterRecord, place),
     .words = kPlaceWords},
    {.name = "style",
     .kind = FieldKind::Enum,
     .offset = offsetof(ParameterRecord, style),
     .words = kParameterStyleWords},
    {.name = "explode", .kind = FieldKind::Bool, .offset = offsetof(ParameterRecord, explode)},
    {.name = "required", .kind = FieldKind::Bool, .offset = offsetof(ParameterRecord, required)},
    {.name = "allowEmpty",
     .kind = FieldKind::Bool,
     .offset = offsetof(ParameterRecord, allow_empty)},
    {.name = "types",
     .kind = FieldKind::Count,
     .offset = offsetof(ParameterRecord, types),
     .max = kMaxTypes},
    {.name = "itemTypes",
     .kind = FieldKind::Count,
     .offset = offsetof(ParameterRecord, item_types),
     .max = kMaxTypes},
    {.name = "restTypes",
     .kind = FieldKind::Count,
     .offset = offsetof(ParameterRecord, rest_types),
     .max = kMaxTypes},
    {.name = "open", .kind = FieldKind::Bool, .offset = offsetof(ParameterRecord, open)},
    {.name = "capture", .kind = FieldKind::Count, .offset = offsetof(ParameterRecord, capture)},
    {.name = "schema", .kind = FieldKind::Program, .offset = offsetof(ParameterRecord, schema)},
    {.name = "bytes",
     .kind = FieldKind::Enum,
     .offset = offsetof(ParameterRecord, bytes),
     .words = kPartBytesWords},
};
inline constexpr FieldSpec kParameterElement[] = {
    {.name = "parameter",
     .kind = FieldKind::Record,
     .fields = kParameterRecordFields,
     .size = sizeof(ParameterRecord)},
};
inline constexpr FieldSpec kMediaFields[] = {
    {.name = "type", .kind = FieldKind::String, .offset = offsetof(MediaRecord, type)},
    {.name = "fields",
     .kind = FieldKind::List,
     .offset = offsetof(MediaRecord, fields),
     .max = kMaxParameters,
     .fields = kParameterElement,
     .size = sizeof(ParameterRecord)},
    {.name = "format",
     .kind = FieldKind::Enum,
     .offset = offsetof(MediaRecord, format),
     .words = kBodyFormatWords},
    {.name = "schema", .kind = FieldKind::Program, .offset = offsetof(MediaRecord, schema)},
    {.name = "restTypes",
     .kind = FieldKind::Count,
     .offset = offsetof(MediaRecord, rest_types),
     .max = kMaxTypes},
    {.name = "restBytes",
     .kind = FieldKind::Enum,
     .offset = offsetof(MediaRecord, rest_bytes),
     .words = kPartBytesWords},
};
inline constexpr FieldSpec kMediaElement[] = {
    {.name = "media",
     .kind = FieldKind::Record,
     .fields = kMediaFields,
     .size = sizeof(MediaRecord)},
};
inline constexpr FieldSpec kResponseRecordFields[] = {
    {.name = "headers",
     .kind = FieldKind::List,
     .offset = offsetof(ResponseRecord, headers),
     .max = kMaxParameters,
     .fields = kParameterElement,
     .size = sizeof(ParameterRecord)},
    {.name = "media",
     .kind = FieldKind::List,
     .offset = offsetof(ResponseRecord, media),
     .max = kMaxMediaTypes,
     .fields = kMediaElement,
     .size = sizeof(MediaRecord)},
    {.name = "first", .kind = FieldKind::Status, .offset = offsetof(ResponseRecord, first)},
    {.name = "last", .kind = FieldKind::Status, .offset = offsetof(ResponseRecord, last)},
};
inline constexpr FieldSpec kResponseElement[] = {
    {.name = "response",
     .kind = FieldKind::Record,
     .fields = kResponseRecordFields,
     .size = sizeof(ResponseRecord)},
};
inline constexpr FieldSpec kValidateTextElement[] = {
    {.name = "text", .kind = FieldKind::String},
};
inline constexpr FieldSpec kValidateStoredFields[] = {
    {.name = "parameters",
     .kind = FieldKind::List,
     .offset = offsetof(ValidateRecord, parameters),
     .max = kMaxParameters,
     .fields = kParameterElement,
     .size = sizeof(ParameterRecord),
     .doc = "parameters that are declared"},
    {.name = "media",
     .kind = FieldKind::List,
     .offset = offsetof(ValidateRecord, media),
     .max = kMaxMediaTypes,
     .fields = kMediaElement,
     .size = sizeof(MediaRecord),
     .doc = "what a request body may be"},
    {.name = "responses",
     .kind = FieldKind::List,
     .offset = offsetof(ValidateRecord, responses),
     .max = kMaxResponses,
     .fields = kResponseElement,
     .size = sizeof(ResponseRecord),
     .doc = "answers that are declared"},
    {.name = "produces",
     .kind = FieldKind::List,
     .offset = offsetof(ValidateRecord, produces),
     .max = kMaxMediaTypes,
     .fields = kValidateTextElement,
     .size = sizeof(table::StringRef),
     .doc = "media types of good answers"},
    {.name = "known",
     .kind = FieldKind::List,
     .offset = offsetof(ValidateRecord, known),
     .max = kMaxParameters,
     .fields = kValidateTextElement,
     .size = sizeof(table::StringRef),
     .doc = "names that are known and not judged"},
    {.name = "accepts",
     .kind = FieldKind::String,
     .offset = offsetof(ValidateRecord, accepts),
     .doc = "Accept of an answer 415"},
    {.name = "request",
     .kind = FieldKind::Enum,
     .offset = offsetof(ValidateRecord, request),
     .words = kValidateModeWords,
     .doc = "what becomes of requests that break the contract"},
    {.name = "response",
     .kind = FieldKind::Enum,
     .offset = offsetof(ValidateRecord, response),
     .words = kValidateModeWords,
     .doc = "what becomes of answers that break the contract"},
    {.name = "body",
     .kind = FieldKind::Enum,
     .offset = offsetof(ValidateRecord, body),
     .words = kBodyPresenceWords,
     .doc = "whether a request body is declared"},
    {.name = "unknownQuery",
     .kind = FieldKind::Enum,
     .offset = offsetof(ValidateRecord, unknown_query),
     .words = kUnknownActionWords,
     .doc = "query parameters that are not declared"},
    {.name = "unknownHeaders",
     .kind = FieldKind::Enum,
     .offset = offsetof(ValidateRecord, unknown_headers),
     .words = kUnknownActionWords,
     .doc = "headers that are not declared"},
    {.name = "unknownCookies",
     .kind = FieldKind::Enum,
     .offset = offsetof(ValidateRecord, unknown_cookies),
     .words = kUnknownActionWords,
     .doc = "cookies that are not declared"},
    {.name = "errors",
     .kind = FieldKind::Count,
     .offset = offsetof(ValidateRecord, errors),
     .max = kMaxReportedFaults,
     .doc = "faults that an answer lists"},
};
inline constexpr RecordSpec kValidateStoredSpec{.name = "validate",
                                                .bytes = sizeof(ValidateRecord),
                                                .fields = kValidateStoredFields,
                                                .doc = "holds messages to the contract"};

}  // namespace gw::policies
