// Keywords about values: types, lists of values, bounds, patterns, formats.
#include <algorithm>
#include <cmath>
#include <set>

#include "compiler/diff/pair_compare.h"
#include "compiler/regex/regex.h"

namespace gw::compiler::diff {
namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// Values that the lists of all parts have in common, by their canonical text.
struct Enumeration {
  bool present = false;
  std::map<std::string, Value> values;

  void narrow_to(std::map<std::string, Value> list) {
    if (present) {
      std::erase_if(values, [&](const auto& entry) { return !list.contains(entry.first); });
    } else {
      values = std::move(list);
    }
    present = true;
  }
};

// A boolean that may be true or false is any boolean, and null where that is listed as well.
bool is_no_choice(const SchemaSet& set, const Enumeration& list) {
  const u32 types = types_of(set);
  if ((types & ~u32{kTypeNull}) != kTypeBoolean) return false;
  if ((types & kTypeNull) != 0 && !list.values.contains("null")) return false;
  return list.values.contains("true") && list.values.contains("false");
}

// Of `enum`, and of `const` where `with_constants`, which is a list of one.
Enumeration enumeration_of(const SchemaSet& set, bool with_constants) {
  Enumeration out;
  for (const Value list : keyword(set, "enum")) {
    if (!list.is_array()) continue;
    std::map<std::string, Value> values;
    for (const Value item : list.items()) values.try_emplace(item.canonical(), item);
    out.narrow_to(std::move(values));
  }
  if (with_constants) {
    for (const Value value : keyword(set, "const")) out.narrow_to({{value.canonical(), value}});
  }
  if (out.present && set.or_null) out.values.try_emplace("null", first_keyword(set, "enum"));
  if (out.present && is_no_choice(set, out)) return {};
  return out;
}

// Of alternatives that are single values each: `oneOf: [{const: a}, {const: b}]`. Absent where one
// of them is more than that.
Enumeration values_of_alternatives(const SchemaSet& set, std::string_view name) {
  Enumeration out;
  for (const Value list : keyword(set, name)) {
    std::map<std::string, Value> values;
    for (const Value item : list.items()) {
      const SchemaSet schema = schema_set(item);
      const Enumeration one = enumeration_of(schema, true);
      if (one.present) {
        values.insert(one.values.begin(), one.values.end());
      } else if (types_of(schema) == kTypeNull) {
        values.try_emplace("null", item);
      } else {
        return {};
      }
    }
    out.narrow_to(std::move(values));
  }
  return out;
}

u32 type_of(const std::string& key, Value value) {
  if (key == "null") return kTypeNull;
  switch (value.kind()) {
    case json::Kind::Bool:
      return kTypeBoolean;
    case json::Kind::Number: {
      const double number = number_of(value);
      return number == std::trunc(number) ? kTypeInteger : kTypeFraction;
    }
    case json::Kind::String:
      return kTypeString;
    case json::Kind::Array:
      return kTypeArray;
    case json::Kind::Object:
      return kTypeObject;
    default:
      return kAllTypes;
  }
}

u32 types_of(const Enumeration& list) {
  u32 types = 0;
  for (const auto& [key, value] : list.values) types |= type_of(key, value);
  return types;
}

std::string value_text(const std::string& key, Value value) {
  return key == "null" ? key : shown(value);
}

std::string text_of(const SchemaSet& set, std::string_view name) {
  const Value value = first_keyword(set, name);
  return value.is_string() ? value.text() : std::string();
}

// Every value of `narrow` is one of `wide`.
bool format_widens(std::string_view narrow, std::string_view wide) {
  static constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
      {"int32", "int64"},       {"float", "double"}, {"hostname", "idn-hostname"},
      {"email", "idn-email"},   {"uri", "iri"},      {"uri-reference", "iri-reference"},
      {"uri", "uri-reference"}, {"int8", "int16"},   {"int8", "int32"},
      {"int8", "int64"},        {"int16", "int32"},  {"int16", "int64"}};
  return std::ranges::any_of(
      kPairs, [&](const auto& pair) { return pair.first == narrow && pair.second == wide; });
}

