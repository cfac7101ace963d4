// The changes that x-gw makes of bodies, on shapes.
#include <algorithm>

#include "compiler/passes/body_shape.h"

namespace gw::compiler {
namespace {

using namespace gw::schema;

constexpr size_t kMaxLifted = 256;

// Calls `change(parent, last token)` where the last token of a path stands.
template <class Change>
void at_parent(Shape& root, std::span<const PathToken> path, const Change& change) {
  if (path.empty()) return;
  walk(root, path.first(path.size() - 1), [&](Shape& parent) {
    look_into(parent);
    change(parent, path.back());
  });
}

void remove_member(Shape& object, const std::string& name) {
  std::erase_if(object.members, [&](const Shape::Member& one) { return one.name == name; });
  object.gone.push_back(name);
}

void put_member(Shape& object, const std::string& name, Shape value, Presence presence) {
  std::erase(object.gone, name);
  if (Shape::Member* known = find_member(object, name)) {
    known->value = std::move(value);
    if (presence == Presence::Always) known->presence = presence;
    return;
  }
  object.members.push_back({.name = name, .value = std::move(value), .presence = presence});
  if (object.naming == Naming::Nothing) object.naming = Naming::Open;
}

// Makes the objects on the way, in the place of null at most.
void put(Shape& at, std::span<const PathToken> path, const ShapeValue& value) {
  Shape* parent = &at;
  for (size_t i = 0;; ++i) {
    look_into(*parent);
    if (!parent->may_be(kTypeObject | kTypeNull)) return;
    if (!parent->may_be(kTypeObject)) *parent = empty_object();
    if (i + 1 == path.size()) break;
    if (find_member(*parent, path[i].name) == nullptr) {
      put_member(*parent, path[i].name, empty_object(), value.presence);
    }
    parent = &find_member(*parent, path[i].name)->value;
  }
  put_member(*parent, path.back().name, value.shape, value.presence);
}

// The members of one take its place, but for those that are there. Their names.
std::vector<std::string> lift_members(Shape& parent, const std::string& name) {
  std::vector<std::string> names;
  Shape::Member* member = find_member(parent, name);
  if (member == nullptr || !parent.may_be(kTypeObject)) return names;
  look_into(member->value);
  if (!member->value.may_be(kTypeObject)) return names;
  const Shape lifted = member->value;
  const bool stays = lifted.types != kTypeObject;
  if (!stays) remove_member(parent, name);
  for (const Shape::Member& one : lifted.members) {
    if (find_member(parent, one.name) != nullptr) continue;
    put_member(parent, one.name, one.value, stays ? Presence::Maybe : one.presence);
    names.push_back(one.name);
  }
  if (lifted.is_open()) parent.naming = Naming::Open;
  return names;
}

using Paths = std::vector<std::span<const PathToken>>;

// The rest of the paths that lead to or through a child. True: one ends there.
bool paths_into(const Paths& paths, const std::string* name, Paths& out) {
  for (const auto path : paths) {
    if (path.empty() || (!path[0].every && (name == nullptr || path[0].name != *name))) continue;
    if (path.size() == 1) return true;
    out.push_back(path.subspan(1));
  }
  return false;
}

class Picker {
 public:
  void pick(Shape& root, const Paths& paths) {
    if (++steps_ > kMaxSteps) {
      root = {};
      return;
    }
    look_into(root);
    const bool any =
        std::ranges::any_of(paths, [](auto path) { return !path.empty() && path[0].every; });
    std::erase_if(root.members, [&](Shape::Member& member) {
      return !pick_child(member.value, paths, &member.name);
    });
    if (root.is_open()) {
      add_unnamed(root, paths);
      if (!any) root.naming = Naming::Closed;
    }
    const bool had_items = !root.items.empty() || !root.prefix.empty();
    for (std::vector<Shape>* list : {&root.rest, &root.prefix, &root.items}) {
      std::erase_if(*list, [&](Shape& child) { return !pick_child(child, paths, nullptr); });
    }
    if (!any || (had_items && root.items.empty() && root.prefix.empty())) root.no_items = true;
  }

 private:
  // Whether the child stays; what it holds is picked.
  bool pick_child(Shape& child, const Paths& paths, const std::string* name) {
    Paths rest;
    if (paths_into(paths, name, rest)) return true;
    if (rest.empty()) return false;
    look_into(child);
    // A value where a path leads further is not shown, but null.
    if (!child.may_be(kTypeObject | kTypeArray | kTypeNull)) return false;
    pick(child, rest);
    return true;
  }

  // What is picked of members that nobody names may be there.
  void add_unnamed(Shape& root, const Paths& paths) {
    for (const auto path : paths) {
      if (path.empty() || path[0].every || find_member(root, path[0].name) != nullptr) continue;
      if (std::ranges::find(root.gone, path[0].name) != root.gone.end()) continue;
      Shape::Member member{.name = path[0].name,
                           .value = root.rest.empty() ? Shape{} : root.rest[0]};
      pick_child(member.value, paths, &member.name);
      root.members.push_back(std::move(member));
    }
  }

