#include "runtime/admin/schema_outline.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <set>

namespace gw::admin {
namespace {

namespace json = boost::json;

constexpr u32 kMostMerges = 16;  // of `allOf` and references within each other
constexpr size_t kMostValueText = 200;
constexpr size_t kLineWork = 64;

// A keyword and its words; `$` is its value.
struct Words {
  std::string_view keyword;
  std::string_view words;
};
constexpr Words kBounds[] = {
    {"minimum", "at least $"},
    {"exclusiveMinimum", "more than $"},
    {"maximum", "at most $"},
    {"exclusiveMaximum", "less than $"},
    {"multipleOf", "a multiple of $"},
    {"minLength", "$ characters at least"},
    {"maxLength", "$ characters at most"},
    {"pattern", "like `$`"},
    {"minItems", "$ items at least"},
    {"maxItems", "$ items at most"},
    {"minProperties", "$ members at least"},
    {"maxProperties", "$ members at most"},
    {"contentMediaType", "holds $"},
    {"contentEncoding", "encoded as $"},
    {"default", "`$` when absent"},
};
// Those that are worth a word when they are true, and when they are false.
constexpr Words kTrue[] = {
    {"uniqueItems", "no item twice"},
    {"readOnly", "in answers only"},
    {"writeOnly", "in requests only"},
    {"deprecated", "deprecated"},
};
constexpr Words kFalse[] = {
    {"additionalProperties", "no other members"},
    {"unevaluatedProperties", "no other members"},
    {"items", "no other items"},
    {"unevaluatedItems", "no other items"},
};
// Schemas of a part, of several, and by names.
constexpr Words kParts[] = {
    {"items", "each item"},
    {"contains", "one of the items"},
    {"additionalProperties", "other members"},
    {"unevaluatedProperties", "other members"},
    {"propertyNames", "names of members"},
    {"not", "not"},
    {"if", "if it is"},
    {"then", "then"},
    {"else", "otherwise"},
};
constexpr Words kAlternatives[] = {
    {"prefixItems", "item $"},
    {"oneOf", "one of these: $"},
    {"anyOf", "some of these: $"},
};
constexpr Words kNamedParts[] = {
    {"patternProperties", "members like $"},
    {"dependentSchemas", "with $"},
};

std::string filled(std::string_view words, std::string_view value) {
  const size_t place = words.find('$');
  std::string text(words.substr(0, place));
  if (place != words.npos) text.append(value).append(words.substr(place + 1));
  return text;
}

std::string value_text(const json::value& value) {
  if (value.is_string()) return clipped(std::string_view(value.get_string()), kMostValueText);
  if (value.is_structured()) return clipped(json::serialize(value), kMostValueText);
  return json::serialize(value);
}

// In 3.0 a bound is exclusive by a word beside it.
std::string_view bound_words(const json::object& schema, const Words& bound) {
  if (bound.keyword == "minimum" && is_true(schema, "exclusiveMinimum")) return "more than $";
  if (bound.keyword == "maximum" && is_true(schema, "exclusiveMaximum")) return "less than $";
  return bound.words;
}

std::string types_of(const json::object& schema) {
  std::string types(text_member(schema, "type"));
  for (const json::value& one : array_member(schema, "type")) {
    if (!one.is_string()) continue;
    if (!types.empty()) types += " or ";
    types += one.get_string();
  }
  if (!types.empty() && is_true(schema, "nullable")) types += " or null";
  return types;
}

}  // namespace

std::string clipped(std::string_view text, size_t most_bytes) {
  if (text.size() <= most_bytes) return std::string(text);
  while (most_bytes > 0 && (static_cast<u8>(text[most_bytes]) & 0xc0) == 0x80) --most_bytes;
  return std::string(text.substr(0, most_bytes)) + "…";
}

// A schema together with what `$ref` and `allOf` add to it.
struct SchemaOutliner::Merged {
  std::string type;
  std::string of;
  std::string format;
  std::string description;
  std::string cut;
  json::array bounds;
  json::array values;
  std::vector<Child> properties;
  std::vector<Child> parts;
  std::set<std::string_view> names;  // of properties
  std::set<std::string_view> required;
  size_t opened = 0;  // fragments of the path that were open before
};

json::object SchemaOutliner::outline(const json::value& schema) {
  lines_ = 0;
  path_.clear();
  return line(&schema, 0);
}

bool SchemaOutliner::spend(size_t work) {
  left_ -= std::min(left_, work);
  return left_ > 0;
}

json::object SchemaOutliner::line(const json::value* schema, u32 depth) {
  Merged merged;
  merged.opened = path_.size();
  if (schema != nullptr) merge(*schema, 0, merged);
  for (Child& property : merged.properties) {
    property.required = merged.required.contains(property.name);
  }
  for (const std::string_view name : merged.required) {
    if (!merged.names.contains(name)) {
      merged.properties.push_back({std::string(name), nullptr, true, true});
    }
  }
  if (merged.type.empty() && !merged.properties.empty()) merged.type = "object";
  std::vector<Child> children = std::move(merged.properties);
  std::ranges::move(merged.parts, std::back_inserter(children));
  const bool is_open = merged.type.empty() && merged.values.empty() && children.empty();
  if (is_open && merged.cut.empty()) merged.type = "anything";
  json::object out;
  const auto add = [&](std::string_view name, std::string& text) {
    if (!text.empty()) out[name] = std::move(text);
  };
  add("type", merged.type);
  add("of", merged.of);
  add("format", merged.format);
  if (!merged.bounds.empty()) out["bounds"] = std::move(merged.bounds);
  if (!merged.values.empty()) out["values"] = std::move(merged.values);
  add("description", merged.description);
  if (!children.empty() && depth == kMostDepth) {
    merged.cut = "More is too deep to be shown.";
  } else if (!children.empty()) {
    out["children"] = lines(children, depth + 1);
  }
  add("cut", merged.cut);
  path_.resize(merged.opened);
  return out;
}

json::array SchemaOutliner::lines(const std::vector<Child>& children, u32 depth) {
  json::array out;
  for (const Child& child : children) {
    const bool is_full = ++lines_ > kMostLines;
    if (is_full || !spend(kLineWork + child.name.size())) {
      out.push_back(json::object{
          {"cut", is_full ? "The rest is too much to be shown."
                          : "The rest is too much for one page: search for the operation."}});
      break;
    }
    json::object one{{"name", clipped(child.name, kMostValueText)},
                     {"property", child.is_property}};
    if (child.is_property) one["required"] = child.required;
    for (auto& [name, value] : line(child.schema, depth)) one[name] = std::move(value);
    out.push_back(std::move(one));
  }
  return out;
}

void SchemaOutliner::merge(const json::value& schema, u32 depth, Merged& out) {
  if (schema.is_bool()) {
    if (out.type.empty()) out.type = schema.get_bool() ? "anything" : "nothing";
  } else if (schema.is_object()) {
    merge_object(schema.get_object(), depth, out);
  }
}

void SchemaOutliner::merge_object(const json::object& schema, u32 depth, Merged& out) {
  if (!spend(8 * (schema.size() + 1))) return;
  if (out.type.empty()) out.type = types_of(schema);
  if (out.format.empty()) out.format = clipped(text_member(schema, "format"), kMostValueText);
  if (out.description.empty()) {
    out.description = clipped(text_member(schema, "description"), kMostText);
    spend(out.description.size());
  }
  const auto bound = [&](std::string text) {
    spend(text.size());
    out.bounds.push_back(json::value(std::move(text)));
  };
  for (const Words& one : kBounds) {
    const json::value* value = schema.if_contains(one.keyword);
    const bool is_word = value != nullptr && value->is_bool() && one.keyword != "default";
    if (value == nullptr || is_word) continue;
    bound(filled(bound_words(schema, one), value_text(*value)));
  }
  for (const Words& one : kTrue) {
    if (is_true(schema, one.keyword)) bound(std::string(one.words));
  }
  for (const Words& one : kFalse) {
    const json::value* value = schema.if_contains(one.keyword);
    if (value != nullptr && value->is_bool() && !value->get_bool()) bound(std::string(one.words));
  }
  const json::array& values = array_member(schema, "enum");
  for (const json::value& value : values) {
    if (out.values.size() == kMostValues) {
      bound(fmt::format("{} values, of which some are shown", values.size()));
      break;
    }
    out.values.push_back(json::value(value_text(value)));
    spend(out.values.back().get_string().size());
  }
  if (const json::value* constant = schema.if_contains("const")) {
    out.values.push_back(json::value(value_text(*constant)));
  }
  for (const json::value& name : array_member(schema, "required")) {
    if (name.is_string() && spend(8)) out.required.insert(std::string_view(name.get_string()));
  }
  add_children(schema, out);
  if (const auto reference = Promises::reference_of(schema)) {
    merge_reference(*reference, depth, out);
  }
  if (depth == kMostMerges) return;
  for (const json::value& part : array_member(schema, "allOf")) merge(part, depth + 1, out);
}

void SchemaOutliner::merge_reference(u32 fragment, u32 depth, Merged& out) {
  const auto open = std::ranges::find(path_, fragment);
  if (depth == 0 && out.of.empty()) {
    out.of = clipped(promises_.name_of(fragment), kMostValueText);
  }
  const auto index = static_cast<size_t>(open - path_.begin());
  if (index < out.opened) {
    out.cut = "As it is above.";
  } else if (open == path_.end() && depth < kMostMerges) {  // what is merged already adds nothing
    path_.push_back(fragment);
    const json::value& target = promises_.fragment(fragment);
    if (target.is_null()) out.cut = "It cannot be shown here.";
    merge(target, depth + 1, out);
  }
}

void SchemaOutliner::add_children(const json::object& schema, Merged& out) {
  for (const auto& [name, value] : object_member(schema, "properties")) {
    if (!spend(8)) return;
    if (out.names.insert(name).second) out.properties.push_back({name, &value, true, false});
  }
  for (const Words& one : kParts) {
    const json::value* part = schema.if_contains(one.keyword);
    if (part != nullptr && part->is_object()) {
      out.parts.push_back({std::string(one.words), part, false, false});
    }
  }
  for (const Words& one : kAlternatives) {
    size_t number = 0;
    for (const json::value& part : array_member(schema, one.keyword)) {
      if (!spend(8)) return;
      out.parts.push_back({filled(one.words, std::to_string(++number)), &part, false, false});
    }
  }
  for (const Words& one : kNamedParts) {
    for (const auto& [name, part] : object_member(schema, one.keyword)) {
      if (!spend(8)) return;
      out.parts.push_back({filled(one.words, name), &part, false, false});
    }
  }
}

}  // namespace gw::admin