std::set<std::string> patterns_of(const SchemaSet& set) {
  std::set<std::string> out;
  for (const Value pattern : keyword(set, "pattern")) {
    if (pattern.is_string()) out.insert(pattern.text());
  }
  return out;
}

// Numbers that are no integers are beside the point where there are none: more than 0 is 1 and up.
std::optional<Bound> bound_of_numbers(const SchemaSet& set, bool lower) {
  std::optional<Bound> bound = number_bound(set, lower);
  const bool integers = (types_of(set) & (kTypeInteger | kTypeFraction)) == kTypeInteger;
  if (!bound || !integers || !std::isfinite(bound->value)) return bound;
  const double whole = lower ? std::ceil(bound->value) : std::floor(bound->value);
  const bool excluded = bound->exclusive && whole == bound->value;
  if (excluded) bound->text += " (exclusive)";
  bound->value = excluded ? whole + (lower ? 1 : -1) : whole;
  bound->exclusive = false;
  return bound;
}

// A step that integers have anyway says nothing of them.
Value step_of(const SchemaSet& set) {
  const Value step = first_keyword(set, "multipleOf");
  const bool integers = (types_of(set) & kTypeFraction) == 0;
  return integers && step && step.canonical() == "1" ? Value() : step;
}

// The quotient, where it is a whole number that a double holds exactly; else 0.
double whole_quotient(Value dividend, Value divisor) {
  const double step = number_of(divisor);
  if (dividend.kind() != json::Kind::Number || step <= 0) return 0;
  const double quotient = number_of(dividend) / step;
  // Of decimal fractions, such as 0.3 and 0.1, the quotient is right but for its last bits.
  const double whole = std::round(quotient);
  return whole >= 1 && whole < 9e15 && std::abs(quotient - whole) < whole * 1e-12 ? whole : 0;
}

enum class Relation : u8 { Equal, Narrower, Wider, Neither };
// Of the texts that two patterns let through; Neither where it cannot be decided.
Relation relation(const std::string& before, const std::string& after) {
  using regex::CompiledRegex;
  const auto a = regex::compile(before, regex::Syntax::Ecma, regex::Mode::Search);
  const auto b = regex::compile(after, regex::Syntax::Ecma, regex::Mode::Search);
  const auto* old_one = std::get_if<CompiledRegex>(&a);
  const auto* new_one = std::get_if<CompiledRegex>(&b);
  if (old_one == nullptr || new_one == nullptr) return Relation::Neither;
  if (old_one->dfa.empty() || new_one->dfa.empty()) return Relation::Neither;
  const bool keeps = regex::contains(Bytes(new_one->dfa), Bytes(old_one->dfa));
  const bool adds_nothing = regex::contains(Bytes(old_one->dfa), Bytes(new_one->dfa));
  if (keeps && adds_nothing) return Relation::Equal;
  return keeps ? Relation::Wider : adds_nothing ? Relation::Narrower : Relation::Neither;
}

}  // namespace

// One side may say its types by alternatives or values where the other one names its own.
void PairCompare::type_lists() {
  const auto of_values = [](const SchemaSet& set, const SchemaSet& other) {
    const Enumeration list = enumeration_of(set, true);
    const bool is_asked = types_of(set) == kAllTypes && types_of(other) != kAllTypes;
    return list.present && is_asked ? types_of(list) : kAllTypes;
  };
  old_listed_ &= of_values(old_, new_);
  new_listed_ &= of_values(new_, old_);
  for (const std::string_view name : {"oneOf", "anyOf"}) {
    const bool was = !keyword(old_, name).empty();
    const bool is = !keyword(new_, name).empty();
    if (was == is) continue;
    const SchemaSet& set = was ? old_ : new_;
    const AlternativeTypes found = alternative_types(set, name);
    u32& listed = was ? old_listed_ : new_listed_;
    listed &= found.types;
    if (const Enumeration values = values_of_alternatives(set, name); values.present) {
      listed &= types_of(values);
    }
    if (found.nothing_else) type_lists_.push_back(name);
  }
}

