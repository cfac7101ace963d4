// The components of a printed document: what references lead to, wherever it was written.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "compiler/gateway/gateway.h"
#include "compiler/openapi/objects.h"
#include "compiler/publish/public_value.h"

namespace gw::compiler {

struct Component {
  const Unit* unit = nullptr;  // whose references led to it first
  openapi::ObjectKind kind = openapi::ObjectKind::None;
  NodeRef node;
  std::string label;    // what it is called where it is written
  std::string service;  // "": it is the gateway document's
  bool written = false;
  PublicValue value;
  std::string name;  // once names have been given; "": it is not used
};

/// Components are known by their node; numbers stay the same.
class Components {
 public:
  /// The component that `node` is, which `label` names: the last part of a reference or a key.
  u32 add(const Unit& unit, std::string_view service, openapi::ObjectKind kind, NodeRef node,
          std::string_view label);
  Component& at(u32 number) { return all_[number]; }
  const Component& at(u32 number) const { return all_[number]; }
  size_t size() const { return all_.size(); }

  /// Names the components of `used`: by their labels; where several would have one name those of
  /// services get `SERVICE.` in front, and what is still the same is counted. Deterministic.
  void give_names(const std::vector<u32>& used);
  /// `#/components/schemas/User`.
  std::string pointer(u32 number) const;

 private:
  std::deque<Component> all_;
  std::map<std::tuple<const Tree*, u32, openapi::ObjectKind>, u32> numbers_;
};

/// Key of `components` that holds objects of a kind; "" for kinds that none does.
std::string_view section_of(openapi::ObjectKind kind);

}  // namespace gw::compiler
