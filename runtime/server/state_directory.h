// The tables that a gateway has accepted, kept over restarts.
//
//   DIR/tables/DIGEST.gwt   accepted tables, mode 0400, never changed
//   DIR/accepted            digest of the one that is served
//   DIR/history             digests in the order of their acceptance, one per line
//   DIR/drains              what the operator has drained, one per line
//   DIR/counter             the highest counter of a signed table that was accepted (table_trust.h)
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/table/table_file.h"

namespace gw::server {

/// A directory that only this user can write to. One process at a time (held by a lock file).
/// Control thread.
class StateDirectory {
 public:
  /// Makes the directory when it is missing. Errors: FileUnwritable with errno; EPERM when others
  /// may write to it, EBUSY when another process has it.
  /// `lock` (-1: none) is the lock as the process before has held it, which stays locked.
  static Result<std::unique_ptr<StateDirectory>> open(const std::string& path,
                                                      UniqueDescriptor lock = {});
  /// For the process that comes next.
  int lock() const { return lock_.get(); }
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  /// Tables beyond this number go, those accepted longest ago first.
  static constexpr size_t kKeptTables = 10;

  /// Keeps a copy of the file, its signature with it. It is not served yet.
  Result<void> take(const table::TableFile& file);
  /// Notes that a table that was taken is served from now on. Survives a crash at any moment:
  /// afterwards either the old or the new one is named.
  Result<void> accept(const table::TableFile& file);
  /// A table that was taken is not to be served: it goes, unless it was accepted before.
  void discard(const table::TableFile& file);
  /// The table accepted last; nullopt when there is none. Errors when it is damaged.
  Result<std::optional<std::shared_ptr<const table::TableFile>>> accepted() const;
  /// Digests of the tables that are kept, the one accepted last at the end. Empty when there are
  /// none, or the list cannot be read.
  std::vector<std::string> history() const;
  /// One of them. Errors: FileUnreadable, or as verify().
  Result<std::shared_ptr<const table::TableFile>> open_kept(const std::string& digest) const;

  /// As kept by keep_counter(); 0: none is. Errors: FileUnreadable, TableCorrupt.
  Result<u64> counter() const;
  /// Survives a crash at any moment: afterwards either the old or the new one is there.
  Result<void> keep_counter(u64 counter);

  /// As kept by keep_drains(); empty: none are. Errors: FileUnreadable, TableCorrupt.
  Result<std::vector<std::string>> drains() const;
  /// Texts of one line each, whatever they mean. Survives a crash at any moment as keep_counter()
  /// does.
  Result<void> keep_drains(const std::vector<std::string>& drains);

 private:
  StateDirectory(std::string path, UniqueDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string table_path(const std::string& digest) const;
  void remove_leftovers() const;
  bool is_kept(const std::string& digest) const;
  Result<void> note_in_history(const std::string& digest);
  std::string path_;
  UniqueDescriptor lock_;
};

}  // namespace gw::server
