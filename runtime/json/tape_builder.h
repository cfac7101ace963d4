// Makes a tape from parts: for values that do not come as JSON, such as parameters and forms.
#pragma once
#include "runtime/json/tape_writer.h"

namespace gw::json {

/// Builds one value, depth first: object(), key(), string(), ..., end(), finish(). Texts are views
/// that must outlive the tape; strings stand for themselves, backslashes included. A call out of
/// order, an invalid number, text that is not UTF-8, a key that stands twice or a limit makes
/// finish() fail; calls in between need not be checked. Allocates nothing once the tape is warm.
class TapeBuilder {
 public:
  explicit TapeBuilder(Tape& tape, const TapeLimits& limits = {}) : writer_(tape, limits) {}

  void object() { open(Kind::Object); }
  void array() { open(Kind::Array); }
  /// The key of the value that follows, in an object.
  void key(std::string_view text);
  void string(std::string_view text);
  /// As JSON writes it; is_number() tells.
  void number(std::string_view text);
  void boolean(bool value);
  void null();
  /// Ends the innermost object or array.
  void end();
  /// BadRequest or BodyTooLarge; the tape is empty then.
  Result<void> finish();

 private:
  bool refuse(std::string_view what, Errc code = Errc::BadRequest);
  bool begin_value();
  void open(Kind kind);
  void add_scalar(Kind kind, u8 flags, std::string_view text);

  TapeWriter writer_;
  std::string_view what_;
  Errc code_ = Errc::None;
  bool has_key_ = false;
  bool has_root_ = false;
};

}  // namespace gw::json
