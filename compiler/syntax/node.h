// The tree that YAML and JSON are read into: values with exact spans, keys in source order.
//
// One Tree per file, flat. A NodeRef is a pointer-sized handle that is copied freely and is valid
// as long as its tree.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/file_set.h"
#include "runtime/base/types.h"

namespace gw::compiler {

/// Types of the YAML 1.2 core schema, which are those of JSON.
enum class NodeKind : u8 { Null, Bool, Int, Float, String, Map, Seq };

std::string_view kind_name(NodeKind kind);  // "a map", "a list", "a string", ...

struct Node {
  NodeKind kind = NodeKind::Null;
  bool quoted : 1 = false;    // a scalar in quotes or a block scalar
  bool is_alias : 1 = false;  // `first` is the node that it stands for
  bool merged : 1 = false;    // a map entry that came from a merge key
  FileId file = kNoFile;      // where it is written, when that is not the file of its tree
  u32 begin = 0;              // byte offsets of the value, quotes included
  u32 end = 0;
  u32 first = 0;          // first child: a map's key (its value is key.next), a list's item
  u32 next = 0;           // next sibling; 0: none
  u32 count = 0;          // children: entries of a map, items of a list
  std::string_view text;  // of scalars: after escapes and folding; keys as well
};
static_assert(sizeof(Node) == 40, "there are millions of them");

class Tree;

/// A node of a tree. Aliases are followed by every accessor, except span(), which is where the
/// value is written (at the alias). A default-constructed one is "absent" and converts to false.
class NodeRef {
 public:
  NodeRef() = default;
  NodeRef(const Tree* tree, u32 index) : tree_(tree), index_(index) {}

  explicit operator bool() const { return tree_ != nullptr; }
  friend bool operator==(const NodeRef&, const NodeRef&) = default;

  NodeKind kind() const { return target().kind; }
  bool is_map() const { return kind() == NodeKind::Map; }
  bool is_seq() const { return kind() == NodeKind::Seq; }
  bool is_string() const { return kind() == NodeKind::String; }
  bool is_scalar() const { return kind() <= NodeKind::String; }
  bool is_null() const { return kind() == NodeKind::Null; }
  bool quoted() const { return target().quoted; }
  /// Text of a scalar as written, whatever its type: `3.10` stays "3.10".
  std::string_view text() const { return target().text; }
  /// Of a Bool.
  bool boolean() const { return text()[0] == 't' || text()[0] == 'T'; }
  u32 size() const { return target().count; }
  Span span() const;

  /// Value of a key of a map; absent when there is none or this is no map. Cost: a scan of
  /// small maps, logarithmic in large ones.
  NodeRef get(std::string_view key) const;
  /// The key node that belongs to get(key), for its span.
  NodeRef key_of(std::string_view key) const;

  struct Entry;
  class EntryRange;
  class ItemRange;
  /// Entries of a map in source order; none when it is no map.
  EntryRange entries() const;
  /// Items of a list; none when it is no list.
  ItemRange items() const;

  const Tree* tree() const { return tree_; }
  u32 index() const { return index_; }
  /// Same as index() after following an alias; identifies the value.
  u32 target_index() const;

 private:
  const Node& raw() const;
  const Node& target() const;
  const Tree* tree_ = nullptr;
  u32 index_ = 0;
};

struct NodeRef::Entry {
  NodeRef key;
  NodeRef value;
};

class Tree {
 public:
  explicit Tree(FileId file) : file_(file) { nodes.emplace_back(); }  // index 0: "none"
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  FileId file() const { return file_; }
  NodeRef root() const { return root_index == 0 ? NodeRef{} : NodeRef{this, root_index}; }

  /// For readers: keeps a decoded text alive as long as the tree.
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  /// Keeps another tree, whose texts were taken over, alive as long as this one.
  void keep_alive(std::shared_ptr<const Tree> other) { others_.push_back(std::move(other)); }
  /// Told of every key that stands twice in a map: both key nodes, in source order.
  using DuplicateKey = std::function<void(u32 first, u32 second)>;
  /// For readers and editors, once all nodes are in: looks for duplicate keys and makes look-up in
  /// large maps logarithmic. The first of two equal keys is the one that counts.
  void finish(const DuplicateKey& duplicate);

  /// JSON pointer (RFC 6901) of a node, keys by the pointer of their value. The first call costs a
  /// pass over the tree, later ones the depth of the node.
  std::string pointer(u32 index) const;

  std::vector<Node> nodes;
  u32 root_index = 0;

 private:
  friend class NodeRef;
  // Large maps in order of their index, each with its keys sorted by text; no hashing, so that
  // hostile keys cannot collide.
  struct LargeMap {
    u32 map;
    u32 begin;  // in large_map_keys_; nodes[map].count of them
  };
  u32 find_in_large_map(u32 map, std::string_view key) const;
  std::string_view key_text(u32 key) const;
  void find_places() const;
  void check_small_map(u32 map, const DuplicateKey& duplicate) const;
  void index_large_map(u32 map, const DuplicateKey& duplicate);

  FileId file_;
  std::deque<std::string> kept_;
  std::vector<std::shared_ptr<const Tree>> others_;
  struct Place {  // of a key, value or item
    u32 parent = 0;
    u32 label = 0;  // in a map the node of its key, in a list its position
  };
  mutable std::vector<Place> places_;  // filled on first use by pointer()
  std::vector<LargeMap> large_maps_;
  std::vector<u32> large_map_keys_;
};

inline const Node& NodeRef::raw() const { return tree_->nodes[index_]; }
inline u32 NodeRef::target_index() const {
  const Node& node = raw();
  return node.is_alias ? node.first : index_;
}
inline const Node& NodeRef::target() const { return tree_->nodes[target_index()]; }
inline Span NodeRef::span() const {
  const Node& node = raw();
  const FileId file = node.file == kNoFile ? tree_->file() : node.file;
  return {.file = file, .begin = node.begin, .end = node.end};
}

class NodeRef::EntryRange {
 public:
  struct Iterator {
    const Tree* tree;
    u32 key;
    Entry operator*() const { return {{tree, key}, {tree, tree->nodes[key].next}}; }
    Iterator& operator++() {
      key = tree->nodes[tree->nodes[key].next].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return key != other.key; }
  };
  EntryRange(const Tree* tree, u32 first) : tree_(tree), first_(first) {}
  Iterator begin() const { return {tree_, first_}; }
  Iterator end() const { return {tree_, 0}; }

 private:
  const Tree* tree_;
  u32 first_;
};

class NodeRef::ItemRange {
 public:
  struct Iterator {
    const Tree* tree;
    u32 item;
    NodeRef operator*() const { return {tree, item}; }
    Iterator& operator++() {
      item = tree->nodes[item].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return item != other.item; }
  };
  ItemRange(const Tree* tree, u32 first) : tree_(tree), first_(first) {}
  Iterator begin() const { return {tree_, first_}; }
  Iterator end() const { return {tree_, 0}; }

 private:
  const Tree* tree_;
  u32 first_;
};

inline NodeRef::EntryRange NodeRef::entries() const {
  return {tree_, tree_ != nullptr && is_map() ? target().first : 0};
}
inline NodeRef::ItemRange NodeRef::items() const {
  return {tree_, tree_ != nullptr && is_seq() ? target().first : 0};
}

}  // namespace gw::compiler
