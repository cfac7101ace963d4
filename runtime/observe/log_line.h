// Writes one line of the access log.
#pragma once
#include <string>

#include "runtime/observe/line_buffer.h"
#include "runtime/observe/log_format.h"

namespace gw::observe {

/// The parts of one line, one after the other. Whatever a client sends stays within its value:
/// quotes, backslashes and control characters are escaped, in JSON by its own rules, in texts as
/// `\xHH`.
class LogLine {
 public:
  LogLine(const LogFormat& format, const LogFacts& facts, std::string& out)
      : format_(format), facts_(facts), exchange_(facts.exchange), line_(out) {}
  void write();

 private:
  using Part = LogFormat::Part;

  // Inlined: most fields of most lines are not there, and a call would cost more than to see that.
  [[gnu::always_inline]] inline void write_field(const Part& part);
  void write_trace(const Part& part);
  void write_limits(const Part& part);
  void write_faults(const Part& part);
  void write_source(const Part& part);
  void write_request(const Part& part);
  void write_header(const Part& part);
  void write_path(const Part& part);
  void write_phases(const Part& part);
  void write_tries(const Part& part);
  void write_parts(const Part& part);
  void write_json_part(const PartRecord& record);

  // Each begins the member; in texts `-` stands for what is not there.
  void text(const Part& part, std::string_view value);
  void number(const Part& part, u64 value);
  void open(const Part& part);  // of a text in pieces
  void close();
  void absent();
  void piece(std::string_view value);  // escaped where it must be
  void put_escaped(std::string_view value);
  void append_path();
  void append_query(std::string_view query);

  const LogFormat& format_;
  const LogFacts& facts_;
  const Exchange& exchange_;
  LineBuffer line_;
};

}  // namespace gw::observe
