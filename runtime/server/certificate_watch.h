// Looks whether the files with certificates have changed, and makes the gateway use what is new.
#pragma once
#include <string>
#include <vector>

#include "runtime/server/file_stamp.h"
#include "runtime/server/gateway.h"
#include "runtime/table/bound_table.h"

namespace gw::server {

/// On the control thread. A pair of certificate and key is taken over only when both fit together,
/// so that it does not matter in which order they are written; until then the old ones serve.
class CertificateWatch {
 public:
  /// All outlive it. Listener i of the gateway is listener i of the table.
  CertificateWatch(Gateway& gateway, const BoundTable& table, const ReferenceSource& references);

  /// Looks once. Costs a stat() per file.
  void look();

 private:
  struct Watched {
    size_t listener;
    std::vector<std::string> files;
    std::vector<FileStamp> stamps;
  };

  void take_over(Watched& watched);

  Gateway& gateway_;
  const BoundTable& table_;
  const ReferenceSource& references_;
  std::vector<Watched> watched_;
};

}  // namespace gw::server
