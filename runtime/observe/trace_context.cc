#include "runtime/observe/trace_context.h"

#include <algorithm>
#include <span>
#include <vector>

namespace gw::observe {
namespace {

constexpr size_t kMostMembers = 32;
constexpr size_t kMostStateBytes = 8 * 1024;

// Upper case is not allowed.
bool read_hex(std::string_view text, std::span<u8> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = lower_hex_value(text[2 * i]);
    const int low = lower_hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<u8>(high << 4 | low);
  }
  return true;
}

bool is_zero(std::span<const u8> bytes) {
  return std::ranges::all_of(bytes, [](u8 byte) { return byte == 0; });
}

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_key_part(std::string_view text, size_t most, bool digit_first) {
  if (text.empty() || text.size() > most) return false;
  if (!is_lower_or_digit(text[0]) || (!digit_first && text[0] <= '9')) return false;
  return std::ranges::all_of(text, [](char c) {
    return is_lower_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

// Level 2 lets a simple key begin with a digit, too; a tenant may.
bool is_key(std::string_view key) {
  const size_t at = key.find('@');
  if (at == key.npos) return is_key_part(key, 256, true);
  return is_key_part(key.substr(0, at), 241, true) && is_key_part(key.substr(at + 1), 14, false);
}

bool is_value(std::string_view value) {
  if (value.empty() || value.size() > 256 || value.back() == ' ') return false;
  return std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

TraceContext parse_traceparent(std::string_view value) {
  u8 version[1];
  u8 flags[1];
  TraceContext read;
  const bool shaped = value.size() >= kTraceparentBytes && value[2] == '-' && value[35] == '-' &&
                      value[52] == '-' && read_hex(value, version) && version[0] != 0xff;
  if (!shaped) return {};
  const bool longer = value.size() > kTraceparentBytes;
  if (longer && (version[0] == 0 || value[kTraceparentBytes] != '-')) return {};
  const bool filled = read_hex(value.substr(3), read.trace_id) &&
                      read_hex(value.substr(kTraceparentSpanAt), read.parent) &&
                      read_hex(value.substr(53), flags);
  if (!filled || is_zero(read.trace_id) || is_zero(read.parent)) return {};
  read.flags = flags[0] & (kTraceSampled | kTraceRandom);
  read.present = true;
  return read;
}

bool is_tracestate(std::string_view value) {
  std::string_view keys[kMostMembers];
  size_t members = 0;
  while (!value.empty()) {
    const size_t comma = value.find(',');
    const std::string_view member = trimmed(value.substr(0, comma));
    value = comma == value.npos ? std::string_view() : value.substr(comma + 1);
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == member.npos || members == kMostMembers) return false;
    const std::string_view key = member.substr(0, equals);
    if (!is_key(key) || !is_value(member.substr(equals + 1))) return false;
    if (std::find(keys, keys + members, key) != keys + members) return false;
    keys[members++] = key;
  }
  return true;
}

namespace {

// The values of all fields of that name, in their order.
std::string_view joined_state(const http::FieldList& fields, Arena& arena) {
  std::string_view only;
  std::string joined;
  u32 found = 0;
  for (const http::Field& field : fields) {
    if (field.removed || field.id != http::FieldId::Tracestate) continue;
    if (found == 0) only = field.value;
    if (found != 0) joined += ',';
    ++found;
    joined += field.value;
    if (joined.size() > kMostStateBytes) return {};
  }
  return found < 2 ? only : arena.copy(joined);
}

}  // namespace

TraceContext read_trace_context(const http::FieldList& fields, Arena& arena) {
  const http::Field* parent = nullptr;
  for (const http::Field& field : fields) {
    if (field.removed || field.id != http::FieldId::Traceparent) continue;
    if (parent != nullptr) return {};
    parent = &field;
  }
  if (parent == nullptr) return {};
  TraceContext read = parse_traceparent(parent->value);
  if (!read.present) return {};
  const std::string_view state = joined_state(fields, arena);
  if (state.size() <= kMostStateBytes && is_tracestate(state)) read.state = state;
  return read;
}

void write_traceparent(const TraceId& trace, const SpanId& span, u8 flags, char* out) {
  out[0] = out[1] = '0';
  out[2] = out[35] = out[52] = '-';
  write_hex(trace, out + 3);
  write_hex(span, out + kTraceparentSpanAt);
  write_hex_byte(flags, out + 53);
}

}  // namespace gw::observe
