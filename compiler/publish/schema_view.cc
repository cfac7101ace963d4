// The counterpart of runtime/policies/body/changes.cc over schemas: a path leads through
// `properties` and `items`, and through every branch of allOf, oneOf and anyOf.
#include "compiler/publish/schema_view.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <vector>

#include "runtime/schema/format.h"

namespace gw::compiler {
namespace {

using Path = std::vector<std::string>;
using Visit = std::function<void(PublicValue&)>;

// Schemas that refer to themselves in allOf or oneOf would unfold without end.
constexpr u32 kMaxBranchDepth = 16;
constexpr u32 kMaxVisits = 100'000;
constexpr std::string_view kEvery = "*";
constexpr std::string_view kGroups[] = {"allOf", "oneOf", "anyOf"};

// A JSON Pointer without its first slash.
Path path_of(std::string_view text) {
  Path path;
  while (!text.empty()) {
    const size_t slash = text.find('/');
    std::string token;
    const std::string_view part = text.substr(0, slash);
    for (size_t i = 0; i < part.size(); ++i) {
      const bool escaped = part[i] == '~' && i + 1 < part.size();
      token += !escaped ? part[i] : part[++i] == '1' ? '/' : '~';
    }
    path.push_back(std::move(token));
    text.remove_prefix(slash == text.npos ? text.size() : slash + 1);
  }
  return path;
}

Path first_of(const Path& path, size_t count) {
  return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(std::min(count, path.size()))};
}

Path below(const Path& path, size_t begin) {
  return {path.begin() + static_cast<std::ptrdiff_t>(std::min(begin, path.size())), path.end()};
}

bool has_type(const PublicValue& schema, std::string_view name) {
  const PublicValue* type = schema.find("type");
  if (type == nullptr) return false;
  return type->is_string(name) || std::ranges::any_of(type->items, [&](const PublicValue& item) {
           return item.is_string(name);
         });
}

bool has_group(const PublicValue& schema) {
  return std::ranges::any_of(kGroups, [&](auto name) { return schema.find(name) != nullptr; });
}

bool is_list_schema(const PublicValue& schema) {
  return has_type(schema, "array") || schema.find("items") != nullptr;
}

// Neither object nor list, so that no path leads further.
bool is_scalar_schema(const PublicValue& schema) {
  return schema.find("type") != nullptr && !has_type(schema, "object") &&
         !has_type(schema, "array") && !has_group(schema) && schema.find("properties") == nullptr;
}

// An object or list, or null, and nothing else.
bool is_parted_for_sure(const PublicValue& schema) {
  const PublicValue* type = schema.find("type");
  if (type == nullptr) return false;
  const auto is_parted = [](const PublicValue& name) {
    return name.is_string("object") || name.is_string("array") || name.is_string("null");
  };
  return type->is_list() ? std::ranges::all_of(type->items, is_parted) : is_parted(*type);
}

bool may_be_null(const PublicValue& schema) {
  const PublicValue* nullable = schema.find("nullable");
  return has_type(schema, "null") || (nullable != nullptr && nullable->text == "true");
}

bool requires_name(const PublicValue& schema, std::string_view name) {
  const PublicValue* required = schema.find("required");
  return required != nullptr && std::ranges::any_of(required->items, [&](const PublicValue& item) {
           return item.is_string(name);
         });
}

void keep_required(PublicValue& schema, const std::function<bool(const std::string&)>& keeps) {
  PublicValue* required = schema.find("required");
  if (required == nullptr) return;
  std::erase_if(required->items, [&](const PublicValue& item) { return !keeps(item.text); });
  if (required->items.empty()) schema.erase("required");
}

void add_required(PublicValue& schema, std::string_view name) {
  if (requires_name(schema, name)) return;
  if (schema.find("required") == nullptr) schema.set("required", PublicValue::list());
  schema.find("required")->items.push_back(PublicValue::string(name));
}

// Values and conditions that speak of the object as it was, and might name what is gone.
void forget_former(PublicValue& schema) {
  for (const std::string_view key :
       {"example", "examples", "default", "enum", "const", "if", "then", "else", "not",
        "dependentSchemas", "dependentRequired", "dependencies", "minProperties", "maxProperties",
        "propertyNames", "unevaluatedProperties", "$defs", "definitions", "discriminator"}) {
    schema.erase(key);
  }
}

u64 number_of(const PublicValue* value, u64 fallback) {
  u64 number = fallback;
  if (value != nullptr) {
    std::from_chars(value->text.data(), value->text.data() + value->text.size(), number);
  }
  return number;
}

class SchemaChanger {
 public:
  SchemaChanger(const Effective& body, const SchemaViewOptions& options)
      : body_(body), options_(options) {}

