#include "runtime/observe/log_format.h"

#include <fmt/format.h>

#include "runtime/base/letter_case.h"
#include "runtime/base/log.h"
#include "runtime/policies/observe/record.h"
#include "runtime/table/bound_table.h"

namespace gw::observe {
namespace {

using policies::LogField;

constexpr u32 kAll = 10'000;  // hundredths of a percent

std::string json_key(std::string_view name) {
  std::string out = ",\"";
  append_json_escaped(name, out);
  out += "\":";
  return out;
}

// Of all of them, since whoever looks for one compares names.
void keep_fields(http::FieldList& fields, Arena& arena) {
  for (http::Field& field : fields) {
    if (field.id == http::FieldId::Other) field.name = arena.copy(field.name);
    field.value = arena.copy(field.value);
  }
}

}  // namespace

std::shared_ptr<const LogFormat> LogFormat::standard() {
  const std::shared_ptr<LogFormat> format(new LogFormat(std::string(), {}));
  format->add_standard();
  return format;
}

std::shared_ptr<const LogFormat> LogFormat::of(const BoundTable& table) {
  const table::TableView& view = table.view();
  const std::shared_ptr<LogFormat> format(
      new LogFormat(fmt::format("{:016x}", view.digest()), Redaction(table)));
  const auto records = view.policy_list<policies::ObserveRecord>(view.gateway().observe);
  if (records.empty()) {
    format->add_standard();
    return format;
  }
  const policies::AccessLogRecord& record = records.front().access_log;
  // A record that nobody compiled has no format, and the standard line.
  format->json_ = record.parts.count == 0 || view.text(record.format) == "json";
  for (const auto& part : view.policy_list<policies::LogPartRecord>(record.parts)) {
    if (part.field == policies::kLogLiteral) {
      format->add_literal(view.text(part.text));
    } else {
      format->add_field(static_cast<LogField>(part.field), view.text(part.text));
    }
  }
  if (format->parts_.empty()) format->add_standard();
  format->read_filters(table, record);
  return format;
}

void LogFormat::add_standard() {
  for (u32 i = 0; i < policies::kLogFieldCount; ++i) {
    if (policies::kLogFields[i].standard) add_field(static_cast<LogField>(i), {});
  }
}

void LogFormat::add_field(LogField field, std::string_view header) {
  Part& part = parts_.emplace_back();
  part.field = field;
  const bool is_header = field == LogField::RequestHeader || field == LogField::ResponseHeader;
  if (!is_header) {
    if (!json_) return;
    const std::string key = json_key(policies::kLogFields[static_cast<u32>(field)].name);
    part.key = PaddedText(key);
    part.opening = PaddedText(key + '"');
    return;
  }
  part.header = lower_case(header);
  part.id = http::field_id(part.header);
  part.masked = redaction_.hides_header(part.header);
  part.location =
      part.header == "referer" || part.header == "location" || part.header == "content-location";
  const bool of_request = field == LogField::RequestHeader;
  part.literal = json_key(
      std::string(of_request ? policies::kRequestHeaderField : policies::kResponseHeaderField) +
      part.header);
  part.literal += '"';
  (of_request ? has_request_fields_ : has_answer_fields_) = true;
}

void LogFormat::add_literal(std::string_view text) {
  Part& part = parts_.emplace_back();
  part.is_field = false;
  part.literal = text;
}

void LogFormat::read_filters(const BoundTable& table, const policies::AccessLogRecord& record) {
  for (const table::StringRef& ref : table.view().policy_list<table::StringRef>(record.status)) {
    const std::string_view pattern = table.text(ref);
    if (!policies::is_status_pattern(pattern)) continue;  // of a table that nobody compiled
    const bool is_class = pattern[1] == 'x';
    const auto digit = [&](size_t at) { return static_cast<size_t>(pattern[at] - '0'); };
    const size_t first = digit(0) * 100 + (is_class ? 0 : digit(1) * 10 + digit(2));
    for (size_t i = 0; i < (is_class ? 100 : 1); ++i) statuses_.set(first + i);
  }
  if (record.slower_than != 0) slower_than_us_ = record.slower_than * 1000;
  sample_bp_ = record.sample;
}

bool LogFormat::wants(u16 status, u64 duration_us, Random& random) const {
  if (status < statuses_.size() && statuses_.test(status)) return true;
  if (duration_us > slower_than_us_) return true;
  return sample_bp_ >= kAll || (sample_bp_ != 0 && random.next() % kAll < sample_bp_);
}

void LogFormat::keep_answer(Exchange& exchange) const {
  if (has_answer_fields_) keep_fields(exchange.response.fields, exchange.arena);
}

void LogFormat::keep_request(Exchange& exchange) const {
  if (has_request_fields_) keep_fields(exchange.request.fields, exchange.arena);
}

}  // namespace gw::observe
