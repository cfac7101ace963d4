// A table that somebody sends.
#pragma once
#include <memory>
#include <optional>

#include "runtime/base/result.h"
#include "runtime/base/types.h"
#include "runtime/table/digest.h"
#include "runtime/table/private_memory.h"

namespace gw::table {

/// Takes a file of a known size piece by piece, to where it will be served from, and computes its
/// digest while the processor has each piece at hand. Empty when default; not to be asked
/// for anything when moved from. One thread at a time.
class ArrivingTable {
 public:
  ArrivingTable() = default;
  /// `size` > 0, in bytes. Errors: FileUnreadable with errno.
  static Result<ArrivingTable> allocate(u64 size);

  /// What comes next. False: it is more than was told, and nothing of it is taken.
  bool add(Bytes piece);
  /// What comes next of a regular file that is this file, `max_bytes` > 0 at most, whatever its
  /// position. Errors: FileUnreadable with errno; TableTruncated: it has become shorter.
  Result<void> read_from(int descriptor, u64 max_bytes);
  /// As it was told.
  u64 size() const { return memory_.size(); }
  u64 missing_bytes() const { return memory_.size() - arrived_; }

  /// The file, of which nobody has checked anything. Nothing is missing.
  Bytes bytes() const { return memory_.bytes(); }
  /// What digest_of() says of the table, once nothing is missing. Zero for what begins with no
  /// header that is possible.
  u64 digest() const;
  PrivateMemory take_memory() { return std::move(memory_); }

 private:
  explicit ArrivingTable(PrivateMemory memory);
  void digest_what_has_come();
  void digest_up_to(u64 end);

  PrivateMemory memory_;
  u64 arrived_ = 0;  // bytes, from the begin
  std::unique_ptr<DigestState> state_;
  std::optional<DigestedParts> parts_;  // known when the list of sections is there
  u64 digested_ = 0;                    // bytes up to there are dealt with
};

}  // namespace gw::table