  void run(PublicValue& root) {
    came_ = root;
    if (const Effective* whole = body_.find("template"); whole && whole->present()) {
      SchemaPart made = schema_of(whole->node);
      root = made.always ? std::move(made.schema)
                         : or_null(std::move(made.schema), options_.has_null_type);
      return;
    }
    if (const auto picks = paths("pick"); !picks.empty()) pick(root, picks);
    for (const Path& path : paths("omit")) omit(root, path);
    for (const auto& [from, to] : pairs("move")) move(root, from, path_of(to));
    for (const auto& [path, to] : pairs("rename")) rename(root, path, to);
    for (const Path& path : paths("flatten")) flatten(root, path);
    for (const auto& [path, to] : pairs("map")) map(root, path, path_of(to));
    for (const Path& path : paths("first")) first(root, path);
    for (const auto& [path, count] : pairs("limit")) limit(root, path, count);
    set_all(root);
    wrap(root);
  }

 private:
  std::vector<Path> paths(std::string_view field) const {
    std::vector<Path> out;
    const Effective* value = body_.find(field);
    if (value == nullptr || !value->node) return out;
    if (value->node.is_scalar()) return {path_of(value->node.text())};
    for (const NodeRef item : value->node.items()) out.push_back(path_of(item.text()));
    return out;
  }

  std::vector<std::pair<Path, std::string>> pairs(std::string_view field) const {
    std::vector<std::pair<Path, std::string>> out;
    const Effective* value = body_.find(field);
    if (value == nullptr) return out;
    for (const Effective::Entry& entry : value->entries) {
      const NodeRef node = entry.value.node;
      if (node && node.is_scalar()) {
        out.emplace_back(path_of(entry.name), std::string(node.text()));
      }
    }
    return out;
  }

  // Writes a component out where it is used. What stands beside the reference stays.
  void write_out(PublicValue& schema) const {
    for (u32 i = 0; i < kMaxBranchDepth; ++i) {
      const PublicValue* reference = schema.find("$ref");
      if (reference == nullptr || reference->component == kNoComponent) return;
      PublicValue target = options_.component(reference->component);
      if (!target.is_map()) return;
      for (PublicMember& member : schema.members) {
        if (member.key != "$ref") target.set(member.key, std::move(member.value));
      }
      schema = std::move(target);
    }
  }

  // The schema itself and all its branches.
  void each_branch(PublicValue& schema, const Visit& visit, u32 depth = 0) {
    if (!schema.is_map()) return;
    write_out(schema);
    if (depth > kMaxBranchDepth || ++visits_ > kMaxVisits || schema.find("$ref") != nullptr) {
      schema = PublicValue::map();  // anything, rather than what may have been taken away
      return;
    }
    forget_former(schema);
    visit(schema);
    for (const std::string_view group : kGroups) {
      PublicValue* branches = schema.find(group);
      if (branches == nullptr) continue;
      for (PublicValue& branch : branches->items) each_branch(branch, visit, depth + 1);
    }
  }

  static void each_child(PublicValue& schema, std::string_view token, const Visit& visit) {
    const bool every = token == kEvery;
    for (const std::string_view key : {"properties", "patternProperties"}) {
      PublicValue* named = schema.find(key);
      if (named == nullptr || (!every && key != "properties")) continue;
      for (PublicMember& member : named->members) {
        if (every || member.key == token) visit(member.value);
      }
    }
    if (!every) return;
    for (const std::string_view key : {"items", "additionalProperties"}) {
      PublicValue* rest = schema.find(key);
      if (rest != nullptr && rest->is_map()) visit(*rest);
    }
    if (PublicValue* first = schema.find("prefixItems")) {
      for (PublicValue& item : first->items) visit(item);
    }
  }

  // Calls `visit` for every schema that the path leads to.
  void reach(PublicValue& schema, const Path& path, size_t at, const Visit& visit) {
    if (at == path.size()) return visit(schema);
    each_branch(schema, [&](PublicValue& branch) {
      each_child(branch, path[at], [&](PublicValue& child) { reach(child, path, at + 1, visit); });
    });
  }

