// Writes Structured Fields (RFC 9651 section 4.1). Each value has one text; what has none is
// refused before anything of it is seen, by cutting `out` back to what it was.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/http/structured_field.h"
#include "runtime/http/structured_text.h"
#include "runtime/json/text.h"

namespace gw::http::structured {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool in_range(i64 number) { return number >= -kMaxInteger && number <= kMaxInteger; }

bool write_integer(i64 number, std::string& out) {
  if (!in_range(number)) return false;
  char digits[20];
  const char* end = std::to_chars(digits, std::end(digits), number).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
  return true;
}

// Twelve digits and three: in thousandths the range is that of an Integer.
bool write_decimal(i64 thousandths, std::string& out) {
  if (!in_range(thousandths)) return false;
  if (thousandths < 0) out += '-';
  const i64 size = thousandths < 0 ? -thousandths : thousandths;
  if (!write_integer(size / 1000, out)) return false;
  i64 rest = size % 1000;
  out += '.';
  out += static_cast<char>('0' + rest / 100);
  for (rest = rest % 100 * 10; rest != 0; rest = rest % 100 * 10) {
    out += static_cast<char>('0' + rest / 100);
  }
  return true;
}

bool write_string(std::string_view text, std::string& out) {
  if (!std::ranges::all_of(text, is_visible)) return false;
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return true;
}

bool write_token(std::string_view text, std::string& out) {
  if (text.empty() || !is_token_start(text[0]) || !std::ranges::all_of(text, is_token_character)) {
    return false;
  }
  out += text;
  return true;
}

void write_bytes(std::string_view bytes, std::string& out) {
  out += ':';
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    u32 bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < count ? static_cast<u8>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kBase64[bits >> (18 - 6 * k) & 63] : '=';
  }
  out += ':';
}

bool write_display(std::string_view text, std::string& out) {
  if (!json::is_utf8(text)) return false;
  out += "%\"";
  for (const char c : text) {
    if (is_visible(c) && c != '%' && c != '"') {
      out += c;
      continue;
    }
    out += '%';
    out += kHex[static_cast<u8>(c) >> 4];
    out += kHex[static_cast<u8>(c) & 15];
  }
  out += '"';
  return true;
}

bool append_bare_item(const BareItem& value, std::string& out) {
  switch (value.type) {
    case Type::Integer:
      return write_integer(value.number, out);
    case Type::Decimal:
      return write_decimal(value.number, out);
    case Type::String:
      return write_string(value.text, out);
    case Type::Token:
      return write_token(value.text, out);
    case Type::ByteSequence:
      write_bytes(value.text, out);
      return true;
    case Type::Boolean:
      out += value.number != 0 ? "?1" : "?0";
      return true;
    case Type::Date:
      out += '@';
      return write_integer(value.number, out);
    case Type::DisplayString:
      return write_display(value.text, out);
  }
  return false;
}

bool append_key(std::string_view key, std::string& out) {
  if (key.empty() || !is_key_start(key[0]) || !std::ranges::all_of(key, is_key_character)) {
    return false;
  }
  out += key;
  return true;
}

bool is_true(const BareItem& value) { return value.type == Type::Boolean && value.number != 0; }

bool append_parameter(std::string_view key, const BareItem& value, std::string& out) {
  out += ';';
  if (!append_key(key, out)) return false;
  if (is_true(value)) return true;
  out += '=';
  return append_bare_item(value, out);
}

bool append_parameters(std::span<const Parameter> parameters, std::string& out) {
  return std::ranges::all_of(parameters, [&](const Parameter& each) {
    return append_parameter(each.key, each.value, out);
  });
}

bool append_item(const Item& item, std::string& out) {
  return append_bare_item(item.value, out) && append_parameters(item.parameters, out);
}

bool append_member_value(const Member& member, std::string& out) {
  if (!member.is_inner_list) return append_bare_item(member.value, out);
  out += '(';
  for (size_t i = 0; i < member.items.size(); ++i) {
    if (i != 0) out += ' ';
    if (!append_item(member.items[i], out)) return false;
  }
  out += ')';
  return true;
}

bool append_members(Members members, bool with_keys, std::string& out) {
  for (size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (i != 0) out += ", ";
    if (with_keys && !append_key(member.key, out)) return false;
    // A member whose value is true is its key alone.
    const bool shown = !with_keys || member.is_inner_list || !is_true(member.value);
    if (with_keys && shown) out += '=';
    if (shown && !append_member_value(member, out)) return false;
    if (!append_parameters(member.parameters, out)) return false;
  }
  return true;
}

bool whole_or_nothing(bool good, size_t before, std::string& out) {
  if (!good) out.resize(before);
  return good;
}

}  // namespace

std::optional<BareItem> decimal_of(double value) {
  const double thousandths = std::nearbyint(value * 1000);
  if (!(std::abs(thousandths) <= static_cast<double>(kMaxInteger))) return std::nullopt;
  return BareItem::decimal(static_cast<i64>(thousandths));
}

bool write_bare_item(const BareItem& value, std::string& out) {
  const size_t before = out.size();
  return whole_or_nothing(append_bare_item(value, out), before, out);
}
bool write_item(const Item& item, std::string& out) {
  const size_t before = out.size();
  return whole_or_nothing(append_item(item, out), before, out);
}
bool write_list(Members list, std::string& out) {
  const size_t before = out.size();
  return whole_or_nothing(append_members(list, false, out), before, out);
}
bool write_dictionary(Members dictionary, std::string& out) {
  const size_t before = out.size();
  return whole_or_nothing(append_members(dictionary, true, out), before, out);
}
bool write_parameter(std::string_view key, const BareItem& value, std::string& out) {
  const size_t before = out.size();
  return whole_or_nothing(append_parameter(key, value, out), before, out);
}

}  // namespace gw::http::structured
