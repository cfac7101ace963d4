#include "runtime/policies/validate/judge.h"

#include <algorithm>
#include <cstring>

#include "runtime/encoding/coding.h"
#include "runtime/http/fields.h"

namespace gw::validate {
namespace {

using policies::BodyFormat;
using policies::MediaRecord;
using policies::ParameterRecord;
using policies::ParameterStyle;
using policies::Place;

// What is reused from message to message: nothing of it is kept when a step has ended.
struct Workspace {
  BodyTapes body;
  json::Tape parameter;
  schema::Evaluator evaluator;
};

Workspace& workspace() {
  thread_local Workspace one;
  return one;
}

// Values of all fields of a name as one list (RFC 9110 section 5.3).
std::string_view joined(const http::FieldList& fields, std::string_view name, Arena& arena) {
  size_t bytes = 0;
  for (const http::Field& field : fields) {
    if (!field.removed && http::equal_fold(field.name, name)) bytes += field.value.size() + 1;
  }
  char* out = static_cast<char*>(arena.allocate(bytes, 1));
  size_t used = 0;
  for (const http::Field& field : fields) {
    if (field.removed || !http::equal_fold(field.name, name)) continue;
    if (used != 0) out[used++] = ',';
    if (!field.value.empty()) std::memcpy(out + used, field.value.data(), field.value.size());
    used += field.value.size();
  }
  return {out, used};
}

}  // namespace

void Judge::add(const ParameterRecord& parameter, std::string_view keyword,
                std::string_view detail) {
  faults.add({.in = static_cast<Place>(parameter.place),
              .parameter = view_.text(parameter.name),
              .pointer = {},
              .keyword = keyword,
              .detail = detail});
}

bool Judge::judge_value(u32 schema, Place in, std::string_view name, const json::Tape& tape,
                        bool reports) {
  if (schema == table::kNone) return true;
  schema::Evaluator& evaluator = workspace().evaluator;
  const schema::Program program = exchange_.table->schemas();
  const schema::ValidateOptions options{.direction = direction_};
  if (evaluator.validate(program, schema, tape, 0, options)) return true;
  if (!reports) return false;
  // One more, so that the count tells of those that are not shown.
  schema::ErrorList errors(faults.room() + 1);
  evaluator.validate(program, schema, tape, 0, options, &errors);
  faults.add(in, name, errors);
  return false;
}

bool Judge::judge_text(const ParameterRecord& parameter, const Texts& texts, Escapes escapes,
                       bool strings_only, bool reports) {
  json::Tape& tape = workspace().parameter;
  json::TapeBuilder builder(tape);
  ParameterReader reader(view_, exchange_.arena, escapes, strings_only);
  switch (reader.read(parameter, texts, builder)) {
    case Reading::Absent:
      if (parameter.required != 0) add(parameter, "required", "is required");
      return true;
    case Reading::Empty:
      return true;
    case Reading::Several:
      add(parameter, "style", "is given more than once");
      return true;
    case Reading::Malformed:
      add(parameter, "style", "is not written in the style that is declared");
      return true;
    case Reading::Value:
      break;
  }
  const Result<void> finished = builder.finish();
  if (!finished) {
    add(parameter, "style", finished.error().what);
    return true;
  }
  return judge_value(parameter.schema, static_cast<Place>(parameter.place),
                     view_.text(parameter.name), tape, reports);
}

void Judge::judge_json(const ParameterRecord& parameter, const Texts& texts, Escapes escapes) {
  std::string_view text = texts.text;
  bool found = texts.present;
  bool several = texts.several;
  const std::string_view name = view_.text(parameter.name);
  for (Pair& pair : texts.pairs) {
    if (pair.used || pair.name != name) continue;
    several = several || found;
    found = pair.used = true;
    text = pair.value;
  }
  if (several) return add(parameter, "style", "is given more than once");
  if (!found) {
    if (parameter.required != 0) add(parameter, "required", "is required");
    return;
  }
  json::Tape& tape = workspace().parameter;
  ParameterReader reader(view_, exchange_.arena, escapes);
  const Result<void> parsed = tape.parse(reader.decode(text));
  if (!parsed) return add(parameter, "content", parsed.error().what);
  judge_value(parameter.schema, static_cast<Place>(parameter.place), name, tape, true);
}

void Judge::judge_parameter(const ParameterRecord& parameter, const Texts& texts, Escapes escapes) {
  if (static_cast<ParameterStyle>(parameter.style) == ParameterStyle::Json) {
    return judge_json(parameter, texts, escapes);
  }
  // A text that looks like a number may be meant as a text where both are allowed.
  constexpr u32 kGuessed = schema::kTypeNumber | schema::kTypeBool;
  const u32 types = parameter.types | parameter.item_types;
  const bool is_open = (types & schema::kTypeString) != 0 && (types & kGuessed) != 0 &&
                       (parameter.types & schema::kTypeObject) == 0;
  if (judge_text(parameter, texts, escapes, false, !is_open)) return;
  if (!is_open) return;
  const std::string_view name = view_.text(parameter.name);
  const auto give_back = [&] {
    for (Pair& pair : texts.pairs) {
      if (pair.name == name) pair.used = false;
    }
  };
  give_back();
  if (judge_text(parameter, texts, escapes, true, false)) return;
  give_back();
  judge_text(parameter, texts, escapes, false, true);
}

void Judge::judge_header(const ParameterRecord& parameter, const http::FieldList& fields) {
  const std::string_view name = view_.text(parameter.name);
  const http::Field* first = fields.find(name);
  Texts texts;
  texts.present = first != nullptr;
  if (first != nullptr) {
    texts.text = first->value;
    texts.several = std::any_of(first + 1, fields.end(), [&](const http::Field& field) {
      return !field.removed && http::equal_fold(field.name, name);
    });
    if (texts.several) texts.text = joined(fields, name, exchange_.arena);
  }
  judge_parameter(parameter, texts, Escapes::None);
}

void Judge::judge_body(const MediaRecord& media, const MediaType& type, Bytes body) {
  BodyTapes& tapes = workspace().body;
  BodyProblem problem;
  if (read_body(view_, media, type, as_text(body), exchange_.arena, tapes, problem)) {
    judge_value(media.schema, Place::Body, {}, tapes.value, true);
  } else {
    const auto format = static_cast<BodyFormat>(media.format);
    faults.add({.in = Place::Body,
                .parameter = problem.field,
                .pointer = {},
                .keyword = format == BodyFormat::Json ? "json" : "content",
                .detail = problem.what});
  }
  tapes.value.clear();
  tapes.part.clear();
}

const MediaRecord* find_media(const table::TableView& view, table::Extent media,
                              std::string_view type) {
  for (const MediaRecord& entry : view.policy_list<MediaRecord>(media)) {
    if (media_matches(view.text(entry.type), type)) return &entry;
  }
  return nullptr;
}

std::string_view unreadable(const MediaRecord& media, const MediaType& type,
                            const http::FieldList& fields) {
  u32 types = 0;
  for (const http::Field& field : fields) {
    types += field.id == http::FieldId::ContentType && !field.removed ? 1 : 0;
  }
  if (types > 1 || is_ambiguous(type)) return "it has more than one media type";
  if (!is_judged(media)) return {};
  if (!encoding::coding_of(fields).known) return "it is encoded in a way that is not known";
  const std::string_view charset = media_parameter(type, "charset");
  if (charset.empty() || http::equal_fold(charset, "utf-8") || http::equal_fold(charset, "utf8") ||
      http::equal_fold(charset, "us-ascii")) {
    return {};
  }
  return "the body is not UTF-8";
}

}  // namespace gw::validate