  // Calls `visit` for every branch of every schema that holds the last part of the path.
  void reach_parent(PublicValue& schema, const Path& path, const Visit& visit) {
    if (path.empty()) return;
    const Path parent(path.begin(), path.end() - 1);
    reach(schema, parent, 0, [&](PublicValue& found) { each_branch(found, visit); });
  }

  struct Picked {
    bool whole = false;
    std::vector<Path> rest;
    bool any() const { return whole || !rest.empty(); }
  };
  static Picked picked(const std::vector<Path>& paths, std::string_view name, bool only_every) {
    Picked out;
    for (const Path& path : paths) {
      const bool fits = path[0] == kEvery || (!only_every && path[0] == name);
      if (!fits) continue;
      if (path.size() == 1) out.whole = true;
      if (path.size() > 1) out.rest.push_back(below(path, 1));
    }
    return out;
  }

  void pick(PublicValue& schema, std::vector<Path> paths) {
    std::erase_if(paths, [](const Path& path) { return path.empty(); });
    each_branch(schema, [&](PublicValue& branch) {
      if (is_scalar_schema(branch)) {
        branch = schema_of_types(gw::schema::kTypeNull, options_.has_null_type);
        return;
      }
      const PublicValue* type = branch.find("type");
      const bool may_be_scalar = type != nullptr && !is_parted_for_sure(branch);
      if (may_be_scalar) branch.erase("type");  // of such a value null is shown
      pick_members(branch, paths);
      pick_items(branch, paths);
    });
  }

  // False: nothing of it stays.
  bool pick_child(PublicValue& child, const Picked& how) {
    if (how.whole) return true;
    if (!how.any()) return false;
    write_out(child);
    if (is_scalar_schema(child) && !may_be_null(child)) return false;
    pick(child, how.rest);
    return true;
  }

  void pick_members(PublicValue& schema, const std::vector<Path>& paths) {
    PublicValue kept = PublicValue::map();
    std::set<std::string> sure;  // that hold what paths lead into
    PublicValue* rest = schema.find("additionalProperties");
    if (PublicValue* named = schema.find("properties")) {
      for (PublicMember& member : named->members) {
        write_out(member.value);
        if (is_parted_for_sure(member.value)) sure.insert(member.key);
        if (!pick_child(member.value, picked(paths, member.key, false))) continue;
        kept.members.push_back(std::move(member));
      }
      // What is not named may be there by `additionalProperties`.
      for (const Path& path : paths) {
        const bool known = named->find(path[0]) != nullptr || kept.find(path[0]) != nullptr;
        if (path[0] == kEvery || known || rest == nullptr || !rest->is_map()) continue;
        PublicValue value = *rest;
        if (pick_child(value, picked(paths, path[0], false))) kept.set(path[0], std::move(value));
      }
      *named = kept;
      if (kept.members.empty()) schema.erase("properties");
    }
    const Picked others = picked(paths, {}, true);
    for (const std::string_view key : {"additionalProperties", "patternProperties"}) {
      PublicValue* value = schema.find(key);
      if (value == nullptr) continue;
      const bool refuses = value->kind == NodeKind::Bool && value->text == "false";
      if (refuses || others.whole) continue;
      schema.erase(key);
    }
    keep_required(schema, [&](const std::string& name) {
      const Picked how = picked(paths, name, false);
      return how.whole || (how.any() && sure.contains(name));
    });
  }

  void pick_items(PublicValue& schema, const std::vector<Path>& paths) {
    const Picked how = picked(paths, {}, true);
    if (!is_list_schema(schema) || how.whole) return;
    schema.erase("contains");
    if (how.any()) {
      if (PublicValue* items = schema.find("items"); items && items->is_map()) {
        write_out(*items);
        pick(*items, how.rest);
      }
      if (PublicValue* first = schema.find("prefixItems")) {
        for (PublicValue& item : first->items) pick(item, how.rest);
      }
      schema.erase("minItems");  // items that are neither object nor list are gone
      return;
    }
    for (const std::string_view key : {"prefixItems", "minItems"}) schema.erase(key);
    schema.set("items", PublicValue::map());  // 3.0 asks for it
    schema.set("maxItems", PublicValue::integer(0));
  }

  void omit(PublicValue& root, const Path& path) {
    reach_parent(root, path, [&](PublicValue& schema) { take_away(schema, path.back()); });
  }

