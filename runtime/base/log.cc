#include "runtime/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "runtime/base/plain_text.h"

namespace gw {
namespace {

bool g_json = false;

constexpr std::string_view kLevelNames[] = {"debug", "info", "warning", "error"};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warning:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  static spdlog::logger instance("gwctl", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  return instance;
}

// Length of the UTF-8 sequence at text[at], or 0 (RFC 3629).
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<u8>(text[i]); };
  const u8 first = byte(at);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(at + 1) < 0xa0) return 0;
  if (first == 0xed && byte(at + 1) > 0x9f) return 0;
  if (first == 0xf0 && byte(at + 1) < 0x90) return 0;
  if (first == 0xf4 && byte(at + 1) > 0x8f) return 0;
  return length;
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    const auto byte = static_cast<u8>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

void append_quoted(std::string_view value, std::string& out) {
  out += '"';
  append_json_escaped(value, out);
  out += '"';
}

}  // namespace

void append_json_escaped(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const auto byte = static_cast<u8>(c);
    if (const size_t plain = plain_length(text.substr(at)); plain > 0) {
      out.append(text, at, plain);
      at += plain;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
      ++at;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      ++at;
    } else if (const size_t length = utf8_length(text, at); length > 0) {
      out.append(text, at, length);
      at += length;
    } else {
      out += "\\ufffd";
      ++at;
    }
  }
}

std::string format_log(bool json, LogLevel level, std::string_view event,
                       std::initializer_list<LogField> fields) {
  std::string out;
  if (json) {
    out += R"("level":")";
    out += kLevelNames[static_cast<size_t>(level)];
    out += R"(","event":)";
    append_quoted(event, out);
    for (const LogField& field : fields) {
      out += ',';
      append_quoted(field.key, out);
      out += ':';
      if (field.is_number) {
        out += field.value;
      } else {
        append_quoted(field.value, out);
      }
    }
    return out;
  }
  out += event;
  for (const LogField& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    if (needs_quotes(field.value)) {
      append_quoted(field.value, out);
    } else {
      out += field.value;
    }
  }
  return out;
}

void configure_log(bool json, LogLevel least) {
  g_json = json;
  logger().set_level(to_spdlog(least));
  logger().set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
      spdlog::pattern_time_type::utc);
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!logger().should_log(to_spdlog(level))) return;
  logger().log(to_spdlog(level), "{}", format_log(g_json, level, event, fields));
}

}  // namespace gw
