// mock: answers from the document's own examples.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

/// One possible answer, made by the compiler from an example or a schema.
struct MockAnswerRecord {
  u32 status;
  u32 is_example;          // 0: generated from the schema
  table::StringRef media;  // media type; absent: no body
  table::StringRef name;   // of the example, for `Prefer: example=NAME`; absent: unnamed
  table::StringRef body;
};
struct MockRecord {
  table::Extent answers;  // MockAnswerRecord[], the default first
  u32 status;             // 0: the first success
  u32 reserved;
};
static_assert(sizeof(MockAnswerRecord) == 32 && sizeof(MockRecord) == 16);

inline constexpr FieldSpec kMockAnswerFields[] = {
    {.name = "status",
     .kind = FieldKind::Count,
     .offset = offsetof(MockAnswerRecord, status),
     .min = 100,
     .max = 599},
    {.name = "isExample",
     .kind = FieldKind::Bool,
     .offset = offsetof(MockAnswerRecord, is_example)},
    {.name = "media", .kind = FieldKind::String, .offset = offsetof(MockAnswerRecord, media)},
    {.name = "name", .kind = FieldKind::String, .offset = offsetof(MockAnswerRecord, name)},
    {.name = "body", .kind = FieldKind::Body, .offset = offsetof(MockAnswerRecord, body)},
};
inline constexpr FieldSpec kMockAnswerElement[] = {
    {.name = "answer",
     .kind = FieldKind::Record,
     .fields = kMockAnswerFields,
     .size = sizeof(MockAnswerRecord)},
};
/// What a user may write; the answers are made by compiler/passes/lower_mock.
inline constexpr FieldSpec kMockFields[] = {
    {.name = "status",
     .kind = FieldKind::Count,
     .offset = offsetof(MockRecord, status),
     .max = 599,
     .fallback = "0",
     .doc = "the response to answer with, unless the request prefers another; 0: first success"},
};
/// What is in the table, for verify and inspect.
inline constexpr FieldSpec kMockStoredFields[] = {
    {.name = "answers",
     .kind = FieldKind::List,
     .offset = offsetof(MockRecord, answers),
     .fields = kMockAnswerElement,
     .size = sizeof(MockAnswerRecord)},
    {.name = "status",
     .kind = FieldKind::Count,
     .offset = offsetof(MockRecord, status),
     .max = 599},
};
inline constexpr RecordSpec kMockSpec{.name = "mock",
                                      .bytes = sizeof(MockRecord),
                                      .fields = kMockFields,
                                      .doc = "answers from the examples of the document",
                                      .shorthand = "status"};
inline constexpr RecordSpec kMockStoredSpec{.name = "mock",
                                            .bytes = sizeof(MockRecord),
                                            .fields = kMockStoredFields,
                                            .doc = "answers from the examples of the document"};

}  // namespace gw::policies
