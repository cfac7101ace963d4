// The contracts of one table as values that know where they are written.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diff/finding.h"
#include "runtime/json/tape.h"
#include "runtime/table/contracts.h"

namespace gw::compiler::diff {

class ContractText;

/// A value in a fragment, or nothing. Copied freely; lives as long as its ContractText.
class Value {
 public:
  Value() = default;
  Value(const ContractText* text, u32 fragment, u32 node)
      : text_(text), fragment_(fragment), node_(node) {}

  explicit operator bool() const { return text_ != nullptr; }
  friend auto operator<=>(const Value&, const Value&) = default;

  json::Kind kind() const;
  bool is_object() const { return *this && kind() == json::Kind::Object; }
  bool is_array() const { return *this && kind() == json::Kind::Array; }
  bool is_string() const { return *this && kind() == json::Kind::String; }
  bool is_true() const { return *this && kind() == json::Kind::Bool && boolean(); }
  bool is_false() const { return *this && kind() == json::Kind::Bool && !boolean(); }
  bool boolean() const;
  /// Text of a string or number; "" of others.
  std::string text() const;
  u32 size() const;

  /// Value of a member as it stands; nothing when there is none.
  Value get(std::string_view key) const;
  /// What a reference leads to, which may be one itself.
  Value target() const;
  /// What a reference leads to, or the value itself. Follows chains; ends in circles of references.
  Value resolved() const;
  /// Whether it is a reference.
  bool refers() const;
  /// Name of the fragment that it is in, when it is the whole of it.
  std::string_view fragment_name() const;
  /// Whether its document is OpenAPI 3.0.
  bool is_openapi30() const;
  Place place() const;

  std::vector<Value> items() const;
  struct Member;
  std::vector<Member> members() const;

  /// As JSON, members sorted by name, numbers in one spelling, references replaced by what they
  /// lead to (six deep): equal values, equal texts.
  std::string canonical() const;
  u32 fragment() const { return fragment_; }
  u32 node() const { return node_; }

 private:
  const json::Tape& tape() const;
  void append_canonical(std::string& out, u32 depth) const;
  const ContractText* text_ = nullptr;
  u32 fragment_ = 0;
  u32 node_ = 0;
};

struct Value::Member {
  std::string name;
  Value value;
};

/// Reads fragments when they are asked for. One thread.
class ContractText {
 public:
  /// `view` must outlive it.
  ContractText(const table::TableView& view, const table::Contracts& contracts);

  Value operation(u32 route) const;
  /// Head of the document that a route is declared in.
  Value document(u32 route) const;
  Value document_at(u32 index) const;
  Value gateway_document(u32 route) const;
  const table::Contracts& contracts() const { return contracts_; }

 private:
  friend class Value;
  struct Read {
    json::Tape tape;
    std::vector<table::PlaceReader::Place> places;  // by node; empty until somebody asks
  };
  Value root(u32 fragment) const { return {this, fragment, 0}; }
  const Read& read(u32 fragment) const;
  Place place_at(u32 fragment, u32 node) const;

  const table::TableView& view_;
  table::Contracts contracts_;
  mutable std::vector<std::unique_ptr<Read>> read_;
};

}  // namespace gw::compiler::diff
