// A JSON text, read once: what headers, claims and key documents consist of.
//
// One flat list of values in the order of the text, and one string with their decoded texts: two
// allocations, nothing points anywhere, so that a document can be kept as long as it is needed.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::jose {

enum class JsonKind : u8 { Absent, Null, False, True, Number, String, Array, Object };

class JsonDocument;

/// One value of a document, or none: what is looked up in vain is Absent, and so is everything in
/// it. A view; valid as long as the document is neither moved nor destroyed.
class JsonValue {
 public:
  JsonValue() = default;

  JsonKind kind() const;
  bool present() const { return document_ != nullptr; }
  bool is(JsonKind kind) const { return this->kind() == kind; }
  /// Of a member of an object; empty for everything else.
  std::string_view name() const;
  /// A string's content, a number as it was written, `true`, `false`. Empty for everything else.
  std::string_view text() const;
  /// Number, string, `true` or `false`.
  bool is_scalar() const;

  /// Member of an object.
  JsonValue find(std::string_view name) const;
  /// By JSON Pointer (RFC 6901); "" is this value itself. Absent for what is no pointer, too.
  JsonValue at(std::string_view pointer) const;
  /// Members or items one after the other; Absent at the end.
  JsonValue first() const;
  JsonValue next() const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument& document, u32 index) : document_(&document), index_(index) {}
  const JsonDocument* document_ = nullptr;
  u32 index_ = 0;
  u32 parent_end_ = 0;  // index behind the last value of what this one is part of
};

/// Owns what it has read. Immutable, so any thread.
class JsonDocument {
 public:
  static constexpr u32 kMaxDepth = 24;

  /// Nothing: not JSON (RFC 8259), a byte order mark, not UTF-8, lone surrogates, nested deeper
  /// than kMaxDepth, or an object with two members of one name. `text` is bounded by the caller;
  /// what is kept of it is at most 13 times as much.
  static std::optional<JsonDocument> parse(std::string_view text);

  JsonValue root() const { return {*this, 0}; }
  /// Heap that it holds.
  size_t held_bytes() const { return nodes_.capacity() * sizeof(Node) + text_.capacity(); }

 private:
  friend class JsonValue;
  class Copier;
  struct Node {
    JsonKind kind;
    u32 name_begin;
    u32 name_bytes;
    u32 text_begin;
    u32 text_bytes;
    u32 end;  // index behind the last value within this one
  };
  std::string_view name_of(const Node& node) const {
    return std::string_view(text_).substr(node.name_begin, node.name_bytes);
  }

  std::vector<Node> nodes_;
  std::string text_;
};

}  // namespace gw::jose