  static void take_away(PublicValue& schema, const std::string& name) {
    const bool every = name == kEvery;
    if (PublicValue* named = schema.find("properties")) {
      if (every) named->members.clear();
      named->erase(name);
      if (named->members.empty()) schema.erase("properties");
    }
    keep_required(schema, [&](const std::string& other) { return !every && other != name; });
    if (every && is_list_schema(schema)) {
      schema.erase("minItems");
      schema.set("maxItems", PublicValue::integer(0));
    }
  }

  // Both paths are the same up to their last `*`.
  void move(PublicValue& root, const Path& from, const Path& to) {
    const auto star = std::find(from.rbegin(), from.rend(), kEvery);
    const auto shared = static_cast<size_t>(from.rend() - star);
    if (shared >= from.size() || shared >= to.size()) return;
    const Path head = first_of(from, shared);
    reach(root, head, 0, [&](PublicValue& item) {
      std::vector<PublicValue> found = all_at(item, below(from, shared));
      if (found.empty()) return;
      reach_parent(item, below(from, shared), [&](PublicValue& parent) {
        const PublicValue* rest = parent.find("additionalProperties");
        if (rest != nullptr && rest->is_map()) found.push_back(*rest);
        const bool is_open = parent.find("properties") == nullptr && !is_scalar_schema(parent);
        if (is_open) found.push_back(unknown_schema());
      });
      omit(item, below(from, shared));
      set(item, below(to, shared), {any_of(found), false});
    });
  }

  std::vector<PublicValue> all_at(PublicValue& root, const Path& path) {
    std::vector<PublicValue> all;
    reach(root, path, 0, [&](PublicValue& found) { all.push_back(found); });
    return all;
  }

  struct NewMember {
    const Path& path;
    const SchemaPart& value;
    size_t known = 0;  // tokens of the path that lead to what is named somewhere
  };

  // Gives every object the member. Those on the way are made, also in the place of null.
  void put(PublicValue& schema, size_t at, const NewMember& member) {
    if (at == member.path.size()) {
      schema = member.value.schema;
      return;
    }
    each_branch(schema, [&](PublicValue& branch) {
      if (is_scalar_schema(branch)) {
        if (may_be_null(branch)) branch = PublicValue::map();
        return;
      }
      const bool says_nothing = branch.find("type") == nullptr &&
                                branch.find("properties") == nullptr &&
                                branch.find("additionalProperties") == nullptr;
      if (says_nothing || (is_list_schema(branch) && !has_type(branch, "object"))) return;
      put_member(branch, at, member);
    });
  }

  void put_member(PublicValue& schema, size_t at, const NewMember& member) {
    if (schema.find("patternProperties") != nullptr) {  // they may speak of the new name as well
      schema.erase("patternProperties");
      schema.erase("additionalProperties");
    }
    const std::string& name = member.path[at];
    const bool names_all =
        schema.find("properties") != nullptr || schema.find("additionalProperties") != nullptr;
    if (schema.find("properties") == nullptr) schema.set("properties", PublicValue::map());
    PublicValue* child = schema.find("properties")->find(name);
    const bool is_last = at + 1 == member.path.size();
    const bool may_be_made = child == nullptr || !requires_name(schema, name);
    PublicValue value;
    if (child != nullptr) {
      put(*child, at + 1, member);
      value = std::move(*child);
    } else if (!is_last && (!names_all || at < member.known)) {
      value = PublicValue::map();  // it may be there already, as whatever it is
    }
    if (is_last) {
      value = member.value.schema;
    } else if (may_be_made) {
      PublicValue made = made_object(at + 1, member);
      value = value.is_map() ? any_of({std::move(value), std::move(made)}) : std::move(made);
    }
    schema.find("properties")->set(name, std::move(value));
    if (member.value.always) add_required(schema, name);
  }

  static PublicValue made_object(size_t at, const NewMember& member) {
    if (at == member.path.size()) return member.value.schema;
    PublicValue out = PublicValue::map();
    out.set("type", PublicValue::string("object"));
    if (member.value.always) add_required(out, member.path[at]);
    out.set("properties", PublicValue::map()).set(member.path[at], made_object(at + 1, member));
    return out;
  }

