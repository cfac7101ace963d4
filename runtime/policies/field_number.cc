#include "runtime/policies/field_number.h"

#include "runtime/base/units.h"

namespace gw::policies {

std::optional<u64> parse_number(FieldKind kind, std::string_view text) {
  switch (kind) {
    case FieldKind::Bool:
      if (text != "true" && text != "false") return std::nullopt;
      return text == "true" ? 1 : 0;
    case FieldKind::Bytes:
      return parse_bytes(text);
    case FieldKind::Duration:
      return parse_duration(text);
    case FieldKind::Percent:
      return parse_percent(text);
    case FieldKind::Rate:
      return parse_rate(text);
    default:
      return parse_count(text);
  }
}

std::string show_number(FieldKind kind, u64 value) {
  switch (kind) {
    case FieldKind::Bool:
      return value != 0 ? "true" : "false";
    case FieldKind::Bytes:
      return format_bytes(value);
    case FieldKind::Duration:
      return format_duration(value);
    case FieldKind::Percent:
      return format_percent(value);
    case FieldKind::Rate:
      return format_rate(value);
    default:
      return std::to_string(value);
  }
}

}  // namespace gw::policies
