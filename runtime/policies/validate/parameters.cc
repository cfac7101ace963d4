#include "runtime/policies/validate/parameters.h"

#include <algorithm>

#include "runtime/http/query.h"
#include "runtime/json/text.h"
#include "runtime/schema/format.h"

namespace gw::validate {
namespace {

using policies::ParameterRecord;
using policies::ParameterStyle;
using policies::Place;
using policies::PropertyRecord;

constexpr u32 kScalars =
    schema::kTypeNull | schema::kTypeBool | schema::kTypeNumber | schema::kTypeString;

bool may_be(const ParameterRecord& parameter, u32 types) { return (parameter.types & types) != 0; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the next piece off the front of `rest`; false behind the last one. A text without
// separator is one piece, an empty one too.
struct Pieces {
  std::string_view rest;
  char separator;
  bool done = false;

  bool next(std::string_view& piece) {
    if (done) return false;
    const size_t end = rest.find(separator);
    piece = rest.substr(0, end);
    done = end == rest.npos;
    if (!done) rest.remove_prefix(end + 1);
    return true;
  }
};

char separator_of(ParameterStyle style) {
  switch (style) {
    case ParameterStyle::SpaceDelimited:
      return ' ';
    case ParameterStyle::PipeDelimited:
      return '|';
    default:
      return ',';
  }
}

// The property in `name[property]` or `name[property][]`; empty: it is nothing of the kind.
std::string_view deep_property(std::string_view pair, std::string_view name, bool& malformed) {
  if (pair.size() < name.size() + 2 || !pair.starts_with(name) || pair[name.size()] != '[') {
    return {};
  }
  std::string_view inner = pair.substr(name.size() + 1);
  if (inner.ends_with("[]")) inner.remove_suffix(2);
  const bool sound = inner.ends_with(']') && inner.size() > 1 &&
                     inner.substr(0, inner.size() - 1).find_first_of("[]") == inner.npos;
  malformed = malformed || !sound;
  return sound ? inner.substr(0, inner.size() - 1) : std::string_view{};
}

}  // namespace

bool split_pairs(std::string_view text, Arena& arena, std::span<Pair>& out) {
  if (text.empty()) return true;
  const auto most = static_cast<size_t>(std::count(text.begin(), text.end(), '&')) + 1;
  Pair* pairs = arena.allocate_array<Pair>(std::min<size_t>(most, kMaxPairs));
  size_t count = 0;
  std::string_view rest = text;
  for (http::QueryPair pair; http::next_query_pair(rest, pair);) {
    if (count == kMaxPairs) return false;
    pairs[count++] = {http::percent_decoded(arena, pair.name, true), pair.value, pair.text, false};
  }
  out = {pairs, count};
  return true;
}

std::string_view ParameterReader::decode(std::string_view text) {
  if (escapes_ == Escapes::None) return text;
  return http::percent_decoded(arena_, text, escapes_ == Escapes::Form);
}

// Items of headers may have space around them.
std::string_view ParameterReader::item_text(std::string_view text) {
  return escapes_ == Escapes::None ? trimmed(text) : decode(text);
}

void ParameterReader::write_scalar(u32 types, std::string_view decoded,
                                   json::TapeBuilder& out) const {
  const bool guess = !strings_only_;
  if (guess && (types & schema::kTypeNumber) != 0 && json::is_number(decoded)) {
    out.number(decoded);
  } else if (guess && (types & schema::kTypeBool) != 0 &&
             (decoded == "true" || decoded == "false")) {
    out.boolean(decoded == "true");
  } else if ((types & (schema::kTypeNull | schema::kTypeString)) == schema::kTypeNull &&
             (decoded.empty() || decoded == "null")) {
    out.null();
  } else {
    out.string(decoded);
  }
}

const PropertyRecord* ParameterReader::find_property(const Parameter& parameter,
                                                     std::string_view name) const {
  for (const PropertyRecord& property : view_.policy_list<PropertyRecord>(parameter.properties)) {
    if (view_.text(property.name) == name) return &property;
  }
  return nullptr;
}

void ParameterReader::write_property(const Parameter& parameter, std::string_view name,
                                     std::string_view decoded, json::TapeBuilder& out) {
  const PropertyRecord* property = find_property(parameter, name);
  out.key(name);
  write_scalar(property == nullptr ? parameter.rest_types : property->types, decoded, out);
}

void ParameterReader::write_list(const Parameter& parameter, std::string_view text, char separator,
                                 json::TapeBuilder& out) {
  out.array();
  std::string_view piece;
  for (Pieces pieces{text, separator}; !text.empty() && pieces.next(piece);) {
    write_scalar(parameter.item_types, item_text(piece), out);
  }
  out.end();
}

// `assigned`: name=value, otherwise names and values take turns.
Reading ParameterReader::write_object(const Parameter& parameter, std::string_view text,
                                      char separator, bool assigned, json::TapeBuilder& out) {
  out.object();
  std::string_view piece;
  for (Pieces pieces{text, separator}; !text.empty() && pieces.next(piece);) {
    std::string_view value;
    if (assigned) {
      const size_t equals = piece.find('=');
      if (equals == piece.npos) return Reading::Malformed;
      value = piece.substr(equals + 1);
      piece = piece.substr(0, equals);
    } else if (!pieces.next(value)) {
      return Reading::Malformed;
    }
    write_property(parameter, item_text(piece), item_text(value), out);
  }
  out.end();
  return Reading::Value;
}

Reading ParameterReader::write_delimited(const Parameter& parameter, std::string_view text,
                                         char separator, bool assigned, json::TapeBuilder& out) {
  const bool has_separator = text.find(separator) != text.npos;
  const bool one = may_be(parameter, kScalars) && !has_separator;
  if (may_be(parameter, schema::kTypeArray) && !one) {
    write_list(parameter, text, separator, out);
    return Reading::Value;
  }
  if (may_be(parameter, schema::kTypeObject) && !one) {
    return write_object(parameter, text, separator, assigned, out);
  }
  write_scalar(parameter.types, decode(text), out);
  return Reading::Value;
}

Reading ParameterReader::read_label(const Parameter& parameter, std::string_view text,
                                    json::TapeBuilder& out) {
  if (!text.starts_with('.')) return Reading::Malformed;
  const bool explode = parameter.explode != 0;
  return write_delimited(parameter, text.substr(1), explode ? '.' : ',', explode, out);
}

// `;name=value`, exploded `;name=a;name=b` of a list and `;R=100;G=200` of an object.
Reading ParameterReader::read_matrix(const Parameter& parameter, std::string_view text,
                                     json::TapeBuilder& out) {
  if (!text.starts_with(';')) return Reading::Malformed;
  text.remove_prefix(1);
  const std::string_view name = view_.text(parameter.name);
  const bool explode = parameter.explode != 0;
  if (explode && may_be(parameter, schema::kTypeObject)) {
    return write_object(parameter, text, ';', true, out);
  }
  const auto value_of = [&](std::string_view piece, std::string_view& value) {
    const size_t equals = piece.find('=');
    value = equals == piece.npos ? std::string_view{} : piece.substr(equals + 1);
    return decode(piece.substr(0, equals)) == name;
  };
  std::string_view value;
  if (!explode || !may_be(parameter, schema::kTypeArray)) {
    if (text.find(';') != text.npos || !value_of(text, value)) return Reading::Malformed;
    return write_delimited(parameter, value, ',', false, out);
  }
  out.array();
  std::string_view piece;
  for (Pieces pieces{text, ';'}; pieces.next(piece);) {
    if (!value_of(piece, value)) return Reading::Malformed;
    write_scalar(parameter.item_types, decode(value), out);
  }
  out.end();
  return Reading::Value;
}

Reading ParameterReader::read_text(const Parameter& parameter, std::string_view text,
                                   json::TapeBuilder& out) {
  switch (static_cast<ParameterStyle>(parameter.style)) {
    case ParameterStyle::Label:
      return read_label(parameter, text, out);
    case ParameterStyle::Matrix:
      return read_matrix(parameter, text, out);
    default:
      return write_delimited(parameter, text, ',', parameter.explode != 0, out);
  }
}

Reading ParameterReader::read_deep(const Parameter& parameter, std::span<Pair> pairs,
                                   json::TapeBuilder& out) {
  const std::string_view name = view_.text(parameter.name);
  bool malformed = false;
  bool begun = false;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].used) continue;
    const std::string_view key = deep_property(pairs[i].name, name, malformed);
    if (key.empty()) continue;
    pairs[i].used = true;
    if (!begun) out.object();
    begun = true;
    const PropertyRecord* property = find_property(parameter, key);
    if (property == nullptr || (property->types & schema::kTypeArray) == 0) {
      write_property(parameter, key, decode(pairs[i].value), out);
      continue;
    }
    out.key(key);
    out.array();
    write_scalar(property->item_types, decode(pairs[i].value), out);
    for (size_t j = i + 1; j < pairs.size(); ++j) {
      if (deep_property(pairs[j].name, name, malformed) != key) continue;
      pairs[j].used = true;
      write_scalar(property->item_types, decode(pairs[j].value), out);
    }
    out.end();
  }
  if (malformed) return Reading::Malformed;
  if (!begun) return Reading::Absent;
  out.end();
  return Reading::Value;
}

