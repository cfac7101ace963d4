// Bytes of a table that nobody else can change.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/types.h"
#include "runtime/table/arriving_table.h"
#include "runtime/table/format.h"
#include "runtime/table/private_memory.h"
#include "runtime/table/signature.h"

namespace gw::table {

/// What it took to have a table, in nanoseconds.
struct LoadCost {
  u64 map = 0;     // to where nobody can change it: in memory that is a copy
  u64 verify = 0;  // all of it
};

/// A read-only mapping of a verified table. verify() vouches only for bytes that cannot change
/// under it, therefore a file is never mapped where it lies: it is copied first, into memory of
/// this process or a private file of the state directory. Immutable; any thread.
class TableFile {
 public:
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;
  ~TableFile();

  /// Copies `bytes` into memory of its own and verifies it.
  static Result<std::shared_ptr<const TableFile>> from_bytes(Bytes bytes,
                                                             TableKind kind = TableKind::Gateway);
  /// The same of what has come to memory of its own: nothing is copied, nor read for its digest.
  /// Nothing of it is missing.
  static Result<std::shared_ptr<const TableFile>> from_arrived(ArrivingTable arrived,
                                                               TableKind kind = TableKind::Gateway);
  /// Reads `path` into such memory, once, and verifies it.
  static Result<std::shared_ptr<const TableFile>> load(const std::string& path,
                                                       TableKind kind = TableKind::Gateway);
  /// Maps a file that is private to this process already (in the state directory, mode 0400).
  static Result<std::shared_ptr<const TableFile>> map_private(const std::string& path);

  /// The table, without a signature.
  Bytes bytes() const { return bytes_; }
  /// The file: the table and its signature when it has one. What is to be kept or handed on.
  Bytes file_bytes() const { return mapped_; }
  /// As it stands there; nobody has checked it. Data tables have none.
  const std::optional<Signature>& signature() const { return signature_; }
  const LoadCost& cost() const { return cost_; }

 private:
  TableFile(Bytes mapped, TableKind kind);
  /// `begun`: to have it in memory.
  static Result<std::shared_ptr<const TableFile>> verified(
      std::shared_ptr<TableFile> file, TableKind kind, std::chrono::steady_clock::time_point begun,
      std::optional<u64> known_digest = {});
  static Result<std::shared_ptr<const TableFile>> adopt(PrivateMemory memory, TableKind kind,
                                                        std::chrono::steady_clock::time_point begun,
                                                        std::optional<u64> known_digest = {});
  const Bytes mapped_;
  Bytes bytes_;
  std::optional<Signature> signature_;
  LoadCost cost_;
};

/// Reads a whole file of at most `limit_bytes`. Errors: FileUnreadable with errno.
Result<std::string> read_file(const std::string& path, u64 limit_bytes);

}  // namespace gw::table
