#include "runtime/json/tape_builder.h"

namespace gw::json {

bool TapeBuilder::refuse(std::string_view what, Errc code) {
  if (code_ != Errc::None) return false;
  what_ = what;
  code_ = code;
  return false;
}

// Whether a value may stand here; counts it in its container.
bool TapeBuilder::begin_value() {
  if (code_ != Errc::None) return false;
  if (writer_.is_full()) return refuse("more values than the limit", Errc::BodyTooLarge);
  if (writer_.depth() == 0) {
    if (has_root_) return refuse("a second value");
    has_root_ = true;
    return true;
  }
  if (!writer_.in_object()) {
    ++writer_.open_node().count;
    return true;
  }
  if (!has_key_) return refuse("a member without a key");
  has_key_ = false;
  return true;
}

void TapeBuilder::open(Kind kind) {
  if (!begin_value()) return;
  if (writer_.at_max_depth()) {
    refuse("nested more deeply than the limit", Errc::BodyTooLarge);
    return;
  }
  writer_.open(kind, "");
}

void TapeBuilder::key(std::string_view text) {
  if (code_ != Errc::None) return;
  if (!writer_.in_object() || has_key_) {
    refuse("a key out of place");
  } else if (writer_.is_full()) {
    refuse("more values than the limit", Errc::BodyTooLarge);
  } else if (!is_utf8(text) || text.size() >= kNoNode) {
    refuse("a name is not UTF-8");
  } else {
    writer_.add_key(text, false);
    has_key_ = true;
  }
}

void TapeBuilder::add_scalar(Kind kind, u8 flags, std::string_view text) {
  if (!begin_value()) return;
  if (text.size() >= kNoNode) {
    refuse("more than 4 GiB", Errc::BodyTooLarge);
    return;
  }
  writer_.add(kind, flags, text.data(), static_cast<u32>(text.size()));
}

void TapeBuilder::string(std::string_view text) {
  if (!is_utf8(text)) {
    refuse("a text is not UTF-8");
    return;
  }
  add_scalar(Kind::String, 0, text);
}

void TapeBuilder::number(std::string_view text) {
  bool integer = false;
  if (!is_number(text)) {
    refuse("not a number");
    return;
  }
  skip_number(text.data(), text.data() + text.size(), integer);
  add_scalar(Kind::Number, integer ? kNodeInteger : 0, text);
}

void TapeBuilder::boolean(bool value) {
  add_scalar(Kind::Bool, value ? kNodeTrue : 0, value ? "true" : "false");
}

void TapeBuilder::null() { add_scalar(Kind::Null, 0, "null"); }

void TapeBuilder::end() {
  if (code_ != Errc::None) return;
  if (writer_.depth() == 0 || has_key_) {
    refuse("an end out of place");
    return;
  }
  if (writer_.in_object() && writer_.find_duplicate_key() != kNoNode) {
    refuse("an object has the same key twice");
    return;
  }
  writer_.close();
}

Result<void> TapeBuilder::finish() {
  if (code_ == Errc::None && (writer_.depth() != 0 || !has_root_))
    refuse("the value is not complete");
  if (code_ == Errc::None) return {};
  writer_.set_error(0);
  return fail(code_, what_);
}

}  // namespace gw::json
