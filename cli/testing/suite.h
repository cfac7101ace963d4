// Tests as they run: fixtures merged, rows of tables written out.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/fields.h"
#include "cli/testing/value.h"
#include "compiler/diag/sink.h"
#include "runtime/engine/offline.h"
#include "runtime/http/exchange.h"

namespace gw::cli::tests {

inline constexpr u64 kMaxBodySize = u64{1} << 30;
inline constexpr size_t kMaxTests = 1'000'000;

struct TestRequest {
  std::string method = "GET";
  std::string path;
  bool https = false;
  std::string host;  // "": one that the gateway serves
  std::vector<engine::OfflineField> headers;
  std::string body;
  bool has_body = false;
  std::string ip = "192.0.2.1";
  std::optional<i64> at_ms;  // since 1970
  std::string consumer;      // "": none
  compiler::Span consumer_span;
  std::optional<Value> jwt;
  std::string scheme;
  compiler::Span scheme_span;
  std::optional<PeerCertificate> certificate;
};

/// What one try meets.
struct Reply {
  enum class Failure : u8 { None, Connect, Reset, Timeout };
  compiler::Span span;
  std::string of;  // name of an upstream; "": any
  compiler::Span of_span;
  std::optional<Value> path;  // a text or matcher; none: any
  u16 status = 200;
  std::vector<engine::OfflineField> headers;
  std::string body;
  u64 delay_ms = 0;
  Failure failure = Failure::None;
  bool optional = false;  // it may be left over
};

/// One request, or a pause.
struct Step {
  compiler::Span span;
  bool sends = false;  // false: time passes, and nothing else
  TestRequest request;
  std::vector<Reply> upstream;
  Value expect;  // a map of kExpectFields; Null: nothing is expected
  u64 repeat = 1;
  u64 wait_ms = 0;
  bool snapshot = false;
};

struct Test {
  std::string name;
  compiler::Span span;
  std::vector<Step> steps;
};

struct Suite {
  compiler::FileId file = compiler::kNoFile;
  std::string path;
  std::vector<Test> tests;
};

/// Reads one file; false after findings in `sink` (rules field-* and those of reading). Tests that
/// are right are kept all the same.
bool read_suite(compiler::FileSet& files, const std::string& path, compiler::DiagnosticSink& sink,
                Suite& out);

/// RFC 3339, to the millisecond; since 1970.
std::optional<i64> parse_time(std::string_view text);
std::string format_time(i64 unix_ms);

}  // namespace gw::cli::tests
