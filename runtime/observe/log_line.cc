#include "runtime/observe/log_line.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "runtime/base/log.h"
#include "runtime/base/plain_text.h"
#include "runtime/cache/use.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/observe/error_names.h"
#include "runtime/observe/shown_head.h"
#include "runtime/observe/trace.h"

namespace gw::observe {
namespace {

using policies::LogField;

constexpr size_t kMostValueBytes = 4096;  // of a header field

// What nginx escapes by default, and DEL: everything that could end a value or a line.
void append_text_escaped(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  while (!text.empty()) {
    const size_t plain = plain_length(text);
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto byte = static_cast<u8>(text.front());
    const char escaped[] = {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    out.append(escaped, sizeof escaped);
    text.remove_prefix(1);
  }
}

void put(char* to, u64 value, u32 width) {
  for (u32 i = width; i-- > 0; value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

// A second as text, for all lines of it.
struct SecondText {
  i64 unix_s = -1;
  std::array<char, 19> rfc3339{};  // 2026-11-26T05:15:11
  std::array<char, 26> common{};   // 26/Nov/2026:05:15:11 +0000
};

const SecondText& second_text(i64 unix_s) {
  thread_local SecondText last;
  if (last.unix_s == unix_s) return last;
  const auto seconds = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  const auto year = static_cast<u64>(parts.tm_year + 1900);
  const auto month = static_cast<size_t>(parts.tm_mon);
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::ranges::copy(std::string_view("0000-00-00T00:00:00"), last.rfc3339.begin());
  put(last.rfc3339.data(), year, 4);
  put(&last.rfc3339[5], month + 1, 2);
  put(&last.rfc3339[8], static_cast<u64>(parts.tm_mday), 2);
  std::ranges::copy(std::string_view("00/Jan/0000:00:00:00 +0000"), last.common.begin());
  put(last.common.data(), static_cast<u64>(parts.tm_mday), 2);
  std::ranges::copy(kMonths.substr(month * 3, 3), &last.common[3]);
  put(&last.common[7], year, 4);
  for (char* clock : {&last.rfc3339[11], &last.common[12]}) {
    put(clock, static_cast<u64>(parts.tm_hour), 2);
    put(clock + 3, static_cast<u64>(parts.tm_min), 2);
    put(clock + 6, static_cast<u64>(parts.tm_sec), 2);
  }
  last.unix_s = unix_s;
  return last;
}

u64 microseconds_between(TimePoint from, TimePoint to) {
  const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return spent < 0 ? 0 : static_cast<u64>(spent);
}

}  // namespace

void LogLine::write_field(const Part& part) {
  const ExchangeNames& names = facts_.names;
  switch (part.field) {
    case LogField::Time: {
      open(part);
      line_.put({second_text(facts_.unix_ms / 1000).rfc3339.data(), 19});
      char millis[] = {'.', '0', '0', '0', 'Z'};
      put(millis + 1, static_cast<u64>(facts_.unix_ms % 1000), 3);
      line_.put({millis, sizeof millis});
      return close();
    }
    case LogField::TimeCommon:
      open(part);
      line_.put({second_text(facts_.unix_ms / 1000).common.data(), 26});
      return close();
    case LogField::RequestId:
      return text(part, exchange_.request_id);
    case LogField::TraceId:
    case LogField::SpanId:
      return write_trace(part);
    case LogField::Client:
      return text(part, exchange_.client_text);
    case LogField::Consumer:
      return text(part, names.consumer);
    case LogField::ClientClass:
      return text(part, exchange_.client_class);
    case LogField::Operation:
      return text(part, names.operation);
    case LogField::Source:
      return write_source(part);
    case LogField::Method:
      return text(part, exchange_.request.method_text);
    case LogField::Scheme:
      return text(part, exchange_.request.scheme);
    case LogField::Host:
      return text(part, exchange_.request.host);
    case LogField::Template:
      return text(part, names.path_template);
    case LogField::Path:
      return write_path(part);
    case LogField::Query:
      if (!exchange_.request.has_query || !format_.redaction_.shows_queries()) return absent();
      open(part);
      append_query(exchange_.request.query);
      return close();
    case LogField::Http:
      return text(part, version_text(exchange_.request));
    case LogField::Status:
      return number(part, exchange_.response.status);
    case LogField::RequestBytes:
      return number(part, exchange_.request_bytes);
    case LogField::ResponseBytes:
      return number(part, exchange_.response_bytes);
    case LogField::DurationUs:
      return number(part, facts_.duration_us);
    case LogField::Phases:
      return write_phases(part);
    case LogField::Upstream:
      return text(part, names.upstream);
    case LogField::Tries:
      return write_tries(part);
    case LogField::Parts:
      return write_parts(part);
    case LogField::Policy:
      return text(part, names.policy);
    case LogField::Limit:
    case LogField::ShadowLimit:
      return write_limits(part);
    case LogField::Cache:
      if (exchange_.cache_outcome == cache::Outcome::None) return absent();
      return text(part, cache::outcome_name(exchange_.cache_outcome));
    case LogField::RequestFaults:
    case LogField::RequestFault:
    case LogField::ResponseFaults:
    case LogField::ResponseFault:
      return write_faults(part);
    case LogField::Error:
      return text(part, error_name(exchange_.error.code));
    case LogField::Detail:
      return text(part, exchange_.error.what);
    case LogField::Table:
      return text(part, format_.table_);
    case LogField::Request:
      return write_request(part);
    case LogField::RequestHeader:
    case LogField::ResponseHeader:
      return write_header(part);
  }
}

void LogLine::write() {
  for (const Part& part : format_.parts_) {
    if (part.is_field) {
      write_field(part);
    } else {
      line_.put(part.literal);
    }
  }
  if (format_.json_) {
    // Each member begins with a comma.
    if (line_.empty()) {
      line_.put('{');
    } else {
      line_.replace_first('{');
    }
    line_.put('}');
  }
  line_.put('\n');
  line_.finish();
}

void LogLine::write_trace(const Part& part) {
  if (exchange_.trace == nullptr) return absent();
  char digits[32];
  if (part.field == LogField::TraceId) {
    write_hex(exchange_.trace->trace_id, digits);
    return text(part, {digits, 32});
  }
  write_hex(exchange_.trace->span, digits);
  text(part, {digits, 16});
}

// The limit that refused, and one in shadow mode that would have.
void LogLine::write_limits(const Part& part) {
  if (exchange_.limits == nullptr) return absent();
  const bool refused = part.field == LogField::Limit;
  text(part, refused ? exchange_.limits->refused_by : exchange_.limits->would_refuse);
}

// What broke the contract, whether it was refused or not.
void LogLine::write_faults(const Part& part) {
  if (exchange_.validation == nullptr) return absent();
  const Validation& found = *exchange_.validation;
  const bool of_request =
      part.field == LogField::RequestFaults || part.field == LogField::RequestFault;
  const u32 count = of_request ? found.request_faults : found.response_faults;
  if (count == 0) return absent();
  if (part.field == LogField::RequestFaults || part.field == LogField::ResponseFaults) {
    return number(part, count);
  }
  text(part, of_request ? found.request_fault : found.response_fault);
}

void LogLine::write_source(const Part& part) {
  const ExchangeNames& names = facts_.names;
  if (names.source_file.empty()) return absent();
  open(part);
  piece(names.source_file);
  line_.put(':');
  line_.put_number(names.source_line);
  close();
}

void LogLine::write_path(const Part& part) {
  if (exchange_.request.path.empty()) return absent();
  open(part);
  append_path();
  close();
}

void LogLine::write_request(const Part& part) {
  if (exchange_.request.method_text.empty()) return absent();
  open(part);
  piece(exchange_.request.method_text);
  line_.put(' ');
  append_path();
  if (exchange_.request.has_query && format_.redaction_.shows_queries()) {
    line_.put('?');
    append_query(exchange_.request.query);
  }
  line_.put(" HTTP/");
  line_.put(version_text(exchange_.request));
  close();
}

void LogLine::write_header(const Part& part) {
  const http::FieldList& fields =
      part.field == LogField::RequestHeader ? exchange_.request.fields : exchange_.response.fields;
  const http::Field* field =
      part.id == http::FieldId::Other ? fields.find(part.header) : fields.find(part.id);
  if (field == nullptr) return absent();
  if (part.masked) return text(part, kHidden);
  const std::string_view value = field->value.substr(0, kMostValueBytes);
  const size_t mark = part.location ? value.find('?') : value.npos;
  if (mark == value.npos) return text(part, value);
  open(part);
  piece(value.substr(0, mark));
  if (format_.redaction_.shows_queries()) {
    line_.put('?');
    append_query(value.substr(mark + 1));
  }
  close();
}

void LogLine::write_phases(const Part& part) {
  const bool asked = exchange_.upstream_asked != TimePoint{};
  const bool answered = asked && exchange_.upstream_head != TimePoint{};
  const u64 asked_us =
      asked ? microseconds_between(exchange_.started, exchange_.upstream_asked) : 0;
  const u64 head_us =
      answered ? microseconds_between(exchange_.started, exchange_.upstream_head) : 0;
  if (!format_.json_) {
    if (asked)
      line_.put_number(asked_us);
    else
      absent();
    line_.put('/');
    if (answered)
      line_.put_number(head_us);
    else
      absent();
    line_.put('/');
    return line_.put_number(facts_.duration_us);
  }
  line_.put(part.key);
  line_.put('{');
  if (asked) {
    line_.put("\"asked_us\":");
    line_.put_number(asked_us);
    line_.put(',');
  }
  if (answered) {
    line_.put("\"head_us\":");
    line_.put_number(head_us);
    line_.put(',');
  }
  line_.put("\"end_us\":");
  line_.put_number(facts_.duration_us);
  line_.put('}');
}

// In a text `TARGET=STATUS/MICROSECONDS`, separated by commas, with the error in place of a status.
void LogLine::write_tries(const Part& part) {
  if (exchange_.try_count == 0) return absent();
  if (format_.json_) {
    line_.put(part.key);
    line_.put('[');
  }
  for (u32 i = 0; i < exchange_.try_count; ++i) {
    const TryRecord& record = exchange_.tries[i];
    if (i > 0) line_.put(',');
    const std::string_view error = error_name(record.error);
    if (!format_.json_) {
      piece(record.target);
      line_.put('=');
      if (record.status != 0)
        line_.put_number(record.status);
      else
        line_.put(error);
      line_.put('/');
      line_.put_number(record.microseconds);
      continue;
    }
    line_.put("{\"us\":");
    line_.put_number(record.microseconds);
    if (!record.target.empty()) {  // none could be used
      line_.put(",\"target\":\"");
      piece(record.target);
      line_.put('"');
    }
    if (record.status != 0) {
      line_.put(",\"status\":");
      line_.put_number(record.status);
    }
    if (!error.empty()) {
      line_.put(",\"error\":\"");
      line_.put(error);
      line_.put('"');
    }
    line_.put('}');
  }
  if (format_.json_) line_.put(']');
}

// In a text `NAME=OUTCOME/STATUS/MICROSECONDS`, separated by commas.
void LogLine::write_parts(const Part& part) {
  if (exchange_.parts.empty()) return absent();
  if (format_.json_) {
    line_.put(part.key);
    line_.put('[');
  }
  bool first = true;
  for (const PartRecord& record : exchange_.parts) {
    if (!first) line_.put(',');
    first = false;
    if (format_.json_) {
      write_json_part(record);
      continue;
    }
    piece(record.name);
    line_.put('=');
    line_.put(record.outcome);
    line_.put('/');
    line_.put_number(record.status);
    line_.put('/');
    line_.put_number(record.microseconds);
  }
  if (format_.json_) line_.put(']');
}

void LogLine::write_json_part(const PartRecord& record) {
  line_.put("{\"name\":\"");
  piece(record.name);
  line_.put("\",\"outcome\":\"");
  line_.put(record.outcome);
  line_.put('"');
  const auto member = [this](std::string_view name, u64 value) {
    line_.put(",\"");
    line_.put(name);
    line_.put("\":");
    line_.put_number(value);
  };
  if (record.status != 0) member("status", record.status);
  if (!record.upstream.empty()) {
    line_.put(",\"upstream\":\"");
    piece(record.upstream);
    line_.put('"');
  }
  if (record.items != 0) member("items", record.items);
  if (record.tries != 0) member("tries", record.tries);
  member("us", record.microseconds);
  line_.put('}');
}

void LogLine::text(const Part& part, std::string_view value) {
  if (value.empty()) return absent();
  // Most of what is written comes this way.
  if (!part.opening.empty() && line_.put_plain(part.opening, value, '"')) return;
  open(part);
  piece(value);
  close();
}

void LogLine::number(const Part& part, u64 value) {
  if (format_.json_) line_.put(part.key);
  line_.put_number(value);
}

void LogLine::open(const Part& part) {
  if (!part.opening.empty()) {
    line_.put(part.opening);
  } else if (format_.json_) {
    line_.put(part.literal);
  }
}

void LogLine::close() {
  if (format_.json_) line_.put('"');
}

void LogLine::absent() {
  if (!format_.json_) line_.put('-');
}

void LogLine::piece(std::string_view value) {
  if (!line_.put_plain(value)) put_escaped(value);
}

void LogLine::put_escaped(std::string_view value) {
  if (format_.json_) {
    append_json_escaped(value, line_.spill());
  } else {
    append_text_escaped(value, line_.spill());
  }
}

void LogLine::append_path() {
  each_piece_of_shown_path(exchange_, facts_.names.secret_captures,
                           [this](std::string_view text) { piece(text); });
}

void LogLine::append_query(std::string_view query) {
  format_.redaction_.each_piece_of_query(query, [this](std::string_view text) { piece(text); });
}

void LogFormat::append(const LogFacts& facts, std::string& out) const {
  LogLine(*this, facts, out).write();
}

}  // namespace gw::observe
