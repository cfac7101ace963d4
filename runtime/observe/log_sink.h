// Where lines of the access log go: standard output, a file, or the system's log.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/unique_descriptor.h"

namespace gw::observe {

/// Never waits for anybody who reads, but for wait(). One thread at a time.
class LogSink {
 public:
  /// `-`, `syslog` (/dev/log), `syslog:unix:/PATH`, or a file, which is made if need be; one that
  /// is there may be a FIFO, whether or not somebody reads it. Error: FileUnwritable.
  static Result<std::unique_ptr<LogSink>> open(const std::string& place);

  const std::string& place() const { return place_; }
  /// Whether it makes sense to open the place anew when files are rotated.
  bool can_be_reopened() const { return kind_ != Kind::Output; }

  /// What became of the beginning of a text.
  struct Step {
    size_t bytes = 0;   // that are done with: written, or with an error lost
    int error = 0;      // errno: they are lost, and cannot be written now
    bool busy = false;  // nothing was taken: see wait()
  };
  /// Takes what can be taken at once of `lines`, whole lines of which the first may have begun in
  /// the call before. `lines` is not empty.
  Step write(std::string_view lines);
  /// Returns when there may be room, or after `milliseconds`.
  void wait(int milliseconds) const;

 private:
  enum class Kind { Output, File, Syslog };
  LogSink(std::string place, Kind kind, UniqueDescriptor descriptor);
  Step write_stream(std::string_view lines);
  ssize_t write_some(std::string_view text);
  Step send_line(std::string_view lines);
  int connect_again();
  int descriptor() const { return kind_ == Kind::Output ? 1 : descriptor_.get(); }

  const std::string place_;
  const Kind kind_;
  UniqueDescriptor descriptor_;  // invalid: standard output, which is not ours
  bool is_regular_ = false;
  bool is_socket_ = false;
  bool takes_flags_ = true;  // standard output: of a single write
  std::string datagram_;
};

}  // namespace gw::observe
