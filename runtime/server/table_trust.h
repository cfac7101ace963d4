// Whose tables `serve --trust` accepts, and how old they may be.
#pragma once
#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/server/state_directory.h"
#include "runtime/trust/signing.h"

namespace gw::server {

/// A new table must be signed by a trusted key, and its counter must not be lower than the highest
/// one that was accepted: who has got hold of an old table cannot bring it back. That counter is
/// kept in the state directory, or in memory, where a restart forgets it. Main thread.
class TableTrust {
 public:
  /// `state` may be null; it outlives this. Errors: FileUnreadable, TableCorrupt when the counter
  /// of the state directory cannot be read: without it an old table would pass.
  static Result<std::unique_ptr<TableTrust>> open(trust::TrustedKeys keys, StateDirectory* state);

  /// A file as it comes, table and signature; it is checked before anything is kept of it. False:
  /// `problem` says why it is refused.
  bool allows(Bytes file, std::string& problem) const;
  /// A table that was accepted before, at a restart or for a rollback: its signature must hold, its
  /// counter may be lower than the highest one, which is said in the log.
  bool allows_again(const table::TableFile& file, std::string& problem) const;
  /// From now on no new table may be older than this one. Called before it is served: a crash in
  /// between leaves the counter too high, and never too low. False: it cannot be kept, and the
  /// table must not be served.
  bool note_accepted(const table::TableFile& file, std::string& problem);

 private:
  TableTrust(trust::TrustedKeys keys, StateDirectory* state, u64 highest)
      : keys_(std::move(keys)), state_(state), highest_(highest) {}
  bool is_signed(const table::SplitFile& file, std::string& problem) const;

  const trust::TrustedKeys keys_;
  StateDirectory* const state_;
  u64 highest_;
};

}  // namespace gw::server
