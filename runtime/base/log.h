// The log of the control plane: `event key=value ...` on standard error, as text or JSON.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

#include "runtime/base/types.h"

namespace gw {

/// Something that must never be printed. It has no formatter, and LogField takes none.
class Secret {
 public:
  explicit Secret(std::string value) : value_(std::move(value)) {}
  /// For the code that needs the secret itself.
  const std::string& reveal() const { return value_; }

 private:
  std::string value_;
};

enum class LogLevel : u8 { Debug, Info, Warning, Error };

struct LogField {
  LogField(std::string_view field_key, std::string_view field_value)
      : key(field_key), value(field_value) {}
  LogField(std::string_view field_key, const char* field_value)
      : key(field_key), value(field_value) {}
  LogField(std::string_view field_key, i64 number) : key(field_key), text(std::to_string(number)) {
    value = text;
    is_number = true;
  }
  LogField(std::string_view field_key, const Secret&) = delete;
  LogField(const LogField&) = delete;
  LogField& operator=(const LogField&) = delete;

  std::string_view key;
  std::string_view value;
  std::string text;
  bool is_number = false;
};

/// Once, before threads are started.
void configure_log(bool json, LogLevel least);
/// Any thread. Blocks on standard error: not for the data path.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
/// The same line without time, for tests and other sinks. Values are quoted or escaped as needed.
std::string format_log(bool json, LogLevel level, std::string_view event,
                       std::initializer_list<LogField> fields);

/// Appends `text` as the inside of a JSON string; bytes that are no UTF-8 become U+FFFD.
void append_json_escaped(std::string_view text, std::string& out);

}  // namespace gw
