// Spans in the JSON of OTLP 1 (opentelemetry-proto, trace.proto, by the JSON mapping of its
// specification): ids in hexadecimal, 64-bit numbers as texts.
#pragma once
#include <string>
#include <string_view>

#include "runtime/observe/trace_context.h"

namespace gw::observe {

/// The values of Span.SpanKind.
enum class SpanKind : u8 { Internal = 1, Server = 2, Client = 3 };

/// Writes one span; attributes in between.
class SpanText {
 public:
  /// Appends to `out`, behind a comma where something stands there.
  SpanText(std::string& out, const TraceId& trace, const SpanId& span, const SpanId* parent,
           SpanKind kind, std::string_view name, u64 begin_ns, u64 end_ns);
  /// Empty ones are left out.
  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, u64 value);
  void flag(std::string_view key, bool value);
  void state(std::string_view tracestate);
  /// Last. `failed`: the status is an error.
  void end(bool failed);

 private:
  void key(std::string_view name);
  std::string& out_;
  std::string_view state_;
  bool first_ = true;
};

/// The body of a request to a collector. `attributes`: of the resource, key and value.
std::string trace_request(std::string_view service, std::string_view instance,
                          std::string_view spans);

}  // namespace gw::observe
