// body: changes JSON bodies of requests or answers.
#pragma once
#include "runtime/policies/field_spec.h"
#include "runtime/policies/validate/record.h"
#include "runtime/table/template_format.h"

namespace gw::policies {

/// A path is a JSON Pointer (RFC 6901) without its first slash; `*` is every item of a list, or
/// every member of an object.
struct BodyPathRecord {
  table::StringRef path;
  table::StringRef to;
};
struct BodyLimitRecord {
  table::StringRef path;
  u32 count;
  u32 reserved;
};
struct BodySetRecord {
  table::StringRef path;
  table::Extent value;  // TemplateNode[]
};

enum class BodyTooLong : u32 { Refuse, Pass };
inline constexpr std::string_view kBodyTooLongWords[] = {"refuse", "pass"};
enum class BodyWriting : u32 { Same, Json, Form };
inline constexpr std::string_view kBodyWritingWords[] = {"same", "json", "form"};

/// What is declared of a form: of answers with a status from `first` to `last`; of requests both
/// are 0. Said here and not by validation, since forms have types whether anybody judges them or
/// not.
struct BodyFormRecord {
  table::Extent fields;  // ParameterRecord[]
  u32 rest_types;        // of fields that are not listed
  u32 first;
  u32 last;
  u32 reserved;
};
static_assert(sizeof(BodyFormRecord) == 24);

/// Applied in this order: pick, omit, move, rename, flatten, map, first, limit, set, wrap,
/// template.
struct BodyRecord {
  u64 max_size;
  u32 too_long;           // BodyTooLong
  u32 format;             // BodyWriting
  table::Extent pick;     // StringRef[]
  table::Extent omit;     // StringRef[]
  table::Extent move;     // BodyPathRecord[]
  table::Extent rename;   // BodyPathRecord[]
  table::Extent flatten;  // StringRef[]
  table::Extent map;      // BodyPathRecord[]
  table::Extent first;    // StringRef[]
  table::Extent limit;    // BodyLimitRecord[]
  table::Extent set;      // BodySetRecord[]
  table::StringRef wrap;
  table::Extent whole;  // TemplateNode[]: `template`
  // Made by the compiler.
  u32 reads;            // an expression elsewhere needs the body
  u32 of_view;          // it is what a class of clients sees
  table::Extent forms;  // BodyFormRecord[], the narrowest first; where `format` reads them
};
static_assert(sizeof(BodyRecord) == 120);

inline constexpr u32 kMaxBodyPaths = 256;

/// Index of a `$response.body` that a view reads: as the changes of the operation leave it, not as
/// it came.
inline constexpr u16 kShownBody = 1;

inline constexpr FieldSpec kBodyPathElement[] = {{.name = "path", .max = 1024}};
inline constexpr FieldSpec kBodyToElement[] = {
    {.name = "to", .offset = offsetof(BodyPathRecord, to), .max = 1024},
};
inline constexpr FieldSpec kBodyLimitElement[] = {
    {.name = "count",
     .kind = FieldKind::Count,
     .offset = offsetof(BodyLimitRecord, count),
     .max = 1'000'000},
};
inline constexpr FieldSpec kBodySetElement[] = {
    {.name = "value", .kind = FieldKind::Template, .offset = offsetof(BodySetRecord, value)},
};
inline constexpr FieldSpec kBodyFields[] = {
    {.name = "pick",
     .kind = FieldKind::List,
     .offset = offsetof(BodyRecord, pick),
     .max = kMaxBodyPaths,
     .fields = kBodyPathElement,
     .size = sizeof(table::StringRef),
     .doc = "keep nothing but these; `items/*/id` is the `id` of every item"},
    {.name = "omit",
     .kind = FieldKind::List,
     .offset = offsetof(BodyRecord, omit),
     .max = kMaxBodyPaths,
     .fields = kBodyPathElement,
     .size = sizeof(table::StringRef),
     .doc = "take these away"},
    {.name = "move",
     .kind = FieldKind::Map,
     .offset = offsetof(BodyRecord, move),
     .max = kMaxBodyPaths,
     .fields = kBodyToElement,
     .size = sizeof(BodyPathRecord),
     .doc = "from: to; both below the same item where there is a `*`"},
    {.name = "rename",
     .kind = FieldKind::Map,
     .offset = offsetof(BodyRecord, rename),
     .max = kMaxBodyPaths,
     .fields = kBodyToElement,
     .size = sizeof(BodyPathRecord),
     .doc = "path: new name of the member that it leads to"},
    {.name = "flatten",
     .kind = FieldKind::List,
     .offset = offsetof(BodyRecord, flatten),
     .max = kMaxBodyPaths,
     .fields = kBodyPathElement,
     .size = sizeof(table::StringRef),
     .doc = "members of the object take its place in the one around it, unless that has them; of a "
            "list of lists the items"},
    {.name = "map",
     .kind = FieldKind::Map,
     .offset = offsetof(BodyRecord, map),
     .max = kMaxBodyPaths,
     .fields = kBodyToElement,
     .size = sizeof(BodyPathRecord),
     .doc = "list: path within its items; each item becomes what it holds there"},
    {.name = "first",
     .kind = FieldKind::List,
     .offset = offsetof(BodyRecord, first),
     .max = kMaxBodyPaths,
     .fields = kBodyPathElement,
     .size = sizeof(table::StringRef),
     .doc = "the list becomes its first item, or null"},
    {.name = "limit",
     .kind = FieldKind::Map,
     .offset = offsetof(BodyRecord, limit),
     .max = kMaxBodyPaths,
     .fields = kBodyLimitElement,
     .size = sizeof(BodyLimitRecord),
     .doc = "list: most items that it keeps"},
    {.name = "set",
     .kind = FieldKind::Map,
     .offset = offsetof(BodyRecord, set),
     .max = kMaxBodyPaths,
     .fields = kBodySetElement,
     .size = sizeof(BodySetRecord),
     .doc = "path: value, with runtime expressions; objects on the way are made; what is absent "
            "leaves the member as it is"},
    {.name = "wrap",
     .offset = offsetof(BodyRecord, wrap),
     .max = 1024,
     .doc = "the body becomes this member of a new object"},
    {.name = "template",
     .kind = FieldKind::Template,
     .offset = offsetof(BodyRecord, whole),
     .doc = "the whole body, with runtime expressions, in place of all others"},
    {.name = "format",
     .kind = FieldKind::Enum,
     .offset = offsetof(BodyRecord, format),
     .fallback = "same",
     .words = kBodyWritingWords,
     .doc = "how it is sent on; with `json` or `form` both kinds are read"},
    {.name = "maxSize",
     .kind = FieldKind::Bytes,
     .offset = offsetof(BodyRecord, max_size),
     .min = 1,
     .max = u64{64} << 20,
     .fallback = "1MiB",
     .doc = "of a body that is changed, before and after"},
    {.name = "tooLarge",
     .kind = FieldKind::Enum,
     .offset = offsetof(BodyRecord, too_long),
     .fallback = "refuse",
     .words = kBodyTooLongWords,
     .doc = "what becomes of a longer one: 413 or 502, or it passes unchanged"},
};
inline constexpr RecordSpec kBodySpec{.name = "body",
                                      .bytes = sizeof(BodyRecord),
                                      .fields = kBodyFields,
                                      .doc = "changes of JSON bodies"};

// As it is stored: with what the compiler adds.
inline constexpr FieldSpec kBodyFormFields[] = {
    {.name = "fields",
     .kind = FieldKind::List,
     .offset = offsetof(BodyFormRecord, fields),
     .max = kMaxParameters,
     .fields = kParameterElement,
     .size = sizeof(ParameterRecord)},
    {.name = "restTypes",
     .kind = FieldKind::Count,
     .offset = offsetof(BodyFormRecord, rest_types),
     .max = kMaxTypes},
    {.name = "first",
     .kind = FieldKind::Count,
     .offset = offsetof(BodyFormRecord, first),
     .max = 599},
    {.name = "last",
     .kind = FieldKind::Count,
     .offset = offsetof(BodyFormRecord, last),
     .max = 599},
};
inline constexpr FieldSpec kBodyFormElement[] = {
    {.name = "form",
     .kind = FieldKind::Record,
     .fields = kBodyFormFields,
     .size = sizeof(BodyFormRecord)},
};
inline constexpr FieldSpec kBodyStoredExtra[] = {
    {.name = "fields",
     .kind = FieldKind::Record,
     .offset = 0,
     .fields = kBodyFields,
     .size = sizeof(BodyRecord)},
    {.name = "reads", .kind = FieldKind::Bool, .offset = offsetof(BodyRecord, reads)},
    {.name = "ofView", .kind = FieldKind::Bool, .offset = offsetof(BodyRecord, of_view)},
    {.name = "forms",
     .kind = FieldKind::List,
     .offset = offsetof(BodyRecord, forms),
     .max = kMaxResponses,
     .fields = kBodyFormElement,
     .size = sizeof(BodyFormRecord)},
};
inline constexpr RecordSpec kBodyStoredSpec{.name = "body",
                                            .bytes = sizeof(BodyRecord),
                                            .fields = kBodyStoredExtra,
                                            .doc = "changes of JSON bodies"};

}  // namespace gw::policies
