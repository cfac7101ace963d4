#include "runtime/policies/body/changes.h"

#include <vector>

#include "runtime/engine/template.h"
#include "runtime/table/bound_table.h"

namespace gw::policies {
namespace {

using json::Kind;
using json::Value;
using json::ValueTree;

using Paths = std::vector<std::string_view>;

constexpr std::string_view kEvery = "*";

// Calls `visit(parent, child)` for everything that `path` leads to from `at`. A path that is empty
// leads to `at` itself, whose parent is null.
template <class Visit>
void visit_all(ValueTree& tree, Value* parent, Value& at, std::string_view path,
               const Visit& visit) {
  std::string_view token;
  if (!json::next_token(path, tree.arena(), token)) {
    visit(parent, at);
    return;
  }
  if (token != kEvery) {
    if (Value* child = tree.find(at, token)) visit_all(tree, &at, *child, path, visit);
    return;
  }
  for (Value* child = tree.first(at); child != nullptr; child = ValueTree::next(*child)) {
    visit_all(tree, &at, *child, path, visit);
  }
}

// Splits `items/*/a` into `items/*` and `a`.
struct Parted {
  std::string_view parent;
  std::string_view name;
};
Parted part(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string_view plain(std::string_view token, Arena& arena) {
  std::string_view out;
  json::next_token(token, arena, out);
  return out;
}

class Changer {
 public:
  Changer(Exchange& exchange, const BodyRecord& record, ValueTree& tree)
      : exchange_(exchange), record_(record), tree_(tree), view_(exchange.table->view()) {}

  bool run(Value& root) {
    if (record_.whole.count != 0) return set_whole(root);
    if (record_.pick.count != 0) pick(root, paths_of(record_.pick));
    for (const std::string_view path : paths_of(record_.omit)) omit(root, path);
    for (const auto& [from, to] : view_.policy_list<BodyPathRecord>(record_.move)) {
      move(root, view_.text(from), view_.text(to));
    }
    for (const auto& [path, to] : view_.policy_list<BodyPathRecord>(record_.rename)) {
      rename(root, view_.text(path), view_.text(to));
    }
    for (const std::string_view path : paths_of(record_.flatten)) flatten(root, path);
    for (const auto& [path, to] : view_.policy_list<BodyPathRecord>(record_.map)) {
      map(root, view_.text(path), view_.text(to));
    }
    for (const std::string_view path : paths_of(record_.first)) first(root, path);
    for (const auto& limit : view_.policy_list<BodyLimitRecord>(record_.limit)) {
      cut(root, view_.text(limit.path), limit.count);
    }
    for (const auto& [path, value] : view_.policy_list<BodySetRecord>(record_.set)) {
      if (!set(root, view_.text(path), value)) return false;
    }
    wrap(root);
    return true;
  }

 private:
  Paths paths_of(table::Extent list) const {
    Paths paths;
    for (const table::StringRef ref : view_.policy_list<table::StringRef>(list)) {
      paths.push_back(view_.text(ref));
    }
    return paths;
  }

  // What none of the paths leads to or through goes. A value that is neither object nor list goes
  // where a path leads further, but null, which shows nothing.
  void pick(Value& value, const Paths& paths) {
    const bool is_object = value.kind == Kind::Object;
    if (!is_object && value.kind != Kind::Array) {
      if (value.kind != Kind::Null) ValueTree::replace(value, *tree_.raw(Kind::Null, "null"));
      return;
    }
    Paths rest;
    for (Value* child = tree_.first(value); child != nullptr; child = ValueTree::next(*child)) {
      rest.clear();
      bool whole = false;
      for (std::string_view path : paths) {
        std::string_view token;
        if (!json::next_token(path, tree_.arena(), token)) continue;
        if (token != kEvery && !(is_object && tree_.key_is(*child, token))) continue;
        whole = whole || path.empty();
        rest.push_back(path);
      }
      if (whole) continue;
      const bool scalar = child->kind != Kind::Object && child->kind != Kind::Array;
      if (rest.empty() || (scalar && child->kind != Kind::Null)) {
        child->gone = true;
      } else {
        const Paths inner = rest;
        pick(*child, inner);
      }
    }
  }

  void omit(Value& root, std::string_view path) {
    visit_all(tree_, nullptr, root, path, [](const Value* parent, Value& child) {
      if (parent != nullptr) child.gone = true;
    });
  }

  // Both paths are the same up to their last `*`.
  void move(Value& root, std::string_view from, std::string_view to) {
    const size_t star = from.rfind("*/");
    const size_t shared = star == from.npos ? 0 : star + 2;
    if (to.size() < shared || to.substr(0, shared) != from.substr(0, shared)) return;
    const std::string_view below = shared == 0 ? std::string_view{} : from.substr(0, shared - 1);
    visit_all(tree_, nullptr, root, below, [&](const Value*, Value& item) {
      Value* found = nullptr;
      visit_all(tree_, nullptr, item, from.substr(shared), [&](const Value* parent, Value& child) {
        if (parent != nullptr) found = &child;
      });
      if (found == nullptr) return;
      Value* moved = tree_.raw(Kind::Null, "null");
      ValueTree::replace(*moved, *found);
      found->gone = true;
      if (!put(item, to.substr(shared), moved)) found->gone = false;
    });
  }

  // Whether objects can be made on the way: a list or a text there would be lost, null is nothing.
  bool leads_through(Value& at, std::string_view path) {
    Value* parent = &at;
    std::string_view token;
    while (parent != nullptr) {
      if (parent->kind == Kind::Null) return true;
      if (parent->kind != Kind::Object) return false;
      json::next_token(path, tree_.arena(), token);
      if (path.empty()) return true;
      parent = tree_.find(*parent, token);
    }
    return true;
  }

  // Makes the objects on the way. False: something is in the way, and nothing has happened.
  bool put(Value& at, std::string_view path, Value* value) {
    if (!leads_through(at, path)) return false;
    Value* parent = &at;
    std::string_view token;
    json::next_token(path, tree_.arena(), token);
    while (true) {
      if (parent->kind == Kind::Null) ValueTree::replace(*parent, *tree_.object());
      if (path.empty()) break;
      Value* child = tree_.find(*parent, token);
      if (child == nullptr) {
        child = tree_.object();
        tree_.set(*parent, token, child);
      }
      parent = child;
      json::next_token(path, tree_.arena(), token);
    }
    tree_.set(*parent, token, value);
    return true;
  }

  void rename(Value& root, std::string_view path, std::string_view to) {
    const Parted parts = part(path);
    const std::string_view from = plain(parts.name, tree_.arena());
    visit_all(tree_, nullptr, root, parts.parent, [&](const Value*, Value& object) {
      Value* member = tree_.find(object, from);
      if (member == nullptr || from == to) return;
      if (Value* other = tree_.find(object, to)) other->gone = true;
      // In its place among the others.
      Value* renamed = tree_.object();
      tree_.set(*renamed, to, tree_.raw(Kind::Null, "null"));
      member->key = renamed->first->key;
      member->key_escaped = renamed->first->key_escaped;
    });
  }

  void flatten(Value& root, std::string_view path) {
    visit_all(tree_, nullptr, root, path, [&](Value* parent, Value& value) {
      if (value.kind == Kind::Array) return flatten_list(value);
      if (value.kind != Kind::Object || parent == nullptr || parent->kind != Kind::Object) return;
      value.gone = true;
      for (Value* child = tree_.first(value); child != nullptr;) {
        Value* next = ValueTree::next(*child);
        const std::string_view key = tree_.plain_key(*child);
        if (tree_.find(*parent, key) == nullptr) tree_.set(*parent, key, child);
        child = next;
      }
    });
  }

  void flatten_list(Value& list) {
    Value* flat = tree_.array();
    for (Value* item = tree_.first(list); item != nullptr;) {
      Value* next = ValueTree::next(*item);
      if (item->kind == Kind::Array) {
        for (Value* inner = tree_.first(*item); inner != nullptr;) {
          Value* after = ValueTree::next(*inner);
          tree_.append(*flat, inner);
          inner = after;
        }
      } else {
        tree_.append(*flat, item);
      }
      item = next;
    }
    ValueTree::replace(list, *flat);
  }

  void map(Value& root, std::string_view path, std::string_view to) {
    visit_all(tree_, nullptr, root, path, [&](const Value*, Value& list) {
      if (list.kind != Kind::Array) return;
      for (Value* item = tree_.first(list); item != nullptr; item = ValueTree::next(*item)) {
        const Value* found = nullptr;
        visit_all(tree_, nullptr, *item, to, [&](const Value*, Value& child) { found = &child; });
        if (found == nullptr) {
          item->gone = true;
        } else {
          ValueTree::replace(*item, *found);
        }
      }
    });
  }

  void first(Value& root, std::string_view path) {
    visit_all(tree_, nullptr, root, path, [&](const Value*, Value& list) {
      if (list.kind != Kind::Array) return;
      const Value* item = tree_.first(list);
      ValueTree::replace(list, item == nullptr ? *tree_.raw(Kind::Null, "null") : *item);
    });
  }

  void cut(Value& root, std::string_view path, u32 count) {
    visit_all(tree_, nullptr, root, path, [&](const Value*, Value& list) {
      if (list.kind != Kind::Array) return;
      u32 kept = 0;
      for (Value* item = tree_.first(list); item != nullptr; item = ValueTree::next(*item)) {
        if (kept++ >= count) item->gone = true;
      }
    });
  }

  bool set(Value& root, std::string_view path, table::Extent value) {
    std::string text;
    if (!engine::write_present_template(exchange_, value, record_.max_size, text)) {
      return text.size() <= record_.max_size;
    }
    const std::string_view kept = tree_.arena().copy(text);
    const Parted parts = part(path);
    const size_t star = path.rfind("*/");
    const size_t shared = star == path.npos ? 0 : star + 2;
    if (parts.name == kEvery) return true;  // refused by the compiler
    const std::string_view below = shared == 0 ? std::string_view{} : path.substr(0, shared - 1);
    visit_all(tree_, nullptr, root, below, [&](const Value*, Value& item) {
      put(item, path.substr(shared), tree_.raw(kind_of(kept), kept));
    });
    return true;
  }

  static Kind kind_of(std::string_view text) {
    switch (text.front()) {
      case '{':
        return Kind::Object;
      case '[':
        return Kind::Array;
      case '"':
        return Kind::String;
      case 't':
      case 'f':
        return Kind::Bool;
      case 'n':
        return Kind::Null;
      default:
        return Kind::Number;
    }
  }

  void wrap(Value& root) {
    const std::string_view path = view_.text(record_.wrap);
    if (path.empty()) return;
    Value* inner = tree_.raw(Kind::Null, "null");
    ValueTree::replace(*inner, root);
    ValueTree::replace(root, *tree_.object());
    put(root, path, inner);
  }

  bool set_whole(Value& root) {
    std::string text;
    if (!engine::write_template(exchange_, record_.whole, record_.max_size, text)) return false;
    const std::string_view kept = tree_.arena().copy(text);
    ValueTree::replace(root, *tree_.raw(kind_of(kept), kept));
    return true;
  }

  Exchange& exchange_;
  const BodyRecord& record_;
  ValueTree& tree_;
  const table::TableView& view_;
};

}  // namespace

bool changes_value(const BodyRecord& record) {
  return record.pick.count + record.omit.count + record.move.count + record.rename.count +
                 record.flatten.count + record.map.count + record.first.count + record.limit.count +
                 record.set.count + record.whole.count !=
             0 ||
         (record.wrap.offset != table::kNone && record.wrap.bytes != 0) ||
         static_cast<BodyWriting>(record.format) != BodyWriting::Same;
}

bool change_value(Exchange& exchange, const BodyRecord& record, json::ValueTree& tree,
                  json::Value& root) {
  return Changer(exchange, record, tree).run(root);
}

}  // namespace gw::policies