bool PairCompare::types() {
  const u32 before = types_of(old_) & old_listed_;
  const u32 after = types_of(new_) & new_listed_;
  // A parameter of which nothing is said is a text.
  const auto as_read = [&](u32 types) {
    return text_ && types == kAllTypes ? u32{kTypeString} : types;
  };
  if (as_read(before) == as_read(after)) return true;
  const Place old_at = place_or(first_keyword(old_, "type"), old_place());
  const Place new_at = place_or(first_keyword(new_, "type"), new_place());
  const u32 old_types = before & ~u32{kTypeNull};
  const u32 new_types = after & ~u32{kTypeNull};
  // Whatever a parameter's number or boolean is, its text is a string.
  const bool all_texts =
      text_ && (new_types & kTypeString) != 0 && (old_types & (kTypeArray | kTypeObject)) == 0;
  const bool wider = (new_types & old_types) == old_types || all_texts;
  const bool narrower = (new_types & old_types) == new_types && !all_texts;
  const bool any_involved = before == kAllTypes || after == kAllTypes;
  if (((before ^ after) & kTypeNull) != 0 && !any_involved) {
    const bool may = (after & kTypeNull) != 0;
    SchemaChange& change =
        add(may ? "became-nullable" : "became-not-nullable",
            may ? "it may be null" : "it may not be null any more", old_at, new_at);
    change.before = types_text(before);
    change.after = types_text(after);
  }
  if (old_types == new_types) return true;
  SchemaChange& change =
      add(narrower ? "type-narrowed"
          : wider  ? "type-widened"
                   : "type-changed",
          fmt::format("the type was {} and is {}", types_text(before), types_text(after)), old_at,
          new_at);
  change.before = types_text(before);
  change.after = types_text(after);
  return (old_types & new_types) != 0 || all_texts;
}

// One side may list its values by alternatives or name a single one, where the other has `enum`.
void PairCompare::enumeration() {
  const bool lists = !keyword(old_, "enum").empty() || !keyword(new_, "enum").empty();
  Enumeration before = enumeration_of(old_, lists);
  Enumeration after = enumeration_of(new_, lists);
  for (const std::string_view name : {"oneOf", "anyOf"}) {
    if (before.present == after.present) break;
    if (!keyword(old_, name).empty() == !keyword(new_, name).empty()) continue;
    Enumeration found = values_of_alternatives(before.present ? new_ : old_, name);
    if (!found.present) continue;
    (before.present ? after : before) = std::move(found);
    type_lists_.push_back(name);
  }
  if (!before.present && !after.present) return;
  const Place old_at = place_or(first_keyword(old_, "enum"), old_place());
  const Place new_at = place_or(first_keyword(new_, "enum"), new_place());
  const auto names = [](const Enumeration& list) {
    std::vector<std::string> texts;
    for (const auto& [key, value] : list.values) texts.push_back(value_text(key, value));
    return joined(texts);
  };
  if (before.present != after.present) {
    SchemaChange& change = add(after.present ? "enum-added" : "enum-removed",
                               after.present ? "only listed values are allowed"
                                             : "any value is allowed, not just listed ones",
                               old_at, new_at);
    change.before = names(before);
    change.after = names(after);
    return;
  }
  // Null is told of with the types.
  const u32 old_types = types_of(old_) & old_listed_;
  const u32 new_types = types_of(new_) & new_listed_;
  if (((old_types ^ new_types) & kTypeNull) != 0) {
    before.values.erase("null");
    after.values.erase("null");
  }
  for (const auto& [key, value] : before.values) {
    if (after.values.contains(key)) continue;
    const std::string text = value_text(key, value);
    add("enum-value-removed", fmt::format("the value `{}` is gone", text), value.place(), new_at)
        .before = text;
  }
  for (const auto& [key, value] : after.values) {
    if (before.values.contains(key)) continue;
    const std::string text = value_text(key, value);
    add("enum-value-added", fmt::format("the value `{}` is new", text), old_at, value.place())
        .after = text;
  }
}

void PairCompare::constant() {
  const Value before = first_keyword(old_, "const");
  const Value after = first_keyword(new_, "const");
  if (!before && !after) return;
  if (before && after && before.canonical() == after.canonical()) return;
  // With a list, or values as alternatives, on the other side: see enumeration().
  if (!keyword(old_, "enum").empty() || !keyword(new_, "enum").empty()) return;
  SchemaChange& change = add(!before  ? "const-added"
                             : !after ? "const-removed"
                                      : "const-changed",
                             !before  ? "it must be one value"
                             : !after ? "it may be other values as well"
                                      : "it must be another value",
                             place_or(before, old_place()), place_or(after, new_place()));
  change.before = shown(before);
  change.after = shown(after);
}

