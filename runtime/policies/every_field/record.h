// A policy that does nothing and has a field of every kind. Only tests include it: it proves that
// decoding, verify(), JSON Schema and reference follow from a field table alone.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct EveryInnerRecord {
  u64 wait;
  table::StringRef label;
};

struct EveryItemRecord {
  EveryInnerRecord inner;
  table::Extent words;  // StringRef[]
};

struct EveryEntryRecord {
  table::StringRef key;
  table::Extent items;  // EveryItemRecord[]
};

struct EveryFieldRecord {
  u32 flag;
  u32 count;
  u64 bytes;
  u64 duration;
  u32 percent;
  u32 status;
  u32 word;
  u32 regex;
  table::StringRef text;
  table::StringRef header;
  table::StringRef url;
  table::StringRef address;
  table::StringRef body;
  table::Extent network;
  table::Extent expression;
  table::Extent rewrite;
  u32 condition;
  u32 schema;
  u32 upstream;
  u32 choice;  // 1: choice_time, 2: choice_record, 3: choice_list
  u64 choice_time;
  EveryInnerRecord choice_record;
  table::Extent choice_list;  // StringRef[]
  table::Extent items;        // EveryItemRecord[]
  table::Extent entries;      // EveryEntryRecord[]
  EveryInnerRecord inner;
  table::LateNumber late_number;
  table::LateString late_text;
  table::LateString certificate;
  table::LateNumber rate;
  table::LateString origin;
  table::LateString document;
  table::StringRef claim;
  table::Extent value;  // TemplateNode[]
};
static_assert(sizeof(EveryFieldRecord) == 296);

