// Looks whether the files with consumers or networks have changed, and makes the gateway use what
// is new.
#pragma once
#include <string>
#include <vector>

#include "runtime/server/file_stamp.h"
#include "runtime/server/gateway.h"
#include "runtime/table/bound_table.h"

namespace gw::server {

/// On the thread of the gateway's owner. All or nothing: what cannot be used is said in the log
/// (event `data_unusable`), and what was there before goes on counting.
class DataWatch {
 public:
  /// All outlive it.
  DataWatch(Gateway& gateway, const BoundTable& table, const ReferenceSource& references);

  /// Looks once. Costs a stat() per file.
  void look();

 private:
  Gateway& gateway_;
  const BoundTable& table_;
  const ReferenceSource& references_;
  std::vector<std::string> files_;
  std::vector<FileStamp> stamps_;
};

}  // namespace gw::server
