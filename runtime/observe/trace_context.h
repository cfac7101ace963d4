// Where a request stands in a trace: W3C Trace Context, Level 2.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "runtime/base/arena.h"
#include "runtime/base/hex.h"
#include "runtime/base/types.h"
#include "runtime/http/fields.h"

namespace gw::observe {

using TraceId = std::array<u8, 16>;
using SpanId = std::array<u8, 8>;

inline constexpr u8 kTraceSampled = 1;  // flag: the caller may have recorded it
inline constexpr u8 kTraceRandom = 2;   // flag: the right-most 7 bytes of the trace id are random

/// What the fields of a request say; or nothing, where `present` is false.
struct TraceContext {
  bool present = false;
  TraceId trace_id{};
  SpanId parent{};
  u8 flags = 0;            // the two that are known
  std::string_view state;  // of `tracestate`; empty: none, or one that is not to be passed on
};

/// Reads one value of `traceparent` (section 3.2). `present` is false for what is not one: the
/// trace begins anew then. Versions to come are read as version 00 where they begin like it.
TraceContext parse_traceparent(std::string_view value);

/// Whether the list of `tracestate` members is one (section 3.3): at most 32, keys and values of
/// their characters, no key twice.
bool is_tracestate(std::string_view value);

/// Both fields. More than one `traceparent` is none; values of several `tracestate` are joined in
/// `arena`, and left out when they are no list or longer than 8 KiB.
TraceContext read_trace_context(const http::FieldList& fields, Arena& arena);

/// `00-TRACE-PARENT-FLAGS`.
inline constexpr size_t kTraceparentBytes = 55;
inline constexpr size_t kTraceparentSpanAt = 36;  // where the 16 digits of the span begin
/// To `out`, which has room for kTraceparentBytes.
void write_traceparent(const TraceId& trace, const SpanId& span, u8 flags, char* out);

template <size_t kBytes>
std::string hex_text(const std::array<u8, kBytes>& bytes) {
  std::string text(2 * kBytes, '0');
  write_hex(bytes, text.data());
  return text;
}

}  // namespace gw::observe