void PairCompare::bounds() {
  bound("minimum", bound_of_numbers(old_, true), bound_of_numbers(new_, true), true);
  bound("maximum", bound_of_numbers(old_, false), bound_of_numbers(new_, false), false);
  struct Count {
    std::string_view name;
    bool lower;
    std::optional<double> neutral;
  };
  static constexpr Count kCounts[] = {
      {"minLength", true, 0},   {"maxLength", false, {}},   {"minItems", true, 0},
      {"maxItems", false, {}},  {"minProperties", true, 0}, {"maxProperties", false, {}},
      {"minContains", true, 1}, {"maxContains", false, {}},
  };
  for (const Count& count : kCounts) {
    bound(count.name, count_bound(old_, count.name, count.lower, count.neutral),
          count_bound(new_, count.name, count.lower, count.neutral), count.lower);
  }
  const bool before = is_set(old_, "uniqueItems");
  const bool after = is_set(new_, "uniqueItems");
  if (before != after) {
    add(after ? "unique-items-added" : "unique-items-removed",
        after ? "no item may come twice" : "items may come twice",
        place_or(first_keyword(old_, "uniqueItems"), old_place()),
        place_or(first_keyword(new_, "uniqueItems"), new_place()));
  }
}

void PairCompare::bound(std::string_view name, const std::optional<Bound>& before,
                        const std::optional<Bound>& after, bool lower) {
  if (!before && !after) return;
  const bool equal =
      before && after && before->value == after->value && before->exclusive == after->exclusive;
  if (equal) return;
  const auto text = [](const std::optional<Bound>& bound) {
    if (!bound) return std::string();
    return bound->exclusive ? bound->text + " (exclusive)" : bound->text;
  };
  const Place old_at = before ? before->where.place() : old_place();
  const Place new_at = after ? after->where.place() : new_place();
  std::string_view aspect;
  std::string message;
  if (!before) {
    aspect = "bound-added";
    message = fmt::format("`{}` is {} now", name, text(after));
  } else if (!after) {
    aspect = "bound-removed";
    message = fmt::format("`{}`, which was {}, is gone", name, text(before));
  } else {
    const bool larger = after->value > before->value ||
                        (after->value == before->value && after->exclusive == lower);
    aspect = larger == lower ? "bound-tightened" : "bound-loosened";
    message = fmt::format("`{}` was {} and is {}", name, text(before), text(after));
  }
  SchemaChange& change = add(aspect, std::move(message), old_at, new_at);
  change.before = text(before);
  change.after = text(after);
}

void PairCompare::multiple_of() {
  const Value before = step_of(old_);
  const Value after = step_of(new_);
  if (before.canonical() == after.canonical()) return;
  SchemaChange& change = add(!before                              ? "multiple-of-added"
                             : !after                             ? "multiple-of-removed"
                             : whole_quotient(before, after) != 0 ? "multiple-of-loosened"
                             : whole_quotient(after, before) != 0 ? "multiple-of-tightened"
                                                                  : "multiple-of-changed",
                             "`multipleOf` is another one", place_or(before, old_place()),
                             place_or(after, new_place()));
  change.before = shown(before);
  change.after = shown(after);
}

