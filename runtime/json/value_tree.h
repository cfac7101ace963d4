// A JSON value that is being changed: a tree laid over a tape, opened only where somebody goes in.
//
// What nobody opens is written as the bytes that were read: numbers keep their digits, strings
// their escapes, and a large answer of which one member goes costs little more than its copy.
#pragma once
#include <string>
#include <string_view>

#include "runtime/base/arena.h"
#include "runtime/json/tape.h"

namespace gw::json {

/// A value in an arena. Objects and arrays that are not `open` stand for a node of a tape.
struct Value {
  Kind kind = Kind::Null;
  bool open = false;         // an object or array with its children in the list
  bool gone = false;         // taken out of its parent
  bool key_escaped = false;  // `key` has escapes
  u32 node = kNoNode;
  const Tape* tape = nullptr;
  std::string_view text;  // JSON, of what is neither open nor of a tape
  std::string_view key;   // of a member, as written between its quotes
  Value* first = nullptr;
  Value* last = nullptr;
  Value* next = nullptr;
};

/// Makes and changes values in one arena. Tapes must have been made by parse() and outlive the use.
/// One thread.
class ValueTree {
 public:
  explicit ValueTree(Arena& arena) : arena_(arena) {}

  Value* of(const Tape& tape, u32 node = 0);
  /// `text` is JSON already, of a value of this kind, and is not looked into.
  Value* raw(Kind kind, std::string_view text);
  Value* string(std::string_view plain);
  Value* object();
  Value* array();

  /// The first child of an object or array that is not gone, null: none. Opens it.
  Value* first(Value& container);
  static Value* next(const Value& child);
  bool empty(Value& container) { return first(container) == nullptr; }
  /// Member `key` (plain) of an object; null: none, or no object.
  Value* find(Value& object, std::string_view key);
  /// Puts `child`, which is in no list, behind the others.
  void append(Value& array, Value* child);
  /// In place of the member of this name, else behind the others.
  void set(Value& object, std::string_view key, Value* child);
  /// Gives `at` the content of `other`; it stays where it is, under its key.
  static void replace(Value& at, const Value& other);
  bool key_is(const Value& member, std::string_view plain) const;
  /// The key without escapes: a view of it, or in the arena.
  std::string_view plain_key(const Value& member);

  Arena& arena() { return arena_; }

 private:
  Value* make(Kind kind);
  void open(Value& container);
  void link(Value& container, Value* child);
  std::string_view key_text(std::string_view plain, bool& escaped);

  Arena& arena_;
};

/// Appends `value` as JSON. False: `out` would be longer than `max_bytes`.
bool write(const Value& value, size_t max_bytes, std::string& out);

/// The JSON text of a node of a parsed tape.
std::string_view source_text(const Tape& tape, u32 node);

/// Takes the next token off the front of a path (`items/*/id`: a JSON Pointer without its first
/// slash), its `~0` and `~1` replaced. False: the path was empty.
bool next_token(std::string_view& path, Arena& arena, std::string_view& token);

}  // namespace gw::json