// An object whose properties are parameters of their own: `R=100&G=200`.
Reading ParameterReader::read_exploded(const Parameter& parameter, std::span<Pair> pairs,
                                       json::TapeBuilder& out) {
  bool begun = false;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].used) continue;
    const PropertyRecord* property = find_property(parameter, pairs[i].name);
    if (property == nullptr && parameter.open == 0) continue;
    pairs[i].used = true;
    if (!begun) out.object();
    begun = true;
    if (property == nullptr || (property->types & schema::kTypeArray) == 0) {
      write_property(parameter, pairs[i].name, decode(pairs[i].value), out);
      continue;
    }
    out.key(pairs[i].name);
    out.array();
    write_scalar(property->item_types, decode(pairs[i].value), out);
    for (size_t j = i + 1; j < pairs.size(); ++j) {
      if (pairs[j].used || pairs[j].name != pairs[i].name) continue;
      pairs[j].used = true;
      write_scalar(property->item_types, decode(pairs[j].value), out);
    }
    out.end();
  }
  if (!begun) return Reading::Absent;
  out.end();
  return Reading::Value;
}

Reading ParameterReader::read_pairs(const Parameter& parameter, std::span<Pair> pairs,
                                    json::TapeBuilder& out) {
  const auto style = static_cast<ParameterStyle>(parameter.style);
  if (style == ParameterStyle::DeepObject) return read_deep(parameter, pairs, out);
  const bool explode = parameter.explode != 0;
  if (explode && may_be(parameter, schema::kTypeObject)) {
    return read_exploded(parameter, pairs, out);
  }
  const std::string_view name = view_.text(parameter.name);
  u32 count = 0;
  Pair* first = nullptr;
  for (Pair& pair : pairs) {
    if (pair.used || pair.name != name) continue;
    pair.used = true;
    if (count++ == 0) first = &pair;
  }
  if (first == nullptr) return Reading::Absent;
  if (count == 1 && first->value.empty() && parameter.allow_empty != 0) return Reading::Empty;
  const bool is_list = may_be(parameter, schema::kTypeArray);
  if (count > 1 && (!is_list || !explode)) return Reading::Several;
  if (is_list && explode && (count > 1 || !may_be(parameter, kScalars))) {
    out.array();
    for (const Pair& pair : pairs.subspan(static_cast<size_t>(first - pairs.data()))) {
      if (pair.name == name) write_scalar(parameter.item_types, decode(pair.value), out);
    }
    out.end();
    return Reading::Value;
  }
  const char separator = separator_of(style);
  // Between spaces and pipes nothing is encoded but them themselves; and a comma that is encoded
  // separates all the same where no item could hold one.
  const bool plain = explode || !is_list || (parameter.item_types & schema::kTypeString) != 0;
  if (explode || (separator == ',' && (plain || first->value.find(',') != first->value.npos))) {
    return write_delimited(parameter, first->value, separator, false, out);
  }
  ParameterReader decoded(view_, arena_, Escapes::None, strings_only_);
  return decoded.write_delimited(parameter, decode(first->value), separator, false, out);
}

Reading ParameterReader::read(const Parameter& parameter, const Texts& texts,
                              json::TapeBuilder& out) {
  const auto place = static_cast<Place>(parameter.place);
  if (place != Place::Path && place != Place::Header) {
    return read_pairs(parameter, texts.pairs, out);
  }
  if (!texts.present) return Reading::Absent;
  const bool is_list = may_be(parameter, schema::kTypeArray | schema::kTypeObject);
  if (texts.several && !is_list) return Reading::Several;
  return read_text(parameter, texts.text, out);
}

}  // namespace gw::validate