void PairCompare::pattern() {
  const std::set<std::string> before = patterns_of(old_);
  const std::set<std::string> after = patterns_of(new_);
  if (before == after) return;
  const auto says_nothing = [](const std::set<std::string>& patterns) {
    return std::ranges::all_of(
        patterns, [](const std::string& text) { return relation("", text) == Relation::Equal; });
  };
  if (before.empty() != after.empty() && says_nothing(before) && says_nothing(after)) return;
  std::string_view aspect = "pattern-changed";
  std::string message = "the pattern is another one";
  if (before.empty()) {
    aspect = "pattern-added";
    message = "it must match a pattern";
  } else if (after.empty()) {
    aspect = "pattern-removed";
    message = "it need not match a pattern any more";
  } else if (before.size() == 1 && after.size() == 1) {
    const Relation how = relation(*before.begin(), *after.begin());
    if (how == Relation::Equal) return;
    if (how == Relation::Wider) {
      aspect = "pattern-widened";
      message = "the pattern lets more texts through";
    } else if (how == Relation::Narrower) {
      aspect = "pattern-narrowed";
      message = "the pattern lets fewer texts through";
    }
  }
  SchemaChange& change =
      add(aspect, std::move(message), place_or(first_keyword(old_, "pattern"), old_place()),
          place_or(first_keyword(new_, "pattern"), new_place()));
  change.before = joined({before.begin(), before.end()});
  change.after = joined({after.begin(), after.end()});
}

void PairCompare::format() {
  const std::string before = text_of(old_, "format");
  const std::string after = text_of(new_, "format");
  if (before == after) return;
  std::string_view aspect = "format-changed";
  if (before.empty()) {
    aspect = "format-added";
  } else if (after.empty()) {
    aspect = "format-removed";
  } else if (format_widens(before, after)) {
    aspect = "format-widened";
  } else if (format_widens(after, before)) {
    aspect = "format-narrowed";
  }
  SchemaChange& change =
      add(aspect,
          fmt::format("the format was {} and is {}", before.empty() ? "none" : before,
                      after.empty() ? "none" : after),
          place_or(first_keyword(old_, "format"), old_place()),
          place_or(first_keyword(new_, "format"), new_place()));
  change.before = before;
  change.after = after;
}

void PairCompare::content() {
  static constexpr std::pair<std::string_view, std::string_view> kKeywords[] = {
      {"contentMediaType", "content-media-type-changed"},
      {"contentEncoding", "content-encoding-changed"}};
  for (const auto& [name, aspect] : kKeywords) {
    const std::string before = text_of(old_, name);
    const std::string after = text_of(new_, name);
    if (before == after) continue;
    SchemaChange& change = add(aspect, fmt::format("`{}` is another one", name),
                               place_or(first_keyword(old_, name), old_place()),
                               place_or(first_keyword(new_, name), new_place()));
    change.before = before;
    change.after = after;
  }
}

void PairCompare::annotations() {
  const Value before = first_keyword(old_, "default");
  const Value after = first_keyword(new_, "default");
  if (before.canonical() != after.canonical()) {
    SchemaChange& change = add("default-changed",
                               !before  ? "it has a default now"
                               : !after ? "it has no default any more"
                                        : "its default is another one",
                               place_or(before, old_place()), place_or(after, new_place()));
    change.before = shown(before);
    change.after = shown(after);
  }
  const bool was_deprecated = is_set(old_, "deprecated");
  const bool is_deprecated = is_set(new_, "deprecated");
  if (was_deprecated != is_deprecated) {
    add_plain(is_deprecated ? "property-deprecated" : "property-undeprecated",
              is_deprecated ? "it is deprecated" : "it is not deprecated any more", old_place(),
              new_place());
  }
  static constexpr std::string_view kWords[] = {"title",    "description",  "example",
                                                "examples", "externalDocs", "xml"};
  const auto words = [](const SchemaSet& set) {
    std::vector<std::string> out;
    for (const std::string_view name : kWords) {
      for (const Value value : keyword(set, name)) out.push_back(value.canonical());
    }
    std::ranges::sort(out);
    return out;
  };
  if (words(old_) != words(new_)) {
    add_plain("documentation-changed", "what is said of schemas", old_place(), new_place());
  }
  const std::string_view access = direction_ == Direction::Request ? "readOnly" : "writeOnly";
  const bool was_kept = is_set(old_, access);
  const bool is_kept = is_set(new_, access);
  if (was_kept != is_kept) {
    add(direction_ == Direction::Request ? "read-only-changed" : "write-only-changed",
        fmt::format(fmt::runtime(is_kept ? "it is `{}`" : "it is not `{}` any more"), access),
        place_or(first_keyword(old_, access), old_place()),
        place_or(first_keyword(new_, access), new_place()));
  }
}

}  // namespace gw::compiler::diff
