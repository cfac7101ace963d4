// Keywords that hold schemas, or say which members an object has.
#include <algorithm>

#include "compiler/diff/pair_compare.h"

namespace gw::compiler::diff {
namespace {

bool has_default(const std::vector<Value>& schemas) {
  return static_cast<bool>(first_keyword(schema_set(schemas), "default"));
}

// What `additionalProperties`, `unevaluatedItems` and such say together: refused, or the schemas
// that hold. Neither: anything goes.
struct Rest {
  bool refused = false;
  std::vector<Value> schemas;
  Value where;
};
Rest rest_of(const SchemaSet& set, std::string_view name) {
  Rest out;
  for (const Value value : keyword(set, name)) {
    if (!out.where) out.where = value;
    if (value.is_false()) {
      out.refused = true;
      out.where = value;
    } else if (value.is_object() && value.size() != 0) {
      out.schemas.push_back(value);
    }
  }
  return out;
}

bool refuses_others(const SchemaSet& set) {
  return rest_of(set, "additionalProperties").refused ||
         rest_of(set, "unevaluatedProperties").refused;
}

std::map<std::string, Value> map_of(const SchemaSet& set, std::string_view name) {
  std::map<std::string, Value> out;
  for (const Value map : keyword(set, name)) {
    for (const Value::Member& member : map.members()) {
      out.try_emplace(member.name, member.value);
    }
  }
  return out;
}

std::string canonical_of(const std::vector<Value>& values) {
  std::vector<std::string> texts;
  for (const Value value : values) texts.push_back(value.canonical());
  std::ranges::sort(texts);
  std::string out;
  for (const std::string& text : texts) out += text + '\n';
  return out;
}

}  // namespace

void PairCompare::properties() {
  const auto before = properties_of(old_);
  const auto after = properties_of(new_);
  const auto required_before = required_of(old_);
  const auto required_after = required_of(new_);
  const auto find = [](const std::map<std::string, Value>& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? Value{} : found->second;
  };
  for (const auto& [name, schemas] : before) {
    const auto now = after.find(name);
    if (now == after.end()) {
      property_removed(name, schemas, required_before.contains(name));
      continue;
    }
    // Who becomes readable or writable by clients is told of below, by `readOnly` itself.
    if (ignored(schemas) && ignored(now->second)) continue;
    child(schema_set(schemas), schema_set(now->second), "." + name);
    if (ignored(schemas) || ignored(now->second)) continue;
    required(name, find(required_before, name), find(required_after, name));
  }
  for (const auto& [name, schemas] : after) {
    if (before.contains(name)) continue;
    property_added(name, schemas, find(required_after, name));
  }
  for (const auto& [name, where] : required_after) {
    if (before.contains(name) || after.contains(name)) continue;
    if (!required_before.contains(name)) required(name, {}, where);
  }
  for (const auto& [name, where] : required_before) {
    if (before.contains(name) || after.contains(name)) continue;
    if (!required_after.contains(name)) required(name, where, {});
  }
}

void PairCompare::required(const std::string& name, Value before, Value after) {
  if (static_cast<bool>(before) == static_cast<bool>(after)) return;
  add(after ? "became-required" : "became-optional",
      fmt::format(fmt::runtime(after ? "the property `{}` is required"
                                     : "the property `{}` is not required any more"),
                  name),
      place_or(before, old_place()), place_or(after, new_place()));
}

void PairCompare::property_removed(const std::string& name, const std::vector<Value>& schemas,
                                   bool required) {
  if (ignored(schemas)) return;
  const bool refused = direction_ == Direction::Request && refuses_others(new_);
  const bool relied_on = direction_ == Direction::Response && required;
  add(refused     ? "property-removed-refused"
      : relied_on ? "property-required-removed"
                  : "property-removed",
      fmt::format(fmt::runtime(relied_on ? "the property `{}`, which was required, is gone"
                                         : "the property `{}` is gone"),
                  name),
      schemas[0].place(), new_place())
      .before = types_text(types_of(schema_set(schemas)));
}

void PairCompare::property_added(const std::string& name, const std::vector<Value>& schemas,
                                 Value required) {
  if (ignored(schemas)) return;
  const bool needed = direction_ == Direction::Request && required;
  std::string message = fmt::format(
      fmt::runtime(needed ? "the property `{}` is new and required" : "the property `{}` is new"),
      name);
  if (needed && has_default(schemas)) message += ", though it has a default";
  add(needed ? "property-required-added" : "property-added", std::move(message), old_place(),
      schemas[0].place())
      .after = types_text(types_of(schema_set(schemas)));
}

void PairCompare::additional_properties() {
  const Rest before = rest_of(old_, "additionalProperties");
  const Rest after = rest_of(new_, "additionalProperties");
  const Place old_at = place_or(before.where, old_place());
  const Place new_at = place_or(after.where, new_place());
  if (before.refused != after.refused) {
    add(after.refused ? "additional-properties-refused" : "additional-properties-allowed",
        after.refused ? "properties that are not declared are refused"
                      : "properties that are not declared are allowed",
        old_at, new_at);
    return;
  }
  if (before.refused) return;
  if (!before.schemas.empty() && !after.schemas.empty()) {
    child(schema_set(before.schemas), schema_set(after.schemas), ".{any}");
  } else if (before.schemas.empty() != after.schemas.empty()) {
    const bool tighter = before.schemas.empty();
    add(tighter ? "additional-properties-refused" : "additional-properties-allowed",
        tighter ? "properties that are not declared must fit a schema"
                : "properties that are not declared may be anything",
        old_at, new_at);
  }
}

void PairCompare::items() {
  const Value old_list = first_keyword(old_, "prefixItems");
  const Value new_list = first_keyword(new_, "prefixItems");
  const std::vector<Value> old_prefix = old_list.items();
  const std::vector<Value> new_prefix = new_list.items();
  const Rest before = rest_of(old_, "items");
  const Rest after = rest_of(new_, "items");
  for (size_t i = 0; i < std::max(old_prefix.size(), new_prefix.size()); ++i) {
    const std::string step = fmt::format("[{}]", i);
    const bool was = i < old_prefix.size();
    const bool is = i < new_prefix.size();
    if (was && is) {
      child(schema_set(old_prefix[i]), schema_set(new_prefix[i]), step);
      continue;
    }
    // What stands alone at this place takes the place of `items`, or of nothing.
    const Rest& rest = was ? after : before;
    const Value own = was ? old_prefix[i] : new_prefix[i];
    if (!rest.refused && !rest.schemas.empty()) {
      was ? child(schema_set(own), schema_set(rest.schemas), step)
          : child(schema_set(rest.schemas), schema_set(own), step);
      continue;
    }
    // Of a closed list a place more is more that fits; of an open one it is a condition more.
    std::string_view aspect = is ? "prefix-item-constrained" : "prefix-item-freed";
    std::string message = fmt::format(
        fmt::runtime(is ? "item {} must fit a schema of its own" : "item {} may be anything"), i);
    if (rest.refused) {
      aspect = is ? "prefix-item-allowed" : "prefix-item-refused";
      message =
          fmt::format(fmt::runtime(is ? "there may be an item {}" : "there may be no item {}"), i);
    }
    add(aspect, std::move(message), was ? own.place() : old_place(),
        is ? own.place() : new_place());
  }
  if (before.refused != after.refused) {
    add(after.refused ? "additional-items-refused" : "additional-items-allowed",
        after.refused ? "more items are refused" : "more items are allowed",
        place_or(before.where, old_place()), place_or(after.where, new_place()));
    return;
  }
  if (before.refused) return;
  if (!before.schemas.empty() && !after.schemas.empty()) {
    child(schema_set(before.schemas), schema_set(after.schemas), "[]", text_);
  } else if (before.schemas.empty() != after.schemas.empty()) {
    add(before.schemas.empty() ? "items-added" : "items-removed",
        before.schemas.empty() ? "items must fit a schema" : "items may be anything",
        place_or(before.where, old_place()), place_or(after.where, new_place()));
  }
}

void PairCompare::pattern_properties() {
  schema_map("patternProperties", "pattern-property-added", "pattern-property-removed",
             "rule for properties like");
}

void PairCompare::schema_map(std::string_view name, std::string_view added,
                             std::string_view removed, std::string_view noun) {
  const auto before = map_of(old_, name);
  const auto after = map_of(new_, name);
  for (const auto& [key, schema] : before) {
    const auto now = after.find(key);
    if (now == after.end()) {
      add(removed, fmt::format("the {} `{}` is gone", noun, key), schema.place(), new_place());
    } else {
      child(schema_set(schema), schema_set(now->second), ".{" + key + "}");
    }
  }
  for (const auto& [key, schema] : after) {
    if (before.contains(key)) continue;
    add(added, fmt::format("the {} `{}` is new", noun, key), old_place(), schema.place());
  }
}

void PairCompare::schema_keyword(std::string_view name, std::string_view added,
                                 std::string_view removed, std::string_view step) {
  const std::vector<Value> before = keyword(old_, name);
  const std::vector<Value> after = keyword(new_, name);
  if (before.empty() && after.empty()) return;
  if (!before.empty() && !after.empty()) {
    child(schema_set(before), schema_set(after), std::string(step));
    return;
  }
  add(before.empty() ? added : removed,
      fmt::format(fmt::runtime(before.empty() ? "`{}` is new" : "`{}` is gone"), name),
      before.empty() ? old_place() : before[0].place(),
      after.empty() ? new_place() : after[0].place());
}

void PairCompare::dependent_required() {
  const auto before = map_of(old_, "dependentRequired");
  const auto after = map_of(new_, "dependentRequired");
  const auto names = [](Value list) {
    std::vector<std::string> out;
    for (const Value item : list.items()) out.push_back(item.text());
    std::ranges::sort(out);
    return out;
  };
  const auto tell = [&](std::string_view aspect, const std::string& key, Value was, Value is) {
    SchemaChange& change =
        add(aspect, fmt::format("what must come with the property `{}` is something else", key),
            place_or(was, old_place()), place_or(is, new_place()));
    change.before = shown(was);
    change.after = shown(is);
  };
  for (const auto& [key, list] : before) {
    const auto now = after.find(key);
    if (now == after.end()) {
      tell("dependent-required-removed", key, list, {});
      continue;
    }
    const auto was = names(list);
    const auto is = names(now->second);
    if (was == is) continue;
    tell(std::ranges::includes(is, was)   ? "dependent-required-added"
         : std::ranges::includes(was, is) ? "dependent-required-removed"
                                          : "dependent-required-changed",
         key, list, now->second);
  }
  for (const auto& [key, list] : after) {
    if (!before.contains(key)) tell("dependent-required-added", key, {}, list);
  }
}

// A condition that is another one decides about other values; only equal ones are looked into.
void PairCompare::conditions() {
  const std::vector<Value> before = keyword(old_, "if");
  const std::vector<Value> after = keyword(new_, "if");
  const auto has_branch = [](const SchemaSet& set) {
    return !keyword(set, "then").empty() || !keyword(set, "else").empty();
  };
  const bool was = !before.empty() && has_branch(old_);
  const bool is = !after.empty() && has_branch(new_);
  if (!was && !is) return;
  const Place old_at = was ? before[0].place() : old_place();
  const Place new_at = is ? after[0].place() : new_place();
  if (was != is) {
    add(is ? "condition-added" : "condition-removed",
        is ? "`if` asks for more of some values" : "`if` asks for nothing more", old_at, new_at);
    return;
  }
  if (canonical_of(before) != canonical_of(after)) {
    add("condition-changed", "`if` is about other values", old_at, new_at);
    return;
  }
  for (const std::string_view branch : {"then", "else"}) {
    child(schema_set(keyword(old_, branch)), schema_set(keyword(new_, branch)),
          "{" + std::string(branch) + "}");
  }
}

void PairCompare::contains() {
  schema_keyword("contains", "contains-added", "contains-removed", "[some]");
}

void PairCompare::unevaluated(std::string_view name) {
  const Rest before = rest_of(old_, name);
  const Rest after = rest_of(new_, name);
  const Place old_at = place_or(before.where, old_place());
  const Place new_at = place_or(after.where, new_place());
  const bool was = before.refused || !before.schemas.empty();
  const bool is = after.refused || !after.schemas.empty();
  if (was && is && before.refused == after.refused) {
    if (!before.refused) {
      child(schema_set(before.schemas), schema_set(after.schemas), ".{unevaluated}");
    }
    return;
  }
  if (!was && !is) return;
  const bool tighter = !was || (is && after.refused);
  add(tighter ? "unevaluated-refused" : "unevaluated-allowed",
      fmt::format(fmt::runtime(tighter ? "`{}` lets less through" : "`{}` lets more through"),
                  name),
      old_at, new_at);
}

void PairCompare::negation() {
  const std::vector<Value> before = keyword(old_, "not");
  const std::vector<Value> after = keyword(new_, "not");
  if (canonical_of(before) == canonical_of(after)) return;
  add(before.empty()  ? "not-added"
      : after.empty() ? "not-removed"
                      : "not-changed",
      "`not` excludes other values", before.empty() ? old_place() : before[0].place(),
      after.empty() ? new_place() : after[0].place());
}

void PairCompare::discriminator() {
  const Value before = first_keyword(old_, "discriminator");
  const Value after = first_keyword(new_, "discriminator");
  if (before.canonical() == after.canonical()) return;
  SchemaChange& change = add("discriminator-changed",
                             !before  ? "a discriminator tells alternatives apart"
                             : !after ? "no discriminator tells alternatives apart"
                                      : "the discriminator is another one",
                             place_or(before, old_place()), place_or(after, new_place()));
  change.before = shown(before);
  change.after = shown(after);
}

}  // namespace gw::compiler::diff