  u32 steps_ = 0;
};

}  // namespace

void pick_paths(Shape& root, const std::vector<std::span<const PathToken>>& paths) {
  look_into(root);
  // Of a body that is neither an object nor a list nothing is shown but null.
  constexpr u32 kParted = kTypeObject | kTypeArray;
  if ((root.types & ~kParted) != 0) root.types = (root.types & kParted) | kTypeNull;
  Picker().pick(root, paths);
}

void omit_path(Shape& root, std::span<const PathToken> path) {
  at_parent(root, path, [](Shape& parent, const PathToken& last) {
    if (!last.every) return remove_member(parent, last.name);
    parent.members.clear();
    parent.rest.clear();
    parent.items.clear();
    parent.prefix.clear();
    parent.naming = Naming::Closed;
    parent.no_items = true;
  });
}

void move_path(Shape& root, const BodyPath& from, const BodyPath& to) {
  const size_t shared = from.shared();
  const std::span all(from.tokens);
  const std::span target = std::span(to.tokens).subspan(shared);
  walk(root, all.first(shared), [&](Shape& item) {
    ShapeValue moved{.shape = {}, .presence = Presence::Maybe};
    bool found = false;
    const Reach reach = walk(item, all.subspan(shared), [&](Shape& value) {
      if (!found) moved.shape = value;
      found = true;
    });
    if (reach.misses()) return;
    omit_path(item, all.subspan(shared));
    put(item, target, moved);
  });
}

void rename_path(Shape& root, std::span<const PathToken> path, std::string_view to) {
  at_parent(root, path, [&](Shape& parent, const PathToken& last) {
    if (last.every || last.name == to) return;
    const std::string name(to);
    const Shape::Member* member = find_member(parent, last.name);
    if (member == nullptr && !parent.is_open()) return;
    const Shape value = member == nullptr ? Shape{} : member->value;
    const Presence presence = member == nullptr ? Presence::Maybe : member->presence;
    remove_member(parent, last.name);
    put_member(parent, name, value, presence);
  });
}

void flatten_path(Shape& root, std::span<const PathToken> path) {
  walk(root, path, [](Shape& list) {
    look_into(list);
    if (!list.may_be(kTypeArray)) return;
    std::vector<Shape> inner;
    for (Shape& item : list.items) {
      look_into(item);
      // Items that are no list stay; of both kinds nothing is said.
      if (item.types == kTypeArray) inner = item.items;
      if (!item.may_be(kTypeArray)) inner = {item};
    }
    list.items = std::move(inner);
    list.prefix.clear();
    list.no_items = false;
  });
  at_parent(root, path, [](Shape& parent, const PathToken& last) {
    if (!last.every) {
      lift_members(parent, last.name);
      return;
    }
    // Those that were lifted are members like others, and lifted in their turn.
    std::vector<std::string> names;
    for (const Shape::Member& member : parent.members) names.push_back(member.name);
    for (size_t i = 0; i < std::min(names.size(), kMaxLifted); ++i) {
      for (const std::string& lifted : lift_members(parent, names[i])) names.push_back(lifted);
    }
    if (names.size() > kMaxLifted || parent.is_open()) parent.naming = Naming::Open;
  });
}

Reach map_path(Shape& root, std::span<const PathToken> path, std::span<const PathToken> to) {
  Reach best;
  bool first = true;
  walk(root, path, [&](Shape& list) {
    look_into(list);
    if (list.items.empty()) {
      best.unknown = true;
      list.prefix.clear();
      return;
    }
    Shape found;
    bool any = false;
    const Reach reach = walk(list.items[0], to, [&](Shape& value) {
      if (!any) found = value;
      any = true;
    });
    if (first || !reach.misses()) best = reach;
    best.stop = nullptr;  // it is about to go
    first = false;
    list.prefix.clear();
    list.items.clear();
    if (reach.misses()) {
      list.no_items = true;
    } else {
      list.items.push_back(std::move(found));
    }
  });
  best.unknown = best.unknown || first;  // no list whose items are known
  return best;
}

void first_path(Shape& root, std::span<const PathToken> path) {
  walk(root, path, [](Shape& list) {
    look_into(list);
    if (!list.may_be(kTypeArray)) return;
    const bool is_empty = list.no_items && list.items.empty() && list.prefix.empty();
    if (list.types == kTypeArray && is_empty) {
      list = shape_of_types(kTypeNull);
      return;
    }
    const bool known = list.types == kTypeArray && list.items.size() == 1 && list.prefix.empty();
    Shape item = known ? list.items[0] : Shape{};
    look_into(item);
    item.types |= kTypeNull;
    list = std::move(item);
  });
}

void set_path(Shape& root, const BodyPath& path, const ShapeValue& value) {
  const std::span all(path.tokens);
  const size_t shared = path.shared();
  if (shared == all.size()) return;
  walk(root, all.first(shared), [&](Shape& item) { put(item, all.subspan(shared), value); });
}

void wrap_path(Shape& root, std::span<const PathToken> path) {
  if (path.empty()) return;
  Shape inner = std::move(root);
  root = empty_object();
  put(root, path, {.shape = std::move(inner), .presence = Presence::Always});
}

}  // namespace gw::compiler
