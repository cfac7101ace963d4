// What a line of the access log says, and which exchanges have one.
#pragma once
#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/observe/line_buffer.h"
#include "runtime/observe/redaction.h"
#include "runtime/observe/route_names.h"
#include "runtime/policies/access_log/record.h"

namespace gw {
class BoundTable;
}

namespace gw::observe {

/// What is said of one exchange. Views live as long as it does.
struct LogFacts {
  const Exchange& exchange;
  ExchangeNames names;
  i64 unix_ms = 0;  // when it ended
  u64 duration_us = 0;
};

/// Of one table; needs nothing of it once it is made. Immutable: any thread.
class LogFormat {
 public:
  /// The standard line of every exchange, as JSON: of a gateway that says nothing about its log.
  static std::shared_ptr<const LogFormat> standard();
  /// As `observe.accessLog` of the table says. Values of the fields and query parameters that carry
  /// credentials of its schemes are never written, whatever it asks for.
  static std::shared_ptr<const LogFormat> of(const BoundTable& table);

  /// Whether an exchange that ended so is written. `random` is asked where a share is.
  bool wants(u16 status, u64 duration_us, Random& random) const;
  /// Appends its line, newline included: one line whatever clients send. No allocation but for the
  /// growth of `out`.
  void append(const LogFacts& facts, std::string& out) const;
  /// Keeps in its arena what append() needs of the head of its answer, whose memory may go before
  /// the exchange ends. Costs nothing unless a field of answers is written.
  void keep_answer(Exchange& exchange) const;
  /// The same of its request, whose table is about to go.
  void keep_request(Exchange& exchange) const;

 private:
  friend class LogLine;
  struct Part {
    policies::LogField field{};
    bool is_field = true;
    bool masked = false;    // the value is never written
    bool location = false;  // it is a URL, whose query is written as that of the request
    http::FieldId id{};     // of a header field
    std::string header;     // its name, in lower case
    std::string literal;    // of a format, or JSON: `,"name":"` of a header field
    PaddedText key;         // JSON: `,"name":` of any other field
    PaddedText opening;     // JSON: the same, and the quote of a text
  };

  LogFormat(std::string table_digest, Redaction redaction)
      : table_(std::move(table_digest)), redaction_(std::move(redaction)) {}
  void add_standard();
  void add_field(policies::LogField field, std::string_view header);
  void add_literal(std::string_view text);
  void read_filters(const BoundTable& table, const policies::AccessLogRecord& record);

  std::string table_;  // its digest
  bool json_ = true;
  std::vector<Part> parts_;
  const Redaction redaction_;
  std::bitset<600> statuses_;  // that are always written
  u64 slower_than_us_ = ~u64{0};
  u32 sample_bp_ = 10'000;
  bool has_request_fields_ = false;
  bool has_answer_fields_ = false;
};

}  // namespace gw::observe
