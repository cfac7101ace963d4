#include "runtime/observe/span_text.h"

#include <fmt/format.h>

#include "runtime/base/log.h"

namespace gw::observe {
namespace {

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  append_json_escaped(text, out);
  out += '"';
}

}  // namespace

SpanText::SpanText(std::string& out, const TraceId& trace, const SpanId& span, const SpanId* parent,
                   SpanKind kind, std::string_view name, u64 begin_ns, u64 end_ns)
    : out_(out) {
  if (!out_.empty()) out_ += ',';
  out_ += R"({"traceId":")" + hex_text(trace) + R"(","spanId":")" + hex_text(span) + '"';
  if (parent != nullptr) out_ += R"(,"parentSpanId":")" + hex_text(*parent) + '"';
  fmt::format_to(std::back_inserter(out_),
                 R"(,"kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}","name":)",
                 static_cast<u32>(kind), begin_ns, end_ns);
  append_quoted(name, out_);
  out_ += R"(,"attributes":[)";
}

void SpanText::key(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  out_ += R"({"key":")";
  out_ += name;
  out_ += R"(","value":{)";
}

void SpanText::text(std::string_view name, std::string_view value) {
  if (value.empty()) return;
  key(name);
  out_ += R"("stringValue":)";
  append_quoted(value, out_);
  out_ += "}}";
}

void SpanText::number(std::string_view name, u64 value) {
  key(name);
  fmt::format_to(std::back_inserter(out_), R"("intValue":"{}"}}}})", value);
}

void SpanText::flag(std::string_view name, bool value) {
  key(name);
  out_ += value ? R"("boolValue":true}})" : R"("boolValue":false}})";
}

void SpanText::state(std::string_view tracestate) { state_ = tracestate; }

void SpanText::end(bool failed) {
  out_ += ']';
  if (!state_.empty()) {
    out_ += R"(,"traceState":)";
    append_quoted(state_, out_);
  }
  if (failed) out_ += R"(,"status":{"code":2})";
  out_ += '}';
}

std::string trace_request(std::string_view service, std::string_view instance,
                          std::string_view spans) {
  std::string out = R"({"resourceSpans":[{"resource":{"attributes":[)";
  const std::pair<std::string_view, std::string_view> attributes[] = {
      {"service.name", service},         {"service.version", GW_VERSION},
      {"service.instance.id", instance}, {"telemetry.sdk.name", "gwctl"},
      {"telemetry.sdk.language", "cpp"}, {"telemetry.sdk.version", GW_VERSION}};
  bool first = true;
  for (const auto& [key, value] : attributes) {
    if (!first) out += ',';
    first = false;
    fmt::format_to(std::back_inserter(out), R"({{"key":"{}","value":{{"stringValue":)", key);
    append_quoted(value, out);
    out += "}}";
  }
  out += R"(]},"scopeSpans":[{"scope":{"name":"gwctl","version":")" GW_VERSION R"("},"spans":[)";
  out += spans;
  out += "]}]}]}";
  return out;
}

}  // namespace gw::observe
