#include "runtime/server/certificate_watch.h"

#include "runtime/base/log.h"
#include "runtime/server/listener_options.h"

namespace gw::server {

CertificateWatch::CertificateWatch(Gateway& gateway, const BoundTable& table,
                                   const ReferenceSource& references)
    : gateway_(gateway), table_(table), references_(references) {
  for (size_t i = 0; i < table.view().listeners().size(); ++i) {
    Watched watched{.listener = i, .files = tls_files(table, i), .stamps = {}};
    if (watched.files.empty()) continue;
    watched.stamps = stamps_of(watched.files);
    watched_.push_back(std::move(watched));
  }
}

void CertificateWatch::look() {
  for (Watched& watched : watched_) {
    std::vector<FileStamp> now = stamps_of(watched.files);
    if (now == watched.stamps) continue;
    // What could not be used is tried again only when it has changed again.
    watched.stamps = std::move(now);
    take_over(watched);
  }
}

void CertificateWatch::take_over(Watched& watched) {
  const std::string address(table_.text(table_.view().listeners()[watched.listener].address));
  std::string problem;
  auto options = reread_tls(table_, watched.listener, references_, problem);
  if (options && gateway_.listeners().set_tls(watched.listener, *options, problem)) {
    log(LogLevel::Info, "certificates_changed", {{"listener", address}});
    return;
  }
  log(LogLevel::Warning, "certificates_unusable",
      {{"listener", address}, {"reason", problem}, {"help", "the ones before go on serving"}});
}

}  // namespace gw::server
