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

// Whether `brackets` is `[a][b]`, with `[]` at the end or not, and not too deep.
bool is_deep_path(std::string_view brackets) {
  u32 levels = 0;
  while (!brackets.empty()) {
    if (brackets == "[]") return levels != 0;
    const size_t end = brackets.find(']');
    if (brackets[0] != '[' || end == brackets.npos || end == 1) return false;
    if (brackets.substr(1, end - 1).find('[') != brackets.npos) return false;
    if (++levels > policies::kMaxDeepLevels) return false;
    brackets.remove_prefix(end + 1);
  }
  return levels != 0;
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
  const auto properties = view_.policy_list<PropertyRecord>(parameter.properties);
  const auto text = [&](const PropertyRecord& property) { return view_.text(property.name); };
  const auto found = std::ranges::lower_bound(properties, name, {}, text);
  return found != properties.end() && text(*found) == name ? &*found : nullptr;
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

// `name[a]=1&name[b][c]=2&name[d][]=3`: sorted by name, what belongs to one property stands
// together, on every level. Pairs of one name keep their order.
Reading ParameterReader::read_deep(const Parameter& parameter, std::span<Pair> pairs,
                                   json::TapeBuilder& out) {
  const std::string_view name = view_.text(parameter.name);
  const auto belongs = [&](const Pair& pair) {
    return !pair.used && pair.name.size() > name.size() && pair.name.starts_with(name) &&
           pair.name[name.size()] == '[';
  };
  size_t count = 0;
  for (const Pair& pair : pairs) {
    if (!belongs(pair)) continue;
    if (!is_deep_path(pair.name.substr(name.size()))) return Reading::Malformed;
    ++count;
  }
  if (count == 0) return Reading::Absent;
  const Pair** group = arena_.allocate_array<const Pair*>(count);
  size_t next = 0;
  for (Pair& pair : pairs) {
    if (!belongs(pair)) continue;
    pair.used = true;
    group[next++] = &pair;
  }
  std::sort(group, group + count, [](const Pair* a, const Pair* b) {
    const auto order = a->name <=> b->name;
    return order == 0 ? a < b : order < 0;
  });
  return write_deep(parameter, {group, count}, name, parameter.rest_types, out);
}

// The object whose properties stand behind `path`, which all names of `group` begin with.
Reading ParameterReader::write_deep(const Parameter& parameter, std::span<const Pair* const> group,
                                    std::string_view path, u32 rest_types, json::TapeBuilder& out) {
  const size_t outer = view_.text(parameter.name).size() + 1;
  out.object();
  while (!group.empty()) {
    const std::string_view first = group[0]->name;
    const size_t end = first.find(']', path.size());
    const std::string_view own = first.substr(0, end + 1);
    const auto others =
        std::ranges::find_if(group, [&](const Pair* pair) { return !pair->name.starts_with(own); });
    const auto members = group.first(static_cast<size_t>(others - group.begin()));
    group = group.subspan(members.size());
    out.key(first.substr(path.size() + 1, end - path.size() - 1));
    const PropertyRecord* property = find_property(parameter, first.substr(outer, end - outer));
    const u32 types = property == nullptr ? rest_types : property->types;
    const u32 inner_types = property == nullptr ? u32{schema::kTypeString} : property->item_types;
    const auto is_value = [&](const Pair* pair) {
      const std::string_view rest = pair->name.substr(own.size());
      return rest.empty() || rest == "[]";
    };
    const auto values = std::ranges::count_if(members, is_value);
    // A value cannot be an object as well.
    if (values != 0 && static_cast<size_t>(values) != members.size()) return Reading::Malformed;
    const Reading reading = values == 0 ? write_deep(parameter, members, own, inner_types, out)
                                        : write_deep_values(members, own, types, inner_types, out);
    if (reading != Reading::Value) return reading;
  }
  out.end();
  return Reading::Value;
}

// One value, or those of a list: where a name stands more than once, ends in `[]`, or can be
// nothing else.
Reading ParameterReader::write_deep_values(std::span<const Pair* const> group,
                                           std::string_view path, u32 types, u32 item_types,
                                           json::TapeBuilder& out) {
  const bool may_be_list = (types & schema::kTypeArray) != 0;
  const bool has_brackets = group.back()->name.size() != path.size();
  if (group.size() > 1 && !may_be_list && !has_brackets) return Reading::Several;
  if (group.size() == 1 && !has_brackets && (!may_be_list || (types & kScalars) != 0)) {
    write_scalar(types, decode(group[0]->value), out);
    return Reading::Value;
  }
  out.array();
  const u32 each = may_be_list ? item_types : u32{schema::kTypeString};
  for (const Pair* pair : group) write_scalar(each, decode(pair->value), out);
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
