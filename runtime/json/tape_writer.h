// What parser and builder share: appending nodes to a tape, opening and closing containers.
#pragma once
#include "runtime/json/tape.h"

namespace gw::json {

class TapeWriter {
 public:
  TapeWriter(Tape& tape, const TapeLimits& limits);

  bool is_full() const { return tape_.size_ >= max_nodes_; }
  u32 depth() const { return depth_; }
  bool at_max_depth() const { return depth_ >= max_depth_; }
  /// The innermost open container.
  Node& open_node() { return tape_.nodes_[stack_[depth_ - 1]]; }
  u32 open_index() const { return stack_[depth_ - 1]; }
  bool in_object() { return depth_ > 0 && open_node().kind == Kind::Object; }
  void set_source(const char* source) { tape_.source_ = source; }
  void set_error(u32 offset) {
    tape_.clear();
    tape_.error_offset_ = offset;
  }

  /// The next node, behind itself. !is_full().
  Node& add(Kind kind, u8 flags, const char* text, u32 bytes) {
    if (tape_.size_ == tape_.capacity_) grow();
    const u32 index = tape_.size_++;
    Node& node = tape_.nodes_[index];
    node = {text, bytes, index + 1, 0, kind, flags, 0};
    return node;
  }
  /// A key with its fingerprint, counted by its object.
  void add_key(std::string_view text, bool escaped);
  /// !is_full() && !at_max_depth().
  void open(Kind kind, const char* text) {
    stack_[depth_] = tape_.size_;
    add(kind, 0, text, 0);
    ++depth_;
  }
  /// Ends the innermost container.
  Node& close() {
    Node& node = open_node();
    node.next = tape_.size_;
    --depth_;
    return node;
  }
  /// Index of a key of the innermost object that an earlier key equals; kNoNode: there is none.
  /// Linear in its keys; no choice of keys makes it slower.
  u32 find_duplicate_key();
  const Tape& tape() const { return tape_; }

 private:
  void grow();
  bool same_key(u32 a, u32 b);
  u32 find_duplicate_among_few(u32 object);
  u32 find_duplicate_among_many(u32 object);
  std::string_view plain_key(u32 key) { return tape_.string(key, tape_.key_buffer_); }

  Tape& tape_;
  u32 max_nodes_;
  u32 max_depth_;
  u32 depth_ = 0;
  u32 stack_[kMaxDepth];
};

}  // namespace gw::json
