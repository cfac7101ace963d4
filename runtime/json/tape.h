// A JSON text as a tape: a flat array of nodes over the bytes that it was read from.
//
// Nodes stand in the order of the text. An object's children are its members, key node and value
// node in turns; an array's are its items. Every node knows what comes behind its subtree, so that
// skipping costs one load. Nothing is converted: numbers stay text, strings keep their escapes
// until somebody asks.
//
// What a tape holds has been checked: RFC 8259 without exceptions, UTF-8 (RFC 3629), no lone
// surrogates, no object with the same key twice, nesting and size within limits.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/arena.h"
#include "runtime/base/result.h"
#include "runtime/base/types.h"
#include "runtime/json/text.h"

namespace gw::json {

enum class Kind : u8 { Null, Bool, Number, String, Array, Object };

struct TapeLimits {
  u32 depth = 128;        // of nested arrays and objects; kMaxDepth at the most
  u32 nodes = 1'000'000;  // keys count as well; 24 bytes each
};
inline constexpr u32 kMaxDepth = 1024;
/// "no such node".
inline constexpr u32 kNoNode = ~u32{0};

struct Node {
  const char* text = nullptr;  // of a container: its bracket; of a string: behind the quote
  u32 bytes = 0;               // of `text`; a container's closing bracket is in it
  u32 next = 0;                // index behind this node and all below it
  u32 count = 0;               // members or items; of a key its fingerprint()
  Kind kind = Kind::Null;
  u8 flags = 0;  // NodeFlag
  u16 reserved = 0;
};
static_assert(sizeof(Node) == 24);
enum NodeFlag : u8 {
  kNodeEscaped = 1,  // a string with escapes
  kNodeInteger = 2,  // a number without fraction and exponent
  kNodeTrue = 4,
  kNodeKey = 8,
};

/// Where a value stands in its source: bytes [begin, end), quotes included.
struct SourceRange {
  u32 begin = 0;
  u32 end = 0;
};

struct Member {
  u32 key;
  u32 value;
};

/// One JSON value. Reusable: a tape that is warm allocates nothing. It views the text (or, when a
/// TapeBuilder made it, many texts), which must outlive its use. One thread at a time; const
/// functions from any number. Indexes given must be those of nodes; node 0 is the root.
class Tape {
 public:
  Tape() = default;
  Tape(Tape&&) = default;
  Tape& operator=(Tape&&) = default;

  /// Reads `text`, at most 4 GiB. On failure (BadRequest; BodyTooLarge for limits) the tape is
  /// empty, `what` says why and error_offset() where. One pass, linear whatever the text is.
  Result<void> parse(std::string_view text, const TapeLimits& limits = {});
  /// Byte of the text at which the last parse failed.
  u32 error_offset() const { return error_offset_; }
  /// Forgets the value; memory of more than ordinary size is given back.
  void clear();
  bool empty() const { return size_ == 0; }
  u32 size() const { return size_; }

  const Node& node(u32 index) const { return nodes_[index]; }
  Kind kind(u32 index) const { return nodes_[index].kind; }
  u32 next(u32 index) const { return nodes_[index].next; }
  /// Members of an object, items of an array.
  u32 count(u32 index) const { return nodes_[index].count; }
  bool boolean(u32 index) const { return (nodes_[index].flags & kNodeTrue) != 0; }
  bool has_escapes(u32 index) const { return (nodes_[index].flags & kNodeEscaped) != 0; }
  bool is_integer_text(u32 index) const { return (nodes_[index].flags & kNodeInteger) != 0; }
  /// A number's text; a string's between its quotes, escapes as written; a container's brackets and
  /// all between them (of a built tape: nothing).
  std::string_view text(u32 index) const { return {nodes_[index].text, nodes_[index].bytes}; }
  /// Of a parsed tape.
  SourceRange source(u32 index) const;

  /// A string without escapes: a view of the text, or of a copy in `arena` or `buffer` when it has
  /// any. A later call with the same buffer ends the view.
  std::string_view string(u32 index, Arena& arena) const;
  std::string_view string(u32 index, std::string& buffer) const;
  /// Whether the string is `plain`, escapes replaced.
  bool string_equals(u32 index, std::string_view plain) const {
    return has_escapes(index) ? unescaped_equals(text(index), plain) : text(index) == plain;
  }

  /// Value of a member, kNoNode: no such member, or no object. Linear in the number of members.
  u32 find(u32 object, std::string_view key) const;
  /// Item of an array. Linear in `position`.
  u32 item(u32 array, u32 position) const;
  /// What a JSON Pointer (RFC 6901, without `#`) leads to from `index`; kNoNode: nowhere, or it is
  /// none. Allocates nothing.
  u32 resolve(std::string_view pointer, u32 index = 0) const;
  /// Appends the pointer that leads from the root to a value, or to the value of a key. For
  /// reports: costs a walk along all siblings on the way.
  void append_pointer(u32 index, std::string& out) const;

  class ItemRange;
  class MemberRange;
  ItemRange items(u32 array) const;
  MemberRange members(u32 object) const;

 private:
  friend class TapeWriter;
  std::unique_ptr<Node[]> nodes_;
  u32 size_ = 0;
  u32 capacity_ = 0;
  u32 error_offset_ = 0;
  const char* source_ = nullptr;
  std::vector<u32> key_slots_;  // of the hash set for duplicate keys
  std::string key_buffer_;
};

/// Indexes of an array's items: for (u32 item : tape.items(array)).
class Tape::ItemRange {
 public:
  class Iterator {
   public:
    Iterator(const Node* nodes, u32 at) : nodes_(nodes), at_(at) {}
    u32 operator*() const { return at_; }
    Iterator& operator++() {
      at_ = nodes_[at_].next;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    const Node* nodes_;
    u32 at_;
  };
  ItemRange(const Node* nodes, u32 array) : nodes_(nodes), array_(array) {}
  Iterator begin() const { return {nodes_, array_ + 1}; }
  Iterator end() const { return {nodes_, nodes_[array_].next}; }

 private:
  const Node* nodes_;
  u32 array_;
};

/// Members of an object: for (const Member member : tape.members(object)).
class Tape::MemberRange {
 public:
  class Iterator {
   public:
    Iterator(const Node* nodes, u32 at) : nodes_(nodes), at_(at) {}
    Member operator*() const { return {at_, at_ + 1}; }
    Iterator& operator++() {
      at_ = nodes_[at_ + 1].next;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    const Node* nodes_;
    u32 at_;
  };
  MemberRange(const Node* nodes, u32 object) : nodes_(nodes), object_(object) {}
  Iterator begin() const { return {nodes_, object_ + 1}; }
  Iterator end() const { return {nodes_, nodes_[object_].next}; }

 private:
  const Node* nodes_;
  u32 object_;
};

inline Tape::ItemRange Tape::items(u32 array) const { return {nodes_.get(), array}; }
inline Tape::MemberRange Tape::members(u32 object) const { return {nodes_.get(), object}; }

}  // namespace gw::json