inline constexpr std::string_view kEveryWords[] = {"first", "second"};
inline constexpr FieldSpec kEveryInnerFields[] = {
    {.name = "wait",
     .kind = FieldKind::Duration,
     .offset = offsetof(EveryInnerRecord, wait),
     .max = 60'000,
     .fallback = "1s",
     .doc = "a time"},
    {.name = "label", .offset = offsetof(EveryInnerRecord, label), .max = 16, .doc = "a name"},
};
inline constexpr FieldSpec kEveryWordElement[] = {{.name = "word", .max = 16}};
inline constexpr FieldSpec kEveryItemFields[] = {
    {.name = "inner",
     .kind = FieldKind::Record,
     .offset = offsetof(EveryItemRecord, inner),
     .fields = kEveryInnerFields,
     .size = sizeof(EveryInnerRecord),
     .shorthand = "wait"},
    {.name = "words",
     .kind = FieldKind::List,
     .offset = offsetof(EveryItemRecord, words),
     .max = 8,
     .fields = kEveryWordElement,
     .size = sizeof(table::StringRef)},
};
inline constexpr FieldSpec kEveryItemElement[] = {
    {.name = "item",
     .kind = FieldKind::Record,
     .fields = kEveryItemFields,
     .size = sizeof(EveryItemRecord)},
};
inline constexpr FieldSpec kEveryEntryElement[] = {
    {.name = "items",
     .kind = FieldKind::List,
     .offset = offsetof(EveryEntryRecord, items),
     .max = 8,
     .fields = kEveryItemElement,
     .size = sizeof(EveryItemRecord)},
};
inline constexpr FieldSpec kEveryAlternatives[] = {
    {.name = "time",
     .kind = FieldKind::Duration,
     .offset = offsetof(EveryFieldRecord, choice_time),
     .max = 60'000},
    {.name = "record",
     .kind = FieldKind::Record,
     .offset = offsetof(EveryFieldRecord, choice_record),
     .fields = kEveryInnerFields,
     .size = sizeof(EveryInnerRecord)},
    {.name = "list",
     .kind = FieldKind::List,
     .offset = offsetof(EveryFieldRecord, choice_list),
     .max = 8,
     .fields = kEveryWordElement,
     .size = sizeof(table::StringRef)},
};
inline constexpr FieldSpec kEveryFields[] = {
    {.name = "flag", .kind = FieldKind::Bool, .offset = offsetof(EveryFieldRecord, flag)},
    {.name = "count",
     .kind = FieldKind::Count,
     .offset = offsetof(EveryFieldRecord, count),
     .required = true,
     .min = 1,
     .max = 10,
     .doc = "how many"},
    {.name = "bytes",
     .kind = FieldKind::Bytes,
     .offset = offsetof(EveryFieldRecord, bytes),
     .max = u64{1} << 20,
     .fallback = "1KiB"},
    {.name = "duration",
     .kind = FieldKind::Duration,
     .offset = offsetof(EveryFieldRecord, duration),
     .max = 60'000,
     .fallback = "5s"},
    {.name = "percent",
     .kind = FieldKind::Percent,
     .offset = offsetof(EveryFieldRecord, percent),
     .max = 10'000,
     .fallback = "20%"},
    {.name = "status",
     .kind = FieldKind::Status,
     .offset = offsetof(EveryFieldRecord, status),
     .min = 200,
     .max = 599,
     .fallback = "204"},
    {.name = "word",
     .kind = FieldKind::Enum,
     .offset = offsetof(EveryFieldRecord, word),
     .fallback = "second",
     .words = kEveryWords},
    {.name = "regex", .kind = FieldKind::Regex, .offset = offsetof(EveryFieldRecord, regex)},
    {.name = "text", .offset = offsetof(EveryFieldRecord, text), .min = 1, .max = 32},
    {.name = "header", .kind = FieldKind::HeaderName, .offset = offsetof(EveryFieldRecord, header)},
    {.name = "url", .kind = FieldKind::Url, .offset = offsetof(EveryFieldRecord, url)},
    {.name = "address", .kind = FieldKind::Address, .offset = offsetof(EveryFieldRecord, address)},
    {.name = "body",
     .kind = FieldKind::Body,
     .offset = offsetof(EveryFieldRecord, body),
     .max = 64},
    {.name = "network", .kind = FieldKind::Network, .offset = offsetof(EveryFieldRecord, network)},
    {.name = "expression",
     .kind = FieldKind::Expression,
     .offset = offsetof(EveryFieldRecord, expression)},
    {.name = "rewrite",
     .kind = FieldKind::PathRewrite,
     .offset = offsetof(EveryFieldRecord, rewrite)},
    {.name = "condition",
     .kind = FieldKind::Condition,
     .offset = offsetof(EveryFieldRecord, condition)},
    {.name = "schema", .kind = FieldKind::Schema, .offset = offsetof(EveryFieldRecord, schema)},
    {.name = "upstream",
     .kind = FieldKind::Name,
     .offset = offsetof(EveryFieldRecord, upstream),
     .names = NameSpace::Upstream},
    {.name = "choice",
     .kind = FieldKind::Union,
     .offset = offsetof(EveryFieldRecord, choice),
     .fields = kEveryAlternatives},
    {.name = "items",
     .kind = FieldKind::List,
     .offset = offsetof(EveryFieldRecord, items),
     .max = 4,
     .fields = kEveryItemElement,
     .size = sizeof(EveryItemRecord)},
    {.name = "entries",
     .kind = FieldKind::Map,
     .offset = offsetof(EveryFieldRecord, entries),
     .fields = kEveryEntryElement,
     .size = sizeof(EveryEntryRecord)},
    {.name = "inner",
     .kind = FieldKind::Record,
     .offset = offsetof(EveryFieldRecord, inner),
     .fields = kEveryInnerFields,
     .size = sizeof(EveryInnerRecord),
     .shorthand = "wait",
     .doc = "a bare time sets `wait`"},
    {.name = "lateNumber",
     .kind = FieldKind::Count,
     .offset = offsetof(EveryFieldRecord, late_number),
     .late = true,
     .max = 100,
     .fallback = "7"},
    {.name = "lateText",
     .kind = FieldKind::Address,
     .offset = offsetof(EveryFieldRecord, late_text),
     .late = true},
    {.name = "certificate",
     .kind = FieldKind::Pem,
     .offset = offsetof(EveryFieldRecord, certificate),
     .late = true,
     .max = 4096},
    {.name = "rate",
     .kind = FieldKind::Rate,
     .offset = offsetof(EveryFieldRecord, rate),
     .late = true,
     .fallback = "5/s"},
    {.name = "origin",
     .kind = FieldKind::Origin,
     .offset = offsetof(EveryFieldRecord, origin),
     .late = true,
     .max = 1024},
    {.name = "document",
     .kind = FieldKind::Document,
     .offset = offsetof(EveryFieldRecord, document),
     .late = true,
     .max = 4096},
    {.name = "claim",
     .kind = FieldKind::ClaimPath,
     .offset = offsetof(EveryFieldRecord, claim),
     .fallback = "$jwt.sub"},
    {.name = "template", .kind = FieldKind::Template, .offset = offsetof(EveryFieldRecord, value)},
};
inline constexpr RecordSpec kEveryFieldSpec{.name = "everyField",
                                            .bytes = sizeof(EveryFieldRecord),
                                            .fields = kEveryFields,
                                            .doc = "every kind of field",
                                            .shorthand = "count"};

}  // namespace gw::policies
