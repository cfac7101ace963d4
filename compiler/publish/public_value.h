// Values of a document that is to be printed: a tree that can be changed, unlike the one that was
// read. References do not name their target, as its name is known at the end only.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/syntax/node.h"

namespace gw::compiler {

inline constexpr u32 kNoComponent = ~u32{0};

struct PublicMember;

/// A value of JSON. `text` of a number is as JSON writes it; keys keep the order of the source.
struct PublicValue {
  NodeKind kind = NodeKind::Null;
  std::string text;
  u32 component = kNoComponent;  // a String that stands for a reference to this component
  bool by_name = false;          // ... by its name alone, as discriminators may
  std::vector<PublicMember> members;
  std::vector<PublicValue> items;

  static PublicValue map();
  static PublicValue list();
  static PublicValue string(std::string_view text);
  static PublicValue boolean(bool value);
  static PublicValue integer(u64 value);
  static PublicValue reference(u32 component);

  bool is_map() const { return kind == NodeKind::Map; }
  bool is_list() const { return kind == NodeKind::Seq; }
  bool is_string(std::string_view other) const { return kind == NodeKind::String && text == other; }
  /// Null where there is none. Cost: a scan.
  PublicValue* find(std::string_view key);
  const PublicValue* find(std::string_view key) const;
  /// Replaces the member of this name, or adds one at the end.
  PublicValue& set(std::string_view key, PublicValue value);
  void erase(std::string_view key);
};

struct PublicMember {
  std::string key;
  PublicValue value;
  u32 component = kNoComponent;  // the name of this component is the key
  /// Of a discriminator: `key` is what the reference in `value` was called. It is printed only when
  /// that is not its name any more.
  bool if_renamed = false;
};

/// The value of a node as it is, aliases written out; `budget` loses one for each value and what is
/// beyond it is left out.
PublicValue value_of(NodeRef node, u64& budget);

}  // namespace gw::compiler
