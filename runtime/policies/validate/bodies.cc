#include "runtime/policies/validate/bodies.h"

#include <algorithm>
#include <span>

#include "runtime/json/tape_builder.h"
#include "runtime/policies/validate/multipart.h"
#include "runtime/policies/validate/parameters.h"
#include "runtime/schema/format.h"

namespace gw::validate {
namespace {

using policies::BodyFormat;
using policies::MediaRecord;
using policies::ParameterRecord;
using policies::ParameterStyle;
using policies::PartBytes;

constexpr u32 kFormDepth = 64;  // of JSON within a form

std::string_view name_of(Reading reading) {
  return reading == Reading::Several ? std::string_view("given more than once")
                                     : std::string_view("not written in its style");
}

// Writes a value of another tape.
void copy_value(const json::Tape& from, u32 node, Arena& arena, json::TapeBuilder& out) {
  switch (from.kind(node)) {
    case json::Kind::Null:
      out.null();
      return;
    case json::Kind::Bool:
      out.boolean(from.boolean(node));
      return;
    case json::Kind::Number:
      out.number(from.text(node));
      return;
    case json::Kind::String:
      out.string(from.string(node, arena));
      return;
    case json::Kind::Array:
      out.array();
      for (const u32 item : from.items(node)) copy_value(from, item, arena, out);
      out.end();
      return;
    case json::Kind::Object:
      out.object();
      for (const json::Member member : from.members(node)) {
        out.key(from.string(member.key, arena));
        copy_value(from, member.value, arena, out);
      }
      out.end();
      return;
  }
}

class FormReader {
 public:
  FormReader(const table::TableView& view, const MediaRecord& media, Arena& arena, BodyTapes& tapes,
             BodyProblem& problem)
      : view_(view),
        media_(media),
        fields_(view.policy_list<ParameterRecord>(media.fields)),
        arena_(arena),
        tapes_(tapes),
        problem_(problem),
        reader_(view, arena, Escapes::Form),
        out_(tapes.value) {}

  bool read_pairs(std::string_view body) {
    std::span<Pair> pairs;
    if (!split_pairs(body, arena_, pairs)) return refuse("has too many fields", {});
    out_.object();
    for (const ParameterRecord& field : fields_) {
      if (!read_field(field, pairs)) return false;
    }
    for (const Pair& pair : pairs) {
      if (pair.used) continue;
      out_.key(pair.name);
      reader_.write_scalar(media_.rest_types, reader_.decode(pair.value), out_);
    }
    return finish();
  }

  bool read_parts(std::string_view body, std::string_view boundary) {
    Part* parts = nullptr;
    u32 count = 0;
    MultipartReader reader(body, boundary);
    for (;;) {
      Part part;
      const Result<bool> more = reader.next(part);
      if (!more) return refuse(more.error().what, {});
      if (!*more) break;
      if (parts == nullptr) parts = arena_.allocate_array<Part>(kMaxParts);
      parts[count++] = part;
    }
    out_.object();
    for (u32 i = 0; i < count; ++i) {
      if (parts[i].name.data() == nullptr) continue;  // taken by a list
      if (!write_part(std::span(parts, count), i)) return false;
    }
    return finish();
  }

 private:
  bool refuse(std::string_view what, std::string_view field) {
    problem_ = {what, field};
    return false;
  }

  bool finish() {
    out_.end();
    const Result<void> finished = out_.finish();
    return finished ? true : refuse(finished.error().what, {});
  }

  bool has_pair(const ParameterRecord& field, std::span<const Pair> pairs) const {
    const std::string_view name = view_.text(field.name);
    const bool deep = static_cast<ParameterStyle>(field.style) == ParameterStyle::DeepObject;
    for (const Pair& pair : pairs) {
      if (pair.used || !pair.name.starts_with(name)) continue;
      const std::string_view rest = pair.name.substr(name.size());
      if (deep ? rest.starts_with('[') : rest.empty()) return true;
    }
    return false;
  }

  bool read_field(const ParameterRecord& field, std::span<Pair> pairs) {
    if (!has_pair(field, pairs)) return true;
    const std::string_view name = view_.text(field.name);
    out_.key(name);
    if (static_cast<ParameterStyle>(field.style) == ParameterStyle::Json) {
      return read_json_pair(name, pairs);
    }
    const Reading reading = reader_.read(field, {.pairs = pairs}, out_);
    return reading == Reading::Value ? true : refuse(name_of(reading), name);
  }