  void rename(PublicValue& root, const Path& path, const std::string& to) {
    reach_parent(root, path, [&](PublicValue& schema) {
      const std::string& from = path.back();
      if (from == to) return;
      PublicValue* named = schema.find("properties");
      if (named != nullptr && named->find(from) != nullptr) {
        named->erase(to);
        for (PublicMember& member : named->members) {
          if (member.key == from) member.key = to;
        }
      }
      if (!requires_name(schema, from)) return;
      keep_required(schema, [&](const std::string& name) { return name != to; });
      for (PublicValue& item : schema.find("required")->items) {
        if (item.text == from) item.text = to;
      }
    });
  }

  void flatten(PublicValue& root, const Path& path) {
    reach(root, path, 0, [&](PublicValue& found) {
      each_branch(found, [&](PublicValue& list) {
        if (is_list_schema(list)) flatten_list(list);
      });
    });
    if (path.empty()) return;
    reach_parent(root, path, [&](PublicValue& schema) {
      if (path.back() != kEvery) return flatten_member(schema, path.back());
      flatten_all(schema);
    });
  }

  // Who lifts all members knows but those that are surely there and no objects.
  static void flatten_all(PublicValue& schema) {
    PublicValue kept = PublicValue::map();
    if (const PublicValue* named = schema.find("properties")) {
      for (const PublicMember& member : named->members) {
        const bool stays = is_scalar_schema(member.value) ||
                           (is_list_schema(member.value) && !has_type(member.value, "object"));
        if (stays && requires_name(schema, member.key)) kept.members.push_back(member);
      }
    }
    keep_required(schema, [&](const std::string& name) { return kept.find(name) != nullptr; });
    for (const std::string_view key : {"properties", "patternProperties", "additionalProperties"}) {
      schema.erase(key);
    }
    if (!kept.members.empty()) schema.set("properties", std::move(kept));
  }

  void flatten_list(PublicValue& list) {
    for (const std::string_view key : {"minItems", "maxItems", "prefixItems", "uniqueItems"}) {
      list.erase(key);
    }
    PublicValue* items = list.find("items");
    if (items == nullptr || !items->is_map()) return;
    write_out(*items);
    if (!is_list_schema(*items)) {
      if (has_group(*items)) *items = PublicValue::map();  // some of them may be lists
      return;
    }
    const PublicValue* inner = items->find("items");
    PublicValue item = inner == nullptr ? PublicValue::map() : *inner;
    *items = std::move(item);
  }

  // What is no object stays.
  void flatten_member(PublicValue& schema, const std::string& name) {
    PublicValue* named = schema.find("properties");
    PublicValue* member = named == nullptr ? nullptr : named->find(name);
    if (member == nullptr) return;
    write_out(*member);
    if (is_scalar_schema(*member) || (is_list_schema(*member) && !has_type(*member, "object")))
      return;
    PublicValue inner = *member;
    const PublicValue* type = inner.find("type");
    const bool surely_object = type != nullptr && type->is_string("object") && !may_be_null(inner);
    if (surely_object) named->erase(name);
    const bool required = surely_object && requires_name(schema, name);
    keep_required(schema, [&](const std::string& other) { return other != name; });
    each_branch(inner, [&](PublicValue& branch) { lift(branch, schema); });
    // Of branches that exclude each other nothing is certain.
    if (required && inner.find("required") != nullptr) {
      for (const PublicValue& one : inner.find("required")->items) add_required(schema, one.text);
    }
    const PublicValue* rest = inner.find("additionalProperties");
    const bool closed = rest != nullptr && rest->kind == NodeKind::Bool && rest->text == "false";
    if (!closed) schema.erase("additionalProperties");
    const bool names_all = closed || (inner.find("properties") != nullptr && rest == nullptr);
    if (names_all) return;
    for (PublicMember& one : schema.find("properties")->members) {
      if (!requires_name(schema, one.key)) one.value = PublicValue::map();
    }
  }

  // What is there already stays, and may be missing.
  static void lift(const PublicValue& inner, PublicValue& schema) {
    const PublicValue* members = inner.find("properties");
    if (members == nullptr) return;
    PublicValue* named = schema.find("properties");
    for (const PublicMember& one : members->members) {
      const PublicValue* known = named->find(one.key);
      if (known != nullptr && requires_name(schema, one.key)) continue;
      named->set(one.key, known == nullptr ? one.value : any_of({*known, one.value}));
    }
  }

