#include "runtime/policies/validate/testing/parameter_maker.h"

#include <cstring>

#include "runtime/policies/validate/known_fields.h"

namespace gw::validate::testing {

using policies::ParameterRecord;
using policies::Place;

void append_json(const json::Tape& tape, u32 node, std::string& out) {
  const char* separator = "";
  switch (tape.kind(node)) {
    case json::Kind::Null:
      out += "null";
      return;
    case json::Kind::Bool:
      out += tape.boolean(node) ? "true" : "false";
      return;
    case json::Kind::Number:
      out += tape.text(node);
      return;
    case json::Kind::String:
      out.append("\"").append(tape.text(node)).append("\"");
      return;
    case json::Kind::Array:
      out += '[';
      for (const u32 item : tape.items(node)) {
        out += separator;
        separator = ",";
        append_json(tape, item, out);
      }
      out += ']';
      return;
    case json::Kind::Object:
      out += '{';
      for (const json::Member member : tape.members(node)) {
        out += separator;
        separator = ",";
        append_json(tape, member.key, out);
        out += ':';
        append_json(tape, member.value, out);
      }
      out += '}';
      return;
  }
}

ParameterRecord ParameterMaker::make(std::string_view name, Place place,
                                     policies::ParameterStyle style, bool explode, u32 types,
                                     u32 item_types, u32 rest_types) {
  // A table of one section, the strings.
  table::Header header{};
  header.section_count = 1;
  table::Section section{};
  section.kind = table::SectionKind::Strings;
  section.record_bytes = 1;
  section.offset = 128;
  section.bytes = name.size();
  file_.assign(128 + name.size() + table::kTrailerBytes, '\0');
  std::memcpy(file_.data(), &header, sizeof header);
  std::memcpy(file_.data() + sizeof header, &section, sizeof section);
  std::memcpy(file_.data() + 128, name.data(), name.size());
  view_ = table::TableView(as_bytes(file_));
  ParameterRecord record{};
  record.name = {.offset = 0, .bytes = static_cast<u32>(name.size())};
  record.place = static_cast<u32>(place);
  record.style = static_cast<u32>(style);
  record.explode = explode ? 1 : 0;
  record.types = types;
  record.item_types = item_types;
  record.rest_types = rest_types;
  record.open = 1;
  record.schema = table::kNone;
  return record;
}

std::string ParameterMaker::read(const ParameterRecord& parameter, std::string_view text) {
  const auto place = static_cast<Place>(parameter.place);
  Texts texts;
  Escapes escapes = Escapes::Percent;
  http::FieldList fields(arena_);
  if (place == Place::Query || place == Place::Body) {
    escapes = Escapes::Form;
    if (!split_pairs(text, arena_, texts.pairs)) return "refused";
  } else if (place == Place::Cookie) {
    fields.add(http::FieldId::Cookie, text);
    if (!split_cookies(fields, arena_, texts.pairs)) return "refused";
  } else {
    texts.text = text;
    texts.present = true;
    if (place == Place::Header) escapes = Escapes::None;
  }
  json::TapeBuilder builder(tape_);
  ParameterReader reader(view_, arena_, escapes);
  switch (reader.read(parameter, texts, builder)) {
    case Reading::Absent:
      return "absent";
    case Reading::Empty:
      return "empty";
    case Reading::Several:
      return "several";
    case Reading::Malformed:
      return "malformed";
    case Reading::Value:
      break;
  }
  if (!builder.finish()) return "refused";
  std::string out;
  append_json(tape_, 0, out);
  return out;
}

}  // namespace gw::validate::testing