  bool read_json_pair(std::string_view name, std::span<Pair> pairs) {
    bool found = false;
    for (Pair& pair : pairs) {
      if (pair.used || pair.name != name) continue;
      if (found) return refuse(name_of(Reading::Several), name);
      found = pair.used = true;
      if (!copy_json(reader_.decode(pair.value), name)) return false;
    }
    return true;
  }

  bool copy_json(std::string_view text, std::string_view field) {
    const Result<void> parsed = tapes_.part.parse(text, {.depth = kFormDepth, .nodes = 100'000});
    if (!parsed) return refuse(parsed.error().what, field);
    copy_value(tapes_.part, 0, arena_, out_);
    return true;
  }

  const ParameterRecord* find_field(std::string_view name) const {
    for (const ParameterRecord& field : fields_) {
      if (view_.text(field.name) == name) return &field;
    }
    return nullptr;
  }

  bool write_part(std::span<Part> parts, u32 index) {
    const std::string_view name = parts[index].name;
    const ParameterRecord* field = find_field(name);
    out_.key(name);
    const bool is_list = field != nullptr && (field->types & schema::kTypeArray) != 0;
    if (!is_list) return write_content(field, parts[index], false);
    out_.array();
    for (Part& part : parts.subspan(index)) {
      if (part.name.data() == nullptr || part.name != name) continue;
      if (!write_content(field, part, true)) return false;
      part.name = {};
    }
    out_.end();
    return true;
  }

  bool write_content(const ParameterRecord* field, const Part& part, bool is_item) {
    if (field == nullptr) {
      // Files that nobody has declared need be no text; how they are judged says the schema.
      if (part.is_file && !json::is_utf8(part.content)) {
        write_bytes(part.content, media_.rest_bytes);
      } else {
        reader_.write_scalar(media_.rest_types, part.content, out_);
      }
      return true;
    }
    if (static_cast<ParameterStyle>(field->style) == ParameterStyle::Json) {
      return copy_json(part.content, view_.text(field->name));
    }
    if (static_cast<PartBytes>(field->bytes) != PartBytes::Text) {
      write_bytes(part.content, field->bytes);
    } else {
      reader_.write_scalar(is_item ? field->item_types : field->types, part.content, out_);
    }
    return true;
  }

  // As a text with a character for each byte, where somebody asks how many there are, or which:
  // bytes from 0x80 on are then those of ISO 8859-1.
  void write_bytes(std::string_view bytes, u32 judged) {
    const bool is_free = static_cast<PartBytes>(judged) == PartBytes::Free;
    const auto is_high = [](char c) { return static_cast<u8>(c) >= 0x80; };
    const auto high = static_cast<size_t>(std::ranges::count_if(bytes, is_high));
    if (is_free || high == 0) return out_.string(is_free ? std::string_view{} : bytes);
    char* text = static_cast<char*>(arena_.allocate(bytes.size() + high, 1));
    size_t size = 0;
    for (const char c : bytes) {
      const u32 byte = static_cast<u8>(c);
      if (byte >= 0x80) text[size++] = static_cast<char>(0xc0 | byte >> 6);
      text[size++] = byte < 0x80 ? c : static_cast<char>(0x80 | (byte & 0x3f));
    }
    out_.string({text, size});
  }

  const table::TableView& view_;
  const MediaRecord& media_;
  std::span<const ParameterRecord> fields_;
  Arena& arena_;
  BodyTapes& tapes_;
  BodyProblem& problem_;
  ParameterReader reader_;
  json::TapeBuilder out_;
};

bool read_text(std::string_view body, BodyTapes& tapes, BodyProblem& problem) {
  json::TapeBuilder out(tapes.value);
  out.string(body);
  const Result<void> finished = out.finish();
  if (finished) return true;
  problem = {finished.error().what, {}};
  return false;
}

}  // namespace

bool read_body(const table::TableView& view, const MediaRecord& media, const MediaType& type,
               std::string_view body, Arena& arena, BodyTapes& tapes, BodyProblem& problem) {
  switch (static_cast<BodyFormat>(media.format)) {
    case BodyFormat::Json: {
      const Result<void> parsed = tapes.value.parse(body);
      if (!parsed) problem = {parsed.error().what, {}};
      return parsed.has_value();
    }
    case BodyFormat::Form:
      return FormReader(view, media, arena, tapes, problem).read_pairs(body);
    case BodyFormat::Multipart:
      return FormReader(view, media, arena, tapes, problem)
          .read_parts(body, media_parameter(type, "boundary"));
    case BodyFormat::Text:
      return read_text(body, tapes, problem);
    case BodyFormat::Opaque:
      break;
  }
  return false;  // verify() and the filter see to it that this is not asked
}

}  // namespace gw::validate