  void map(PublicValue& root, const Path& path, const Path& to) {
    reach(root, path, 0, [&](PublicValue& found) {
      each_branch(found, [&](PublicValue& list) {
        PublicValue* items = list.find("items");
        if (items == nullptr || !items->is_map()) return;
        std::vector<PublicValue> values;
        reach(*items, to, 0, [&](PublicValue& value) { values.push_back(value); });
        PublicValue item = values.size() == 1 ? std::move(values[0]) : PublicValue::map();
        list.set("items", std::move(item));
        for (const std::string_view key : {"minItems", "prefixItems", "uniqueItems"}) {
          list.erase(key);
        }
      });
    });
  }

  void first(PublicValue& root, const Path& path) {
    reach(root, path, 0, [&](PublicValue& list) {
      write_out(list);
      if (!list.is_map() || !is_list_schema(list)) return;
      const PublicValue* items = list.find("items");
      PublicValue item = items == nullptr || !items->is_map() || list.find("prefixItems")
                             ? PublicValue::map()
                             : *items;
      const bool filled = number_of(list.find("minItems"), 0) > 0;
      list = std::move(item);
      if (!filled && !list.members.empty()) allow_null(list);
    });
  }

  void allow_null(PublicValue& schema) const {
    if (!options_.has_null_type) write_out(schema);  // `nullable` counts beside `type` only
    schema = or_null(std::move(schema), options_.has_null_type);
  }

  void limit(PublicValue& root, const Path& path, const std::string& text) {
    const PublicValue written = PublicValue::string(text);
    const u64 most = number_of(&written, 0);
    reach(root, path, 0, [&](PublicValue& found) {
      each_branch(found, [&](PublicValue& list) {
        if (!is_list_schema(list)) return;
        list.set("maxItems",
                 PublicValue::integer(std::min(most, number_of(list.find("maxItems"), most))));
        if (number_of(list.find("minItems"), 0) > most) {
          list.set("minItems", PublicValue::integer(most));
        }
        list.erase("contains");
      });
    });
  }

  void set_all(PublicValue& root) {
    const Effective* all = body_.find("set");
    if (all == nullptr) return;
    for (const Effective::Entry& entry : all->entries) {
      const Path path = path_of(entry.name);
      const auto star = std::find(path.rbegin(), path.rend(), kEvery);
      const auto shared = static_cast<size_t>(path.rend() - star);
      if (shared >= path.size()) continue;
      const Path head = first_of(path, shared);
      const SchemaPart value = schema_of(entry.value.node);
      reach(root, head, 0, [&](PublicValue& item) { set(item, below(path, shared), value); });
    }
  }

  // What is absent leaves the member as it is.
  void set(PublicValue& item, const Path& path, SchemaPart value) {
    if (!value.always) {
      for (PublicValue& former : all_at(item, path)) {
        value.schema = any_of({std::move(value.schema), std::move(former)});
      }
    }
    omit(item, path);
    NewMember member{path, value};
    while (member.known < path.size() && !all_at(item, first_of(path, member.known + 1)).empty()) {
      ++member.known;
    }
    put(item, 0, member);
  }

  SchemaPart schema_of(NodeRef node) const {
    if (!node) return {unknown_schema()};
    return schema_of_template(node, options_.has_null_type, [&](std::string_view expression) {
      constexpr std::string_view kBody = "$response.body";
      if (!expression.starts_with(kBody)) {
        return options_.expression ? options_.expression(expression) : SchemaPart{unknown_schema()};
      }
      expression.remove_prefix(std::min(expression.size(), kBody.size() + 1));  // and the `#`
      return schema_at(came_, expression, options_.component);
    });
  }

  void wrap(PublicValue& root) const {
    const Effective* value = body_.find("wrap");
    if (value == nullptr || !value->node || !value->node.is_scalar()) return;
    const Path path = path_of(value->node.text());
    for (auto name = path.rbegin(); name != path.rend(); ++name) {
      PublicValue outer = PublicValue::map();
      outer.set("type", PublicValue::string("object"));
      add_required(outer, *name);
      outer.set("properties", PublicValue::map()).set(*name, std::move(root));
      root = std::move(outer);
    }
  }

  const Effective& body_;
  const SchemaViewOptions& options_;
  PublicValue came_;  // what `$response.body` is
  u32 visits_ = 0;
};

}  // namespace

void change_schema(const Effective& body, const SchemaViewOptions& options, PublicValue& schema) {
  if (!body.present()) return;
  SchemaChanger(body, options).run(schema);
}

}  // namespace gw::compiler
